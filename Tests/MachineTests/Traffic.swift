import Foundation
import Glibc
import Testing

/// Conversation with the containers of a test.
enum Traffic {
    /// A service that answers `NAME TEXT` to every TEXT, on TCP and UDP port 8000, as lines of a Compose file. `echo.py`
    /// has to be mounted.
    static let echo = """
        import select, socket, sys
        name = sys.argv[1].encode()
        tcp = socket.socket()
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind(("", int(sys.argv[2]) if len(sys.argv) > 2 else 8000))
        tcp.listen()
        udp = socket.socket(type=socket.SOCK_DGRAM)
        udp.bind(tcp.getsockname())
        open_ones = [tcp, udp]
        while True:
            for ready in select.select(open_ones, [], [])[0]:
                if ready is tcp:
                    open_ones.append(tcp.accept()[0])
                elif ready is udp:
                    data, sender = udp.recvfrom(65536)
                    udp.sendto(name + b" " + data, sender)
                else:
                    data = ready.recv(65536)
                    if data:
                        ready.sendall(name + b" " + data)
                    else:
                        open_ones.remove(ready)
                        ready.close()

        """

    enum Transport: String { case tcp, udp }

    /// A connection from the host.
    final class Connection {
        let socket: Int32

        /// Nil where nobody listens.
        init?(_ transport: Transport, _ address: String, _ port: Int) {
            let family = address.contains(":") ? AF_INET6 : AF_INET
            let type = transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
            socket = Glibc.socket(family, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            var limit = timeval(tv_sec: Int(5 * slowness), tv_usec: 0)
            setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, 16)
            var result: Int32
            if family == AF_INET6 {
                var name = sockaddr_in6()
                name.sin6_family = sa_family_t(AF_INET6)
                name.sin6_port = UInt16(port).bigEndian
                inet_pton(AF_INET6, address, &name.sin6_addr)
                result = withUnsafePointer(to: &name) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, 28) }
                }
            } else {
                var name = sockaddr_in()
                name.sin_family = sa_family_t(AF_INET)
                name.sin_port = UInt16(port).bigEndian
                inet_pton(AF_INET, address, &name.sin_addr)
                result = withUnsafePointer(to: &name) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, 16) }
                }
            }
            if result != 0 { return nil }
        }

        deinit { close(socket) }

        /// The answer to a text; nil where there is none.
        func ask(_ text: String) -> String? {
            guard send(socket, text, text.utf8.count, Int32(MSG_NOSIGNAL)) > 0 else { return nil }
            var room = [UInt8](repeating: 0, count: 4096)
            let count = recv(socket, &room, room.count, 0)
            return count > 0 ? String(decoding: room[..<count], as: UTF8.self) : nil
        }
    }

    static func ask(_ transport: Transport, _ address: String, _ port: Int, _ text: String) -> String? {
        Connection(transport, address, port)?.ask(text)
    }

    /// What a TCP server says to a text, asked from within a container; `none` where it cannot be reached.
    static func ask(
        _ stack: Stack, from service: String, _ address: String, _ port: Int = 8000,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        // Quicker to start than Python, on a machine that is emulated.
        let script = "printf hello | timeout 3 busybox nc \(address) \(port) 2>/dev/null || echo none"
        return try stack.expect(0, "exec", "-T", service, "sh", "-c", script, sourceLocation: sourceLocation).out
            .trimmingCharacters(in: .newlines)
    }
}
