/// From decisions to actions: what is done before anything stops, and what is cleaned at the end.
extension Planner {
    /// Everything that can be made beside what runs. The order is that of need: cgroups, namespaces, bridges, links.
    func preparation() -> [Action] {
        // What is no difference is no reason to act.
        if goal.isEmpty || changes.isEmpty { return [] }
        let touched = Set(changes.map(\.resource))
        // What an interrupted change left goes first: it may still run, in namespaces that others need now.
        var actions: [Action] = observed.strayInstances.map { .discard($0) }
        // Unless others have been led there: then they are led back before.
        if !actions.isEmpty, portTable(of: goal) != portTable(of: old),
            goal.publishedPorts.allSatisfy({ isServed($0.container) })
        {
            actions.insert(.ports, at: 0)
        }
        if touched.contains(.project) || !observed.hasProjectNode { actions.append(.project(budget: goal.budget)) }
        actions += networkPreparation(touched)
        for endpoint in goal.endpoints where needsEndpoint(endpoint.name) {
            actions.append(.namespace(endpoint: endpoint.name, .net))
        }
        for namespace in goal.namespaces where touched.contains(.namespace(namespace.name)) {
            actions += namespace.kinds.filter { $0 != .net }.map { .namespace(endpoint: namespace.name, $0) }
        }
        actions += sharedNamespaces()
        actions += links(touched)
        actions += goal.volumes.filter { touched.contains(.volume($0.key)) }.map { .volume($0) }
        // What is prepared needs its hosts file, which needs nothing; limits and thawing come last.
        actions += prepared
        if HostsTable(goal) != HostsTable(old) || hasDrift("/etc/hosts") { actions.append(.hosts) }
        let portsAreServed = goal.publishedPorts.isEmpty || observed.supervisor.proxy != nil
        // What the proxy served led into a namespace that is no more.
        let hasNewTarget = goal.publishedPorts.contains {
            observed.brokenNamespaces[$0.endpoint]?.contains(.net) == true
        }
        if portTable(of: goal) != portTable(of: old) || hasDrift("ports") || !portsAreServed || hasNewTarget {
            actions.append(.ports)
        }
        return actions
    }

    private func networkPreparation(_ touched: Set<ResourceID>) -> [Action] {
        if goal.networks.isEmpty { return [] }
        var actions: [Action] = []
        if observed.stackNamespace != .sound { actions.append(.stackNamespace) }
        let isStackNew = observed.stackNamespace == .absent
        let bridges = goal.networks.filter { isStackNew || touched.contains(.network($0.key)) }
        if isStackNew || goal.egress != old.egress || (goal.egress != nil && observed.egress != .sound) {
            actions.append(.egress(goal.egress))
        }
        if !bridges.isEmpty || observed.firewall != .sound || goal.egress != old.egress { actions.append(.firewall) }
        // After the rules that keep them apart, which need their names only and take their time.
        actions += bridges.map { .bridge($0) }
        return actions
    }

    /// The ipc and uts namespaces of a service that another service joins are the stack's, not the service's.
    private func sharedNamespaces() -> [Action] {
        goal.containers.flatMap { container -> [Action] in
            [NamespaceKind.ipc, .uts].compactMap { kind in
                guard container.namespaces[kind] == .own, goal.isShared(kind, of: container.id),
                    turnovers[container.id] != nil || !old.isShared(kind, of: container.id)
                        || hasDrift("namespaces.\(kind.rawValue)", container.id)
                else { return nil }
                return .namespace(endpoint: container.id.endpoint, kind)
            }
        }
    }

    private func needsEndpoint(_ name: String) -> Bool {
        if !old.endpoints.contains(where: { $0.name == name }) { return true }
        if observed.brokenNamespaces[name]?.contains(.net) == true { return true }
        return goal.containers.contains {
            $0.endpoint == name && ($0.namespaces.net == .own)
                && (turnovers[$0.id] != nil || hasDrift("namespaces.net", $0.id))
        }
    }

