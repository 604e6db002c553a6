import Glibc
import Network
import Syscalls
import Testing

/// A stack namespace with networks of one container each, as `up` makes them.
private final class Stack {
    let namespace: Descriptor
    let links: Links

    init() throws {
        namespace = try NetworkNamespace.create()
        links = try Links(in: namespace.raw)
        try NetworkNamespace.set("net/ipv4/ip_forward", to: "1", in: namespace.raw)
    }

    /// A container `.2` in a network `prefix.0/24` of its own.
    func addMember(_ name: String, _ prefix: String) throws -> Descriptor {
        let bridge = "br-\(name)"
        let gateway = IPv4Interface("\(prefix).1/24")!
        try links.create(BridgeSpec(name: bridge, address: gateway, alias: name))
        let member = try NetworkNamespace.create()
        try links.createPair(
            PortSpec(name: Links.freshName("v")), bridge: bridge,
            peer: PortSpec(name: "eth0", address: IPv4Interface("\(prefix).2/24")!), in: member.raw)
        try Links(in: member.raw).setDefaultRoute(.via(gateway.address))
        return member
    }
}

@Suite(.serialized) struct FirewallTests {
    private let networks = [
        FirewallNetwork(bridge: "br-a", isInternal: false), FirewallNetwork(bridge: "br-b", isInternal: true),
    ]

    @Test func stackTableNamesEveryNetwork() {
        let text = FirewallTable.stack(networks: networks, uplink: "uplink").text
        #expect(text.contains("policy drop;"))
        #expect(text.contains(#"iifname "br-a" oifname "uplink" accept"#))
        #expect(!text.contains(#"iifname "br-b" oifname "uplink""#))
        #expect(!FirewallTable.stack(networks: networks, uplink: nil).text.contains("masquerade"))
    }

    @Test func networksAreKeptApart() throws {
        let stack = try Stack()
        let one = try stack.addMember("a", "10.1.0")
        let two = try stack.addMember("b", "10.2.0")
        try expectEcho(from: one.raw, to: two.raw, address: "10.2.0.2")
        try Firewall.apply(.stack(networks: networks, uplink: nil), in: stack.namespace.raw)
        #expect(try connectFailure(from: one.raw, to: "10.2.0.2") == ECONNREFUSED)
        #expect(try connectFailure(from: two.raw, to: "10.1.0.2") == ECONNREFUSED)
    }

    @Test func changesBehindOurBackAreSeen() throws {
        let namespace = try NetworkNamespace.create()
        let table = FirewallTable.stack(networks: networks, uplink: "uplink")
        func state() throws -> FirewallState { try Firewall.observe(.inet, "settle", in: namespace.raw) }
        #expect(try state() == .absent)
        try Firewall.apply(table, in: namespace.raw)
        #expect(try state() == .intact(hash: table.hash))
        for change in [
            "flush table inet settle", "flush chain inet settle postrouting", "add rule inet settle forward accept",
            "insert rule inet settle forward accept", "add chain inet settle more",
            "add chain inet settle forward { policy accept; }",
            "flush chain inet settle postrouting; delete chain inet settle postrouting",
        ] {
            try nft(change, in: namespace.raw)
            #expect(try state() == .altered, "\(change)")
            try Firewall.apply(table, in: namespace.raw)
            #expect(try state() == .intact(hash: table.hash), "after \(change)")
        }
        try nft("delete table inet settle", in: namespace.raw)
        #expect(try state() == .absent)
        let other = FirewallTable.stack(networks: [], uplink: nil)
        try Firewall.apply(other, in: namespace.raw)
        #expect(try state() == .intact(hash: other.hash) && other.hash != table.hash)
        try Firewall.remove(.inet, "settle", in: namespace.raw)
        try Firewall.remove(.inet, "settle", in: namespace.raw)
        #expect(try state() == .absent)
    }

    @Test func refusedRulesKeepWhatWasThere() throws {
        let namespace = try NetworkNamespace.create()
        let table = FirewallTable.stack(networks: networks, uplink: nil)
        try Firewall.apply(table, in: namespace.raw)
        let wrong = FirewallTable.stack(
            networks: [.init(bridge: "a-name-that-is-too-long-for-a-link", isInternal: false)], uplink: nil)
        #expect(throws: FirewallError.self) { try Firewall.apply(wrong, in: namespace.raw) }
        #expect(try Firewall.observe(.inet, "settle", in: namespace.raw) == .intact(hash: table.hash))
    }

