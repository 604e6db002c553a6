import CSyscalls
import Glibc
package import Syscalls

/// A network interface as the kernel shows it.
package struct LinkState: Hashable {
    package let index: Int32
    package let name: String
    /// `bridge`, `veth`, …; empty for the loopback and hardware.
    package let kind: String
    package let alias: String
    /// The bridge it is a member of: name, or `""`.
    package let master: String
    package let isUp: Bool
    /// Up, and packets pass: a veth's other end is up too, a bridge has such a member.
    package let isRunning: Bool
    /// Whether a veth's other end is up as well: the kernel knows at once, while `isRunning` may take its time.
    package let hasCarrier: Bool
    /// The index of a veth's other end, in that end's namespace.
    package let peer: Int32?
    package let mac: [UInt8]
    /// IPv4, in the kernel's order.
    package var addresses: [IPv4Interface]
}

/// An IPv4 route of the main table.
package struct RouteState: Hashable {
    /// Length 0 for a default route.
    package let prefix: IPv4Prefix
    package let gateway: IPv4Address?
    package let isUnreachable: Bool
}

extension Links {
    /// All links of the namespace with their addresses.
    package func observe() throws(SystemError) -> [LinkState] {
        let dump = try dumpLinks()
        let parsed = dump.map { (index: $0.number(at: 4, as: Int32.self), bytes: $0) }
        let attributes = parsed.map { NetlinkAttributes($0.bytes.dropFirst(16)) }
        var names: [Int32: String] = [:]
        for (link, values) in zip(parsed, attributes) { names[link.index] = values.text(IFLA_IFNAME) }
        let addresses = try addressesByLink()
        return zip(parsed, attributes).map { link, values in
            let flags = link.bytes.number(at: 8, as: UInt32.self)
            return LinkState(
                index: link.index, name: names[link.index] ?? "",
                kind: values.nested(IFLA_LINKINFO)?.text(IFLA_INFO_KIND) ?? "",
                alias: values.text(IFLA_IFALIAS) ?? "",
                master: values.number(IFLA_MASTER).flatMap { names[Int32($0)] } ?? "",
                isUp: flags & UInt32(IFF_UP) != 0, isRunning: flags & UInt32(IFF_RUNNING) != 0,
                hasCarrier: flags & Self.lowerUp != 0,
                peer: values.number(IFLA_LINK).map { Int32($0) }, mac: Array(values.bytes(IFLA_ADDRESS) ?? []),
                addresses: addresses[link.index] ?? [])
        }
    }

    /// IFF_LOWER_UP of <linux/if.h>, which Glibc's module lacks.
    private static let lowerUp: UInt32 = 1 << 16

    /// The addresses of all links that have any, by the name of the link: less to ask for than the links themselves.
    package func addresses() throws(SystemError) -> [String: [IPv4Interface]] {
        var result: [String: [IPv4Interface]] = [:]
        for found in try allAddresses() { result[found.name, default: []].append(found.address) }
        return result
    }

    /// The names of all links.
    package func names() throws(SystemError) -> [String] {
        try dumpLinks().compactMap { NetlinkAttributes($0.dropFirst(16)).text(IFLA_IFNAME) }
    }

    private func dumpLinks() throws(SystemError) -> [ArraySlice<UInt8>] {
        var message = NetlinkMessage("list links", RTM_GETLINK, header: ifinfomsg())
        // RTEXT_FILTER_SKIP_STATS: the counters are most of what would come.
        message.add(IFLA_EXT_MASK, UInt32(1 << 3))
        return try netlink.dump(message)
    }

    private func addressesByLink() throws(SystemError) -> [Int32: [IPv4Interface]] {
        var result: [Int32: [IPv4Interface]] = [:]
        for found in try allAddresses() { result[found.index, default: []].append(found.address) }
        return result
    }

    private func allAddresses() throws(SystemError) -> [(index: Int32, name: String, address: IPv4Interface)] {
        var header = ifaddrmsg()
        header.ifa_family = UInt8(AF_INET)
        var result: [(index: Int32, name: String, address: IPv4Interface)] = []
        for bytes in try netlink.dump(NetlinkMessage("list addresses", RTM_GETADDR, header: header)) {
            let length = Int(bytes.number(at: 1, as: UInt8.self))
            let index = Int32(bitPattern: bytes.number(at: 4, as: UInt32.self))
            let values = NetlinkAttributes(bytes.dropFirst(8))
            guard let raw = values.bytes(IFA_LOCAL) ?? values.bytes(IFA_ADDRESS), let address = IPv4Address(bytes: raw)
            else { continue }
            // A label may go on behind the link's name: `eth0:1`.
            let name = (values.text(IFA_LABEL) ?? "").prefix { $0 != ":" }
            result.append((index, String(name), IPv4Interface(address, length: length)))
        }
        return result
    }

    /// The routes of the main table.
    package func routes() throws(SystemError) -> [RouteState] {
        try allRoutes().filter { $0.table == UInt32(RT_TABLE_MAIN.rawValue) }.map { $0.route }
    }

    /// What a new subnet must not overlap: the destinations of all routes of all tables but the default ones, and the
    /// subnets of all addresses. Loopback and multicast ranges are among them.
    package func usedPrefixes() throws(SystemError) -> [IPv4Prefix] {
        let routes = try allRoutes().map { $0.route.prefix }.filter { $0.length > 0 }
        let addresses = try addressesByLink().values.flatMap { $0 }.map { $0.prefix }
        return Set(routes + addresses).sorted { ($0.network, $0.length) < ($1.network, $1.length) }
    }

    private func allRoutes() throws(SystemError) -> [(table: UInt32, route: RouteState)] {
        var header = rtmsg()
        header.rtm_family = UInt8(AF_INET)
        return try netlink.dump(NetlinkMessage("list routes", RTM_GETROUTE, header: header)).map { bytes in
            let values = NetlinkAttributes(bytes.dropFirst(12))
            let destination = values.bytes(RTA_DST.rawValue).flatMap { IPv4Address(bytes: $0) } ?? IPv4Address(0)
            let length = Int(bytes.number(at: 1, as: UInt8.self))
            let type = Int(bytes.number(at: 7, as: UInt8.self))
            let table = values.number(RTA_TABLE.rawValue) ?? UInt32(bytes.number(at: 4, as: UInt8.self))
            return (
                table,
                RouteState(
                    prefix: IPv4Prefix(destination, length: length),
                    gateway: values.bytes(RTA_GATEWAY.rawValue).flatMap { IPv4Address(bytes: $0) },
                    isUnreachable: type == RTN_UNREACHABLE)
            )
        }
    }

    /// The link's index; ENODEV where there is none of that name.
    package func index(of name: String) throws(SystemError) -> Int32 { try get(name).number(at: 4, as: Int32.self) }

    /// The link's message: `ifinfomsg` and attributes.
    func get(_ name: String) throws(SystemError) -> ArraySlice<UInt8> {
        var message = NetlinkMessage("find link \(name)", RTM_GETLINK, header: ifinfomsg())
        message.add(IFLA_IFNAME, name)
        return try netlink.get(message)
    }
}
