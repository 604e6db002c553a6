/// Removes these containers, with the volumes that only they can have if told; what runs of them is stopped before. The
/// others stay as they are. Where none is left, nothing is left: what stood there was there for them.
package func plan(removing ids: [ContainerID], volumes: Bool, from observed: Observation) -> Plan {
    let gone = observed.ledger.entries.filter { ids.contains($0.instance.id) }
    let rest = observed.ledger.entries.filter { !ids.contains($0.instance.id) }
    let old = observed.ledger.goal
    // By `volumes_from` others may have them.
    let used = Set(rest.flatMap(\.spec.mounts).map(\.source))
    let doomed = old.volumes.filter { volume in
        !used.contains(.volume(volume.key))
            && gone.contains { entry in
                (volumes || entry.spec.oneOff != nil) && volume.isAnonymous(of: entry.instance.id)
            }
    }
    if rest.isEmpty {
        var plan = plan(from: observed, to: Goal(project: old.project))
        plan.cleaning += doomed.map { .removeVolume($0) }
        return plan
    }
    var goal = old
    goal.containers = rest.map(\.spec)
    goal.volumes.removeAll { doomed.contains($0) }
    var plan = Plan(
        changes: gone.map { Change(.container($0.instance.id), .remove, reason: "asked for") },
        ledger: Ledger(goal: goal, entries: rest))
    let running = gone.map(\.instance).filter { observed.containers[$0.id]?.isRunning == true }
    plan.removals = levels(of: running, in: old)
    plan.cleaning = gone.map { .discard($0.instance) } + gone.compactMap(\.outputToRemove)
    let endpoints = Set(goal.endpoints.map(\.name))
    plan.cleaning += old.endpoints.map(\.name).filter { !endpoints.contains($0) }.map { .removeEndpoint($0) }
    plan.cleaning += doomed.map { .removeVolume($0) }
    plan.cleaning.append(.hosts)
    if gone.contains(where: { !$0.spec.ports.isEmpty }) { plan.cleaning.append(.ports) }
    return plan
}

extension Ledger.Entry {
    /// The output of a one-off is nobody's once that is gone; a replica's is the next one's.
    var outputToRemove: Action? { spec.oneOff.map { _ in .removeOutput(instance.id) } }
}

extension Goal {
    /// What a one-off was to have to itself that was not made after all: empty, and nobody would find it again.
    package func volumesOfOneOffs(missingIn other: Goal) -> [VolumeSpec] {
        let missing = containers.filter { $0.oneOff != nil && other.container($0.id) == nil }
        return volumes.filter { volume in missing.contains { volume.isAnonymous(of: $0.id) } }
    }
}
