import Foundation
import Glibc
import Testing

extension MachineTests {
    @Suite(.serialized) struct CommandTests {
        private static let yaml = """
            services:
              web: {rootfs: host, init: true, command: [sleep, infinity], environment: {COLOUR: blue}, stop_grace_period: 0s}
            """

        @Test func execPassesStatusesInputAndSettingsOn() throws {
            try withStack(Self.yaml) { stack in
                try stack.up()
                try stack.expect(42, "exec", "-T", "web", "sh", "-c", "exit 42")
                try stack.expect(137, "exec", "-T", "web", "sh", "-c", "kill -9 $$")
                #expect(try stack.expect(127, "exec", "-T", "web", "no-such-program").err.contains("no-such-program"))
                #expect(try stack.expect(126, "exec", "-T", "web", "/etc/passwd").err.contains("/etc/passwd"))
                try stack.expect(1, "exec", "-T", "nobody", "true")
                let input = try stack.run("exec", "-T", "web", "cat", input: "one\ntwo\n")
                #expect(input.out == "one\ntwo\n" && input.status == 0)
                let errors = try stack.run("exec", "-T", "web", "sh", "-c", "echo out; echo err >&2")
                #expect(errors.out == "out\n" && errors.err == "err\n")
                let command = ["exec", "-T", "-e", "SIZE=xl", "-u", "1234:5678", "-w", "/usr", "web", "sh", "-c"]
                let ended = try stack.start(command + ["echo $COLOUR $SIZE $(id -u):$(id -g) $PWD"]).wait()
                #expect(ended.out == "blue xl 1234:5678 /usr\n", "\(ended)")
                // It is in the container's control groups and namespaces.
                #expect(
                    try stack.shell("web", "readlink /proc/self/ns/net")
                        == "net:[\(try stack.row("web").Namespaces["net"] ?? 0)]")
                try stack.expect(0, "kill", "-s", "KILL", "web")
                try waitUntil("its end") { try stack.row("web").State == "exited" }
                #expect(try stack.expect(1, "exec", "-T", "web", "true").err.contains("web is not running"))
            }
        }

        @Test func whatWouldBeDoneIsShownAndNotDone() throws {
            try withStack(Self.yaml) { stack in
                let plan = try stack.expect(0, "up", "--dry-run").out
                for word in [
                    "+ container/web/1", "Plan: 3 to create", "container/web/1:", "clone3(", "pivot_root(", "execve",
                ] {
                    #expect(plan.contains(word), "\(word) in \(plan)")
                }
                #expect(try stack.ps().isEmpty)
                #expect(try stack.run("diff", "--exit-code").status == 2)
                #expect(stack.leftovers == [])
                try stack.expect(0, "down")
            }
        }

        @Test func theFileIsShownWhole() throws {
            try withStack(Self.yaml) { stack in
                let text = try stack.expect(0, "config").out
                #expect(text.contains("name: \(stack.project)\n") && text.contains("COLOUR: blue"))
                #expect(try stack.expect(0, "config", "--services").out == "web\n")
                #expect(try stack.expect(0, "config", "-q").out == "")
                let json = try JSONSerialization.jsonObject(
                    with: Data(stack.expect(0, "config", "--format", "json").out.utf8))
                let services = (json as? [String: Any])?["services"] as? [String: Any]
                #expect(services?.keys.sorted() == ["web"])
                // What is printed means the same.
                try stack.up()
                try stack.file("printed.yaml", text)
                try stack.expect(0, "-f", "printed.yaml", "diff", "--exit-code")
            }
        }

        @Test func servicesAreStoppedStartedAndScaled() throws {
            try withStack(Self.yaml.replacingOccurrences(of: "environment", with: "deploy: {replicas: 2}, environment"))
            {
                stack in
                try stack.up()
                #expect(try stack.ps().map(\.Name) == ["\(stack.project)-web-1", "\(stack.project)-web-2"])
                try stack.expect(0, "stop", "web")
                #expect(try stack.ps().allSatisfy { $0.State == "exited" })
                try stack.expect(0, "start", "web")
                let before = try stack.pids()
                #expect(before.values.allSatisfy { $0 > 0 })
                try stack.expectSettled()
                try stack.edit("replicas: 2", "replicas: 3")
                try stack.up()
                #expect(try stack.pids().filter { before[$0.key] != nil } == before)
                #expect(try stack.ps().count == 3)
                try stack.edit("replicas: 3", "replicas: 1")
                try stack.up()
                #expect(try stack.ps().map(\.Pid) == [before["\(stack.project)-web-1"]])
                try stack.expectSettled()
            }
        }

        @Test func orphansAreTold() throws {
            try withStack(
                Self.yaml + "\n  old: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}\n"
            ) { stack in
                try stack.up()
                let pid = try stack.pid(of: "web")
                try stack.edit(
                    "  old: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}\n", "")
                #expect(try stack.expect(0, "up", "-d").err.contains("old"))
                #expect(try stack.ps().count == 2)
                try stack.up("--remove-orphans")
                #expect(try stack.ps().map(\.Pid) == [pid])
                try stack.expectSettled()
            }
        }

        @Test func psTellsWhatTheKernelShows() throws {
            try withStack(Self.yaml) { stack in
                #expect(try stack.expect(0, "ps", "--format", "json").out == "")
                try stack.up()
                let row = try stack.row("web")
                #expect(row.Name == "\(stack.project)-web-1" && row.State == "running" && row.Project == stack.project)
                for kind in ["mnt", "pid", "net", "ipc", "uts"] {
                    #expect(row.Namespaces[kind] == Machine.namespace(row.Pid, kind), "\(kind)")
                }
                #expect(
                    Machine.text("/proc/\(row.Pid)/cgroup")?.contains("\(stack.cgroup)/\(stack.project)/web.1.") == true
                )
                #expect(try stack.expect(0, "ps", "-q").out.split(separator: "\n").count == 1)
                #expect(try stack.expect(0, "ps", "--services").out == "web\n")
            }
        }
    }
}
