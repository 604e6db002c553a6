import Glibc
import Network
import Syscalls
import Testing

@Suite(.serialized) struct LinksTests {
    private let bridge = BridgeSpec(
        name: "br-a", address: IPv4Interface("172.18.0.1/24")!, alias: "settle shop network a")

    @Test func bridgeIsMadeAndSeen() throws {
        let stack = try NetworkNamespace.create()
        let links = try Links(in: stack.raw)
        try links.create(bridge)
        let seen = try #require(try links.observe().first { $0.name == "br-a" })
        #expect(seen.kind == "bridge")
        #expect(seen.alias == bridge.alias)
        #expect(seen.addresses == [bridge.address])
        #expect(seen.isUp)
        #expect(try links.usedPrefixes().contains(IPv4Prefix("172.18.0.0/24")!))
        #expect(try links.observe().first { $0.name == "lo" }?.isUp == true)
    }

    @Test func membersReachEachOther() throws {
        let stack = try NetworkNamespace.create()
        let one = try NetworkNamespace.create()
        let two = try NetworkNamespace.create()
        let links = try Links(in: stack.raw)
        try links.create(bridge)
        for (name, namespace, address) in [("v1", one.raw, "172.18.0.2/24"), ("v2", two.raw, "172.18.0.3/24")] {
            try links.createPair(
                PortSpec(name: name, alias: "settle shop \(name)"), bridge: "br-a",
                peer: PortSpec(name: "eth0", address: IPv4Interface(address)!, alias: "settle shop eth0"),
                in: namespace)
            try Links(in: namespace).setDefaultRoute(.via(bridge.address.address))
        }
        for name in ["br-a", "v1", "v2"] {
            #expect(try links.observe().first { $0.name == name }?.isRunning == true, "\(name)")
        }
        try expectEcho(from: two.raw, to: one.raw, address: "172.18.0.2")

        let port = try #require(try links.observe().first { $0.name == "v1" })
        #expect(port.master == "br-a" && port.kind == "veth" && port.alias == "settle shop v1")
        let inside = try #require(try Links(in: one.raw).observe().first { $0.name == "eth0" })
        #expect(inside.peer == port.index && port.peer == inside.index)
        #expect(
            inside.isUp && inside.addresses == [IPv4Interface("172.18.0.2/24")!]
                && inside.mac == [2, 0x42, 172, 18, 0, 2])
        let gateways = try Links(in: one.raw).routes().filter { $0.prefix.length == 0 }
        #expect(gateways.map { $0.gateway } == [bridge.address.address])

