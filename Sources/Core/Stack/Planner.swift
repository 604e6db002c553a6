import Compose

/// Decides. The difference between what was observed and what is wanted, as changes with reasons and as the actions
/// that make them true. Pure: the same input gives the same plan.
package func plan(from observed: Observation, to goal: Goal, _ manner: Manner = Manner()) -> Plan {
    var planner = Planner(observed: observed, goal: goal, manner: manner)
    return planner.plan()
}

struct Planner {
    let observed: Observation
    let goal: Goal
    var manner: Manner
    var changes: [Change] = []
    var turnovers: [ContainerID: Turnover] = [:]
    var entries: [Ledger.Entry] = []
    var prepared: [Action] = []
    /// Lives that end without another one to begin: `--no-start`.
    var ended: [Instance] = []
    var discarded: [Instance] = []

    var old: Goal { observed.ledger.goal }

    init(observed: Observation, goal: Goal, manner: Manner) {
        self.observed = observed
        self.goal = goal
        self.manner = manner
    }

    mutating func plan() -> Plan {
        decideSupervisor()
        decideProject()
        decideNetworks()
        decideNamespaces()
        decideVolumes()
        // Whether a step is due depends on what becomes of those that it precedes.
        for spec in goal.containers where spec.precedes == nil { decide(spec) }
        for spec in goal.containers where spec.precedes != nil { decide(step: spec) }
        propagateRestarts()
        let removals = decideRemovals()
        sortChanges()

        var ledgerGoal = goal
        ledgerGoal.containers = entries.map(\.spec)
        var plan = Plan(changes: changes, ledger: Ledger(goal: ledgerGoal, entries: entries))
        plan.preparation = preparation()
        plan.turnovers = ordered(turnovers, in: goal)
        plan.removals = removals
        plan.cleaning = cleaning()
        return plan
    }

    // MARK: Stack-wide resources

    /// One line for all of Settle's own processes; whatever they restore by themselves is no difference beside it.
    private mutating func decideSupervisor() {
        if goal.isEmpty || observed.ledger.entries.isEmpty || !observed.hasProjectNode { return }
        let processes = [
            ("keeper", observed.supervisor.keeper), ("supervisor", observed.supervisor.supervisor),
            ("proxy", old.publishedPorts.isEmpty ? 0 : observed.supervisor.proxy),
        ]
        let missing = processes.filter { $0.1 == nil }.map(\.0)
        if missing.isEmpty { return }
        let verb = missing.count == 1 ? "is" : "are"
        changes.append(
            Change(
                .supervisor, .restart, isDrift: true,
                reason: "\(missing.joined(separator: " and ")) \(verb) not running"))
    }

    private mutating func decideProject() {
        if goal.isEmpty { return }
        if !observed.hasProjectNode {
            let isNew = observed.ledger.entries.isEmpty
            changes.append(
                Change(
                    .project, isNew ? .create : .update, isDrift: !isNew, reason: isNew ? "new" : "its cgroups are gone"
                ))
            return
        }
        let fields = limitKeys.compactMap { key -> FieldChange? in
            let (was, wanted) = (old.budget.text(for: key), goal.budget.text(for: key))
            return was == wanted ? nil : FieldChange("resources.\(key)", observed: was, desired: wanted)
        }
        if !fields.isEmpty { changes.append(Change(.project, .update, reason: "changed in the file", fields: fields)) }
        var drift = observed.budgetDrift.sorted { $0.key < $1.key }
            .map { FieldChange("resources.\($0.key)", observed: $0.value, desired: goal.budget.text(for: $0.key)) }
        if observed.isFrozen { drift.append(FieldChange("state", observed: "frozen", desired: "running")) }
        if !old.networks.isEmpty && !goal.networks.isEmpty {
            let parts = [
                ("namespace", observed.stackNamespace), ("firewall", observed.firewall), ("egress", observed.egress),
            ]
            drift += parts.filter { $0.1 != .sound && ($0.0 != "egress" || old.egress != nil) }
                .map { FieldChange($0.0, observed: $0.1 == .absent ? "absent" : "damaged", desired: "present") }
        }
        if !drift.isEmpty {
            changes.append(
                Change(.project, .update, isDrift: true, reason: "changed behind Settle's back", fields: drift))
        }
    }

