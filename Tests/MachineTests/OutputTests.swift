import Foundation
import Glibc
import Testing

extension MachineTests {
    @Suite(.serialized) struct ForegroundTests {
        private let chatter = """
            services:
              web: {rootfs: host, command: [sh, -c, "echo hello; exec sleep infinity"], init: true, stop_grace_period: 5s}
              job: {rootfs: host, command: [sh, -c, "echo morning; exec sleep infinity"], init: true, stop_grace_period: 5s}
            """

        @Test func `the output follows with names, and an interrupt stops`() throws {
            try withStack(chatter) { stack in
                let up = try stack.start(["up"])
                try waitUntil("both lines") { up.out.contains("hello") && up.out.contains("morning") }
                let lines = up.out.split(separator: "\n")
                #expect(lines.contains { $0.hasPrefix("web-1") && $0.hasSuffix("| hello") }, "\(up.out)")
                #expect(lines.contains { $0.hasPrefix("job-1") && $0.hasSuffix("| morning") }, "\(up.out)")
                up.signal(SIGINT)
                let ended = try up.wait()
                #expect(ended.status == 130, "\(ended)")
                #expect(try stack.ps().allSatisfy { $0.State == "exited" })
            }
        }

        @Test func `a second interrupt kills`() throws {
            let yaml = """
                services:
                  web:
                    rootfs: host
                    command: [sh, -c, "trap 'echo no' TERM; echo hello; while :; do sleep 0.1; done"]
                    stop_grace_period: 300s
                """
            try withStack(yaml) { stack in
                let up = try stack.start(["up"])
                try waitUntil("its first line") { up.out.contains("hello") }
                up.signal(SIGINT)
                try waitUntil("its refusal") { up.out.contains("| no") }
                up.signal(SIGINT)
                let ended = try up.wait()
                #expect(ended.status == 130, "\(ended)")
                #expect(try stack.row("web").ExitCode == 137)
            }
        }

        @Test func `up ends with its containers`() throws {
            try withStack("services:\n  job: {rootfs: host, command: [sh, -c, \"sleep 0.3; echo done\"]}") { stack in
                let ended = try stack.expect(0, "up")
                #expect(ended.out.contains("| done"), "\(ended)")
            }
        }
    }

    @Suite(.serialized) struct LogsTests {
        @Test func `logs show all, the last, the time and one service`() throws {
            let yaml = """
                services:
                  web: {rootfs: host, command: [sh, -c, "for n in 1 2 3 4 5; do echo line $$n; done"]}
                  job: {rootfs: host, command: [sh, -c, "echo other; printf unended"]}
                """
            try withStack(yaml) { stack in
                try stack.up()
                try waitUntil("their ends") { try stack.ps().allSatisfy { $0.State == "exited" } }
                let all = try stack.expect(0, "logs", "--no-log-prefix", "web").out
                #expect(all == "line 1\nline 2\nline 3\nline 4\nline 5\n")
                #expect(try stack.expect(0, "logs", "--no-log-prefix", "-n", "2", "web").out == "line 4\nline 5\n")
                let timed = try stack.expect(0, "logs", "-t", "--no-log-prefix", "-n", "1", "web").out
                #expect(timed.contains("T") && timed.hasSuffix("Z line 5\n"), "\(timed)")
                let both = try stack.expect(0, "logs").out
                #expect(both.contains("| line 1") && both.contains("| other") && both.contains("| unended"), "\(both)")
            }
        }

        /// Says its last line once the file `gate/go` is there.
        private static let gated = """
            services:
              web:
                rootfs: host
                command: [sh, -c, "echo first; while [ ! -e /gate/go ]; do sleep 0.02; done; echo last"]
                volumes: ["./gate:/gate"]
            """

        @Test func `following goes on across a replacement of the supervisor and ends with the containers`() throws {
            try withStack(Self.gated) { stack in
                try stack.up()
                let logs = try stack.start(["logs", "-f", "--no-log-prefix"])
                try waitUntil("the first line") { logs.out == "first\n" }
                if let pid = stack.helper("supervise") { kill(pid, SIGKILL) }
                try stack.file("gate/go", "")
                let ended = try logs.wait()
                #expect(ended.status == 0 && ended.out == "first\nlast\n", "\(ended)")
            }
        }

        @Test func `following and a look wait for the last lines of what has ended`() throws {
            try withStack(Self.gated) { stack in
                try stack.up()
                let following = try stack.start(["logs", "-f", "--no-log-prefix"])
                try waitUntil("the first line") { following.out == "first\n" }
                let supervisor = try #require(stack.helper("supervise"))
                kill(supervisor, SIGSTOP)
                defer { kill(supervisor, SIGCONT) }
                try stack.file("gate/go", "")
                try waitUntil("its end") { try stack.ps().allSatisfy { $0.State == "exited" } }
                let look = try stack.start(["logs", "--no-log-prefix"])
                // Longer than the follower's own looks at the containers are apart.
                usleep(600_000)
                kill(supervisor, SIGCONT)
                for reader in [following, look] {
                    let ended = try reader.wait()
                    #expect(ended.status == 0 && ended.out == "first\nlast\n", "\(ended)")
                }
            }
        }

        @Test func `an interrupt ends the following, not the containers`() throws {
            let yaml = """
                services:
                  web: {rootfs: host, command: [sh, -c, "echo hello; exec sleep infinity"], init: true}
                """
            try withStack(yaml) { stack in
                try stack.up()
                let logs = try stack.start(["logs", "-f"])
                try waitUntil("its line") { logs.out.contains("hello") }
                logs.signal(SIGINT)
                let ended = try logs.wait()
                #expect(ended.status == 130, "\(ended)")
                #expect(try stack.ps().contains { $0.Service == "web" && $0.State == "running" })
            }
        }
    }
}
