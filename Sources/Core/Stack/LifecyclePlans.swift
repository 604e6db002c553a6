import Compose

/// Stops what runs of these containers, and what lives in their process or mount namespaces, and remembers that nobody
/// wants it until `start` or `up`. What rests is left at rest.
package func plan(stopping ids: [ContainerID], from observed: Observation) -> Plan {
    var lifecycle = Lifecycle(observed, ids)
    for id in lifecycle.targets {
        guard let container = observed.containers[id], container.state.isAlive else { continue }
        lifecycle.want(id, false)
        lifecycle.change(id, .update, from: container.state, to: "stopped")
    }
    let running = lifecycle.targets.compactMap { observed.containers[$0] }.filter(\.isRunning)
    var plan = lifecycle.plan()
    plan.removals = levels(of: running.map(\.entry.instance), in: observed.ledger.goal)
    return plan
}

/// Starts what does not run of these containers, and before that what they depend on, unless that has done its work.
package func plan(starting ids: [ContainerID], from observed: Observation) -> Plan {
    var lifecycle = Lifecycle(observed, observed.ledger.withoutSteps(ids))
    lifecycle.waitsForOthers = true
    for id in lifecycle.withDependencies {
        guard let container = observed.containers[id], !container.state.isAlive else { continue }
        if !lifecycle.asked.contains(id), container.isDone { continue }
        lifecycle.want(id, true)
        lifecycle.change(id, .restart, from: container.state, to: "running")
        lifecycle.turnOver(container)
    }
    return lifecycle.plan()
}

/// The same containers again, with what lives in their process or mount namespaces, and unless `alone` what depends on
/// them with `restart: true`.
package func plan(restarting ids: [ContainerID], alone: Bool = false, from observed: Observation) -> Plan {
    var lifecycle = Lifecycle(observed, observed.ledger.withoutSteps(ids))
    for id in alone ? lifecycle.targets : lifecycle.targetsWithDependents {
        guard let container = observed.containers[id], container.isRunning || lifecycle.asked.contains(id) else {
            continue
        }
        lifecycle.want(id, true)
        lifecycle.change(id, .restart, from: container.state, to: "running")
        lifecycle.turnOver(container)
    }
    return lifecycle.plan()
}

/// What the three have in common: the specifications stay, only states change.
private struct Lifecycle {
    private let observed: Observation
    let asked: Set<ContainerID>
    private var entries: [Ledger.Entry]
    private var changes: [Change] = []
    private var turnovers: [ContainerID: Turnover] = [:]

    /// Whether what is not part of this has to be as the file says before something starts. A second start takes for
    /// granted what the first one waited for.
    var waitsForOthers = false

    private var goal: Goal { observed.ledger.goal }

    init(_ observed: Observation, _ ids: [ContainerID]) {
        self.observed = observed
        asked = Set(ids).intersection(observed.ledger.entries.map(\.instance.id))
        entries = observed.ledger.entries.map { entry in
            var entry = entry
            entry.isPaused = observed.containers[entry.instance.id]?.isPaused ?? false
            return entry
        }
    }

    /// With who lives in their namespaces, sorted.
    var targets: [ContainerID] {
        let sharers = goal.containers.filter { !asked.isDisjoint(with: lifeOwners(of: $0)) }.map(\.id)
        return asked.union(sharers).sorted()
    }

    /// Targets, those that depend on them with `restart: true`, and those that live in the namespaces of these.
    var targetsWithDependents: [ContainerID] {
        var found = Set(targets)
        var hasGrown = true
        while hasGrown {
            let more = goal.containers.filter { !found.contains($0.id) && follows($0, found) != nil }.map(\.id)
            found.formUnion(more)
            hasGrown = !more.isEmpty
        }
        return found.sorted()
    }

    private func follows(_ spec: ContainerSpec, _ others: Set<ContainerID>) -> ContainerID? {
        others.sorted().first { other in
            lifeOwners(of: spec).contains(other)
                || spec.dependencies.contains { $0.restarts && $0.service == other.service }
        }
    }

    var withDependencies: [ContainerID] {
        var found = asked
        var open = Array(asked)
        while let id = open.popLast() {
            guard let spec = goal.container(id) else { continue }
            open += goal.dependencies(of: spec).filter { found.insert($0).inserted }
        }
        return found.sorted()
    }

    mutating func want(_ id: ContainerID, _ isWanted: Bool) {
        for index in entries.indices where entries[index].instance.id == id {
            entries[index].isWanted = isWanted
            // What ends or starts is thawed for it.
            entries[index].isPaused = false
        }
    }

    mutating func change(
        _ id: ContainerID, _ verb: Change.Verb, from state: ObservedContainer.State, to desired: String
    ) {
        let owner = observed.ledger.entry(id).flatMap { entry in lifeOwners(of: entry.spec).first { asked.contains($0) }
        }
        let reason: String
        if asked.contains(id) {
            reason = "asked for"
        } else if let owner {
            reason = "it lives in a namespace that ends with \(owner)"
        } else if let spec = goal.container(id), verb == .restart, !waitsForOthers,
            let other = follows(spec, Set(targetsWithDependents))
        {
            reason = "it depends on \(other), with restart: true"
        } else {
            reason = "others depend on it"
        }
        changes.append(
            Change(
                .container(id), verb, reason: reason,
                fields: [FieldChange("state", observed: stateText(state), desired: desired)]))
    }

    mutating func turnOver(_ container: ObservedContainer) {
        let instance = container.entry.instance
        turnovers[instance.id] = Turnover(
            id: instance.id, stop: container.isRunning ? instance : nil, start: instance,
            after: startConditions(of: container.entry.spec))
    }

    func plan() -> Plan {
        var plan = Plan(changes: changes, ledger: Ledger(goal: goal, entries: entries))
        let services = Set(turnovers.keys.map(\.service))
        plan.turnovers = ordered(turnovers, in: goal).map { turnover in
            var turnover = turnover
            if !waitsForOthers { turnover.after.removeAll { !services.contains($0.service) } }
            return turnover
        }
        return plan
    }
}

extension Ledger {
    /// These containers without the steps of a `pre_start` of any of them, which a further start does not repeat.
    fileprivate func withoutSteps(_ ids: [ContainerID]) -> [ContainerID] {
        let services = Set(ids.map(\.service))
        return ids.filter { id in entry(id)?.spec.precedes.map { services.contains($0.service) } != true }
    }
}

extension ObservedContainer.State {
    /// Whether it runs, or will by itself.
    fileprivate var isAlive: Bool {
        switch self {
        case .running, .restarting: true
        case .created, .exited: false
        }
    }
}
