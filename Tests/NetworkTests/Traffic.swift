import Glibc
import Testing

/// Clients that send a megabyte each and a server that echoes, all in one poll loop.
struct Traffic {
    private struct Client {
        let socket: Int32
        let payload: [UInt8]
        var sent = 0
        var received: [UInt8] = []
        var done = false
    }
    private struct Echo {
        let socket: Int32
        var held: [UInt8] = []
        var ended = false
        var done = false
    }

    private let server: Int32
    private let pattern = (0..<1_000_100).map { UInt8(truncatingIfNeeded: ($0 &* 31) >> 3) }
    private var clients: [Client] = []
    private var echoes: [Echo] = []
    /// How many clients got back exactly what they sent, and then the end.
    private(set) var returned = 0

    init(server: Int32) {
        self.server = server
        Self.unblock(server)
    }

    private static func unblock(_ socket: Int32) { _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK) }

    mutating func add(_ socket: Int32, seed: Int) {
        Self.unblock(socket)
        clients.append(Client(socket: socket, payload: Array(pattern[seed..<seed + 1_000_000])))
    }

    mutating func run() {
        while clients.contains(where: { !$0.done }) {
            var waits = [pollfd(fd: server, events: Int16(POLLIN), revents: 0)]
            waits += clients.map {
                let output = $0.sent < $0.payload.count ? POLLOUT : 0
                return pollfd(fd: $0.done ? -1 : $0.socket, events: Int16(POLLIN | output), revents: 0)
            }
            waits += echoes.map {
                let input = $0.held.count < 65536 && !$0.ended ? POLLIN : 0
                let output = $0.held.isEmpty ? 0 : POLLOUT
                return pollfd(fd: $0.done ? -1 : $0.socket, events: Int16(input | output), revents: 0)
            }
            if poll(&waits, nfds_t(waits.count), 10_000) <= 0 {
                Issue.record("nothing moved for 10 seconds")
                break
            }
            for index in clients.indices where waits[1 + index].revents != 0 { step(client: index) }
            for index in echoes.indices where waits[1 + clients.count + index].revents != 0 { step(echo: index) }
            let socket = accept(server, nil, nil)
            if socket >= 0 {
                Self.unblock(socket)
                echoes.append(Echo(socket: socket))
            }
        }
        for client in clients { close(client.socket) }
        for echo in echoes { close(echo.socket) }
    }

    private mutating func step(client index: Int) {
        var client = clients[index]
        if client.sent < client.payload.count {
            let count = client.payload.withUnsafeBytes {
                send(
                    client.socket, $0.baseAddress! + client.sent, $0.count - client.sent, Int32(MSG_NOSIGNAL))
            }
            client.sent += max(0, count)
            if client.sent == client.payload.count { shutdown(client.socket, Int32(SHUT_WR)) }
        }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(client.socket, &buffer, buffer.count, 0)
        if count > 0 { client.received += buffer[..<count] }
        if count == 0 || (count < 0 && errno != EAGAIN) {
            client.done = true
            if count == 0 && client.received == client.payload { returned += 1 }
        }
        clients[index] = client
    }

    private mutating func step(echo index: Int) {
        var echo = echoes[index]
        var buffer = [UInt8](repeating: 0, count: 65536)
        if !echo.ended {
            let count = recv(echo.socket, &buffer, buffer.count, 0)
            if count > 0 { echo.held += buffer[..<count] }
            if count == 0 { echo.ended = true }
        }
        if !echo.held.isEmpty {
            let count = send(echo.socket, echo.held, echo.held.count, Int32(MSG_NOSIGNAL))
            echo.held.removeFirst(max(0, count))
        }
        if echo.ended && echo.held.isEmpty {
            shutdown(echo.socket, Int32(SHUT_WR))
            echo.done = true
        }
        echoes[index] = echo
    }
}