    private mutating func decideNetworks() {
        for network in goal.networks {
            guard let before = old.network(network.key) else {
                changes.append(Change(.network(network.key), .create, reason: "new"))
                continue
            }
            let fields = before.changes(to: network)
            if !fields.isEmpty {
                changes.append(Change(.network(network.key), .update, reason: "changed in the file", fields: fields))
            }
            let drift =
                observed.networks[network.key]?.drift ?? [FieldChange("bridge", observed: nil, desired: "present")]
            if !drift.isEmpty {
                changes.append(
                    Change(
                        .network(network.key), .update, isDrift: true, reason: "changed behind Settle's back",
                        fields: drift))
            }
        }
        for network in old.networks where goal.network(network.key) == nil {
            changes.append(Change(.network(network.key), .remove, reason: "no longer in the file"))
        }
        for key in observed.strayNetworks where goal.network(key) == nil && old.network(key) == nil {
            changes.append(
                Change(.network(key), .remove, isDrift: true, reason: "left over from an interrupted change"))
        }
    }

    private mutating func decideNamespaces() {
        for namespace in goal.namespaces {
            guard let before = old.namespace(namespace.name) else {
                changes.append(Change(.namespace(namespace.name), .create, reason: "new"))
                continue
            }
            var fields = attachmentChanges(before.attachments, namespace.attachments)
            if before.kinds != namespace.kinds {
                fields.append(
                    FieldChange(
                        "kinds", observed: before.kinds.map(\.rawValue).joined(separator: " "),
                        desired: namespace.kinds.map(\.rawValue).joined(separator: " ")))
            }
            if !fields.isEmpty {
                changes.append(
                    Change(.namespace(namespace.name), .update, reason: "changed in the file", fields: fields))
            }
            let drift =
                (observed.brokenNamespaces[namespace.name] ?? [])
                .map { FieldChange($0.rawValue, observed: "not pinned", desired: "pinned") }
                + (observed.brokenLinks[namespace.name] ?? [])
                .map { FieldChange("networks.\($0)", observed: nil, desired: "link") }
            if !drift.isEmpty {
                changes.append(
                    Change(
                        .namespace(namespace.name), .update, isDrift: true, reason: "changed behind Settle's back",
                        fields: drift))
            }
        }
        for namespace in old.namespaces where goal.namespace(namespace.name) == nil {
            changes.append(Change(.namespace(namespace.name), .remove, reason: "no longer in the file"))
        }
        let known = Set((goal.endpoints + old.endpoints).map(\.name))
        for name in observed.strayEndpoints where !known.contains(name) {
            changes.append(
                Change(.namespace(name), .remove, isDrift: true, reason: "left over from an interrupted change"))
        }
    }

    // MARK: Containers

    private mutating func decide(_ spec: ContainerSpec) {
        guard let container = observed.containers[spec.id] else {
            turnOver(spec, start: next(spec.id), isNew: true)
            changes.append(Change(.container(spec.id), .create, reason: "new"))
            return
        }
        let edits = container.entry.spec.changes(to: spec)
        if let reason = reasonToReplace(container, edits) {
            replace(container, with: spec, edits, reason)
            return
        }
        let mayWake = manner.starts && spec.oneOff == nil && manner.wakes?.contains(spec.id) ?? true
        entries.append(
            Ledger.Entry(
                instance: container.entry.instance, spec: spec, isWanted: mayWake || container.entry.isWanted,
                isPaused: container.isPaused))
        update(container, to: spec, edits)
        if mayWake, container.isHalfStarted || (container.isEnding && container.isRunning) {
            let instance = container.entry.instance
            turnOver(spec, stop: instance, start: instance, isNew: false)
            let reason = container.isEnding ? "it was asked to end" : "its post_start did not come to an end"
            changes.append(Change(.container(spec.id), .restart, isDrift: true, reason: reason))
        } else if mayWake, let (reason, isDrift) = reasonToWake(container, as: spec) {
            turnOver(spec, start: container.entry.instance, isNew: false)
            changes.append(
                Change(
                    .container(spec.id), .restart, isDrift: isDrift, reason: reason,
                    fields: [FieldChange("state", observed: stateText(container.state), desired: "running")]))
        }
    }

