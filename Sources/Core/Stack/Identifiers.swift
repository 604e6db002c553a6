/// One replica of a service: `web/1`.
package struct ContainerID: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let service: String
    /// Counted from 1.
    package let index: Int

    package init(_ service: String, _ index: Int = 1) {
        self.service = service
        self.index = index
    }

    package var description: String { "\(service)/\(index)" }

    /// The name users see, as Docker Compose forms it: `<project>-<service>-<index>`.
    package func name(in project: String) -> String { "\(project)-\(service)-\(index)" }

    /// A name for files and folders: `web.1`.
    package var fileName: String { "\(service).\(index)" }

    /// The name of the network namespace of its own: `web`, and `web.2` for the second replica.
    package var endpoint: String { index == 1 ? service : fileName }

    package static func < (a: Self, b: Self) -> Bool {
        a.service == b.service ? a.index < b.index : a.service < b.service
    }
}

/// One life of a container: a replacement is the next generation, and both exist side by side for a while.
package struct Instance: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let id: ContainerID
    /// Counted from 1.
    package let generation: Int

    package init(_ id: ContainerID, _ generation: Int) {
        self.id = id
        self.generation = generation
    }

    /// The name of its folders: `web.1.3`.
    package var description: String { "\(id.fileName).\(generation)" }

    /// Reads what `description` wrote; nil for any other text. A service name may hold dots.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 3, let generation = Int(parts[parts.count - 1]), generation > 0,
            let index = Int(parts[parts.count - 2]), index > 0
        else { return nil }
        self.init(ContainerID(parts.dropLast(2).joined(separator: "."), index), generation)
    }

    package static func < (a: Self, b: Self) -> Bool {
        a.id == b.id ? a.generation < b.generation : a.id < b.id
    }
}

/// What a plan speaks about, and how `diff` names it.
package enum ResourceID: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    case project
    case supervisor
    case namespace(String)
    case network(String)
    case volume(String)
    case container(ContainerID)

    package var description: String {
        switch self {
        case .project: "project"
        case .supervisor: "supervisor"
        case .namespace(let name): "namespace/\(name)"
        case .network(let name): "network/\(name)"
        case .volume(let name): "volume/\(name)"
        case .container(let id): "container/\(id)"
        }
    }
}

/// The kinds of namespaces a service can choose.
package enum NamespaceKind: String, CaseIterable, Codable, Sendable, Comparable {
    case mnt, pid, net, ipc, uts

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// Where a container's namespace of one kind comes from.
package enum NamespaceMode: Hashable, Codable, Sendable, CustomStringConvertible {
    case own
    case host
    case service(String)
    case stack(String)

    package var description: String {
        switch self {
        case .own: "private"
        case .host: "host"
        case .service(let name): "service:\(name)"
        case .stack(let name): "stack:\(name)"
        }
    }
}