    @Test func egressIsMasqueradedTwiceAndInternalNetworksHaveNone() throws {
        let host = try NetworkNamespace.create()
        let outside = try NetworkNamespace.create()
        try NetworkNamespace.set("net/ipv4/ip_forward", to: "1", in: host.raw)
        let hostLinks = try Links(in: host.raw)
        try hostLinks.createPair(
            PortSpec(name: "wan", address: IPv4Interface("192.0.2.1/24")!), bridge: nil,
            peer: PortSpec(name: "eth0", address: IPv4Interface("192.0.2.2/24")!), in: outside.raw)

        let stack = try Stack()
        let open = try stack.addMember("a", "10.1.0")
        let closed = try stack.addMember("b", "10.2.0")
        let subnet = IPv4Prefix("10.250.0.0/30")!
        let spec = EgressSpec(subnet: subnet, alias: "settle shop egress")
        #expect(try Egress.availability(host: host.raw) == .available)
        try Egress.connect(spec, host: host.raw, stack: stack.namespace.raw)
        try Firewall.apply(.stack(networks: networks, uplink: Egress.uplink), in: stack.namespace.raw)
        let hostTable = FirewallTable.host(project: "shop", stackAddress: spec.stackAddress.address)
        try Firewall.apply(hostTable, in: host.raw)
        #expect(try Firewall.observe(.ip, "settle-shop", in: host.raw) == .intact(hash: hostTable.hash))

        // The outside has no route back: only the host's own address gets an answer.
        try expectEcho(from: open.raw, to: outside.raw, address: "192.0.2.2")
        #expect(try connectFailure(from: closed.raw, to: "192.0.2.2") == ECONNREFUSED)

        try Egress.disconnect(alias: spec.alias, host: host.raw)
        #expect(try hostLinks.observe().map { $0.name }.sorted() == ["lo", "wan"])
        #expect(try !stack.links.observe().contains { $0.name == Egress.uplink })
    }

    @Test func hostsThatDoNotForwardAreNamed() throws {
        let host = try NetworkNamespace.create()
        try NetworkNamespace.set("net/ipv4/ip_forward", to: "0", in: host.raw)
        func reason() throws -> String {
            switch try Egress.availability(host: host.raw) {
            case .available: "available"
            case .unavailable(let reason): reason
            }
        }
        #expect(try reason().contains("sysctl -w net.ipv4.ip_forward=1"))
        try NetworkNamespace.set("net/ipv4/ip_forward", to: "1", in: host.raw)
        try nft(
            "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }", in: host.raw)
        let words = try reason()
        #expect(words.hasPrefix("the host's firewall drops forwarded packets (ip filter FORWARD)"))
        // The fix that the message gives is one.
        let fix = try #require(words.split(separator: "'").dropFirst(2).first)
        try nft(String(fix), in: host.raw)
        #expect(try reason() == "available")
    }

    @Test func legacyFirewallsAreSeenToo() throws {
        let host = try NetworkNamespace.create()
        try NetworkNamespace.set("net/ipv4/ip_forward", to: "1", in: host.raw)
        let failure = try NetworkNamespace.within(host.raw) { () throws(SystemError) in
            let socket = Descriptor(try check("socket") { Glibc.socket(AF_INET, Int32(SOCK_RAW.rawValue), 255) })
            return LegacyTable.setForwardDrop(socket.raw)
        }
        switch try Egress.availability(host: host.raw) {
        case .available: #expect(failure == ENOPROTOOPT, "only a kernel without these tables cannot drop by them")
        case .unavailable(let reason): #expect(reason.contains("iptables-legacy -I FORWARD -i stl-+ -j ACCEPT"))
        }
    }

    /// nft(8) as an operator would run it.
    private func nft(_ command: String, in namespace: Int32) throws {
        let file = "/tmp/settle-nft-\(getpid())"
        try Files.replace(file, (command + "\n").utf8)
        defer { unlink(file) }
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("nft"), strdup("-f"), strdup(file), nil]
        defer { arguments.forEach { free($0) } }
        let pid = try NetworkNamespace.within(namespace) { () throws(SystemError) in
            var pid: pid_t = 0
            let failure = posix_spawn(&pid, "/usr/sbin/nft", nil, nil, &arguments, nil)
            if failure != 0 { throw SystemError("posix_spawn", errno: failure) }
            return pid
        }
        var status: Int32 = 0
        try check("waitpid") { waitpid(pid, &status, 0) }
        #expect(status == 0, "\(command)")
    }
}

/// The filter table of iptables-legacy with the policy DROP for FORWARD: `struct ipt_replace` with four entries.
private enum LegacyTable {
    /// 0 or the errno.
    static func setForwardDrop(_ socket: Int32) -> Int32 {
        let counters = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 8)
        defer { counters.deallocate() }
        var bytes = padded(Array("filter".utf8), to: 32) + raw([0xe, 4, 3 * 152 + 176])
        let hooks = raw([0, 0, 152, 304, 0])
        bytes += hooks + hooks + raw([4]) + withUnsafeBytes(of: counters) { Array($0) }
        let (drop, accept) = (UInt32(bitPattern: -1), UInt32(bitPattern: -2))
        for verdict in [accept, drop, accept] {
            bytes += entry(152) + raw([40]) + padded([], to: 28) + raw([verdict, 0])
        }
        let error = Array("ERROR".utf8)
        bytes += entry(176) + [64, 0] + padded(error, to: 30) + padded(error, to: 32)
        return setsockopt(socket, Int32(IPPROTO_IP), 64, bytes, socklen_t(bytes.count)) == 0 ? 0 : errno
    }

    /// `struct ipt_entry` that matches everything.
    private static func entry(_ size: UInt16) -> [UInt8] {
        padded([], to: 88) + [112, 0, UInt8(size & 0xff), UInt8(size >> 8)] + padded([], to: 20)
    }

    private static func raw(_ words: [UInt32]) -> [UInt8] { words.withUnsafeBytes { Array($0) } }

    private static func padded(_ bytes: [UInt8], to count: Int) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: count - bytes.count)
    }
}
