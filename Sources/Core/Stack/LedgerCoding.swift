/// A ledger says each specification once: with its entry. In the goal beside it they are left out, and put back.
extension Ledger {
    private enum CodingKeys: String, CodingKey { case version, goal, entries, transaction }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        version = try container.decode(Int.self, forKey: .version)
        entries = try container.decode([Entry].self, forKey: .entries)
        goal = try container.decode(Goal.self, forKey: .goal)
        goal.containers = entries.map(\.spec)
        transaction = try container.decodeIfPresent(OpenTransaction.self, forKey: .transaction)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(version, forKey: .version)
        try container.encode(goal.bare, forKey: .goal)
        try container.encode(entries, forKey: .entries)
        try container.encodeIfPresent(transaction, forKey: .transaction)
    }
}

extension Ledger.OpenTransaction {
    private enum CodingKeys: String, CodingKey { case goal, entries, running }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        entries = try container.decode([Ledger.Entry].self, forKey: .entries)
        goal = try container.decode(Goal.self, forKey: .goal)
        goal.containers = entries.map(\.spec)
        running = try container.decode([ContainerID].self, forKey: .running)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(goal.bare, forKey: .goal)
        try container.encode(entries, forKey: .entries)
        try container.encode(running, forKey: .running)
    }
}

extension Goal {
    fileprivate var bare: Goal {
        var goal = self
        goal.containers = []
        return goal
    }
}

/// Most containers have most namespaces to themselves; only the others are said.
extension Namespaces {
    package init(from decoder: any Decoder) throws {
        self.init()
        let container = try decoder.container(keyedBy: NamespaceKind.self)
        for kind in NamespaceKind.allCases {
            self[kind] = try container.decodeIfPresent(NamespaceMode.self, forKey: kind) ?? .own
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: NamespaceKind.self)
        for kind in NamespaceKind.allCases where self[kind] != .own { try container.encode(self[kind], forKey: kind) }
    }
}

extension NamespaceKind: CodingKey {}
