import CSyscalls
import Glibc
package import Syscalls

/// The way out: one veth pair from the stack namespace to the host's.
package struct EgressSpec: Hashable {
    /// A /30: the host has its first address, the stack its second.
    package let subnet: IPv4Prefix
    /// Whose it is; found again by it.
    package let alias: String

    package init(subnet: IPv4Prefix, alias: String) {
        self.subnet = subnet
        self.alias = alias
    }

    package var hostAddress: IPv4Interface { IPv4Interface(subnet[1]!, length: subnet.length) }
    package var stackAddress: IPv4Interface { IPv4Interface(subnet[2]!, length: subnet.length) }
}

package enum Egress {
    /// Host ends are named `stl-XXXXXXXX`; firewall rules of the host may say `stl-*`.
    package static let linkPrefix = "stl-"
    /// The stack's end.
    package static let uplink = "uplink"

    package enum Availability: Hashable {
        case available
        /// The reason, and what to do.
        case unavailable(String)
    }

    /// Whether packets of the stack would get through the host. The host's settings are read, never changed: whether a
    /// machine is a router is its owner's decision.
    package static func availability(host: Int32) throws(SystemError) -> Availability {
        if try NetworkNamespace.setting("net/ipv4/ip_forward", in: host) != "1" {
            return .unavailable(
                "the host does not forward IPv4 packets; allow it with: sysctl -w net.ipv4.ip_forward=1")
        }
        if try legacyFirewallDrops(host) {
            let accept = "iptables-legacy -I FORWARD"
            return .unavailable(
                "the host's firewall drops forwarded packets (iptables-legacy, FORWARD); allow them with: "
                    + "\(accept) -i \(linkPrefix)+ -j ACCEPT; "
                    + "\(accept) -o \(linkPrefix)+ -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT")
        }
        guard let chain = try Firewall.droppingForwardChain(unlessNaming: linkPrefix, in: host) else {
            return .available
        }
        return .unavailable(
            "the host's firewall drops forwarded packets (\(chain)); allow them with: "
                + "nft 'insert rule \(chain) iifname \"\(linkPrefix)*\" accept; "
                + "insert rule \(chain) oifname \"\(linkPrefix)*\" ct state established,related accept'")
    }

    private static func legacyFirewallDrops(_ host: Int32) throws(SystemError) -> Bool {
        try NetworkNamespace.within(host) {
            let names = (try? Files.text("/proc/thread-self/net/ip_tables_names")) ?? ""
            return names.split(separator: "\n").contains("filter") && settle_legacy_forward_drops(linkPrefix) == 1
        }
    }

    /// Makes the pair, addressed and up, with the stack's default route through it, and lets the stack namespace
    /// forward. The host end is `host`'s link with the alias. Undone where a step fails.
    package static func connect(_ spec: EgressSpec, host: Int32, stack: Int32) throws(SystemError) {
        let links = try Links(in: host)
        // Never a name used before: that of a pair whose namespace died stays taken until the kernel has cleared it up.
        let name = Links.freshName(linkPrefix)
        try links.createPair(
            PortSpec(name: name, address: spec.hostAddress, alias: spec.alias), bridge: nil,
            peer: PortSpec(name: uplink, address: spec.stackAddress, alias: spec.alias), in: stack)
        do {
            try Links(in: stack).setDefaultRoute(.via(spec.hostAddress.address))
            try NetworkNamespace.set("net/ipv4/ip_forward", to: "1", in: stack)
        } catch {
            try? links.delete(name)
            throw error
        }
    }

    /// Removes the host ends with the alias; the stack's ends and routes go with them.
    package static func disconnect(alias: String, host: Int32) throws(SystemError) {
        let links = try Links(in: host)
        for link in try links.observe() where link.alias == alias && link.name.hasPrefix(linkPrefix) {
            try links.delete(link.name)
        }
    }
}

extension Links {
    /// A name that no link has or had: the prefix, at most seven bytes, and eight random hexadecimal digits.
    package static func freshName(_ prefix: String) -> String {
        let digits = String(UInt32.random(in: 0 ... .max), radix: 16)
        return prefix + String(repeating: "0", count: 8 - digits.count) + digits
    }
}
