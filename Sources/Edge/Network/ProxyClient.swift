import CProcesses
import CSyscalls
import Glibc
package import Syscalls

/// A published port as the proxy serves it.
package struct ProxyEntry: Hashable {
    package let listen: Endpoint
    package let target: Endpoint
    /// Whom it leads to, for observers; at most 127 bytes.
    package let container: String

    package init(listen: Endpoint, target: Endpoint, container: String) {
        self.listen = listen
        self.target = target
        self.container = container
    }
}

/// The supervisor's end of the way to the proxy, `settle_proxy_main`. Any number may come and go: the proxy's table and
/// its connections outlive them.
package struct ProxyClient: ~Copyable {
    private let socket: Descriptor

    /// Connects to the socket at the path; ENOENT or ECONNREFUSED where no proxy lives. unix(7).
    package init(path: String) throws(SystemError) {
        let socket = Descriptor(
            try check("socket", on: path) { Glibc.socket(AF_UNIX, Self.type, 0) })
        // A proxy that is stopped must not hold up the supervisor for ever.
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(socket.raw, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        try Self.withAddress(path) { address, size throws(SystemError) in
            try check("connect", on: path) { connect(socket.raw, address, size) }
        }
        self.socket = socket
    }

    /// The socket that the proxy is started with as descriptor 3, replacing one that is left there.
    package static func listen(at path: String) throws(SystemError) -> Descriptor {
        let socket = Descriptor(try check("socket", on: path) { Glibc.socket(AF_UNIX, type, 0) })
        if unlink(path) != 0 && errno != ENOENT { throw SystemError("unlink", on: path, errno: errno) }
        try withAddress(path) { address, size throws(SystemError) in
            try check("bind", on: path) { bind(socket.raw, address, size) }
        }
        try check("chmod", on: path) { chmod(path, 0o600) }
        try check("listen", on: path) { Glibc.listen(socket.raw, 16) }
        return socket
    }

    private static var type: Int32 { Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue) }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
    ) throws(SystemError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { room in
            guard path.utf8.count < room.count else { return false }
            room.copyBytes(from: path.utf8)
            return true
        }
        if !fits { throw SystemError("bind", on: path, errno: ENAMETOOLONG) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        var failure: SystemError?
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                do throws(SystemError) { try body(pointer, size) } catch { failure = error }
            }
        }
        if let failure { throw failure }
    }

    /// Listens for the entry, or leads what listens there already to the entry's target; open TCP connections stay.
    /// `namespace` is the network namespace that the target is reached in. EADDRINUSE where somebody has the port,
    /// EADDRNOTAVAIL where the machine has no such address, EAFNOSUPPORT or EADDRNOTAVAIL where it has no IPv6.
    package func publish(_ entry: ProxyEntry, namespace: Int32) throws(SystemError) {
        let answer = try ask(SETTLE_PROXY_PUBLISH, entry: Self.native(entry), descriptor: namespace)
        if answer.error != 0 { throw SystemError("listen", on: "\(entry.listen)", errno: answer.error) }
    }

    /// Stops listening and closes the port's connections; nothing to do where nobody listens.
    package func withdraw(_ listen: Endpoint) throws(SystemError) {
        var entry = settle_proxy_entry()
        entry.listen = Self.native(listen)
        let answer = try ask(SETTLE_PROXY_WITHDRAW, entry: entry)
        if answer.error != 0 && answer.error != ENOENT {
            throw SystemError("close", on: "\(listen)", errno: answer.error)
        }
    }

    /// What the proxy serves, with the inode of each target's network namespace.
    package func list() throws(SystemError) -> [(entry: ProxyEntry, namespace: UInt64)] {
        var result: [(entry: ProxyEntry, namespace: UInt64)] = []
        while true {
            let answer = try ask(SETTLE_PROXY_LIST, first: UInt32(result.count))
            withUnsafeBytes(of: answer.entries) {
                let entries = $0.bindMemory(to: settle_proxy_entry.self)
                result += entries.prefix(Int(answer.count)).map { (Self.entry($0), $0.network_namespace) }
            }
            if answer.count == 0 || result.count >= Int(answer.total) { return result }
        }
    }

    /// How many TCP connections are open.
    package func connections() throws(SystemError) -> Int {
        Int(try ask(SETTLE_PROXY_LIST, first: .max).connections)
    }

    private func ask(
        _ verb: Int, first: UInt32 = 0, entry: settle_proxy_entry = settle_proxy_entry(), descriptor: Int32 = -1
    ) throws(SystemError) -> settle_proxy_answer {
        var request = settle_proxy_request(verb: UInt32(verb), first: first, entry: entry)
        try check("send", on: "proxy") {
            settle_send_packet(socket.raw, &request, MemoryLayout<settle_proxy_request>.size, descriptor)
        }
        var answer = settle_proxy_answer()
        let size = try check("recv", on: "proxy") {
            recv(socket.raw, &answer, MemoryLayout<settle_proxy_answer>.size, 0)
        }
        if size == 0 { throw SystemError("recv", on: "proxy", errno: ECONNRESET) }
        return answer
    }

    private static func native(_ endpoint: Endpoint) -> settle_proxy_endpoint {
        var native = settle_proxy_endpoint()
        withUnsafeMutableBytes(of: &native.address) { $0.copyBytes(from: endpoint.address.bytes) }
        native.port = endpoint.port
        native.family = endpoint.address.bytes.count == 4 ? 4 : 6
        native.protocol = UInt8(endpoint.transport.number)
        return native
    }

    private static func native(_ entry: ProxyEntry) -> settle_proxy_entry {
        var native = settle_proxy_entry()
        native.listen = Self.native(entry.listen)
        native.target = Self.native(entry.target)
        withUnsafeMutableBytes(of: &native.container) { $0.copyBytes(from: entry.container.utf8.prefix($0.count - 1)) }
        return native
    }

    private static func entry(_ native: settle_proxy_entry) -> ProxyEntry {
        let name = withUnsafeBytes(of: native.container) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return ProxyEntry(listen: endpoint(native.listen), target: endpoint(native.target), container: name)
    }

    private static func endpoint(_ native: settle_proxy_endpoint) -> Endpoint {
        let bytes = withUnsafeBytes(of: native.address) { Array($0) }
        let address: IPAddress = native.family == 4 ? .v4(IPv4Address(bytes: bytes.prefix(4))!) : .v6(bytes)
        return Endpoint(native.protocol == UInt8(Transport.tcp.number) ? .tcp : .udp, address, native.port)
    }
}
