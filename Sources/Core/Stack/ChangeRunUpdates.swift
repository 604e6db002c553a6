// Replacement in steps, as `deploy.update_config` has it.
extension ChangeRun {
    static func rollouts(_ plan: Plan, _ before: Ledger, _ rules: [Instance: StopRule]) -> [Rollout] {
        if let wayBack = plan.wayBack {
            let turnovers = plan.turnovers.filter { wayBack.ids.contains($0.id) }.sorted { $0.id < $1.id }
            return turnovers.isEmpty ? [] : [Rollout(wayBack.policy, turnovers, overlaps: [], rules: rules)]
        }
        let replaced = plan.turnovers.filter { $0.discard != nil }
        let services = Dictionary(grouping: replaced, by: \.id.service)
        return services.keys.sorted().compactMap { service in
            let turnovers = services[service]!.sorted { $0.id < $1.id }
            guard let policy = plan.ledger.entry(turnovers[0].id)?.spec.update else { return nil }
            let overlaps = turnovers.map(\.id).filter { Self.overlaps($0, plan, before) }
            return Rollout(policy, turnovers, overlaps: Set(overlaps), rules: rules)
        }
    }

    /// Whether its two lives can stand beside each other: not in one network namespace that is theirs alone.
    static func overlaps(_ id: ContainerID, _ plan: Plan, _ before: Ledger) -> Bool {
        guard let new = plan.ledger.entry(id), let old = before.entry(id), new.instance != old.instance,
            new.spec.update?.startsFirst == true
        else { return false }
        let isAlone = new.spec.namespaces.net == .own && old.spec.namespaces.net == .own
        return !isAlone || new.spec.endpoint != old.spec.endpoint
    }
}

/// The way back of a service whose update has failed, batch by batch: `deploy.rollback_config`.
package struct WayBack: Hashable, Sendable {
    var policy: UpdatePolicy
    var ids: Set<ContainerID>
    /// Those that others are still led to until it is their turn.
    var elsewhere: Set<ContainerID>
    /// What the update was to come to.
    var from: Goal
}

extension Plan {
    /// The same, an undo of `tried`, where the service of an update goes back in steps: its new lives that run go on until
    /// it is their turn.
    package func goingBack(_ service: String, by policy: UpdatePolicy, from tried: Plan, running: Set<Instance>) -> Plan
    {
        var plan = self
        var ids: Set<ContainerID> = []
        var elsewhere: Set<ContainerID> = []
        for index in turnovers.indices where turnovers[index].id.service == service {
            let id = turnovers[index].id
            guard turnovers[index].stop == nil, let new = tried.ledger.entry(id), running.contains(new.instance),
                new.instance != turnovers[index].start
            else { continue }
            plan.turnovers[index].stop = new.instance
            plan.preparation.removeAll { $0 == .discard(new.instance) }
            plan.cleaning.insert(.discard(new.instance), at: 0)
            ids.insert(id)
            if new.spec.endpoint != ledger.entry(id)?.spec.endpoint { elsewhere.insert(id) }
        }
        plan.wayBack = WayBack(policy: policy, ids: ids, elsewhere: elsewhere, from: tried.ledger.goal)
        return plan
    }

    /// What is left of the plan where these containers stay what they were.
    func keeping(_ ids: Set<ContainerID>, of before: Ledger) -> Plan {
        if ids.isEmpty { return self }
        var plan = self
        let tried = ledger.entries.filter { ids.contains($0.instance.id) }
        plan.ledger.entries = ledger.entries.map {
            ids.contains($0.instance.id) ? before.entry($0.instance.id) ?? $0 : $0
        }
        plan.ledger.goal.containers = plan.ledger.entries.map(\.spec)
        let endpoints = Set(plan.ledger.goal.endpoints.map(\.name))
        let olds = Set(before.entries.map(\.instance).filter { ids.contains($0.id) })
        plan.cleaning = tried.map { .discard($0.instance) }
        plan.cleaning += cleaning.filter { action in
            switch action {
            case .discard(let instance): !olds.contains(instance)
            case .removeEndpoint(let name): !endpoints.contains(name)
            // Who stays as it was has it mounted; the change that ends what is left over comes later.
            case .unmount: false
            case .project, .stackNamespace, .namespace, .bridge, .removeBridge, .link, .unlink, .egress, .firewall,
                .volume, .removeVolume, .removeOutput, .ports, .hosts, .limits, .sharedMemory, .thaw, .files, .prepare,
                .start:
                true
            }
        }
        let unused = Set(tried.map(\.spec.endpoint)).subtracting(endpoints)
        plan.cleaning += unused.sorted().map { .removeEndpoint($0) }
        return plan
    }
}

extension Goal {
    /// What others are led to while the new lives of these containers are not yet proven.
    package func serving(_ unproven: Set<ContainerID>, of before: Goal) -> Goal {
        if unproven.isEmpty { return self }
        var goal = self
        goal.containers = containers.map { unproven.contains($0.id) ? before.container($0.id) ?? $0 : $0 }
        return goal
    }
}
