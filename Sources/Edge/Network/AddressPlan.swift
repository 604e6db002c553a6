/// The ranges that networks without a subnet of their own take theirs from.
package enum SubnetPool {
    /// The private ranges of RFC 1918, the one first that Docker's networks are known by; 172.16 and 172.17 are left to
    /// Docker itself.
    private static let ranges = ["172.18.0.0/15", "172.20.0.0/14", "172.24.0.0/13", "192.168.0.0/16", "10.0.0.0/8"]
        .map { IPv4Prefix($0)! }

    /// A subnet of the given length (8…30) that overlaps none of those in use; nil where all are taken. It is the first
    /// one, or with a seed one of the seed's own choice: who chooses at the same time with another seed, and so cannot
    /// see ours, hardly takes the same.
    package static func choose(length: Int = 24, avoiding used: [IPv4Prefix], seed: String? = nil) -> IPv4Prefix? {
        if let seed, let choice = seeded(seed, length: length, avoiding: used) { return choice }
        for range in ranges where range.length <= length {
            let step = UInt32(1) << UInt32(32 - length)
            var next = range.network.value
            while next <= range.last.value {
                let candidate = IPv4Prefix(IPv4Address(next), length: length)
                guard let clash = used.first(where: { $0.overlaps(candidate) }) else { return candidate }
                next = max(next + step, clash.last.value &+ 1)
                if clash.last.value == .max { break }
            }
        }
        return nil
    }
}

extension SubnetPool {
    private static func seeded(_ seed: String, length: Int, avoiding used: [IPv4Prefix]) -> IPv4Prefix? {
        let range = IPv4Prefix("10.0.0.0/8")!
        for attempt in 0..<64 {
            let offset = UInt32(truncatingIfNeeded: hash("\(seed) \(attempt)".utf8)) % UInt32(range.count)
            let candidate = IPv4Prefix(IPv4Address(range.network.value + offset), length: length)
            if !used.contains(where: { $0.overlaps(candidate) }) { return candidate }
        }
        return nil
    }
}

/// Which member of a network has which address: those asked for, then those had before, then the free ones in order.
package struct AddressPlan: Equatable {
    package struct Member: Hashable {
        package let name: String
        /// What the file asks for.
        package let fixed: IPv4Address?
        /// What it had until now, and keeps where nobody asks for it.
        package let sticky: IPv4Address?

        package init(_ name: String, fixed: IPv4Address? = nil, sticky: IPv4Address? = nil) {
            self.name = name
            self.fixed = fixed
            self.sticky = sticky
        }
    }

    package enum Problem: Hashable, CustomStringConvertible {
        case outside(member: String, address: IPv4Address, subnet: IPv4Prefix)
        case reserved(member: String, address: IPv4Address, by: String)
        case taken(member: String, address: IPv4Address, by: String)
        case exhausted(member: String, subnet: IPv4Prefix)

        package var description: String {
            switch self {
            case .outside(let member, let address, let subnet):
                "\(member): address \(address) lies outside the network's subnet \(subnet)"
            case .reserved(let member, let address, let by): "\(member): address \(address) is the network's \(by)"
            case .taken(let member, let address, let by): "\(member): address \(address) is \(by)'s already"
            case .exhausted(let member, let subnet):
                "\(member): subnet \(subnet) has no address left; give the network a larger one"
            }
        }
    }

    package private(set) var addresses: [String: IPv4Address] = [:]
    package private(set) var problems: [Problem] = []

    package init(subnet: IPv4Prefix, gateway: IPv4Address, members: [Member]) {
        var owners: [IPv4Address: String] = [:]
        for member in members {
            guard let address = member.fixed else { continue }
            if !subnet.contains(address) {
                problems.append(.outside(member: member.name, address: address, subnet: subnet))
            } else if address == gateway {
                problems.append(.reserved(member: member.name, address: address, by: "gateway"))
            } else if !subnet.canHost(address) {
                let name = address == subnet.network ? "own address" : "broadcast address"
                problems.append(.reserved(member: member.name, address: address, by: name))
            } else if let owner = owners[address] {
                problems.append(.taken(member: member.name, address: address, by: owner))
            } else {
                owners[address] = member.name
            }
        }
        for member in members where member.fixed == nil {
            guard let address = member.sticky, address != gateway, subnet.canHost(address), owners[address] == nil
            else { continue }
            owners[address] = member.name
        }
        for (address, name) in owners { addresses[name] = address }
        var next = 1
        for member in members where member.fixed == nil && addresses[member.name] == nil {
            while let address = subnet[next], owners[address] != nil || address == gateway { next += 1 }
            guard let address = subnet[next], subnet.canHost(address) else {
                problems.append(.exhausted(member: member.name, subnet: subnet))
                continue
            }
            owners[address] = member.name
            addresses[member.name] = address
        }
    }
}
