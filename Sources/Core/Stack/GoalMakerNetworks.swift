import Compose

/// An endpoint that wants places in networks.
struct AddressRequest {
    /// The name of its network namespace.
    var endpoint: String
    /// Where the file says so: `services.web`.
    var path: String
    var places: Places
    var wanted: [Compose.Attachment]
    /// The places it has.
    var before: [Attachment]
}

// Subnets.
extension GoalMaker {
    /// - Parameters:
    ///   - used: the networks that something made from the file joins. What nobody joins is not made, as in Docker.
    ///   - recorded: networks that something is in that stays as it is: they stay as they are, too.
    mutating func networks(used: Set<String>, recorded: [NetworkSpec]) -> [NetworkSpec] {
        var result = recorded
        var open: [Compose.Network] = []
        for key in used.subtracting(recorded.map(\.key)).sorted() {
            guard let network = project.network(key) else { continue }
            if let subnet = network.subnet {
                checkClash(of: subnet, network, beside: result)
                result.append(spec(network, subnet, isFixed: true))
            } else {
                open.append(network)
            }
        }
        // What has a subnet keeps it, so it comes before what needs a new one.
        for network in open {
            guard let before = ledger.goal.network(network.key), let subnet = IPv4Subnet(before.subnet),
                free(subnet, of: subnets(of: result))
            else { continue }
            result.append(spec(network, subnet, isFixed: false))
        }
        for network in open where !result.contains(where: { $0.key == network.key }) {
            guard let subnet = freeSubnet(beside: subnets(of: result)) else {
                report(
                    Problem(
                        "networks.\(network.key)", at: network.places[""], "no private subnet is free on this host",
                        hint: "choose one by `ipam.config[0].subnet`"))
                continue
            }
            result.append(spec(network, subnet, isFixed: false))
        }
        for network in open { checkGateway(network, in: result) }
        return result.sorted { $0.key < $1.key }
    }

    private func spec(_ network: Compose.Network, _ subnet: IPv4Subnet, isFixed: Bool) -> NetworkSpec {
        NetworkSpec(
            key: network.key, subnet: subnet.description,
            gateway: (network.gateway ?? subnet.first.advanced(by: 1)).description, isFixed: isFixed,
            isInternal: network.internal, labels: network.labels)
    }

    private mutating func checkClash(of subnet: IPv4Subnet, _ network: Compose.Network, beside others: [NetworkSpec]) {
        var clash: String?
        if let other = others.first(where: { IPv4Subnet($0.subnet)?.overlaps(subnet) == true }) {
            clash = "network \(other.key) (\(other.subnet))"
        } else if ledger.goal.network(network.key)?.subnet != subnet.description,
            // A network that stands was checked when it was made; a route that came later does not break it.
            let route = routes.first(where: { $0.overlaps(subnet) })
        {
            clash = "the host's route to \(route)"
        }
        guard let clash else { return }
        report(
            Problem(
                "networks.\(network.key).ipam.config[0].subnet", at: network.places["ipam.config[0].subnet"],
                "\(subnet) clashes with \(clash)", hint: "choose another subnet, or leave it out and one is found"))
    }

    private mutating func checkGateway(_ network: Compose.Network, in specs: [NetworkSpec]) {
        guard let gateway = network.gateway, let spec = specs.first(where: { $0.key == network.key }),
            IPv4Subnet(spec.subnet)?.contains(gateway) == false
        else { return }
        report(
            Problem(
                "networks.\(network.key).ipam.config[0].gateway", at: network.places["ipam.config[0].gateway"],
                "\(gateway) is not inside \(spec.subnet)", hint: "give the subnet, too"))
    }

    private func subnets(of networks: [NetworkSpec]) -> [IPv4Subnet] { networks.compactMap { IPv4Subnet($0.subnet) } }

    private func free(_ subnet: IPv4Subnet, of taken: [IPv4Subnet]) -> Bool {
        !taken.contains { $0.overlaps(subnet) }
    }