    /// A step that is done is due again where all that it precedes get a new life: not for a further replica, and not for
    /// one that its policy, or somebody, starts again.
    private mutating func decide(step spec: ContainerSpec) {
        let followers = goal.containers.filter { $0.id.service == spec.precedes?.service }
        // Of as many steps as there are followers, each has its own.
        let isOneOfMany = goal.containers.count { $0.id.service == spec.id.service } > 1
        let mine = isOneOfMany ? followers.filter { $0.id.index == spec.id.index } : followers
        if !mine.isEmpty && mine.allSatisfy({ getsNewLife($0.id) }), let old = observed.ledger.entry(spec.id) {
            manner.again.insert(old.instance)
        }
        decide(spec)
    }

    private func getsNewLife(_ id: ContainerID) -> Bool {
        turnovers[id].map { $0.discard != nil || observed.containers[id] == nil } ?? false
    }

    private func reasonToReplace(_ container: ObservedContainer, _ edits: [SpecChange]) -> String? {
        let causes = edits.filter { $0.key.effect == .replace }.map(\.field.path)
        if !causes.isEmpty { return "\(causes.joined(separator: ", ")) cannot be changed in place" }
        if manner.again.contains(container.entry.instance) { return "asked for" }
        // Who runs sees a new content; who has done its work has done it with the old one.
        let inputs = edits.filter { $0.key == .fileContents }.map(\.field.path)
        if container.isDone && !inputs.isEmpty { return "done, but with another \(inputs.joined(separator: ", "))" }
        return nil
    }

    private mutating func replace(
        _ container: ObservedContainer, with spec: ContainerSpec, _ edits: [SpecChange], _ reason: String
    ) {
        let instance = container.entry.instance
        turnOver(
            spec, stop: container.isRunning ? instance : nil, start: next(spec.id), discard: instance, isNew: true)
        changes.append(Change(.container(spec.id), .replace, reason: reason, fields: edits.map(\.field)))
    }

    /// The generation after all that ever were.
    private func next(_ id: ContainerID) -> Instance {
        let known = observed.strayInstances + observed.ledger.entries.map(\.instance)
        return Instance(id, (known.filter { $0.id == id }.map(\.generation).max() ?? 0) + 1)
    }

    private mutating func update(_ container: ObservedContainer, to spec: ContainerSpec, _ edits: [SpecChange]) {
        if !edits.isEmpty {
            changes.append(
                Change(.container(spec.id), .update, reason: "changed in the file", fields: edits.map(\.field)))
        }
        var drift = container.limitDrift.sorted { $0.key < $1.key }
            .map { FieldChange($0.key, observed: $0.value, desired: spec.limits.text(for: $0.key)) }
        let isStuck = container.isFrozen && !container.isPaused
        if isStuck { drift.append(FieldChange("state", observed: "frozen", desired: "running")) }
        drift += container.drift
        if !drift.isEmpty {
            changes.append(
                Change(
                    .container(spec.id), .update, isDrift: true, reason: "changed behind Settle's back", fields: drift))
        }
        let instance = container.entry.instance
        if isStuck { prepared.append(.thaw(instance)) }
        let limitsChanged = edits.contains { limitKeys.contains($0.key.rawValue) }
        if container.isRunning && (limitsChanged || !container.limitDrift.isEmpty) {
            prepared.append(.limits(instance, spec.limits))
        }
        let memoryChanged = edits.contains { $0.key == .sharedMemory }
        if container.isRunning
            && (memoryChanged || container.drift.contains { $0.path == ServiceKey.sharedMemory.rawValue })
        {
            prepared.append(.sharedMemory(instance, spec))
        }
        if filesDiffer(container, spec, edits) { prepared.append(.files(instance, spec.files)) }
    }

    /// Whether a container's secrets and configurations are to be written anew.
    private func filesDiffer(_ container: ObservedContainer, _ spec: ContainerSpec, _ edits: [SpecChange]) -> Bool {
        edits.contains { $0.key == .fileContents }
            || spec.files.contains { file in container.drift.contains { $0.path == file.key } }
    }

