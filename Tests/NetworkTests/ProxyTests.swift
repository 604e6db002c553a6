import CProcesses
import CSyscalls
import Glibc
import Network
import Syscalls
import Testing

/// A proxy in a namespace that plays the host, and a namespace that plays the container.
private final class Scene {
    let host: Descriptor
    let container: Descriptor
    let path: String
    let pid: pid_t

    /// `descriptors` limits how many the proxy may have open.
    init(descriptors: rlim_t? = nil) throws {
        host = try NetworkNamespace.create()
        container = try NetworkNamespace.create()
        path = "/tmp/settle-proxy-\(getpid())"
        let socket = try ProxyClient.listen(at: path)
        let listening = socket.raw
        var arguments: [UnsafeMutablePointer<CChar>?] =
            [strdup("settle"), strdup("proxy"), strdup("test"), strdup(path), nil]
        defer { arguments.forEach { free($0) } }
        var limit = rlimit(rlim_cur: descriptors ?? 0, rlim_max: descriptors ?? 0)
        pid = try NetworkNamespace.within(host.raw) { () throws(SystemError) in
            let pid = try check("fork") { fork() }
            // Between fork and the C function nothing allocates: other threads of the tests may hold locks.
            if pid == 0 {
                dup2(listening, 3)
                for descriptor in 4..<Int32(256) { close(descriptor) }
                if limit.rlim_max > 0 { setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) }
                _exit(settle_proxy_main(4, &arguments))
            }
            return pid
        }
    }

    deinit {
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
        unlink(path)
    }

    func entry(_ transport: Transport, _ listen: String, _ port: UInt16, to target: UInt16) -> ProxyEntry {
        ProxyEntry(
            listen: Endpoint(transport, IPAddress(listen)!, port),
            target: Endpoint(transport, IPAddress("127.0.0.1")!, target), container: "shop-web-1")
    }
}

