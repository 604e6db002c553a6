import Cgroups
import Glibc
import Network
import Processes
package import Stack
import Syscalls

/// Looks at the machine: what the kernel says of everything the ledger speaks of, and what it does not speak of. Reads
/// only.
package struct Observer {
    let paths: ProjectPaths
    let cgroups: Cgroups
    private let names: NetworkNames

    init(_ paths: ProjectPaths, cgroups: Cgroups) {
        self.paths = paths
        self.cgroups = cgroups
        names = NetworkNames(project: paths.project)
    }

    package init(_ paths: ProjectPaths) throws {
        self.init(paths, cgroups: try Cgroups.detect(root: paths.roots.cgroup))
    }

    /// How closely to look.
    package enum Scope {
        case everything
        /// Which containers there are and in which state: enough for a list. Drift is not looked for.
        case states
        /// Besides, which namespaces each is in.
        case details
        /// The states, and what nobody speaks of: enough to remove all of it.
        case remains
    }

    /// - Parameter ledger: as `Store.read` gives it.
    package func observe(_ ledger: Ledger, _ scope: Scope = .everything) throws -> Observation {
        let helpers = Helpers(paths, cgroups)
        let isWhole = scope == .everything
        let state = cgroups.observe(paths.project, limits: isWhole)
        var observation = Observation(ledger: ledger, supervisor: helpers.presence, hasProjectNode: state != nil)
        let isNodeFrozen = state?.isFrozen == true
        if let budget = state?.budget {
            for difference in budget.differences(to: ledger.goal.budget) {
                observation.budgetDrift[difference.key.rawValue] = difference.observed
            }
        }
        let runs = try Store(paths).runs()
        let latest = Dictionary(runs.map { ($0.instance, $0) }, uniquingKeysWith: { _, last in last })
        let runsOf = Dictionary(grouping: runs, by: \.instance)
        let network = isWhole ? observeNetwork(ledger.goal, into: &observation) : nil
        let hosts = isWhole ? HostsTexts(ledger.goal) : nil
        let groups = Dictionary(
            (state?.containers ?? []).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for entry in ledger.entries {
            let restarts = runsOf[entry.instance]?.policyTimes ?? []
            let health = entry.spec.healthCheck == nil ? nil : latest[entry.instance].flatMap { self.health(of: $0) }
            var container = ObservedContainer(
                entry: entry, state: runState(entry, latest[entry.instance], restarts, health, helpers, ledger.goal))
            container.health = health
            container.policyRestarts = restarts.count
            container.startedAt = latest[entry.instance]?.time
            if case .restarting = container.state, scope == .details {
                container.restartsAt = Store(paths).nextStarts()[entry.instance]
            }
            if let run = latest[entry.instance] {
                container.hasWholeLog = run.end != nil || run.boot != Run.currentBoot
            }
            container.cgroup = cgroups.container("\(entry.instance)", of: paths.project).path
            if container.isRunning, let run = latest[entry.instance] {
                container.pid = run.process.pid
                container.isHalfStarted = run.hasHooks && !run.isReady
                // By itself, or with all that is in the stack.
                container.isFrozen = groups["\(entry.instance)"]?.isFrozen == true || isNodeFrozen
                for kind in NamespaceKind.allCases where scope == .details {
                    container.namespaces[kind] = NamespaceFiles.inode("/proc/\(run.process.pid)/ns/\(kind.rawValue)")
                }
                if let network, let hosts { inspect(&container, groups["\(entry.instance)"], network, hosts) }
            }
            // Who has ended has nothing to run in any more, and yet a place in the networks.
            if isWhole, !container.isRunning, entry.spec.namespaces.net == .own, !hasNetwork(entry.spec, ledger.goal) {
                observation.brokenNamespaces[entry.spec.endpoint] = [.net]
            }
            observation.containers[entry.instance.id] = container
        }
        let running = observation.containers.values.filter(\.isRunning)
        let isPaused = !running.isEmpty && running.allSatisfy(\.isPaused)
        observation.isFrozen = isNodeFrozen && !isPaused || helpers.group.isFrozen
        if scope == .states || scope == .details { return observation }
        observation.volumes = Set(Files.names(in: paths.roots.volumes))
        observation.mountedVolumes = Set(MountEntry.names(in: paths.mountedVolumes))
        findStrays(groups.keys, into: &observation)
        return observation
    }

    // MARK: Containers

    /// Of this life; there is nothing to say of one before the machine's start.
    private func health(of run: Run) -> Health? {
        run.boot == Run.currentBoot ? HealthRecord.read(paths, run) ?? Health() : nil
    }

    private func runState(
        _ entry: Ledger.Entry, _ run: Run?, _ restarts: [Int64], _ health: Health?, _ helpers: Helpers, _ goal: Goal
    ) -> ObservedContainer.State {
        guard let run else { return .created }
        guard let status = end(of: run, helpers) else { return .running }
        // After a reboot, or something like it, nothing is there to run in: `up` starts it, in the order of the file.
        let comesBack =
            entry.isWanted && run.boot == Run.currentBoot && hasNetwork(entry.spec, goal)
            && Restarts.applies(
                Restarts.Rule(of: entry.spec, health), to: status, times: restarts,
                now: MachineClock.realtime / 1_000_000)
        return comesBack ? .restarting(status) : .exited(status)
    }

    /// Whether the network namespace that it lives in is there.
    private func hasNetwork(_ spec: ContainerSpec, _ goal: Goal) -> Bool {
        guard let endpoint = goal.endpointName(of: spec) else { return true }
        return NamespaceFiles.isPinned(paths.pin(endpoint, .net))
    }

    /// How the process of a run ended; nil while it lives.
    func end(of run: Run, _ helpers: Helpers) -> Stack.ExitStatus? {
        if let end = run.end { return end }
        return observedEnd(of: run, helpers).map {
            cgroups.container("\(run.instance)", of: paths.project).reason(for: $0)
        }
    }

    private func observedEnd(of run: Run, _ helpers: Helpers) -> Stack.ExitStatus? {
        if run.boot != Run.currentBoot { return .unknown }
        guard let end = ProcessEnd.of(run.process, exits: paths.exits) else { return nil }
        if end.status != .unknown { return Stack.ExitStatus(end.status) }
        // The keeper was dead when it ended. The holder has a descriptor of the process, and the kernel remembers.
        guard let holder = helpers.found().holder, let store = try? DescriptorStore(holder: holder.pid),
            let process = try? store.get(run.instance.processName)
        else { return .unknown }
        return ProcessEnd.of(run.process, exits: paths.exits, pidfd: process.raw).map { Stack.ExitStatus($0.status) }
    }

    private func inspect(
        _ container: inout ObservedContainer, _ group: ContainerState?, _ network: ObservedLinks, _ texts: HostsTexts
    ) {
        let spec = container.entry.spec
        if let limits = group?.limits {
            for difference in limits.differences(to: spec.limits) {
                container.limitDrift[difference.key.rawValue] = difference.observed
            }
        } else {
            container.drift.append(FieldChange("cgroup", observed: nil, desired: container.cgroup))
        }
        container.drift += pinDrift(spec, texts.goal)
        if spec.namespaces.net == .own { container.drift += network.drift(of: spec.endpoint, spec.attachments) }
        container.drift += sharedMemoryDrift(spec, pid: container.pid, texts.goal)
        container.drift += GrantedFiles(paths).drift(of: spec, container.entry.instance)
        let hosts = "\(paths.folder(container.entry.instance))/hosts"
        if spec.namespaces.net != .host || Files.exists(hosts) {
            let text = try? Files.text(hosts)
            if text != texts.text(of: spec) {
                container.drift.append(
                    FieldChange("/etc/hosts", observed: text == nil ? "absent" : "edited", desired: "as described"))
            }
        }
    }

    private func pinDrift(_ spec: ContainerSpec, _ goal: Goal) -> [FieldChange] {
        [NamespaceKind.net, .ipc, .uts].compactMap { kind in
            guard spec.namespaces[kind] == .own, kind == .net || goal.isShared(kind, of: spec.id) else { return nil }
            let endpoint = kind == .net ? spec.endpoint : spec.id.endpoint
            let pin = paths.pin(endpoint, kind)
            let isNamed = kind != .net || NamespaceFiles.link(paths.name(of: endpoint)) == pin
            if NamespaceFiles.isPinned(pin) && isNamed { return nil }
            return FieldChange("namespaces.\(kind.rawValue)", observed: "not pinned", desired: "pinned")
        }
    }

    // MARK: Networks

    private func observeNetwork(_ goal: Goal, into observation: inout Observation) -> ObservedLinks {
        let isNamed = NamespaceFiles.link(paths.name(of: nil)) == paths.stackPin
        guard let stack = NetworkNamespace.pinned(at: paths.stackPin), let links = try? Links(in: stack.raw),
            let states = try? links.observe()
        else {
            // Unpinned, it may live on in the holder: then it is damaged rather than absent.
            observation.stackNamespace = isHeld(stackHolderName) ? .broken : .absent
            observation.firewall = observation.stackNamespace
            observation.egress = observation.stackNamespace
            for network in goal.networks where observation.stackNamespace == .broken {
                observation.networks[network.key] = ObservedNetwork()
            }
            return ObservedLinks(names: names, members: nil, paths: paths, goal: goal)
        }
        observation.stackNamespace = isNamed ? .sound : .broken
        observation.firewall = firewallHealth(goal, stack.raw, hasUplink: states.contains { $0.name == Egress.uplink })
        observation.egress = egressHealth(goal)
        for network in goal.networks {
            observation.networks[network.key] = ObservedNetwork(drift: bridgeDrift(network, states))
        }
        let known = Set(goal.networks.map(\.key))
        observation.strayNetworks = states.compactMap { names.network(of: $0.alias) }.filter { !known.contains($0) }
        let members = ObservedLinks(names: names, members: states, paths: paths, goal: goal)
        for endpoint in goal.endpoints {
            let stray = members.strays(of: endpoint)
            if !stray.isEmpty { observation.strayLinks[endpoint.name] = stray }
        }
        for namespace in goal.namespaces {
            let broken = namespace.kinds.filter { kind in
                kind != .mnt && !NamespaceFiles.isPinned(paths.pin(namespace.name, kind))
            }
            if !broken.isEmpty { observation.brokenNamespaces[namespace.name] = broken }
            let lost = members.drift(of: namespace.name, namespace.attachments).map(\.path)
            if !lost.isEmpty {
                observation.brokenLinks[namespace.name] = namespace.attachments.map(\.network).filter { key in
                    lost.contains { $0 == "networks.\(key)" || $0.hasPrefix("networks.\(key).") }
                }
            }
        }
        return members
    }

    private func isHeld(_ name: String) -> Bool {
        guard let holder = Helpers(paths, cgroups).found().holder, let store = try? DescriptorStore(holder: holder.pid),
            let names = try? store.list()
        else { return false }
        return names.contains(name)
    }

    private func bridgeDrift(_ network: NetworkSpec, _ states: [LinkState]) -> [FieldChange] {
        guard
            let bridge = states.first(where: {
                $0.alias == names.alias(ofNetwork: network.key) && $0.name == names.bridge(network.key)
            })
        else {
            return [FieldChange("bridge", observed: "absent", desired: names.bridge(network.key))]
        }
        var drift: [FieldChange] = []
        if !bridge.isUp { drift.append(FieldChange("state", observed: "down", desired: "up")) }
        let wanted = "\(network.gateway)/\(network.subnet.split(separator: "/").last ?? "")"
        let has = bridge.addresses.map(\.description)
        if has != [wanted] {
            drift.append(FieldChange("address", observed: has.joined(separator: " "), desired: wanted))
        }
        return drift
    }

    // MARK: Strays

    private func findStrays(_ groups: some Collection<String>, into observation: inout Observation) {
        let known = Set(observation.ledger.entries.map(\.instance))
        let present = Set((Array(groups) + Files.names(in: paths.instances)).compactMap { Instance($0) })
        observation.strayInstances = present.subtracting(known).sorted()
        let endpoints = Set(observation.ledger.goal.endpoints.map(\.name))
        let pins = [NamespaceKind.net, .ipc, .uts, .pid].flatMap { Files.names(in: "\(paths.pins)/\($0.rawValue)") }
        let shared = observation.ledger.goal.containers.filter { $0.namespaces.net != .own }.map(\.id.endpoint)
        observation.strayEndpoints = Set(pins).subtracting(endpoints).subtracting(shared)
            .subtracting(observation.ledger.goal.namespaces.map(\.name)).sorted()
    }
}

extension Stack.ExitStatus {
    init(_ status: Processes.ExitStatus) {
        switch status {
        case .exited(let code): self = .code(code)
        case .killed(let signal): self = .signal(signal)
        case .unknown: self = .unknown
        }
    }
}

/// The links of endpoints as they are, to be compared with the attachments they should be.
struct ObservedLinks {
    let names: NetworkNames
    /// The links of the stack namespace; nil where that cannot be looked into.
    let members: [LinkState]?
    let paths: ProjectPaths
    let goal: Goal

    /// Whether an inner end is up shows at the outer one.
    private func observe(_ endpoint: String) -> (addresses: [String: [IPv4Interface]], routes: [RouteState])? {
        guard let namespace = NetworkNamespace.pinned(at: paths.pin(endpoint, .net)),
            let links = try? Links(in: namespace.raw), let addresses = try? links.addresses(),
            let routes = try? links.routes()
        else { return nil }
        return (addresses, routes)
    }

    /// The networks that an endpoint has a link to without being in them.
    func strays(of endpoint: Stack.Endpoint) -> [String] {
        let prefix = names.alias(ofLink: endpoint.name, in: "")
        let linked = (members ?? []).map(\.alias).filter { $0.hasPrefix(prefix) }.map {
            String($0.dropFirst(prefix.count))
        }
        return Set(linked).subtracting(endpoint.attachments.map(\.network)).sorted()
    }

    func drift(of endpoint: String, _ attachments: [Attachment]) -> [FieldChange] {
        let strays = strays(of: Stack.Endpoint(name: endpoint, attachments: attachments)).map {
            FieldChange("networks.\($0)", observed: "link", desired: nil)
        }
        guard let members, !attachments.isEmpty else { return strays }
        let inside = observe(endpoint)
        let drift = attachments.compactMap { attachment in
            linkDrift(of: endpoint, attachment, members: members, inside: inside?.addresses)
        }
        // A link that is missing takes its routes along.
        guard drift.isEmpty, let inside else { return strays + drift }
        return strays + routeDrift(attachments, inside.routes)
    }

    private func linkDrift(
        of endpoint: String, _ attachment: Attachment, members: [LinkState], inside: [String: [IPv4Interface]]?
    ) -> FieldChange? {
        let path = "networks.\(attachment.network)"
        func change(_ observed: String) -> FieldChange {
            FieldChange(path, observed: observed, desired: attachment.address)
        }
        let alias = names.alias(ofLink: endpoint, in: attachment.network)
        guard let member = members.first(where: { $0.alias == alias }) else { return change("no link") }
        if member.master != names.bridge(attachment.network) { return change("in no bridge") }
        if !member.isUp { return change("link down") }
        guard let inside else { return nil }
        if !member.hasCarrier { return change("no \(attachment.interface)") }
        let addresses = (inside[attachment.interface] ?? []).map(\.address.description)
        if addresses == [attachment.address] { return nil }
        return FieldChange(
            "\(path).ipv4_address", observed: addresses.joined(separator: " "), desired: attachment.address)
    }

    /// The default route: without it nothing outside is reached, and with another one an internal network may be left.
    private func routeDrift(_ attachments: [Attachment], _ routes: [RouteState]) -> [FieldChange] {
        let wanted = goal.wayOut(of: attachments)?.network
        let has = routes.filter { $0.prefix.length == 0 }.compactMap { $0.gateway?.description }
        if has == (wanted.map { [$0.gateway] } ?? []) { return [] }
        return [
            FieldChange(
                "networks.\(wanted?.key ?? attachments[0].network).gateway",
                observed: has.isEmpty ? "none" : has.joined(separator: " "), desired: wanted?.gateway ?? "none")
        ]
    }
}
