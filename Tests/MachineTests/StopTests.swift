import Foundation
import Glibc
import Testing

extension MachineTests {
    /// Many containers, and those that do not want to end.
    @Suite(.serialized) struct StopTests {
        static let deaf = "trap '' TERM; while :; do sleep 0.2; done"

        @Test func `fifty services come up and go down`() throws {
            let count = isVirtual ? 10 : 50
            let services = (1...count).map {
                "  s\($0): {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 5s}"
            }
            try withStack("services:\n" + services.joined(separator: "\n")) { stack in
                try stack.up()
                #expect(try stack.ps().filter { $0.State == "running" }.count == count)
                try stack.expectSettled()
                let ended = try stack.expect(0, "down", "--verify")
                #expect(!(ended.out + ended.err).contains("ignored"), "\(ended)")
                #expect(stack.leftovers.isEmpty)
            }
        }

        @Test func `the deaf come down in one grace period and are named`() throws {
            let grace = 2.0 * slowness
            let services = (1...6).map { index in
                let after = index > 1 && index < 5 ? ", depends_on: [s\(index - 1)]" : ""
                return "  s\(index): {rootfs: host, command: [sh, -c, \"\(Self.deaf)\"], "
                    + "stop_grace_period: \(Int(grace * 1000))ms\(after)}"
            }
            try withStack("services:\n" + services.joined(separator: "\n")) { stack in
                try stack.up()
                let begin = Date()
                let ended = try stack.expect(0, "down")
                // A sum of the periods of four that depend on each other would be four times as long.
                #expect(Date().timeIntervalSince(begin) < 2.5 * grace)
                for index in 1...6 {
                    #expect((ended.out + ended.err).contains("container/s\(index)/1 ignored"), "\(ended)")
                }
            }
        }

        @Test func `a stop outlasts crashes until somebody starts it again`() throws {
            try withStack(
                """
                services:
                  web: {rootfs: host, init: true, command: [sleep, infinity], restart: always, stop_grace_period: 0s}
                  job: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
                """
            ) { stack in
                try stack.up()
                let job = try stack.pid(of: "job")
                try stack.expect(0, "stop", "web")
                for role in ["keep", "supervise"] { if let pid = stack.helper(role) { kill(pid, SIGKILL) } }
                #expect(try stack.row("web").State == "exited")
                try stack.expect(0, "restart", "job")
                #expect(try stack.row("web").State == "exited")
                #expect(try stack.pid(of: "job") != job)
                try stack.expect(0, "start", "web")
                #expect(try stack.row("web").State == "running")
                try stack.expect(0, "kill", "web")
                try waitUntil("its end") { try stack.row("web").State == "exited" }
                #expect(try stack.row("web").ExitCode == 137)
            }
        }
    }

    @Suite(.serialized) struct RestartPolicyTests {
        /// Writes down when it runs, and fails.
        private func yaml(_ policy: String, _ end: String = "exit 3") -> String {
            """
            services:
              job:
                rootfs: host
                command: [sh, -c, "date +%s%3N >> /runs/all; \(end)"]
                volumes: ["./runs:/runs"]
                restart: "\(policy)"
                stop_grace_period: 0s
            """
        }

        private func runs(_ stack: Stack) -> [Int] {
            (Machine.text("\(stack.folder)/runs/all") ?? "").split(separator: "\n").compactMap { Int($0) }
        }

        @Test func `on-failure counts, and then it is left alone`() throws {
            try withStack(yaml("on-failure:2")) { stack in
                try stack.up()
                try waitUntil("three runs") { runs(stack).count == 3 }
                try waitUntil("its rest") { try stack.row("job").State == "exited" }
                usleep(700_000)
                #expect(runs(stack).count == 3)
                #expect(try stack.row("job").ExitCode == 3)
                // Ended otherwise than with 0, it is a difference.
                #expect(try stack.run("diff", "--exit-code").status == 2)
            }
        }

