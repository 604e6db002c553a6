import Foundation
import Glibc
import Testing

extension MachineTests {
    /// `enable` and what the unit does: after a start of the machine, and after a power cut.
    @Suite(.serialized) struct BootTests {
        private static let yaml = """
            services:
              db:
                rootfs: host
                init: true
                command: [sh, -c, "echo start >> /data/log; touch /ready; exec sleep infinity"]
                volumes: ["data:/data", "memory:/m"]
                healthcheck: {test: [CMD, test, -e, /ready], interval: 1s}
                stop_grace_period: 0s
              web:
                rootfs: host
                init: true
                command: [sh, -c, "test -s /data/log && exec sleep infinity"]
                volumes: ["data:/data:ro"]
                depends_on: {db: {condition: service_healthy}}
                stop_grace_period: 0s
            volumes:
              data: {}
              memory: {driver_opts: {type: tmpfs, device: tmpfs}}
            """

        /// The unit's lines that begin with a key.
        private func values(_ key: String, of stack: Stack) -> [String] {
            let unit = Machine.text("\(stack.folder)/units/settle-\(stack.project).service") ?? ""
            return unit.split(separator: "\n").filter { $0.hasPrefix(key + "=") }.map {
                String($0.dropFirst(key.count + 1))
            }
        }

        /// Does what systemd would: the unit's command with the unit's variables and no others.
        private func execute(_ key: String, of stack: Stack) throws {
            let folder = try #require(values("WorkingDirectory", of: stack).first)
            let words = try #require(values(key, of: stack).first).split(separator: " ").map(String.init)
            let variables = values("Environment", of: stack).map { pair in
                let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
                return (parts[0], parts.count > 1 ? parts[1] : "")
            }
            let ended = try Running(
                words[0], Array(words.dropFirst()), Dictionary(uniqueKeysWithValues: variables), in: folder
            ).wait()
            try #require(ended.status == 0, "\(words): \(ended)")
        }

        /// Everything that runs dies at once, the runtime folder is gone, and so is the end of what was being written.
        private func cutPower(_ stack: Stack, keeping bytes: Int) throws {
            let state = "\(stack.state)/projects/\(stack.project)"
            for hierarchy in Machine.hierarchies {
                let project = "\(hierarchy)/\(stack.cgroup)/\(stack.project)"
                for folder in Machine.names(in: project) where access("\(project)/\(folder)/cgroup.procs", F_OK) == 0 {
                    let pids = (Machine.text("\(project)/\(folder)/cgroup.procs") ?? "").split(separator: "\n")
                    for pid in pids.compactMap({ Int32($0) }) { kill(pid, SIGKILL) }
                }
            }
            // A keeper that is quicker than we are starts its supervisor once more.
            try waitUntil("everything to be dead") {
                let left = Machine.processes { $0.contains(stack.project) }
                for pid in left { kill(pid, SIGKILL) }
                return left.isEmpty
            }
            for path in (Machine.mounts(below: stack.runtime) + Machine.mounts(below: stack.state)).reversed() {
                umount2(path, Int32(MNT_DETACH))
            }
            try Machine.run("rm", "-rf", "\(stack.runtime)/\(stack.project)")
            for name in Machine.namedNamespaces(of: stack) { unlink("/run/netns/\(name)") }
            for link in Machine.links(of: stack) { _ = try? Machine.run("ip", "link", "delete", link) }
            for name in ["journal", "runs", "supervisor.log"] {
                let path = "\(state)/\(name)"
                let size = (Machine.text(path) ?? "").utf8.count
                truncate(path, off_t(max(0, size - bytes)))
            }
            // A replacement that was not finished.
            try Data("{\"half".utf8).write(to: URL(fileURLWithPath: "\(state)/state.json.new"))
        }

        @Test func `after a power cut the unit brings the stack to what is described`() throws {
            try withStack(Self.yaml) { stack in
                let enabled = try stack.expect(0, "enable", "--unit-dir", "\(stack.folder)/units")
                #expect(enabled.out.contains("settle-\(stack.project).service"))
                let link = "\(stack.folder)/units/multi-user.target.wants/settle-\(stack.project).service"
                #expect(Machine.text(link) == Machine.text("\(stack.folder)/units/settle-\(stack.project).service"))
                try execute("ExecStart", of: stack)
                var lives = 1
                for bytes in [0, 1, 7, 40, 100_000] {
                    try stack.shell("db", "echo kept > /data/kept-\(bytes)")
                    try cutPower(stack, keeping: bytes)
                    try execute("ExecStart", of: stack)
                    lives += 1
                    try stack.expectSettled()
                    #expect(try stack.row("web").State == "running")
                    #expect(
                        try stack.shell("db", "grep -c start /data/log; cat /data/kept-\(bytes)") == "\(lives)\nkept")
                }
                // A cut in the middle of a change.
                for step in [4, 9] {
                    try stack.write(
                        Self.yaml.replacingOccurrences(of: "exec sleep infinity", with: "exec sleep \(step)000"))
                    let running = try stack.start(["up", "-d"], ["SETTLE_FAULT_POINT": "\(step)"])
                    let journal = "\(stack.state)/projects/\(stack.project)/journal"
                    try waitUntil("step \(step)") {
                        running.hasEnded || (Machine.text(journal)?.split(separator: "\n").count ?? 0) >= step
                    }
                    running.kill()
                    try cutPower(stack, keeping: 3)
                    try execute("ExecStart", of: stack)
                    try stack.expectSettled()
                    #expect(try stack.shell("db", "cat /data/kept-0") == "kept")
                }
                try execute("ExecStop", of: stack)
                #expect(try stack.ps().allSatisfy { $0.State == "exited" })
                try stack.expect(0, "disable", "--unit-dir", "\(stack.folder)/units")
                #expect(Machine.names(in: "\(stack.folder)/units") == [])
            }
        }

        @Test func `what only the shell knows is not left out in silence`() throws {
            try withStack(
                """
                services: {w: {rootfs: host, command: [echo, "${COLOUR:-none}"], secrets: [token]}}
                secrets: {token: {environment: TOKEN}}
                """
            ) { stack in
                let units = "\(stack.folder)/units"
                let refused = try stack.run(
                    "enable", "--unit-dir", units, variables: ["COLOUR": "blue", "OTHER": "x", "TOKEN": "t"])
                #expect(
                    refused.status == 1 && refused.err.contains("the variable COLOUR")
                        && refused.err.contains("the variable TOKEN"), "\(refused)")
                #expect(!refused.err.contains("OTHER") && Machine.names(in: units) == [])
                try stack.file(".env", "COLOUR=blue\nTOKEN=t\n")
                try stack.expect(0, "enable", "--unit-dir", units, variables: ["COLOUR": "blue", "TOKEN": "t"])
                #expect(values("ExecStart", of: stack).first?.hasSuffix("settle up --detach") == true)
            }
        }
    }
}