    /// Private addresses (RFC 1918): first those that Docker takes for its networks, too, and few others do.
    private static let pools = ["172.18.0.0/15", "172.20.0.0/14", "172.24.0.0/13", "10.0.0.0/8", "192.168.0.0/16"]

    private func freeSubnet(beside taken: [IPv4Subnet]) -> IPv4Subnet? {
        for pool in Self.pools.compactMap({ IPv4Subnet($0) }) {
            for offset in 0..<(1 << (24 - pool.prefix)) {
                let address = pool.first.advanced(by: UInt32(offset) << 8)
                guard let subnet = IPv4Subnet(address: address, prefix: 24) else { continue }
                if free(subnet, of: taken) && free(subnet, of: routes) { return subnet }
            }
        }
        return nil
    }

    /// The little network between stack and host comes from the link-local addresses (RFC 3927): no router forwards
    /// them, so nothing behind the host's default route is hidden. The part below 169.254.192 is left to cloud providers'
    /// services, the last 256 are reserved. The search begins at a place that depends on the project's name, so that two
    /// projects that come up at once do not meet.
    func egress(beside networks: [NetworkSpec]) -> EgressSpec? {
        let taken = subnets(of: networks)
        if let before = ledger.goal.egress, let subnet = IPv4Subnet(before.subnet), free(subnet, of: taken) {
            return before
        }
        let first: UInt32 = 0xA9FE_C000
        let count: UInt32 = 63 * 64
        let start = UInt32(fnv1a(project.name) % UInt64(count))
        for offset in 0..<count {
            let address = IPv4Address(raw: first + (start + offset) % count * 4)
            guard let subnet = IPv4Subnet(address: address, prefix: 30), free(subnet, of: taken),
                free(subnet, of: routes)
            else { continue }
            return EgressSpec(
                subnet: subnet.description, hostAddress: address.advanced(by: 1).description,
                stackAddress: address.advanced(by: 2).description)
        }
        return nil
    }
}

// Addresses and interfaces.
extension GoalMaker {
    /// Fixed addresses first, then those that were given before, then the lowest free ones.
    ///
    /// - Returns: the places of each endpoint, in the order of their interfaces.
    mutating func addresses(
        for requests: [AddressRequest], in networks: [NetworkSpec], recorded: [Endpoint]
    ) -> [String: [Attachment]] {
        var pools: [String: AddressPool] = [:]
        for network in networks { pools[network.key] = AddressPool(network) }
        for endpoint in recorded {
            for place in endpoint.attachments { _ = pools[place.network]?.take(place.address, for: endpoint.name) }
        }
        var given: [Slot: IPv4Address] = [:]
        for request in requests {
            for wanted in request.wanted { takeFixed(wanted, of: request, &pools, &given) }
        }
        for request in requests {
            for wanted in request.wanted where wanted.address == nil {
                let slot = Slot(endpoint: request.endpoint, network: wanted.network)
                guard let before = request.before.first(where: { $0.network == wanted.network }) else { continue }
                given[slot] = pools[wanted.network]?.take(before.address, for: request.endpoint)
            }
        }
        for request in requests {
            for wanted in request.wanted { takeLowest(wanted, of: request, &pools, &given) }
        }
        // Two endpoints of one name are a problem that is reported elsewhere.
        return Dictionary(
            requests.map { ($0.endpoint, places(of: $0, given)) }, uniquingKeysWith: { first, _ in first })
    }

    private mutating func takeFixed(
        _ wanted: Compose.Attachment, of request: AddressRequest, _ pools: inout [String: AddressPool],
        _ given: inout [Slot: IPv4Address]
    ) {
        guard let address = wanted.address, let pool = pools[wanted.network] else { return }
        let key = "networks.\(wanted.network).ipv4_address"
        var message: String?
        if !pool.subnet.contains(address) {
            message = "\(address) is not inside \(pool.subnet), the subnet of \(wanted.network)"
        } else if let owner = pool.taken[address] {
            message = "\(address) is taken by \(owner)"
        }
        if let message {
            report(
                Problem(
                    "\(request.path).\(key)", at: request.places[key], message, hint: "choose another, or leave it out")
            )
        }
        // Given all the same, so that one mistake is told once.
        given[Slot(endpoint: request.endpoint, network: wanted.network)] = address
        pools[wanted.network]?.taken[address] = pool.taken[address] ?? request.endpoint
    }

