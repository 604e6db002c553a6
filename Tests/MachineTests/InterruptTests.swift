import Foundation
import Glibc
import Testing

extension MachineTests {
    /// Ctrl-C once, twice, three times, the terminal closed, the reader gone: each command ends, and gives the terminal back.
    @Suite(.serialized) struct InterruptTests {
        private static let yaml = """
            services:
              web: {rootfs: host, init: true, command: [sh, -c, "echo hello; exec sleep infinity"], stop_grace_period: 0s}
              slow: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
              stubborn:
                rootfs: host
                command: [sh, -c, "trap 'echo no' INT TERM HUP; echo hello; while :; do sleep 0.05; done"]
                stop_grace_period: 300s
            """
        /// A program that ends at its third SIGINT.
        private static let thrice =
            "n=0; trap 'n=$((n+1)); echo int $n; [ $n = 3 ] && exit 7' INT; echo ready; "
            + "while :; do sleep 0.05; done"

        private func isThere(_ words: String...) -> Bool {
            !Machine.processes { Array($0.prefix(words.count)) == words }.isEmpty
        }

        /// Attached for sure: it shows what has been written meanwhile.
        private func attached(_ stack: Stack, _ service: String) throws -> OnTerminal {
            let attach = try OnTerminal(stack, "attach", service)
            try waitUntil("the output of \(service)") {
                try stack.shell(service, "echo more > /proc/1/fd/1")
                return attach.out.contains("more")
            }
            return attach
        }

        /// A pipeline whose reader goes after the first line.
        private func cut(_ stack: Stack, _ command: String) throws -> Running {
            try Running(
                "sh", ["-c", "\(Stack.binary) \(command) | head -n 1"], stack.environment, in: stack.folder)
        }

        @Test func ofExec() throws {
            try withStack(Self.yaml) { stack in
                try stack.up()
                let once = try OnTerminal(stack, "exec", "web", "sh", "-c", "echo ready; exec sleep 91001")
                try once.waitFor("ready")
                once.type("\u{3}")
                #expect(try once.wait() == 130)
                let thrice = try OnTerminal(stack, "exec", "web", "sh", "-c", Self.thrice)
                try thrice.waitFor("ready")
                for number in 1...3 {
                    thrice.type("\u{3}")
                    try thrice.waitFor("int \(number)")
                }
                #expect(try thrice.wait() == 7)
                // Without a terminal of its own what ignores them goes on alone.
                let left = try OnTerminal(
                    stack, "exec", "-T", "web", "sh", "-c", "trap '' INT; echo ready; exec sleep 91002")
                try left.waitFor("ready")
                for _ in 1...3 {
                    left.type("\u{3}")
                    usleep(100_000)
                }
                #expect(try left.wait() == 130)
                #expect(isThere("sleep", "91002"))
                let closed = try OnTerminal(stack, "exec", "web", "sh", "-c", "echo ready; exec sleep 91003")
                try closed.waitFor("ready")
                try closed.hangUp()
                try waitUntil("its end") { !isThere("sleep", "91003") }
                #expect(try cut(stack, "exec -T web yes 91006").wait().out == "91006\n")
                try waitUntil("its end") { !isThere("yes", "91006") }
            }
        }

        @Test func ofLogs() throws {
            try withStack(Self.yaml) { stack in
                try stack.up()
                let once = try OnTerminal(stack, "logs", "-f")
                try once.waitFor("hello")
                once.type("\u{3}")
                #expect(try once.wait() == 130)
                let closed = try OnTerminal(stack, "logs", "-f")
                try closed.waitFor("hello")
                try closed.hangUp()
                let cut = try cut(stack, "logs -f --no-log-prefix web")
                try waitUntil("the end of the pipeline") {
                    try stack.shell("web", "echo more > /proc/1/fd/1")
                    return cut.hasEnded
                }
                #expect(cut.out == "hello\n")
                #expect(try stack.ps().allSatisfy { $0.State == "running" })
            }
        }

        @Test func ofAttach() throws {
            try withStack(Self.yaml) { stack in
                try stack.up()
                let once = try attached(stack, "web")
                once.type("\u{3}")
                #expect(try once.wait() == 130)
                #expect(try stack.row("web").ExitCode == 130)
                let stubborn = try attached(stack, "stubborn")
                for number in 1...2 {
                    stubborn.type("\u{3}")
                    try waitUntil("no \(number)") {
                        stubborn.out.split(whereSeparator: \.isNewline).count { $0.hasSuffix("no") } >= number
                    }
                }
                stubborn.type("\u{3}")
                #expect(try stubborn.wait() == 130)
                try attached(stack, "stubborn").hangUp()
                let cut = try cut(stack, "attach stubborn")
                try waitUntil("the end of the pipeline") {
                    try stack.shell("stubborn", "echo last > /proc/1/fd/1")
                    return cut.hasEnded
                }
                #expect(try stack.row("stubborn").State == "running")
                try stack.expect(0, "kill", "stubborn")
            }
        }

        @Test func ofRun() throws {
            try withStack(Self.yaml) { stack in
                let thrice = try OnTerminal(stack, "run", "--rm", "web", "sh", "-c", Self.thrice)
                try thrice.waitFor("ready")
                for number in 1...3 {
                    thrice.type("\u{3}")
                    try thrice.waitFor("int \(number)")
                }
                #expect(try thrice.wait() == 7)
                // While what it needs is still to come, the first one is enough.
                try stack.edit(
                    "web: {rootfs: host,",
                    "web: {rootfs: host, depends_on: {slow: {condition: service_completed_successfully}},")
                let early = try OnTerminal(stack, "run", "--rm", "web", "true")
                try early.waitFor("slow/1 started")
                early.type("\u{3}")
                #expect(try early.wait() == 130)
                #expect(try stack.ps().isEmpty)
                let closed = try OnTerminal(
                    stack, "run", "--rm", "--no-deps", "web", "sh", "-c", "echo ready; exec sleep 91004")
                try closed.waitFor("ready")
                try closed.hangUp()
                try waitUntil("its end") { try stack.ps().isEmpty && !isThere("sleep", "91004") }
                // nohup(1) makes it stay.
                let kept = try OnTerminal(
                    stack, "run", "-T", "--no-deps", "--name", "kept", "web", "sh", "-c",
                    "echo ready; exec sleep 91005",
                    ignoresHangUp: true)
                try kept.waitFor("ready")
                _ = kill(kept.pid, SIGHUP)
                #expect(try stack.ps().map(\.State) == ["running"])
                try stack.expect(0, "kill", "-s", "TERM", "kept")
                #expect(try kept.wait() == 143)
            }
        }

        @Test func ofUp() throws {
            try withStack(Self.yaml) { stack in
                let up = try OnTerminal(stack, "up")
                try up.waitFor("stubborn-1  | hello")
                let supervisor = try #require(stack.helper("supervise"))
                // It answers nobody: what is left is to kill, and to leave.
                _ = kill(supervisor, SIGSTOP)
                defer { _ = kill(supervisor, SIGCONT) }
                up.type("\u{3}")
                try up.waitFor("Ctrl-C again kills")
                let pid = try stack.pid(of: "stubborn")
                up.type("\u{3}")
                try waitUntil("its end") { access("/proc/\(pid)", F_OK) != 0 }
                up.type("\u{3}")
                #expect(try up.wait() == 130)
            }
        }
    }
}