        @Test func `deploy's policy counts and waits as it says, and restart does not count beside it`() throws {
            let policy = "deploy: {restart_policy: {condition: on-failure, delay: 300ms, max_attempts: 2}}"
            let other = """
                services:
                  quiet:
                    rootfs: host
                    command: [sh, -c, "echo once"]
                    restart: always
                    deploy: {restart_policy: {condition: none}}
                """
            let text = yaml("always").replacingOccurrences(
                of: "restart: \"always\"", with: "restart: always\n    \(policy)")
            try withStack(text.replacingOccurrences(of: "services:", with: other)) { stack in
                try stack.up()
                try waitUntil("their rest") { try stack.ps().allSatisfy { $0.State == "exited" } }
                let times = runs(stack)
                #expect(times.count == 3)
                #expect(zip(times.dropFirst(), times).map(-).allSatisfy { $0 >= 290 }, "\(times)")
                #expect(try stack.expect(0, "logs", "--no-log-prefix", "quiet").out == "once\n")
                // In place: nobody is touched.
                try stack.edit("condition: none", "condition: on-failure")
                #expect(
                    try stack.diff().filter { $0.resource == "container/quiet/1" }.flatMap { $0.fields.map(\.path) }
                        == ["restart"])
            }
        }

        @Test func `the waits grow, and a stop in between is the end of it`() throws {
            try withStack(yaml("always")) { stack in
                try stack.up()
                try waitUntil("five runs") { runs(stack).count >= 5 }
                let times = runs(stack)
                let gaps = zip(times.dropFirst(), times).map(-)
                #expect(gaps[3] > gaps[0], "\(gaps)")
                try waitUntil("a wait") { try stack.row("job").State == "restarting" }
                try stack.expect(0, "stop")
                #expect(try stack.row("job").State == "exited")
                let count = runs(stack).count
                usleep(2_000_000)
                #expect(runs(stack).count == count)
            }
        }

        @Test func `a job runs again for other inputs, and when somebody asks`() throws {
            let yaml = """
                services:
                  job:
                    rootfs: host
                    command: [sh, -c, "cat /etc/job.conf >> /runs/all"]
                    volumes: ["./runs:/runs"]
                    configs: [{source: conf, target: /etc/job.conf}]
                  web: {rootfs: host, command: [sleep, infinity], stop_grace_period: 0s}
                configs: {conf: {file: ./conf}}
                """
            try withStack(yaml) { stack in
                try stack.file("conf", "1\n")
                try stack.up()
                try waitUntil("its end") { try stack.row("job").State == "exited" }
                let web = try stack.pid(of: "web")
                try stack.up()
                #expect(runs(stack) == [1])
                try stack.file("conf", "2\n")
                let change = try #require(try stack.diff().first)
                #expect(change.action == "replace" && change.reason == "done, but with another configs[0].content")
                try stack.up()
                try waitUntil("its second end") { try stack.row("job").State == "exited" && runs(stack) == [1, 2] }
                try stack.expectSettled()
                try stack.up("--rerun", "web")
                #expect(runs(stack) == [1, 2])
                try stack.up("--rerun")
                try waitUntil("its third end") { try stack.row("job").State == "exited" && runs(stack) == [1, 2, 2] }
                #expect(try stack.pid(of: "web") == web)
                try stack.expectSettled()
            }
        }

        @Test func `who has done its work is at rest`() throws {
            try withStack(yaml("on-failure", "exit 0")) { stack in
                try stack.up()
                try waitUntil("its end") { try stack.row("job").State == "exited" }
                try stack.expectSettled()
                try stack.up()
                try stack.expectSettled()
                #expect(runs(stack).count == 1)
                // Who asks for it gets it.
                try stack.expect(0, "start", "job")
                try waitUntil("a second run") { runs(stack).count == 2 }
            }
        }
    }
}