    private mutating func takeLowest(
        _ wanted: Compose.Attachment, of request: AddressRequest, _ pools: inout [String: AddressPool],
        _ given: inout [Slot: IPv4Address]
    ) {
        let slot = Slot(endpoint: request.endpoint, network: wanted.network)
        guard given[slot] == nil, let subnet = pools[wanted.network]?.subnet else { return }
        guard let address = pools[wanted.network]?.takeLowest(for: request.endpoint) else {
            let key = "networks.\(wanted.network)"
            report(
                Problem(
                    "\(request.path).\(key)", at: request.places[key],
                    "no address is left in \(subnet), the subnet of \(wanted.network)",
                    hint: "give the network a larger subnet"))
            return
        }
        given[slot] = address
    }

    private func places(of request: AddressRequest, _ given: [Slot: IPv4Address]) -> [Attachment] {
        var interfaces = InterfaceNames(request)
        let places = request.wanted.compactMap { wanted -> (number: Int, place: Attachment)? in
            guard let address = given[Slot(endpoint: request.endpoint, network: wanted.network)] else { return nil }
            let number = interfaces.number(for: wanted.network)
            let place = Attachment(
                network: wanted.network, aliases: Set(wanted.aliases).sorted(),
                fixedAddress: wanted.address?.description, address: address.description, interface: "eth\(number)")
            return (number, place)
        }
        return places.sorted { $0.number < $1.number }.map(\.place)
    }
}

private struct Slot: Hashable {
    var endpoint: String
    var network: String
}

/// The addresses of one network, with who has them.
private struct AddressPool {
    let subnet: IPv4Subnet
    var taken: [IPv4Address: String]
    private var next: UInt32

    init?(_ network: NetworkSpec) {
        guard let subnet = IPv4Subnet(network.subnet), let gateway = IPv4Address(network.gateway) else { return nil }
        self.subnet = subnet
        taken = [
            subnet.first: "the network itself", subnet.last: "the network's broadcasts",
            gateway: "the network's gateway",
        ]
        next = subnet.first.raw
    }

    /// Nil where it is not inside, or somebody has it.
    mutating func take(_ text: String, for owner: String) -> IPv4Address? {
        guard let address = IPv4Address(text), subnet.contains(address), taken[address] == nil else { return nil }
        taken[address] = owner
        return address
    }

    mutating func takeLowest(for owner: String) -> IPv4Address? {
        while next < subnet.last.raw {
            let address = IPv4Address(raw: next)
            next += 1
            if taken[address] == nil {
                taken[address] = owner
                return address
            }
        }
        return nil
    }
}

/// Interfaces keep their names; a new one gets the lowest free number.
private struct InterfaceNames {
    private var numbers: [String: Int]

    init(_ request: AddressRequest) {
        let wanted = Set(request.wanted.map(\.network))
        let known = request.before.filter { wanted.contains($0.network) && $0.interface.hasPrefix("eth") }
        numbers = Dictionary(
            known.compactMap { place in Int(place.interface.dropFirst(3)).map { (place.network, $0) } },
            uniquingKeysWith: { first, _ in first })
    }

    mutating func number(for network: String) -> Int {
        if let number = numbers[network] { return number }
        let number = (0...numbers.count).first { !numbers.values.contains($0) } ?? numbers.count
        numbers[network] = number
        return number
    }
}

extension IPv4Address {
    fileprivate func advanced(by count: UInt32) -> IPv4Address { IPv4Address(raw: raw &+ count) }
}