    private func reasonToWake(_ container: ObservedContainer, as spec: ContainerSpec) -> (String, isDrift: Bool)? {
        switch container.state {
        case .running, .restarting: return nil
        case .created: return ("it was never started", false)
        case .exited where !container.entry.isWanted:
            let check = container.entry.spec.healthCheck
            let wasUnhealthy = container.health?.status == .unhealthy && check?.reaction == .stop
            return (wasUnhealthy ? "stopped when it was unhealthy" : "stopped by `settle stop`", false)
        case .exited(let status): return status.isSuccess ? nil : ("it \(status)", true)
        }
    }

    private mutating func turnOver(
        _ spec: ContainerSpec, stop: Instance? = nil, start: Instance, discard: Instance? = nil, isNew: Bool
    ) {
        if isNew {
            entries.append(Ledger.Entry(instance: start, spec: spec, isWanted: true))
            prepared.append(.prepare(start, spec))
        }
        if !manner.starts {
            ended += stop.map { [$0] } ?? []
            discarded += discard.map { [$0] } ?? []
            return
        }
        let conditions = startConditions(of: spec)
        turnovers[spec.id] = Turnover(
            id: spec.id, stop: stop, start: start, discard: discard,
            after: manner.awaitsOthers ? conditions : conditions.map { Dependency($0.service) })
    }

    /// Who has to start again because another one does, and who because of that, and so on.
    private mutating func propagateRestarts() {
        var hasGrown = manner.starts
        while hasGrown {
            hasGrown = false
            for spec in goal.containers where turnovers[spec.id] == nil && spec.oneOff == nil {
                guard let container = observed.containers[spec.id], container.isRunning,
                    let reason = reasonToFollow(spec)
                else { continue }
                let instance = container.entry.instance
                turnOver(spec, stop: instance, start: instance, isNew: false)
                changes.append(Change(.container(spec.id), .restart, reason: reason))
                hasGrown = true
            }
        }
    }

    /// A process and a mount namespace end with the container that owns them: who joined them starts again with it. Who
    /// only depends on it does so where the file says `restart: true`.
    private func reasonToFollow(_ spec: ContainerSpec) -> String? {
        if let owner = lifeOwners(of: spec).first(where: { turnovers[$0] != nil }) {
            return "it lives in a namespace that ends with \(owner)"
        }
        let turned = turnovers.values.filter { $0.stop != nil || $0.discard != nil }.map(\.id).sorted()
        return turned.first { id in spec.dependencies.contains { $0.restarts && $0.service == id.service } }
            .map { "it depends on \($0), with restart: true" }
    }

    // MARK: Removal

    private mutating func decideRemovals() -> [[Instance]] {
        let gone = observed.ledger.entries.filter { goal.container($0.instance.id) == nil }
        for entry in gone {
            changes.append(Change(.container(entry.instance.id), .remove, reason: "no longer wanted"))
        }
        let known = Set(observed.ledger.entries.map(\.instance))
        for stray in observed.strayInstances where !known.contains(stray) {
            changes.append(
                Change(.container(stray.id), .remove, isDrift: true, reason: "left over from an interrupted change"))
        }
        let running = gone.map(\.instance).filter { observed.containers[$0.id]?.isRunning == true }
        return levels(of: running + ended, in: old)
    }

    private mutating func sortChanges() {
        // Stable: what concerns one resource stays in the order it was found.
        changes = changes.enumerated()
            .sorted { ($0.element.resource, $0.offset) < ($1.element.resource, $1.offset) }.map(\.element)
    }
}

/// The keys of limits, as the file spells them.
package let limitKeys = LimitKey.allCases.map(\.rawValue)

/// `observed` as `ps` and `diff` name it.
package func stateText(_ state: ObservedContainer.State) -> String {
    switch state {
    case .created: "created"
    case .running: "running"
    case .restarting: "restarting"
    case .exited(let status): "exited (\(status.shellCode))"
    }
}

extension NetworkSpec {
    func changes(to new: NetworkSpec) -> [FieldChange] {
        var fields: [FieldChange] = []
        if subnet != new.subnet {
            fields.append(FieldChange("ipam.config[0].subnet", observed: subnet, desired: new.subnet))
        }
        if gateway != new.gateway {
            fields.append(FieldChange("ipam.config[0].gateway", observed: gateway, desired: new.gateway))
        }
        if isInternal != new.isInternal {
            fields.append(FieldChange("internal", observed: String(isInternal), desired: String(new.isInternal)))
        }
        return fields + map(.labels, labels, new.labels)
    }
}