@Suite(.serialized) struct ProxyTests {
    @Test(arguments: [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "::1"), ("::", "::1")])
    func tcpPasses(listen: String, dial: String) throws {
        let scene = try Scene()
        let client = try ProxyClient(path: scene.path)
        let server = try Sockets.bound(.tcp, "127.0.0.1", 80, in: scene.container.raw)
        try client.publish(scene.entry(.tcp, listen, 8080, to: 80), namespace: scene.container.raw)
        let socket = try Sockets.connected(.tcp, dial, 8080, in: scene.host.raw)
        try Sockets.send("question", to: socket.raw)
        let peer = try Sockets.accepted(server.raw)
        #expect(try Sockets.receive(peer.raw) == "question")
        try Sockets.send("answer", to: peer.raw)
        #expect(try Sockets.receive(socket.raw) == "answer")
        shutdown(socket.raw, Int32(SHUT_WR))
        #expect(try Sockets.receive(peer.raw) == "")
        try Sockets.send("after the half close", to: peer.raw)
        #expect(try Sockets.receive(socket.raw) == "after the half close")
    }

    @Test func bothFamiliesShareOnePort() throws {
        let scene = try Scene()
        let client = try ProxyClient(path: scene.path)
        for listen in ["0.0.0.0", "::"] {
            try client.publish(scene.entry(.tcp, listen, 8080, to: 80), namespace: scene.container.raw)
        }
        #expect(try client.list().map { "\($0.entry.listen)" } == ["0.0.0.0:8080/tcp", "[::]:8080/tcp"])
    }

    @Test func udpAnswersComeFromTheAddressAsked() throws {
        let scene = try Scene()
        let client = try ProxyClient(path: scene.path)
        let server = try Sockets.bound(.udp, "127.0.0.1", 53, in: scene.container.raw)
        for (listen, dials) in [("0.0.0.0", ["127.0.0.1", "127.0.0.7"]), ("::", ["::1"])] {
            try client.publish(scene.entry(.udp, listen, 5353, to: 53), namespace: scene.container.raw)
            for dial in dials {
                // A connected socket takes datagrams from the address that it asked, and no other.
                let socket = try Sockets.connected(.udp, dial, 5353, in: scene.host.raw)
                for round in 1...3 {
                    try Sockets.send("question \(round)", to: socket.raw)
                    #expect(try echo(server.raw) == "question \(round)")
                    #expect(try Sockets.receive(socket.raw) == "question \(round)")
                }
            }
        }
    }

    private func echo(_ server: Int32) throws -> String {
        var buffer = [UInt8](repeating: 0, count: 2048)
        var sender = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return try withUnsafeMutablePointer(to: &sender) {
            try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                let count = try check("recvfrom") { recvfrom(server, &buffer, buffer.count, 0, address, &size) }
                try check("sendto") { sendto(server, buffer, count, 0, address, size) }
                return String(decoding: buffer[..<count], as: UTF8.self)
            }
        }
    }

    @Test func takenPortsAreRefusedAndTheHolderIsNamed() throws {
        let scene = try Scene()
        let client = try ProxyClient(path: scene.path)
        let taken = Endpoint(.tcp, .anyV4, 8080)
        #expect(try PortHolder.verdict(on: taken, in: scene.host.raw) == .free)
        let holder = try Sockets.bound(.tcp, "127.0.0.1", 8080, in: scene.host.raw)
        let failure = #expect(throws: SystemError.self) {
            try client.publish(scene.entry(.tcp, "0.0.0.0", 8080, to: 80), namespace: scene.container.raw)
        }
        #expect(failure?.description == "listen 0.0.0.0:8080/tcp: address already in use")
        guard case .taken(let found) = try PortHolder.verdict(on: taken, in: scene.host.raw) else {
            Issue.record("the port counts as free")
            return
        }
        #expect(found?.pid == getpid())
        #expect(try client.list().isEmpty)
        _ = holder.raw
    }

    @Test func absentAddressIsRefused() throws {
        let scene = try Scene()
        let client = try ProxyClient(path: scene.path)
        let failure = #expect(throws: SystemError.self) {
            try client.publish(scene.entry(.tcp, "192.0.2.1", 80, to: 80), namespace: scene.container.raw)
        }
        #expect(failure?.errno == EADDRNOTAVAIL)
    }

    @Test func changesOfTheTableKeepOtherConnections() throws {
        let scene = try Scene()
        let client = try ProxyClient(path: scene.path)
        let other = try NetworkNamespace.create()
        let server = try Sockets.bound(.tcp, "127.0.0.1", 80, in: scene.container.raw)
        let second = try Sockets.bound(.tcp, "127.0.0.1", 80, in: other.raw)
        let kept = scene.entry(.tcp, "127.0.0.1", 8080, to: 80)
        let gone = scene.entry(.tcp, "127.0.0.1", 8081, to: 80)
        for entry in [kept, gone] { try client.publish(entry, namespace: scene.container.raw) }
        let open = try Sockets.connected(.tcp, "127.0.0.1", 8080, in: scene.host.raw)
        let openPeer = try Sockets.accepted(server.raw)
        let doomed = try Sockets.connected(.tcp, "127.0.0.1", 8081, in: scene.host.raw)
        let doomedPeer = try Sockets.accepted(server.raw)
        #expect(try client.connections() == 2)

        try client.withdraw(gone.listen)
        try client.withdraw(gone.listen)
        #expect(throws: SystemError.self) { try Sockets.receive(doomed.raw) }
        #expect(throws: SystemError.self) { try Sockets.receive(doomedPeer.raw) }
        #expect(try connectFailure(from: scene.host.raw, to: "127.0.0.1", port: 8081) == ECONNREFUSED)
        try client.publish(kept, namespace: other.raw)
        let listed = try client.list()
        #expect(listed.map { $0.entry } == [kept])
        #expect(try listed.map { $0.namespace } == [NetworkNamespace.inode(other.raw)])

        try Sockets.send("still here", to: open.raw)
        #expect(try Sockets.receive(openPeer.raw) == "still here")
        let new = try Sockets.connected(.tcp, "127.0.0.1", 8080, in: scene.host.raw)
        let newPeer = try Sockets.accepted(second.raw)
        try Sockets.send("to the new one", to: new.raw)
        #expect(try Sockets.receive(newPeer.raw) == "to the new one")
    }

    @Test func connectionsOutliveTheSupervisorAndItsSocketFile() throws {
        let scene = try Scene()
        let server = try Sockets.bound(.tcp, "127.0.0.1", 80, in: scene.container.raw)
        func publishAndLeave() throws {
            let client = try ProxyClient(path: scene.path)
            try client.publish(scene.entry(.tcp, "127.0.0.1", 8080, to: 80), namespace: scene.container.raw)
        }
        try publishAndLeave()
        let open = try Sockets.connected(.tcp, "127.0.0.1", 8080, in: scene.host.raw)
        let peer = try Sockets.accepted(server.raw)
        unlink(scene.path)
        kill(scene.pid, SIGHUP)
        try waitUntil { Files.exists(scene.path) }
        let next = try ProxyClient(path: scene.path)
        #expect(try next.list().count == 1)
        #expect(try next.connections() == 1)
        try Sockets.send("survived", to: open.raw)
        #expect(try Sockets.receive(peer.raw) == "survived")
    }

    @Test func longListsComeInPages() throws {
        let scene = try Scene()
        let client = try ProxyClient(path: scene.path)
        for port in 0..<UInt16(100) {
            try client.publish(scene.entry(.udp, "127.0.0.1", 9000 + port, to: 53), namespace: scene.container.raw)
        }
        #expect(try client.list().map { $0.entry.listen.port } == (9000..<9100).map { UInt16($0) })
    }

    @Test func deadTargetResetsTheClient() throws {
        let scene = try Scene()
        let client = try ProxyClient(path: scene.path)
        try client.publish(scene.entry(.tcp, "127.0.0.1", 8080, to: 80), namespace: scene.container.raw)
        #expect(try resetByPeer(from: scene.host.raw, to: "127.0.0.1", port: 8080))
        try waitUntil { (try? client.connections()) == 0 }
    }

    @Test func tooManyConnectionsAreRefusedNotForgotten() throws {
        let scene = try Scene(descriptors: 64)
        let client = try ProxyClient(path: scene.path)
        let server = try Sockets.bound(.tcp, "127.0.0.1", 80, in: scene.container.raw)
        let udp = try Sockets.bound(.udp, "127.0.0.1", 53, in: scene.container.raw)
        try client.publish(scene.entry(.tcp, "127.0.0.1", 8080, to: 80), namespace: scene.container.raw)
        try client.publish(scene.entry(.udp, "127.0.0.1", 5353, to: 53), namespace: scene.container.raw)
        var sockets = try (0..<16).map { _ in
            try Sockets.connected(.tcp, "127.0.0.1", 8080, in: scene.host.raw).take()
        }
        defer { sockets.forEach { close($0) } }
        try waitUntil { (try? client.connections()) == 16 }
        // Sixteen are served; the others hear so at once.
        for _ in 16..<40 { #expect(try resetByPeer(from: scene.host.raw, to: "127.0.0.1", port: 8080)) }
        #expect(try client.connections() == 16)
        for socket in sockets {
            let peer = try Sockets.accepted(server.raw)
            try Sockets.send("served", to: peer.raw)
            #expect(try Sockets.receive(socket) == "served")
        }
        for _ in 0..<40 {
            let socket = try Sockets.connected(.udp, "127.0.0.1", 5353, in: scene.host.raw)
            try Sockets.send("datagram", to: socket.raw)
            #expect(try echo(udp.raw) == "datagram")
            #expect(try Sockets.receive(socket.raw) == "datagram")
        }
        sockets.forEach { close($0) }
        sockets = []
        try waitUntil { (try? client.connections()) == 0 }
        let again = try Sockets.connected(.tcp, "127.0.0.1", 8080, in: scene.host.raw)
        let peer = try Sockets.accepted(server.raw)
        try Sockets.send("again", to: again.raw)
        #expect(try Sockets.receive(peer.raw) == "again")
    }

    /// Each client writes 1 MB, ends its half, and gets every byte back from a server that echoes.
    @Test func manyConnectionsKeepEveryByte() throws {
        let scene = try Scene()
        let client = try ProxyClient(path: scene.path)
        let server = try Sockets.bound(.tcp, "127.0.0.1", 80, in: scene.container.raw)
        try client.publish(scene.entry(.tcp, "127.0.0.1", 8080, to: 80), namespace: scene.container.raw)
        var traffic = Traffic(server: server.raw)
        for seed in 0..<40 {
            try traffic.add(Sockets.connected(.tcp, "127.0.0.1", 8080, in: scene.host.raw).take(), seed: seed)
        }
        traffic.run()
        #expect(traffic.returned == 40)
        try waitUntil { (try? client.connections()) == 0 }
    }
}

func waitUntil(_ condition: () -> Bool) throws {
    for _ in 0..<2000 {
        if condition() { return }
        usleep(5000)
    }
    Issue.record("the condition did not come true in 10 seconds")
}
