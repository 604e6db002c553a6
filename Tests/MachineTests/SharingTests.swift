import Foundation
import Glibc
import Testing

extension MachineTests {
    /// Shared namespaces belong to the stack: whoever goes, the others keep their sockets, addresses and pids.
    @Suite(.serialized) struct SharingTests {
        @Test func theSharersConnectionsSurviveWhateverHappensToTheOwner() throws {
            let port = try Machine.freePort()
            let yaml = """
                services:
                  web:
                    rootfs: host
                    init: true
                    command: [sleep, infinity]
                    ports: ["127.0.0.1:\(port):8000"]
                    stop_grace_period: 0s
                  side:
                    rootfs: host
                    command: [python3, -IS, /srv/echo.py, side]
                    volumes: ["./echo.py:/srv/echo.py:ro"]
                    network_mode: "service:web"
                    stop_grace_period: 0s
                """
            try withStack(yaml) { stack in
                try stack.file("echo.py", Traffic.echo)
                try stack.up()
                try waitUntil("the port") { Traffic.ask(.tcp, "127.0.0.1", port, "hello") == "side hello" }
                let side = try stack.row("side")
                let address = try stack.shell("side", "ip -o -4 address")
                // One by the proxy, and one between two processes of the shared network.
                let outside = try #require(Traffic.Connection(.tcp, "127.0.0.1", port))
                let inside = try stack.start(["exec", "-T", "side", "python3", "-u", "-c", Self.counter])
                try waitUntil("the client") { inside.out.contains("side 1\n") }

                func expectUndisturbed(_ what: String) throws {
                    let now = try stack.row("side")
                    #expect(now.Pid == side.Pid && now.Namespaces == side.Namespaces, "\(what)")
                    #expect(outside.ask(what) == "side \(what)")
                    #expect(Traffic.ask(.tcp, "127.0.0.1", port, "new") == "side new", "\(what)")
                    let count = inside.out.split(separator: "\n").count
                    try waitUntil("the client after \(what)") {
                        inside.out.split(separator: "\n").count > count || inside.hasEnded
                    }
                    #expect(!inside.hasEnded, "\(what): \(inside.err)")
                    #expect(try stack.shell("side", "ip -o -4 address") == address)
                    #expect(try stack.row("web").Namespaces["net"] == side.Namespaces["net"])
                    try stack.expectSettled()
                }

                kill(try stack.pid(of: "web"), SIGKILL)
                try waitUntil("its end") { try stack.row("web").State == "exited" }
                #expect(outside.ask("alone") == "side alone")
                try stack.up()
                try expectUndisturbed("kill")
                try stack.expect(0, "restart", "-t", "0", "web")
                try expectUndisturbed("restart")
                try stack.edit("command: [sleep, infinity]", "command: [sleep, \"7654321\"]")
                #expect(try stack.diff().map { "\($0.action) \($0.resource)" } == ["replace container/web/1"])
                try stack.up()
                try expectUndisturbed("replacement")
            }
        }

        private static let counter = """
            import itertools, socket, time
            s = socket.create_connection(("127.0.0.1", 8000))
            for i in itertools.count(1):
                s.sendall(b"%d" % i)
                print(s.recv(99).decode())
                time.sleep(.02)
            """

        @Test func aDeclaredNamespaceOutlivesEveryMember() throws {
            let yaml = """
                services:
                  a: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s,
                      namespaces: {net: "stack:pod", ipc: "stack:pod", uts: "stack:pod"}}
                  b: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s,
                      namespaces: {net: "stack:pod", ipc: "stack:pod", uts: "stack:pod"}}
                  c: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
                namespaces: {pod: {}}
                """
            try withStack(yaml) { stack in
                try stack.up()
                try stack.expectSettled()
                let rows = try stack.ps()
                for kind in ["net", "ipc", "uts"] {
                    #expect(rows[0].Namespaces[kind] == rows[1].Namespaces[kind], "\(kind)")
                    #expect(rows[0].Namespaces[kind] != rows[2].Namespaces[kind], "\(kind)")
                    #expect(rows[0].Namespaces[kind] == Machine.namespace(rows[0].Pid, kind), "\(kind)")
                }
                #expect(rows[0].Namespaces["pid"] != rows[1].Namespaces["pid"])
                try stack.shell("a", "echo kept > /dev/shm/file")
                #expect(try stack.shell("b", "cat /dev/shm/file") == "kept")
                for row in rows[..<2] { kill(row.Pid, SIGKILL) }
                try waitUntil("their ends") { try stack.ps()[..<2].allSatisfy { $0.State == "exited" } }
                try stack.up()
                #expect(try stack.ps().map(\.Namespaces["net"]) == rows.map(\.Namespaces["net"]))
                #expect(try stack.ps().map(\.Namespaces["uts"]) == rows.map(\.Namespaces["uts"]))
                #expect(try stack.shell("b", "cat /dev/shm/file") == "kept")
                try stack.expectSettled()
                let names = try Machine.run("ip", "netns", "list")
                #expect(names.contains("settle.\(stack.project).pod") && names.contains("settle.\(stack.project)\n"))
                let inside = try Machine.run(
                    "ip", "netns", "exec", "settle.\(stack.project).pod", "readlink", "/proc/self/ns/net")
                #expect(inside == "net:[\(rows[0].Namespaces["net"] ?? 0)]\n")
            }
        }

        @Test func aServiceJoinsTheNamespacesOfAnother() throws {
            let yaml = """
                services:
                  web: {rootfs: host, init: true, command: [sleep, infinity], hostname: here, stop_grace_period: 0s}
                  side:
                    rootfs: host
                    init: true
                    command: [sleep, infinity]
                    pid: "service:web"
                    ipc: "service:web"
                    uts: "service:web"
                    stop_grace_period: 0s
                  near: {rootfs: host, init: true, command: [sleep, infinity], pid: host, uts: host, network_mode: host,
                         stop_grace_period: 0s}
                """
            try withStack(yaml) { stack in
                try stack.up()
                try stack.expectSettled()
                let web = try stack.row("web")
                let side = try stack.row("side")
                let near = try stack.row("near")
                for kind in ["pid", "ipc", "uts"] {
                    #expect(web.Namespaces[kind] == side.Namespaces[kind], "\(kind)")
                }
                for kind in ["pid", "uts", "net"] {
                    #expect(near.Namespaces[kind] == Machine.namespace(getpid(), kind), "\(kind)")
                }
                #expect(web.Namespaces["net"] != side.Namespaces["net"])
                #expect(try stack.shell("side", "hostname; cat /proc/1/comm") == "here\nsettle")
                // A pid namespace ends with its first process: only that is no one's but the owner's to keep.
                let net = side.Namespaces["net"]
                try stack.expect(0, "restart", "-t", "0", "web")
                try waitUntil("both") { try stack.ps().allSatisfy { $0.State == "running" } }
                let after = try stack.row("side")
                #expect(try stack.row("web").Namespaces["pid"] == after.Namespaces["pid"])
                #expect(after.Namespaces["ipc"] == side.Namespaces["ipc"] && after.Namespaces["net"] == net)
                #expect(try stack.pid(of: "near") == near.Pid)
                try stack.expectSettled()
            }
        }
    }
}
