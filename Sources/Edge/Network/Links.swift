import CSyscalls
import Glibc
package import Syscalls

/// A network's bridge in the stack namespace.
package struct BridgeSpec: Hashable {
    /// At most 15 bytes, as for every interface.
    package let name: String
    /// The gateway's address.
    package let address: IPv4Interface
    /// Says whose it is; at most 255 bytes. IFLA_IFALIAS.
    package let alias: String

    package init(name: String, address: IPv4Interface, alias: String) {
        self.name = name
        self.address = address
        self.alias = alias
    }
}

/// One end of a veth pair.
package struct PortSpec: Hashable {
    package let name: String
    package let address: IPv4Interface?
    package let alias: String?

    package init(name: String, address: IPv4Interface? = nil, alias: String? = nil) {
        self.name = name
        self.address = address
        self.alias = alias
    }

    /// Made of the address; the kernel chooses one where there is none.
    var mac: [UInt8]? { address?.address.mac }
}

/// What an IPv4 default route does.
package enum DefaultRoute: Hashable {
    case via(IPv4Address)
    /// Connects beyond the own networks fail at once with ENETUNREACH/EHOSTUNREACH, where they would wait otherwise.
    case unreachable
}

/// The interfaces, addresses and routes of one network namespace, through one rtnetlink socket. rtnetlink(7).
package struct Links: ~Copyable {
    let netlink: Netlink

    package init(in namespace: Int32) throws(SystemError) {
        netlink = try Netlink(NETLINK_ROUTE, in: namespace)
    }

    /// Of the namespace where the caller is.
    init() throws(SystemError) { netlink = try Netlink(NETLINK_ROUTE) }

    /// Makes a bridge, addressed and up, with the MAC address of its address.
    package func create(_ bridge: BridgeSpec) throws(SystemError) {
        var message = Self.newLink("create bridge \(bridge.name)")
        message.add(IFLA_IFNAME, bridge.name)
        message.add(IFLA_ADDRESS, bridge.address.address.mac)
        message.nest(IFLA_LINKINFO) { $0.add(IFLA_INFO_KIND, "bridge") }
        try netlink.perform([message])
        do {
            // Aliases are taken by RTM_SETLINK only for some kinds of links, so that is asked for every kind.
            try netlink.perform([alias(bridge.alias, on: bridge.name)])
            try add(bridge.address, to: bridge.name)
            try setUp(bridge.name)
        } catch {
            try? delete(bridge.name)
            throw error
        }
    }

    /// Makes a veth pair: `port` here, up, a member of the bridge where one is named; `peer` is born in the other
    /// namespace, where it is addressed and up as well. Undone where a step fails.
    package func createPair(_ port: PortSpec, bridge: String?, peer: PortSpec, in namespace: Int32)
        throws(SystemError)
    {
        var message = Self.newLink("create link \(port.name) with \(peer.name)", up: true)
        message.add(IFLA_IFNAME, port.name)
        if let bridge { message.add(IFLA_MASTER, UInt32(try index(of: bridge))) }
        if let mac = port.mac { message.add(IFLA_ADDRESS, mac) }
        message.nest(IFLA_LINKINFO) {
            $0.add(IFLA_INFO_KIND, "veth")
            $0.nest(IFLA_INFO_DATA) {
                // Not up yet: the kernel opens this end before it knows the other, and refuses with ENOTCONN.
                let header = withUnsafeBytes(of: Self.header()) { Array($0) }
                $0.nest(VETH_INFO_PEER, header: header) {
                    $0.add(IFLA_IFNAME, peer.name)
                    $0.add(IFLA_NET_NS_FD, UInt32(namespace))
                    if let mac = peer.mac { $0.add(IFLA_ADDRESS, mac) }
                }
            }
        }
        try netlink.perform([message])
        do {
            try finish(port)
            try Links(in: namespace).finish(peer, up: true)
            if let bridge {
                try awaitRunning(port.name)
                try awaitRunning(bridge)
            }
        } catch {
            try? delete(port.name)
            throw error
        }
    }

    /// The kernel lets packets through a link some time after it came up, from a work queue; the first ARP request of a
    /// fast container would be lost, and cost it a second. Asking for a link makes the kernel (6.8 and later) do that
    /// work at once; others do it within milliseconds.
    private func awaitRunning(_ name: String) throws(SystemError) {
        for _ in 0..<50 {
            if try get(name).number(at: 8, as: UInt32.self) & UInt32(IFF_RUNNING) != 0 { return }
            usleep(500)
        }
    }

    private func finish(_ port: PortSpec, up: Bool = false) throws(SystemError) {
        var messages: [NetlinkMessage] = []
        if let alias = port.alias { messages.append(self.alias(alias, on: port.name)) }
        if let address = port.address { messages.append(try giving(address, to: port.name)) }
        if up { messages.append(settingUp(port.name)) }
        try netlink.perform(messages)
    }

    /// The other end of a pair, and what is behind it, goes as well.
    package func delete(_ name: String) throws(SystemError) {
        try netlink.perform([request("delete link \(name)", RTM_DELLINK, name)])
    }

    package func setUp(_ name: String) throws(SystemError) {
        try netlink.perform([settingUp(name)])
    }

    private func settingUp(_ name: String) -> NetlinkMessage {
        request("bring up link \(name)", RTM_NEWLINK, name, up: true)
    }

    /// Makes the link a member of the bridge.
    package func setMaster(_ bridge: String, of name: String) throws(SystemError) {
        var message = request("put link \(name) into bridge \(bridge)", RTM_NEWLINK, name)
        message.add(IFLA_MASTER, UInt32(try index(of: bridge)))
        try netlink.perform([message])
        try awaitRunning(bridge)
    }

    package func setAlias(_ text: String, of name: String) throws(SystemError) {
        try netlink.perform([alias(text, on: name)])
    }

    package func add(_ address: IPv4Interface, to name: String) throws(SystemError) {
        try netlink.perform([try giving(address, to: name)])
    }

    private func giving(_ address: IPv4Interface, to name: String) throws(SystemError) -> NetlinkMessage {
        try change(address, of: name, "give", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL)
    }

    package func remove(_ address: IPv4Interface, from name: String) throws(SystemError) {
        try netlink.perform([try change(address, of: name, "take", RTM_DELADDR, 0)])
    }

    private func change(_ address: IPv4Interface, of name: String, _ verb: String, _ type: Int, _ flags: Int32)
        throws(SystemError) -> NetlinkMessage
    {
        var header = ifaddrmsg()
        header.ifa_family = UInt8(AF_INET)
        header.ifa_prefixlen = UInt8(address.prefix.length)
        header.ifa_index = UInt32(try index(of: name))
        var message = NetlinkMessage("\(verb) address \(address) (link \(name))", type, flags: flags, header: header)
        message.add(IFA_LOCAL, address.address.bytes)
        message.add(IFA_ADDRESS, address.address.bytes)
        if type == RTM_NEWADDR, address.prefix.length < 31 {
            message.add(IFA_BROADCAST, address.prefix.last.bytes)
        }
        return message
    }

    /// Replaces the default route.
    package func setDefaultRoute(_ route: DefaultRoute) throws(SystemError) {
        var header = rtmsg()
        header.rtm_family = UInt8(AF_INET)
        header.rtm_table = UInt8(RT_TABLE_MAIN.rawValue)
        header.rtm_protocol = UInt8(RTPROT_STATIC)
        header.rtm_scope = UInt8(RT_SCOPE_UNIVERSE.rawValue)
        let purpose: String
        switch route {
        case .via(let gateway):
            header.rtm_type = UInt8(RTN_UNICAST)
            purpose = "default route via \(gateway)"
        case .unreachable:
            header.rtm_type = UInt8(RTN_UNREACHABLE)
            purpose = "unreachable default route"
        }
        var message = NetlinkMessage(purpose, RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_REPLACE, header: header)
        if case .via(let gateway) = route { message.add(RTA_GATEWAY.rawValue, gateway.bytes) }
        try netlink.perform([message])
    }

    /// About the link of that name; ENODEV where there is none.
    private func request(_ purpose: String, _ type: Int, _ name: String, up: Bool = false) -> NetlinkMessage {
        var message = NetlinkMessage(purpose, type, header: Self.header(up: up))
        message.add(IFLA_IFNAME, name)
        return message
    }

    private func alias(_ text: String, on name: String) -> NetlinkMessage {
        var message = request("mark link \(name)", RTM_SETLINK, name)
        message.add(IFLA_IFALIAS, Array(text.utf8))
        return message
    }

    private static func newLink(_ purpose: String, up: Bool = false) -> NetlinkMessage {
        NetlinkMessage(purpose, RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, header: header(up: up))
    }

    private static func header(up: Bool = false) -> ifinfomsg {
        let flags = up ? UInt32(IFF_UP) : 0
        return ifinfomsg(
            ifi_family: UInt8(AF_UNSPEC), __ifi_pad: 0, ifi_type: 0, ifi_index: 0, ifi_flags: flags, ifi_change: flags)
    }
}
