import Engine
import Glibc
import Network
import Processes
import Stack
import Syscalls

/// Bridges, links and addresses: in the stack's network namespace, never among the host's links.
extension LinuxMachine {
    func ensureBridge(_ network: NetworkSpec) throws {
        let stack = try Descriptor(paths.stackPin, O_RDONLY)
        let links = try Links(in: stack.raw)
        let name = names.bridge(network.key)
        let address = try interface(network.gateway, in: network)
        let alias = names.alias(ofNetwork: network.key)
        let candidates = try links.observe().filter { $0.alias == alias || $0.name == name }
        // Renamed or without its mark: the members are led to a new one.
        for wrong in candidates where wrong.alias != alias || wrong.name != name { try links.delete(wrong.name) }
        guard let bridge = candidates.first(where: { $0.alias == alias && $0.name == name }) else {
            try links.create(BridgeSpec(name: name, address: address, alias: alias))
            return
        }
        for old in bridge.addresses where old != address { try links.remove(old, from: bridge.name) }
        if !bridge.addresses.contains(address) { try links.add(address, to: bridge.name) }
        if !bridge.isUp { try links.setUp(bridge.name) }
    }

    func removeBridge(_ key: String) throws {
        guard let stack = try? Descriptor(paths.stackPin, O_RDONLY) else { return }
        let links = try Links(in: stack.raw)
        for link in try links.observe() where link.alias == names.alias(ofNetwork: key) { try links.delete(link.name) }
    }

    /// The pair of an endpoint in a network, made anew unless it is there, right in every part. A link whose address or
    /// name changed is made anew as well: the processes keep running, their sockets on that address cannot be kept.
    func ensureLink(_ endpoint: String, _ attachment: Attachment, in goal: Goal) throws {
        guard let network = goal.network(attachment.network) else { return }
        let stack = try Descriptor(paths.stackPin, O_RDONLY)
        let inside = try open(endpoint, .net)
        let links = try Links(in: stack.raw)
        let alias = names.alias(ofLink: endpoint, in: network.key)
        let bridge = names.bridge(network.key)
        let address = try interface(attachment.address, in: network)
        let members = try members(of: links)[alias] ?? []
        let within = try Links(in: inside.raw)
        func isRight(_ end: LinkState) -> Bool {
            end.index == members[0].peer && end.name == attachment.interface && end.isUp && end.addresses == [address]
        }
        if members.count == 1, try within.observe().contains(where: isRight) {
            if members[0].master != bridge { try links.setMaster(bridge, of: members[0].name) }
            if !members[0].isUp { try links.setUp(members[0].name) }
        } else {
            for member in members { try links.delete(member.name) }
            if try within.names().contains(attachment.interface) { try within.delete(attachment.interface) }
            try links.createPair(
                PortSpec(name: Links.freshName("v-"), alias: alias), bridge: bridge,
                peer: PortSpec(name: attachment.interface, address: address), in: inside.raw)
        }
        try setDefaultRoute(of: endpoint, within, in: goal)
    }

    /// By alias, as the change in progress found them: one look at all of them is enough for fifty new ones.
    private func members(of links: borrowing Links) throws -> [String: [LinkState]] {
        if let members { return members }
        let found = Dictionary(grouping: try links.observe(), by: \.alias)
        members = found
        return found
    }

    func removeLink(_ endpoint: String, _ network: String, in goal: Goal) throws {
        guard let stack = try? Descriptor(paths.stackPin, O_RDONLY) else { return }
        members = nil
        let links = try Links(in: stack.raw)
        let alias = names.alias(ofLink: endpoint, in: network)
        for link in try links.observe() where link.alias == alias { try links.delete(link.name) }
        if let inside = try? open(endpoint, .net) {
            try setDefaultRoute(of: endpoint, try Links(in: inside.raw), in: goal)
        }
    }

    /// The way out leads through the first network that has one. Where there is none, connects fail at once.
    private func setDefaultRoute(of endpoint: String, _ links: borrowing Links, in goal: Goal) throws {
        let present = Set(try links.names())
        let attachments = goal.attachments(of: endpoint).filter { present.contains($0.interface) }
        if let (network, _) = goal.wayOut(of: attachments), let address = IPv4Address(network.gateway) {
            try links.setDefaultRoute(.via(address))
        } else {
            try links.setDefaultRoute(.unreachable)
        }
    }

