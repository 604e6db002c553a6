import Glibc
import Processes
import Syscalls
import Testing

/// Lines on their way to a socket of the test's own.
@Suite(.serialized) struct ForwardTests {
    private let folder = TemporaryFolder()
    private var log: String { "\(folder.path)/log" }
    private var path: String { "\(folder.path)/socket" }

    /// What a container writes.
    private final class Writer {
        let capture: LogCapture

        init(_ folder: String, _ log: String, _ limits: LogLimits = LogLimits()) throws {
            capture = try LogCapture(
                try LogCapture.makeFIFO("\(folder)/fifo-\(UInt32.random(in: 0...UInt32.max))"), folder: log,
                limits: limits)
        }

        func write(_ text: String) throws {
            try Files.write(Array(text.utf8), to: capture.source.raw, named: "fifo")
            try capture.drain()
        }
    }

    private func listener(_ type: __socket_type) throws -> Descriptor {
        let socket = Descriptor(
            try check("socket") { Glibc.socket(AF_UNIX, Int32(type.rawValue | SOCK_NONBLOCK.rawValue), 0) })
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let raw = socket.raw
        try check("bind") {
            withUnsafePointer(to: address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        if type == SOCK_STREAM { try check("listen") { listen(raw, 4) } }
        return socket
    }

    private func received(_ socket: Int32) -> [String] {
        var result: [String] = []
        while let bytes = try? Files.read(1 << 16, from: socket, named: "socket"), !bytes.isEmpty {
            result.append(String(decoding: bytes, as: UTF8.self))
        }
        return result
    }

    private func forwarder() -> LogForwarder {
        LogForwarder(log, to: Outlet(.local(path))) { Array("<30>".utf8) + $0.text }
    }

    @Test func datagramsArriveAndASuccessorGoesOn() throws {
        let writer = try Writer(folder.path, log)
        try writer.write("before anybody asked\n")
        let first = forwarder()
        let socket = try listener(SOCK_DGRAM)
        try writer.write("one\ntwo\nunend")
        #expect(first.pump() == nil)
        #expect(received(socket.raw) == ["<30>one", "<30>two"])
        try writer.write("ed\nlast")
        let second = forwarder()
        #expect(second.pump() == nil)
        #expect(received(socket.raw) == ["<30>unended"])
        #expect(second.pump(isLast: true) == nil)
        #expect(received(socket.raw) == ["<30>last"])
    }

    @Test func whoIsAwayIsWaitedFor() throws {
        let writer = try Writer(folder.path, log)
        let forwarder = forwarder()
        try writer.write("one\ntwo\n")
        let first = try #require(forwarder.pump())
        let second = try #require(forwarder.pump())
        #expect(second > first)
        let socket = try listener(SOCK_DGRAM)
        #expect(forwarder.pump() == nil)
        #expect(received(socket.raw) == ["<30>one", "<30>two"])
    }

    @Test func aStreamHasLineEnds() throws {
        let writer = try Writer(folder.path, log)
        let forwarder = forwarder()
        let socket = try listener(SOCK_STREAM)
        try writer.write("one\ntwo\n")
        #expect(forwarder.pump() == nil)
        let peer = Descriptor(try check("accept") { accept(socket.raw, nil, nil) })
        try check("fcntl") { fcntl(peer.raw, F_SETFL, O_NONBLOCK) }
        #expect(received(peer.raw).joined().hasPrefix("<30>one\n<30>two\n"))
    }

    @Test func linesThatWentWithTheirFilesAreLeftOut() throws {
        let writer = try Writer(folder.path, log, LogLimits(size: 4096, files: 2))
        let forwarder = forwarder()
        for number in 0..<2000 { try writer.write("line \(number)\n") }
        let socket = try listener(SOCK_DGRAM)
        var last: [String] = []
        while true {
            let pause = forwarder.pump()
            last += received(socket.raw)
            if pause == nil { break }
        }
        #expect(last.last == "<30>line 1999" && last.count < 2000)
    }
}
