import Engine
import Glibc
import Network
import Stack
import Syscalls

/// The way out and the firewall.
extension LinuxMachine {
    /// Connects the stack with the host where the host forwards; else everything but the way out works, and `doctor`
    /// says what is missing.
    func setEgress(_ egress: Stack.EgressSpec?) throws {
        try finishFirewalls()
        let host = try NetworkNamespace.current()
        try Egress.disconnect(alias: names.egressAlias, host: host.raw)
        let table = FirewallTable.hostName(project: paths.project)
        guard let egress, let subnet = IPv4Prefix(egress.subnet), try Egress.availability(host: host.raw) == .available
        else {
            try Firewall.remove(.ip, table, in: host.raw)
            return
        }
        let stack = try Descriptor(paths.stackPin, O_RDONLY)
        let spec = Network.EgressSpec(subnet: subnet, alias: names.egressAlias)
        try Egress.connect(spec, host: host.raw, stack: stack.raw)
        firewalls.append(
            try FirewallChange(
                FirewallTable.host(project: paths.project, stackAddress: spec.stackAddress.address), in: host.raw))
    }

    /// Keeps the networks apart.
    func setFirewall(_ goal: Goal) throws {
        let stack = try Descriptor(paths.stackPin, O_RDONLY)
        firewalls.append(
            try FirewallChange(Self.table(goal, names, hasUplink: Self.hasUplink(stack.raw)), in: stack.raw))
    }

    /// Security: no container starts before the tables that keep it apart from others stand.
    func finishFirewalls() throws(Event.Failure) {
        let pending = firewalls
        firewalls = []
        var failure: FirewallError?
        for change in pending {
            do throws(FirewallError) { try change.finish() } catch { failure = failure ?? error }
        }
        if let failure { throw Event.Failure(resource: "project", key: "", message: "firewall: \(failure)") }
    }

    static func table(_ goal: Goal, _ names: NetworkNames, hasUplink: Bool) -> FirewallTable {
        FirewallTable.stack(
            networks: goal.networks.map { FirewallNetwork(bridge: names.bridge($0.key), isInternal: $0.isInternal) },
            uplink: hasUplink ? Egress.uplink : nil)
    }

    static func hasUplink(_ stack: Int32) -> Bool {
        (try? Links(in: stack).names().contains(Egress.uplink)) ?? false
    }
}

extension Observer {
    func firewallHealth(_ goal: Goal, _ stack: Int32, hasUplink: Bool) -> Observation.Health {
        if goal.networks.isEmpty { return .sound }
        let table = LinuxMachine.table(goal, NetworkNames(project: paths.project), hasUplink: hasUplink)
        switch try? Firewall.observe(table.family, table.name, in: stack) {
        case .intact(let hash): return hash == table.hash ? .sound : .broken
        case .altered: return .broken
        case .absent, nil: return .absent
        }
    }

    /// Sound also where the host lets nothing out: nothing that `up` could do would change that.
    func egressHealth(_ goal: Goal) -> Observation.Health {
        guard goal.egress != nil, let host = try? NetworkNamespace.current() else { return .sound }
        let alias = NetworkNames(project: paths.project).egressAlias
        let isLinked = (try? Links(in: host.raw).observe().contains { $0.alias == alias && $0.isUp }) ?? false
        let table = try? Firewall.observe(.ip, FirewallTable.hostName(project: paths.project), in: host.raw)
        if isLinked, case .intact? = table { return .sound }
        if !isLinked, case .unavailable? = try? Egress.availability(host: host.raw) { return .sound }
        return isLinked ? .broken : .absent
    }
}
