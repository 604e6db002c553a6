import Foundation
import Glibc
import Testing

extension MachineTests {
    /// What was changed behind Settle's back is named and repaired; nobody else notices.
    @Suite(.serialized) struct DriftTests {
        private static let yaml = """
            services:
              web:
                rootfs: host
                command: [python3, -IS, /srv/echo.py, web]
                volumes: ["./echo.py:/srv/echo.py:ro"]
                mem_limit: 64m
                ports: ["127.0.0.1:PORT:8000"]
                networks: [front]
                stop_grace_period: 0s
              other: {rootfs: host, init: true, command: [sleep, infinity], networks: [front], stop_grace_period: 0s}
              lone: {rootfs: host, init: true, command: [sleep, infinity], network_mode: none, stop_grace_period: 0s}
            networks: {front: {}}
            resources: {pids_limit: 500}
            """

        /// Damages a stack, and asserts that the damage is named, repaired, and all works.
        ///
        /// - Parameters:
        ///   - resource: what it is named as, with the field's path after a space.
        ///   - restarts: whose pid may change.
        private func drift(
            _ resource: String, restarts: String? = nil, sourceLocation: SourceLocation = #_sourceLocation,
            _ damage: (Stack) throws -> Void
        ) throws {
            let port = try Machine.freePort()
            try withStack(
                Self.yaml.replacingOccurrences(of: "PORT", with: "\(port)"), sourceLocation: sourceLocation
            ) { stack in
                try stack.file("echo.py", Traffic.echo)
                try stack.up()
                try waitUntil("the port") { Traffic.ask(.tcp, "127.0.0.1", port, "hello") == "web hello" }
                let before = try stack.pids()
                try damage(stack)
                let changes = try stack.diff()
                let named = changes.flatMap { change in
                    change.fields.map { "\(change.resource) \($0.path)" } + [change.resource]
                }
                #expect(named.contains(resource), "\(changes)", sourceLocation: sourceLocation)
                #expect(changes.allSatisfy { $0.drift }, "\(changes)", sourceLocation: sourceLocation)
                try stack.up(sourceLocation: sourceLocation)
                try stack.expectSettled(sourceLocation: sourceLocation)
                let kept = before.filter { $0.key != "\(stack.project)-\(restarts ?? "-")-1" }
                let after = try stack.pids().filter { kept[$0.key] != nil }
                #expect(after == kept, sourceLocation: sourceLocation)
                try waitUntil("the port after the repair", sourceLocation: sourceLocation) {
                    Traffic.ask(.tcp, "127.0.0.1", port, "hello") == "web hello"
                }
                #expect(
                    try Traffic.ask(stack, from: "other", "web") == "web hello", sourceLocation: sourceLocation)
            }
        }

        @Test func anotherValueInALimitFile() throws {
            try drift("container/web/1 mem_limit") { stack in
                let file = try Machine.limitFile(stack, "web", v1: "memory.limit_in_bytes", v2: "memory.max")
                try "33554432".write(toFile: file, atomically: false, encoding: .utf8)
            }
        }

        @Test func anotherBudget() throws {
            try drift("project resources.pids_limit") { stack in
                let file = try Machine.limitFile(stack, "web", v1: "pids.max", v2: "pids.max")
                let budget = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent().path
                try "400".write(toFile: budget + "/pids.max", atomically: false, encoding: .utf8)
            }
        }

        @Test func aDeletedBridge() throws {
            try drift("network/front bridge") { try Machine.inNamespace($0, nil, "ip link delete br-front") }
        }

        @Test func aDeletedDefaultRoute() throws {
            try drift("container/web/1 networks.front.gateway") {
                try Machine.inNamespace($0, "web", "ip route delete default")
            }
        }

        @Test func aRenamedBridge() throws {
            try drift("network/front bridge") {
                try Machine.inNamespace($0, nil, "ip link set br-front down; ip link set br-front name other up")
            }
        }

        @Test func aBridgeThatIsDownAndHasLostItsAddress() throws {
            try drift("network/front address") {
                try Machine.inNamespace($0, nil, "ip address flush dev br-front; ip link set br-front down")
            }
        }

        @Test func aDeletedTable() throws {
            try drift("project firewall") { try Machine.inNamespace($0, nil, "nft delete table inet settle") }
        }

