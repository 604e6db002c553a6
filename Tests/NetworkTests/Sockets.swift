import Glibc
import Network
import Syscalls
import Testing

/// Plain sockets for tests; each stays in the namespace it was made in.
enum Sockets {
    static func make(_ transport: Transport, _ address: String, in namespace: Int32) throws -> Descriptor {
        let family = address.contains(":") ? AF_INET6 : AF_INET
        let type = transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
        let socket = try NetworkNamespace.within(namespace) { () throws(SystemError) in
            Descriptor(try check("socket") { Glibc.socket(family, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0) })
        }
        // A test that waits longer than this has failed.
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(socket.raw, SOL_SOCKET, SO_RCVTIMEO, &limit, 16)
        setsockopt(socket.raw, SOL_SOCKET, SO_SNDTIMEO, &limit, 16)
        return socket
    }

    static func withAddress<Result>(
        _ text: String, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var storage = sockaddr_storage()
        let size = withUnsafeMutableBytes(of: &storage) { room -> Int in
            if text.contains(":") {
                var address = sockaddr_in6()
                address.sin6_family = sa_family_t(AF_INET6)
                address.sin6_port = port.bigEndian
                inet_pton(AF_INET6, text, &address.sin6_addr)
                withUnsafeBytes(of: address) { room.copyBytes(from: $0) }
                return MemoryLayout<sockaddr_in6>.size
            }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            inet_pton(AF_INET, text, &address.sin_addr)
            withUnsafeBytes(of: address) { room.copyBytes(from: $0) }
            return MemoryLayout<sockaddr_in>.size
        }
        return withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(size)) }
        }
    }

    static func bound(_ transport: Transport, _ address: String, _ port: UInt16, in namespace: Int32) throws
        -> Descriptor
    {
        let socket = try make(transport, address, in: namespace)
        var yes: Int32 = 1
        setsockopt(socket.raw, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
        try check("bind") { withAddress(address, port) { bind(socket.raw, $0, $1) } }
        if transport == .tcp { try check("listen") { listen(socket.raw, 512) } }
        return socket
    }

    static func connected(_ transport: Transport, _ address: String, _ port: UInt16, in namespace: Int32) throws
        -> Descriptor
    {
        let socket = try make(transport, address, in: namespace)
        try check("connect") { withAddress(address, port) { connect(socket.raw, $0, $1) } }
        return socket
    }

    static func accepted(_ listener: Int32) throws -> Descriptor {
        let socket = Descriptor(try check("accept") { accept(listener, nil, nil) })
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(socket.raw, SOL_SOCKET, SO_RCVTIMEO, &limit, 16)
        return socket
    }

    static func send(_ text: String, to socket: Int32) throws {
        try check("send") { Glibc.send(socket, text, text.utf8.count, Int32(MSG_NOSIGNAL)) }
    }

    /// What one recv(2) gives; empty at the end.
    static func receive(_ socket: Int32) throws -> String {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = try check("recv") { recv(socket, &buffer, buffer.count, 0) }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}

func expectEcho(from client: Int32, to server: Int32, address: String) throws {
    let listener = try Sockets.bound(.tcp, "0.0.0.0", 7000, in: server)
    let socket = try Sockets.connected(.tcp, address, 7000, in: client)
    let peer = try Sockets.accepted(listener.raw)
    try Sockets.send("hello", to: socket.raw)
    #expect(try Sockets.receive(peer.raw) == "hello")
}

func connectFailure(from client: Int32, to address: String, port: UInt16 = 7000) throws -> Int32 {
    do {
        _ = try Sockets.connected(.tcp, address, port, in: client)
        return 0
    } catch let error as SystemError {
        return error.errno
    }
}

/// Whether the other end resets a connection at once. The reset may come before connect(2) has returned, which then
/// reports it, or later, when recv(2) does.
func resetByPeer(from client: Int32, to address: String, port: UInt16) throws -> Bool {
    do {
        let socket = try Sockets.connected(.tcp, address, port, in: client)
        _ = try Sockets.receive(socket.raw)
        return false
    } catch let error as SystemError {
        return error.errno == ECONNRESET
    }
}
