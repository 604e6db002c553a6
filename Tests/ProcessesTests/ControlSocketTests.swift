import Glibc
import Processes
import Syscalls
import Testing

@Suite(.serialized) struct ControlSocketTests {
    let folder = TemporaryFolder()
    var path: String { "\(folder.path)/run/control.sock" }

    func accepted(_ server: ControlServer) throws -> LineChannel {
        var channel: LineChannel?
        try eventually("a client") {
            channel = server.accept()
            return channel != nil
        }
        return try #require(channel)
    }

    func received(_ channel: LineChannel, _ count: Int = 1) throws -> [String] {
        var lines: [String] = []
        try eventually("\(count) lines") {
            lines += channel.receive().map { String(decoding: $0, as: UTF8.self) }
            return lines.count >= count || channel.isClosed
        }
        return lines
    }

    @Test func linesGoBothWays() throws {
        let server = try ControlServer(path)
        let client = try ControlClient.connect(path, timeout: .zero)
        let peer = try accepted(server)
        try client.send(Array(#"{"version":1,"do":"up"}"#.utf8))
        try client.send([])
        #expect(try received(peer, 2) == [#"{"version":1,"do":"up"}"#, ""])
        try peer.send(Array("ok".utf8))
        #expect(try received(client) == ["ok"])
        #expect(peer.receive().isEmpty && !peer.isClosed)
    }

    @Test func longLinesAreWrittenBitByBit() throws {
        let server = try ControlServer(path)
        let client = try ControlClient.connect(path, timeout: .zero)
        let peer = try accepted(server)
        let long = [UInt8](repeating: 65, count: 1_000_000)
        try client.send(long)
        #expect(client.interest.contains(.writable))
        var lines: [[UInt8]] = []
        try eventually("the line") {
            _ = try? client.flush()
            lines += peer.receive()
            return !lines.isEmpty
        }
        #expect(lines == [long])
        #expect(client.interest == .readable)
        // A line without an end is not taken in for ever.
        try client.send([UInt8](repeating: 65, count: LineChannel.longestLine + 70_000))
        try eventually("the cut") {
            _ = try? client.flush()
            return peer.receive().isEmpty && peer.isClosed
        }
    }

    @Test func descriptorsTravelWithTheirLines() throws {
        let server = try ControlServer(path)
        let client = try ControlClient.connect(path, timeout: .zero)
        let peer = try accepted(server)
        for name in ["one", "two", "three"] {
            let file = try Descriptor("\(folder.path)/\(name)", O_RDWR | O_CREAT)
            try client.send(Array("before".utf8))
            try client.send(Array(name.utf8), attaching: [file.raw])
        }
        #expect(try received(peer, 6) == ["before", "one", "before", "two", "before", "three"])
        for name in ["one", "two", "three"] {
            guard let descriptor = peer.takeDescriptor() else {
                Issue.record("no descriptor of \(name)")
                return
            }
            var sent = stat()
            var named = stat()
            fstat(descriptor.raw, &sent)
            stat("\(folder.path)/\(name)", &named)
            #expect(sent.st_ino == named.st_ino)
            #expect(fcntl(descriptor.raw, F_GETFD) & FD_CLOEXEC != 0)
        }
        if let _ = peer.takeDescriptor() { Issue.record("a descriptor too many") }
    }

    @Test func socketIsMadeAnewWhenItVanishes() throws {
        let server = try ControlServer(path)
        #expect(try !server.renew())
        unlink(path)
        rmdir("\(folder.path)/run")
        #expect(throws: SystemError.self) { _ = try ControlClient.connect(path, timeout: .milliseconds(20)) }
        #expect(try server.renew())
        #expect(try !server.renew())
        let client = try ControlClient.connect(path, timeout: .zero)
        let peer = try accepted(server)
        try client.send(Array("hello".utf8))
        #expect(try received(peer) == ["hello"])
    }

    @Test func newServerTakesThePlaceOfADeadOne() throws {
        do { _ = try ControlServer(path) }
        #expect(throws: SystemError("connect", on: path, errno: ECONNREFUSED)) {
            _ = try ControlClient.connect(path, timeout: .zero)
        }
        let server = try ControlServer(path)
        _ = try ControlClient.connect(path, timeout: .zero)
        _ = try accepted(server)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func otherUsersAreTurnedAway() throws {
        let server = try ControlServer(path)
        chmod(folder.path, 0o755)
        chmod("\(folder.path)/run", 0o755)
        chmod(path, 0o666)
        let path = path
        let stranger = child {
            guard setuid(65534) == 0 else { _exit(2) }
            let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let result = withUnsafePointer(to: address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard result == 0 else { _exit(3) }
            var byte: UInt8 = 0
            _exit(read(socket, &byte, 1) == 0 ? 0 : 4)
        }
        try eventually("the stranger's end") {
            #expect(server.accept() == nil)
            return ProcessStatus(pid: stranger)?.isZombie == true
        }
        #expect(reap(stranger) == 0)
    }

    @Test func clientsWaitForAServer() throws {
        let path = path
        let client = child {
            let channel = try ControlClient.connect(path, timeout: .seconds(30))
            try channel.send(Array("late".utf8))
        }
        usleep(30_000)
        let server = try ControlServer(path)
        let peer = try accepted(server)
        #expect(try received(peer) == ["late"])
        #expect(reap(client) == 0)
        try eventually("the end of the channel") { peer.receive().isEmpty && peer.isClosed }
    }
}