        @Test func aFlushedRuleset() throws {
            try drift("project firewall") { try Machine.inNamespace($0, nil, "nft flush ruleset") }
        }

        @Test func anAddedRule() throws {
            try drift("project firewall") {
                try Machine.inNamespace($0, nil, "nft insert rule inet settle forward accept")
            }
        }

        @Test func aDeletedVeth() throws {
            try drift("container/web/1 networks.front") { try Machine.inNamespace($0, "web", "ip link delete eth0") }
        }

        @Test func anotherAddress() throws {
            try drift("container/web/1 networks.front.ipv4_address") {
                try Machine.inNamespace($0, "web", "ip address flush dev eth0; ip address add 10.99.99.9/24 dev eth0")
            }
        }

        @Test func aLinkThatIsDown() throws {
            try drift("container/web/1 networks.front") { try Machine.inNamespace($0, "web", "ip link set eth0 down") }
        }

        @Test func anUnmountedNamespace() throws {
            try drift("container/web/1 namespaces.net") { stack in
                try Machine.run("umount", "\(stack.runtime)/\(stack.project)/ns/net/web")
            }
        }

        @Test func theUnmountedNamespaceOfTheStack() throws {
            try drift("project namespace") { stack in
                try Machine.run("umount", "\(stack.runtime)/\(stack.project)/ns/stack")
            }
        }

        @Test func aRemovedName() throws {
            try drift("container/web/1 namespaces.net") { stack in
                try FileManager.default.removeItem(atPath: "/run/netns/settle.\(stack.project).web")
            }
        }

        @Test func aKilledContainer() throws {
            try drift("container/web/1", restarts: "web") { stack in
                let pid = try stack.pid(of: "web")
                kill(pid, SIGKILL)
                try waitUntil("its end") { try stack.row("web").State == "exited" }
                #expect(try stack.row("web").ExitCode == 137)
            }
        }

        @Test func aFrozenContainer() throws {
            try drift("container/other/1 state") { stack in
                let file = try Machine.limitFile(stack, "other", v1: "freezer.state", v2: "cgroup.freeze")
                try (file.hasSuffix("state") ? "FROZEN" : "1").write(toFile: file, atomically: false, encoding: .utf8)
                try waitUntil("the freeze") { try stack.row("other").State == "paused" }
            }
        }

        @Test func aFrozenProject() throws {
            try drift("project state") { stack in
                let file = try Machine.limitFile(stack, "other", v1: "freezer.state", v2: "cgroup.freeze")
                let path = URL(fileURLWithPath: file)
                let project = path.deletingLastPathComponent().deletingLastPathComponent().path
                try (file.hasSuffix("state") ? "FROZEN" : "1")
                    .write(toFile: project + "/" + path.lastPathComponent, atomically: false, encoding: .utf8)
            }
        }

        @Test func rewrittenHosts() throws {
            try drift("container/other/1 /etc/hosts") { stack in
                try stack.shell("other", "echo 10.1.2.3 web > /etc/hosts")
            }
        }

        @Test func anEmptiedRuntimeFolder() throws {
            try drift("container/web/1 namespaces.net") { stack in
                let folder = "\(stack.runtime)/\(stack.project)"
                for path in Machine.mounts(below: folder).reversed() where path != folder { umount2(path, 0) }
                try Machine.run("find", folder, "-mindepth", "1", "-delete")
            }
        }

        @Test func anUnmountedRuntimeFolder() throws {
            try drift("container/web/1 namespaces.net") { stack in
                let folder = "\(stack.runtime)/\(stack.project)"
                for path in Machine.mounts(below: folder).reversed() { umount2(path, Int32(MNT_DETACH)) }
                try? FileManager.default.removeItem(atPath: folder)
            }
        }

        @Test func aDeletedVolume() throws {
            let yaml = """
                services:
                  web: {rootfs: host, init: true, command: [sleep, infinity], volumes: ["data:/data"]}
                volumes: {data: {}}
                """
            try withStack(yaml) { stack in
                try stack.up()
                let before = try stack.pids()
                try Machine.run("rm", "-r", "\(stack.state)/volumes/\(stack.project)_data")
                let changes = try stack.diff()
                #expect(changes.contains { $0.resource == "volume/data" && $0.drift }, "\(changes)")
                try stack.up()
                #expect(try stack.pids() == before)
                try stack.expectSettled()
            }
        }
    }
}