    private func interface(_ address: String, in network: NetworkSpec) throws -> IPv4Interface {
        guard let prefix = IPv4Prefix(network.subnet), let address = IPv4Address(address) else {
            throw Event.Failure(
                resource: ResourceID.network(network.key).description, key: "ipam.config[0].subnet",
                message: "\(address) in \(network.subnet) is no IPv4 address in a subnet")
        }
        return IPv4Interface(address, length: prefix.length)
    }

    // MARK: Names

    /// Rewrites what differs in place: the containers' mounts show the file's inode.
    func writeHosts(in goal: Goal) throws {
        // During a replacement both lives have a file.
        let lives = Dictionary(grouping: instances, by: \.id)
        for container in goal.containers {
            for instance in lives[container.id] ?? [] {
                let path = "\(paths.folder(instance))/hosts"
                let text = hostsText(container, in: goal)
                do throws(SystemError) {
                    if try Files.text(path) != text { try Files.rewrite(path, text) }
                } catch {
                    // None yet, or that of a former life on its way out.
                    if error.errno != ENOENT { throw error }
                }
            }
        }
    }

    func hostsText(_ container: ContainerSpec, in goal: Goal) -> String {
        if hosts?.goal != goal { hosts = HostsTexts(goal) }
        return hosts!.text(of: container)
    }

    // MARK: Published ports

    /// Makes the proxy serve just the table of the goal; what stays the same keeps its connections.
    func publishPorts(of goal: Goal) throws(Event.Failure) {
        let wanted = goal.publishedPorts
        if wanted.isEmpty && Helpers(paths, cgroups).found().proxy == nil { return }
        do {
            try publish(wanted)
        } catch let failure as Event.Failure {
            throw failure
        } catch {
            throw Event.Failure(resource: "project", key: "", message: "cannot reach the port proxy: \(error)")
        }
    }

    private func publish(
        _ wanted: [(container: ContainerID, endpoint: String, address: String?, port: PublishedPort)]
    ) throws {
        try Helpers(paths, cgroups).proxy()
        let client = try ProxyClient(path: paths.proxySocket)
        var listening: [Network.Endpoint: (entry: ProxyEntry, namespace: UInt64)] = [:]
        for served in try client.list() { listening[served.entry.listen] = served }
        for (index, entry) in wanted.enumerated() {
            let position = wanted[..<index].count { $0.container == entry.container }
            let pinned = try open(entry.endpoint, .net)
            let namespace = try NetworkNamespace.unbound(pinned.raw)
            let transport = Transport(rawValue: entry.port.transport.rawValue)!
            let target = Network.Endpoint(
                transport, entry.address.flatMap { IPAddress($0) } ?? IPAddress("127.0.0.1")!, entry.port.containerPort)
            for listen in Network.Endpoint.listeners(
                transport, hostAddress: entry.port.hostAddress.flatMap { IPAddress($0) }, entry.port.hostPort ?? 0)
            {
                let proxied = ProxyEntry(listen: listen, target: target, container: "\(entry.container)")
                let old = listening.removeValue(forKey: listen)
                if old?.entry == proxied, old?.namespace == (try NetworkNamespace.inode(namespace.raw)) { continue }
                do {
                    try client.publish(proxied, namespace: namespace.raw)
                } catch  where listen.address == .anyV6 && [EAFNOSUPPORT, EADDRNOTAVAIL].contains(error.errno) {
                    // A machine without IPv6 publishes on IPv4.
                } catch {
                    throw Event.Failure(
                        resource: ResourceID.container(entry.container).description, key: "ports[\(position)]",
                        message: Self.portMessage(listen, error))
                }
            }
        }
        for stale in listening.keys { try client.withdraw(stale) }
    }

    private static func portMessage(_ listen: Network.Endpoint, _ error: SystemError) -> String {
        switch error.errno {
        case EADDRINUSE:
            var holder = ""
            if let host = try? NetworkNamespace.current(),
                case .taken(let who?)? = try? PortHolder.verdict(on: listen, in: host.raw)
            {
                holder = " by \(who)"
            }
            return "cannot listen on \(listen): the port is taken\(holder)"
        case EADDRNOTAVAIL: return "cannot listen on \(listen): this machine has no such address"
        default: return "cannot listen on \(listen): \(error.reason)"
        }
    }
}