    /// A link is made sure of where its place is new, changed or damaged, or where the bridges are new.
    private func links(_ touched: Set<ResourceID>) -> [Action] {
        goal.endpoints.flatMap { endpoint -> [Action] in
            let before = old.endpoints.first { $0.name == endpoint.name }?.attachments ?? []
            let linked = before.map(\.network) + (observed.strayLinks[endpoint.name] ?? [])
            let gone = Set(linked).subtracting(endpoint.attachments.map(\.network)).sorted()
            let made = endpoint.attachments.filter { attachment in
                !before.contains { $0.isSamePlace(as: attachment) } || needsEndpoint(endpoint.name)
                    || observed.stackNamespace == .absent || touched.contains(.network(attachment.network))
                    || hasBrokenLink(endpoint.name, attachment.network)
            }
            return gone.map { .unlink(endpoint: endpoint.name, network: $0) }
                + made.map { .link(endpoint: endpoint.name, $0) }
        }
    }

    private func hasBrokenLink(_ endpoint: String, _ network: String) -> Bool {
        if observed.brokenLinks[endpoint]?.contains(network) == true { return true }
        return observed.containers.values.contains { container in
            container.entry.spec.endpoint == endpoint
                && container.drift.contains {
                    $0.path == "networks.\(network)" || $0.path.hasPrefix("networks.\(network).")
                }
        }
    }

    private func hasDrift(_ path: String, _ id: ContainerID? = nil) -> Bool {
        observed.containers.contains { key, container in
            (id == nil || id == key) && container.drift.contains { $0.path == path || $0.path.hasPrefix(path + "[") }
        }
    }

    /// Whether it runs where the goal has it.
    private func isServed(_ id: ContainerID) -> Bool {
        guard let container = observed.containers[id], container.isRunning else { return false }
        return container.entry.spec.endpoint == goal.endpoint(of: id) && turnovers[id] == nil
    }

    private func portTable(of goal: Goal) -> [String] {
        goal.publishedPorts.map { "\($0.endpoint) \($0.address ?? "-") \($0.port)" }.sorted()
    }

    /// What is left without an owner once the change is final.
    func cleaning() -> [Action] {
        let endpoints = Set(goal.endpoints.map(\.name))
        let oldEndpoints = old.endpoints.map(\.name).filter { !endpoints.contains($0) }
        let strays = observed.strayEndpoints.filter { !endpoints.contains($0) }
        let gone = observed.ledger.entries.map(\.instance).filter { goal.container($0.id) == nil }
        let replaced = turnovers.values.compactMap(\.discard) + discarded
        var actions: [Action] = (gone + replaced).sorted().map { .discard($0) }
        actions += observed.ledger.entries.filter { goal.container($0.instance.id) == nil }.compactMap(\.outputToRemove)
        if goal.isEmpty { actions += observed.strayInstances.map { .discard($0) } }
        // Shrinking tables come before what they point to goes.
        if goal.isEmpty && !old.publishedPorts.isEmpty { actions.append(.ports) }
        // Where nothing stays, the project's removal takes all namespaces and mounts at once.
        if !goal.isEmpty {
            let wanted = Set(goal.usedVolumes.compactMap(\.mountName))
            actions += observed.mountedVolumes.subtracting(wanted).sorted().map { .unmount($0) }
            actions += Set(oldEndpoints + strays).sorted().map { .removeEndpoint($0) }
            let keys = old.networks.map(\.key) + observed.strayNetworks
            actions += Set(keys.filter { goal.network($0) == nil }).sorted().map { .removeBridge($0) }
            if keys.contains(where: { goal.network($0) == nil }) && !goal.networks.isEmpty { actions.append(.firewall) }
            // Without networks nothing leads out; preparation has left the old way alone until now.
            if goal.networks.isEmpty && old.egress != nil { actions.append(.egress(nil)) }
        }
        return actions
    }
}

/// All that `/etc/hosts` files are made of.
private struct HostsTable: Equatable {
    private var networks: [String: [HostsEntry]] = [:]
    private var containers: [ContainerID: [String?]] = [:]

    init(_ goal: Goal) {
        for network in goal.networks { networks[network.key] = goal.names(in: network.key) }
        for container in goal.containers {
            containers[container.id] = [goal.endpointName(of: container), container.hostname]
        }
    }
}

extension Attachment {
    /// Whether it is the same interface with the same address; aliases live in `/etc/hosts` only.
    func isSamePlace(as other: Attachment) -> Bool {
        network == other.network && address == other.address && interface == other.interface
    }
}

extension Goal {
    /// Whether another service joins this container's namespace of a kind.
    package func isShared(_ kind: NamespaceKind, of id: ContainerID) -> Bool {
        id.index == 1 && containers.contains { $0.namespaces[kind] == .service(id.service) }
    }
}
