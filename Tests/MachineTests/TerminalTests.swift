import Foundation
import Glibc
import Testing

extension MachineTests {
    @Suite(.serialized) struct TerminalTests {
        private static let shell = "while read line; do echo got $$line; [ $$line = end ] && exit 5; done"
        private static let yaml = """
            services:
              web: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
              typed: {rootfs: host, tty: true, stdin_open: true, command: [sh, -c, "\(shell)"], stop_grace_period: 0s}
              piped: {rootfs: host, stdin_open: true, attach: false, command: [sh, -c, "\(shell)"], stop_grace_period: 0s}
            """

        @Test func runHasATerminalThatIsGivenBack() throws {
            try withStack(Self.yaml) { stack in
                let run = try OnTerminal(
                    stack, "run", "--rm", "web", "sh", "-c",
                    "stty size; tty; echo $TERM; read x; stty size; echo $x; exec cat")
                try run.waitFor("xterm")
                #expect(run.out.contains("33 101") && run.out.contains("/dev/pts/"), "\(run.out)")
                #expect(run.isRaw)
                run.resize(rows: 20, columns: 50)
                _ = Glibc.kill(run.pid, SIGWINCH)
                run.type("hello\r")
                try run.waitFor("20 50\r\nhello")
                // The key is a signal in there, to the program alone.
                run.type("\u{3}")
                #expect(try run.wait() == 130)
                #expect(try stack.ps().isEmpty)
                // The terminal is given back however it ends.
                let left = try OnTerminal(stack, "run", "web", "cat")
                try waitUntil("the terminal") { left.isRaw }
                left.type("x\u{10}\u{11}")
                #expect(try left.wait() == 0)
                #expect(try stack.ps().map(\.State) == ["running"])
                let failed = try OnTerminal(stack, "run", "--rm", "web", "nosuchprogram")
                #expect(try failed.wait() == 127)
            }
        }

        @Test func attachLeadsToATerminalThatOutlivesTheSupervisor() throws {
            try withStack(Self.yaml) { stack in
                try stack.up()
                let pid = try stack.pid(of: "typed")
                kill(try #require(stack.helper("supervise")), SIGKILL)
                let first = try OnTerminal(stack, "attach", "typed")
                try waitUntil("the terminal") { first.isRaw }
                first.type("one\r")
                try first.waitFor("got one")
                first.type("\u{10}\u{11}")
                #expect(try first.wait() == 0)
                #expect(try stack.pid(of: "typed") == pid)
                // Killed, the holder is filled again by the supervisor, which has the terminal, too.
                try waitUntil("a supervisor") { stack.helper("supervise") != nil }
                kill(try #require(stack.helper("hold")), SIGKILL)
                try waitUntil("a holder") { stack.helper("hold") != nil }
                let second = try OnTerminal(stack, "attach", "--detach-keys", "ctrl-x,y", "typed")
                try waitUntil("the terminal") { second.isRaw }
                second.type("two\r")
                try second.waitFor("got two")
                second.type("\u{18}y")
                #expect(try second.wait() == 0)
                let third = try OnTerminal(stack, "attach", "typed")
                try waitUntil("the terminal") { third.isRaw }
                third.type("end\r")
                #expect(try third.wait() == 5)
                #expect(try stack.expect(0, "logs", "--no-log-prefix", "typed").out.contains("got two"))
                #expect(try stack.expect(1, "attach", "typed").err.contains("typed is not running"))
            }
        }

        @Test func attachPassesInputOnAndLeavesItOpen() throws {
            try withStack(Self.yaml) { stack in
                try stack.up("piped")
                // Its end is not the end of the container's input.
                let first = try stack.start(["attach", "piped"], input: "one\n")
                try waitUntil("the answer") { first.out == "got one\n" }
                first.signal(SIGKILL)
                let second = try stack.run("attach", "piped", input: "end\n")
                #expect(second.status == 5 && second.out == "got end\n", "\(second)")
                let silent = try stack.start(["attach", "--no-stdin", "--sig-proxy=false", "web"])
                #expect(try silent.wait().err.contains("web has no container"))
            }
        }

        @Test func interruptsOfUpStopKillAndLeave() throws {
            try withStack(
                """
                services:
                  web:
                    rootfs: host
                    command: [sh, -c, "trap 'echo no' TERM; echo hello; while :; do sleep 0.1; done"]
                    stop_grace_period: 300s
                  quiet: {rootfs: host, init: true, attach: false, command: [sh, -c, "echo psst; exec sleep infinity"], stop_grace_period: 0s}
                """
            ) { stack in
                let up = try OnTerminal(stack, "up")
                try up.waitFor("hello")
                up.type("\u{3}")
                try up.waitFor("| no")
                up.type("\u{3}")
                #expect(try up.wait() == 130)
                #expect(!up.out.contains("psst"))
                #expect(try stack.ps().allSatisfy { $0.State == "exited" })
                // The terminal is closed: the stack goes on.
                let closed = try OnTerminal(stack, "up")
                try closed.waitFor("hello")
                try closed.hangUp()
                #expect(try stack.ps().allSatisfy { $0.State == "running" })
                // So it does where nobody reads.
                let script = "\(Stack.binary) up | head -n 1"
                let cut = try Running("sh", ["-c", script], stack.environment, in: stack.folder)
                try stack.expect(0, "kill", "-s", "TERM", "web")
                try waitUntil("the end of the pipeline") {
                    try stack.expect(0, "kill", "-s", "TERM", "web")
                    return cut.hasEnded
                }
                #expect(try stack.ps().allSatisfy { $0.State == "running" })
            }
        }
    }
}