        try links.delete("v1")
        #expect(try !links.observe().contains { $0.name == "v1" })
        #expect(try !Links(in: one.raw).observe().contains { $0.name == "eth0" })
    }

    @Test func unreachableDefaultRouteFailsAtOnce() throws {
        let namespace = try NetworkNamespace.create()
        try Links(in: namespace.raw).setDefaultRoute(.unreachable)
        #expect(try Links(in: namespace.raw).routes().map { $0.isUnreachable } == [true])
        let reason = try connectFailure(from: namespace.raw, to: "192.0.2.1")
        #expect(reason == ENETUNREACH || reason == EHOSTUNREACH)
    }

    @Test func defaultRouteIsReplacedNotAdded() throws {
        let stack = try NetworkNamespace.create()
        let links = try Links(in: stack.raw)
        try links.create(bridge)
        let gateway = IPv4Address("172.18.0.254")!
        for route in [DefaultRoute.unreachable, .via(gateway), .unreachable, .via(gateway), .via(gateway)] {
            try links.setDefaultRoute(route)
            let found = try links.routes().filter { $0.prefix.length == 0 }
            #expect(found.map { $0.isUnreachable } == [route == .unreachable])
            #expect(found.map { $0.gateway } == [route == .unreachable ? nil : gateway])
        }
    }

    /// A bridge that somebody deleted is made again, and its members' neighbours notice nothing.
    @Test func bridgeIsMadeAgainUnderItsMembers() throws {
        let stack = try NetworkNamespace.create()
        let inside = try NetworkNamespace.create()
        let links = try Links(in: stack.raw)
        try links.create(bridge)
        let peer = PortSpec(name: "eth0", address: IPv4Interface("172.18.0.2/24")!)
        try links.createPair(PortSpec(name: "v1"), bridge: "br-a", peer: peer, in: inside.raw)
        try expectEcho(from: inside.raw, to: stack.raw, address: "172.18.0.1")
        try links.delete("br-a")
        #expect(try links.observe().first { $0.name == "v1" }?.master == "")
        try links.create(bridge)
        try links.setMaster("br-a", of: "v1")
        #expect(try links.observe().first { $0.name == "br-a" }?.isRunning == true)
        try expectEcho(from: inside.raw, to: stack.raw, address: "172.18.0.1")
    }

    @Test func namesInTheFolderOfIprouteLeadToPins() throws {
        let folder = "/tmp/settle-netns-\(getpid())"
        let pin = folder + "/pin"
        let namespace = try NetworkNamespace.create()
        try Files.makeFolders(folder)
        defer { rmdir(folder) }
        try NetworkNamespace.pin(namespace.raw, at: pin)
        defer { try? NetworkNamespace.unpin(pin) }
        try NetworkNamespace.name("settle.shop", pin: "/nowhere", folder: folder + "/netns")
        try NetworkNamespace.name("settle.shop", pin: pin, folder: folder + "/netns")
        #expect(NetworkNamespace.named("settle.shop", folder: folder + "/netns") == pin)
        #expect(try pinnedInode(folder + "/netns/settle.shop") == NetworkNamespace.inode(namespace.raw))
        try NetworkNamespace.unname("settle.shop", folder: folder + "/netns")
        try NetworkNamespace.unname("settle.shop", folder: folder + "/netns")
        #expect(NetworkNamespace.named("settle.shop", folder: folder + "/netns") == nil)
        rmdir(folder + "/netns")
    }

    @Test func failuresNameTheStepAndLeaveNothing() throws {
        let stack = try NetworkNamespace.create()
        let links = try Links(in: stack.raw)
        try links.create(bridge)
        let again = #expect(throws: SystemError.self) { try links.create(bridge) }
        #expect(again?.description == "netlink create bridge br-a: file exists")
        #expect(throws: SystemError.self) { try links.delete("nothing") }
        let inside = try NetworkNamespace.create()
        try Links(in: inside.raw).setDefaultRoute(.unreachable)
        let taken = #expect(throws: SystemError.self) {
            try links.createPair(
                PortSpec(name: "v1"), bridge: "br-a", peer: PortSpec(name: "lo"), in: inside.raw)
        }
        #expect(taken?.errno == EEXIST)
        let long = String(repeating: "a", count: 300)
        #expect(throws: SystemError.self) {
            try links.createPair(
                PortSpec(name: "v1", alias: long), bridge: "br-a", peer: PortSpec(name: "eth0"), in: inside.raw)
        }
        #expect(try links.observe().map { $0.name }.sorted() == ["br-a", "lo"])
    }

    @Test func addressesAndMembershipChangeInPlace() throws {
        let stack = try NetworkNamespace.create()
        let inside = try NetworkNamespace.create()
        let links = try Links(in: stack.raw)
        try links.create(bridge)
        try links.createPair(PortSpec(name: "v1"), bridge: nil, peer: PortSpec(name: "eth0"), in: inside.raw)
        #expect(try links.observe().first { $0.name == "v1" }?.master == "")
        try links.setMaster("br-a", of: "v1")
        try links.setAlias("new", of: "v1")
        let port = try #require(try links.observe().first { $0.name == "v1" })
        #expect(port.master == "br-a" && port.alias == "new")
        let address = IPv4Interface("172.18.0.9/24")!
        let within = try Links(in: inside.raw)
        try within.add(address, to: "eth0")
        #expect(try within.observe().first { $0.name == "eth0" }?.addresses == [address])
        try within.remove(address, from: "eth0")
        #expect(try within.observe().first { $0.name == "eth0" }?.addresses == [])
    }

    @Test func namespacesArePinnedAndFoundAgain() throws {
        let path = "/tmp/settle-pin-\(getpid())"
        let namespace = try NetworkNamespace.create()
        #expect(try pinnedInode(path) == nil)
        try NetworkNamespace.pin(namespace.raw, at: path)
        defer { try? NetworkNamespace.unpin(path) }
        let inode = try NetworkNamespace.inode(namespace.raw)
        #expect(try pinnedInode(path) == inode)
        umount2(path, Int32(MNT_DETACH))
        #expect(try pinnedInode(path) == nil)
        try NetworkNamespace.pin(namespace.raw, at: path)
        #expect(try pinnedInode(path) == inode)
        try NetworkNamespace.unpin(path)
        try NetworkNamespace.unpin(path)
        #expect(!Files.exists(path))
    }

    private func pinnedInode(_ path: String) throws -> UInt64? {
        guard let namespace = NetworkNamespace.pinned(at: path) else { return nil }
        return try NetworkNamespace.inode(namespace.raw)
    }

    @Test func settingsBelongToTheNamespace() throws {
        let one = try NetworkNamespace.create()
        let two = try NetworkNamespace.create()
        for (namespace, value) in [(one.raw, "1"), (two.raw, "0")] {
            try NetworkNamespace.set("net/ipv4/ip_forward", to: value, in: namespace)
        }
        #expect(try NetworkNamespace.setting("net/ipv4/ip_forward", in: one.raw) == "1")
        #expect(try NetworkNamespace.setting("net/ipv4/ip_forward", in: two.raw) == "0")
    }
}
