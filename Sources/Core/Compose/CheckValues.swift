import Diagnostics

// Ports, mounts, limits.
extension Check {
    func ports(_ service: Service) {
        guard !service.ports.isEmpty else { return }
        switch service.namespaces.net {
        case .service(let name):
            error(
                "the network namespace is that of \(name), which publishes its own ports", service, "ports",
                hint: "move ports: to the service \(name)")
        case .host:
            error(
                "the host's own network needs no ports published", service, "ports",
                hint: "remove ports:, or network_mode: host")
        case .private where service.networks.isEmpty:
            error(
                "without a network, no port can be published", service, "ports",
                hint: "remove ports:, or network_mode: none")
        case .private, .stack: break
        }
        for (index, port) in service.ports.enumerated() {
            guard let published = port.published, published.count < service.replicas else { continue }
            error(
                "\(service.replicas) containers cannot all publish \(text(published))", service, "ports[\(index)]",
                hint: "publish a range of \(service.replicas) ports, or let any free port be taken: \"\(port.target)\"")
        }
    }

    /// One port at one address twice, over all services.
    func publishedTwice() {
        var seen: [(port: Port, service: Service, key: String)] = []
        for service in project.services {
            for (index, port) in service.ports.enumerated() where port.published?.count == 1 {
                let key = "ports[\(index)]"
                if let other = seen.first(where: { clash($0.port, port) }) {
                    error(
                        "the port \(text(port.published)) is published twice", service, key,
                        notes: [.init("by \(other.service.name) too", at: other.service.places[other.key])],
                        hint: "publish one of them elsewhere")
                } else {
                    seen.append((port, service, key))
                }
            }
        }
    }

    private func clash(_ left: Port, _ right: Port) -> Bool {
        guard left.transport == right.transport, left.published == right.published else { return false }
        guard let one = left.address, let other = right.address else { return true }
        if one == other { return true }
        let isSameFamily = one.contains(":") == other.contains(":")
        return isSameFamily && [one, other].contains { $0 == "0.0.0.0" || $0 == "::" }
    }

    private func text(_ ports: ClosedRange<UInt16>?) -> String {
        guard let ports else { return "" }
        return ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
    }

    func mounts(_ service: Service) {
        var seen: [String: String] = [:]
        let targets =
            service.volumes.enumerated().map { ($1.target, "volumes[\($0)]") }
            + service.tmpfs.enumerated().map { ($1.target, "tmpfs[\($0)]") }
        for (target, key) in targets {
            if let first = seen.updateValue(key, forKey: target) {
                error(
                    "two mounts on \(target)", service, key,
                    notes: [.init("the other", at: service.places[first])], hint: "remove one of the two")
            }
        }
    }

    func limits(_ limits: Resources, _ places: Places, _ path: String, prefix: String = "") {
        guard let swap = limits.memorySwap else { return }
        guard let memory = limits.memory else {
            return error(
                "needs mem_limit beside it", at: places[prefix + "memswap_limit"], path: path.key("memswap_limit"),
                hint: "memswap_limit counts memory and swap together; add mem_limit:")
        }
        if swap != -1 && swap < memory {
            error(
                "is less than mem_limit, \(memory)", at: places[prefix + "memswap_limit"],
                path: path.key("memswap_limit"), hint: "it counts memory and swap together: at least \(memory)")
        }
    }

    /// The kernel refuses processors that the cgroup above does not have.
    func processors(_ service: Service) {
        guard let own = service.resources.cpuset.flatMap(Units.processors)?.numbers,
            let all = project.resources.cpuset.flatMap(Units.processors), !own.isSubset(of: all.numbers)
        else { return }
        error(
            "not all of them are the stack's, \(all.text)", service, "cpuset",
            notes: [.init("the stack's", at: project.places["resources.cpuset"])])
    }
}

// Networks.
extension Check {
    func addresses() {
        var seen: [String: (member: String, place: Place?)] = [:]
        for service in project.services {
            for attachment in service.networks {
                let key = "networks.\(attachment.network).ipv4_address"
                guard let address = attachment.address else { continue }
                if service.replicas > 1 {
                    error(
                        "\(service.replicas) containers cannot share one address", service, key,
                        hint: "remove ipv4_address, or set replicas to 1")
                }
                check(address, attachment.network, service.places[key], "services.\(service.name).\(key)", &seen)
            }
        }
        for shared in project.namespaces {
            for attachment in shared.networks {
                let key = "networks.\(attachment.network).ipv4_address"
                guard let address = attachment.address else { continue }
                check(address, attachment.network, shared.places[key], "namespaces.\(shared.name).\(key)", &seen)
            }
        }
    }

    private func check(
        _ address: IPv4Address, _ network: String, _ place: Place?, _ path: String,
        _ seen: inout [String: (member: String, place: Place?)]
    ) {
        guard let network = project.network(network) else { return }
        guard let subnet = network.subnet else {
            return error(
                "the network \(network.key) has no subnet to hold it", at: place, path: path,
                hint: "add ipam: {config: [{subnet: 10.5.0.0/24}]} to networks.\(network.key)")
        }
        let notes = [Diagnostic.Note("the network", at: network.places["ipam.config[0].subnet"])]
        if !subnet.contains(address) {
            error("\(address) is not in \(subnet)", at: place, path: path, notes: notes)
        } else if address == subnet.first || address == subnet.last {
            error("\(address) is no address for a host in \(subnet)", at: place, path: path, notes: notes)
        } else if address == network.gateway ?? IPv4Address(raw: subnet.first.raw + 1) {
            error("\(address) is the gateway of \(network.key)", at: place, path: path, notes: notes)
        } else if let other = seen.updateValue((path, place), forKey: "\(network.key) \(address)") {
            error(
                "\(address) is given twice", at: place, path: path,
                notes: [.init("to \(other.member)", at: other.place)])
        }
    }

    func subnets() {
        for (index, network) in project.networks.enumerated() {
            for other in project.networks[..<index] {
                guard let left = network.subnet, let right = other.subnet, left.overlaps(right) else { continue }
                error(
                    "\(left) overlaps \(right) of \(other.key)", at: network.places["ipam.config[0].subnet"],
                    path: "networks.\(network.key).ipam.config[0].subnet",
                    notes: [.init(other.key, at: other.places["ipam.config[0].subnet"])])
            }
        }
    }
}
