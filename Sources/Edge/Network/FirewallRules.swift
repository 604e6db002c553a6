/// One nftables table: its family, name, and the chains in nft's language.
package struct FirewallTable: Hashable {
    package let family: FirewallFamily
    package let name: String
    /// Chains with their rules, as they stand within `table … { }`. No anonymous sets: `Firewall.observe` sees rules,
    /// not the elements of sets.
    package let body: String

    /// The transaction that puts the table in place of what stood there. nft(8).
    package var text: String {
        """
        add table \(family.rawValue) \(name)
        delete table \(family.rawValue) \(name)
        table \(family.rawValue) \(name) {
        \(body)}

        """
    }

    /// Sixteen hexadecimal digits that change with the text.
    package var hash: String { fingerprint(text.utf8) }
}

package enum FirewallFamily: String, Hashable {
    case inet
    case ip

    /// NFPROTO_INET, NFPROTO_IPV4.
    var number: UInt8 { self == .inet ? 1 : 2 }
}

/// What the firewall knows of a network.
package struct FirewallNetwork: Hashable {
    package let bridge: String
    /// It has no way out.
    package let isInternal: Bool

    package init(bridge: String, isInternal: Bool) {
        self.bridge = bridge
        self.isInternal = isInternal
    }
}

extension FirewallTable {
    /// The table of the stack namespace. Networks are kept apart, internal ones have no way out, and what goes out of
    /// `uplink` (nil where there is none) carries the stack's own address.
    ///
    /// Security: the policy is to drop; a packet passes by a rule only. What is refused is answered, so that a connect
    /// fails at once instead of waiting for its limit.
    package static func stack(networks: [FirewallNetwork], uplink: String?) -> Self {
        var forward: [String] = []
        for network in networks {
            let bridge = quoted(network.bridge)
            forward.append("iifname \(bridge) oifname \(bridge) accept")
            guard let uplink, !network.isInternal else { continue }
            forward.append("iifname \(bridge) oifname \(quoted(uplink)) accept")
            forward.append("iifname \(quoted(uplink)) oifname \(bridge) ct state established,related accept")
        }
        // An ICMP error comes while connect(2) still holds the socket, and TCP takes it to heart only when it tries again a
        // second later.
        forward.append("meta l4proto tcp reject with tcp reset")
        forward.append("reject with icmpx admin-prohibited")
        var body = chain("forward", "type filter hook forward priority filter; policy drop;", forward)
        if let uplink {
            let rules = ["oifname \(quoted(uplink)) masquerade"]
            body += chain("postrouting", "type nat hook postrouting priority srcnat; policy accept;", rules)
        }
        return Self(family: .inet, name: "settle", body: body)
    }

    /// The table of the host's namespace for a project's way out: what comes from the stack's address leaves with the
    /// host's own.
    package static func host(project: String, stackAddress: IPv4Address) -> Self {
        let rules = ["ip saddr \(stackAddress) oifname != \(quoted(Egress.linkPrefix + "*")) masquerade"]
        return Self(
            family: .ip, name: hostName(project: project),
            body: chain("postrouting", "type nat hook postrouting priority srcnat; policy accept;", rules))
    }

    package static func hostName(project: String) -> String { "settle-\(project)" }

    private static func chain(_ name: String, _ hook: String, _ rules: [String]) -> String {
        let lines = ([hook] + rules).map { "        \($0)\n" }.joined()
        return "    chain \(name) {\n\(lines)    }\n"
    }

    private static func quoted(_ name: String) -> String { "\"\(name)\"" }
}

/// Sixteen hexadecimal digits: to notice changes, not to withstand an attacker.
func fingerprint(_ bytes: some Sequence<UInt8>) -> String {
    let digits = String(hash(bytes), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// FNV-1a, 64 bits.
func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}
