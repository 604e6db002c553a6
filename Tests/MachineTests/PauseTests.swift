import Foundation
import Glibc
import Testing

extension MachineTests {
    @Suite(.serialized) struct PauseTests {
        /// One counts without end, the other sleeps.
        private static let yaml = """
            services:
              clock:
                rootfs: host
                init: true
                command: [sh, -c, "i=0; while :; do i=$$((i+1)); echo $$i > /tmp/now; sleep 0.02; done"]
                stop_grace_period: 0s
                healthcheck: {test: [CMD, "true"], interval: 200ms, timeout: 20s}
              other: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
            """

        private func count(_ pid: Int32) -> Int {
            Int((Machine.text("/proc/\(pid)/root/tmp/now") ?? "").trimmingCharacters(in: .newlines)) ?? 0
        }

        /// By the kernel's word, whoever froze it.
        private func expectStanding(_ stack: Stack, sourceLocation: SourceLocation = #_sourceLocation) throws {
            let events = try Machine.limit(stack, "clock", v1: "cgroup.events", v2: "cgroup.events")
            #expect(events.contains("frozen 1"), sourceLocation: sourceLocation)
        }

        @Test func oneServiceStandsStillAndIsNoDrift() throws {
            try withStack(Self.yaml) { stack in
                try stack.up("--wait")
                let pid = try stack.pid(of: "clock")
                try waitUntil("the count") { count(pid) > 0 }
                try stack.expect(0, "pause", "clock")
                try expectStanding(stack)
                let row = try stack.row("clock")
                #expect(row.State == "paused" && row.Status.hasSuffix("(Paused)") && row.Pid == pid)
                #expect(try stack.row("other").State == "running")
                #expect(try stack.expect(0, "ps", "--status", "paused", "--services").out == "clock\n")
                try stack.expectSettled()
                #expect(try stack.expect(1, "exec", "-T", "clock", "true").err.contains("settle unpause clock"))
                #expect(try stack.expect(3, "up", "-d").err.contains("clock/1 is paused"))
                try stack.expect(0, "up", "-d", "other")
                // No probe has failed for it.
                #expect(try stack.row("clock").HealthLog?.allSatisfy { $0.ExitCode == 0 } == true)
                #expect(try stack.expect(1, "pause", "clock").err.contains("clock/1 is already paused"))
                #expect(try stack.expect(1, "unpause", "other").err.contains("other/1 is not paused"))
                try stack.expect(0, "unpause", "clock")
                let then = count(pid)
                try waitUntil("it goes on") { count(pid) > then }
                #expect(try stack.row("clock").Pid == pid)
                try stack.expectSettled()
            }
        }

        /// As somebody who freezes the stack's control group by hand has it: nobody's wish, and put right.
        @Test func whatStandsStillWithTheStackIsShownAndThawed() throws {
            try withStack(Self.yaml) { stack in
                try stack.up("--wait")
                let pids = try stack.pids()
                let file = URL(
                    fileURLWithPath: try Machine.limitFile(stack, "clock", v1: "freezer.state", v2: "cgroup.freeze"))
                let node = file.deletingLastPathComponent().deletingLastPathComponent()
                func freeze() throws {
                    try (file.lastPathComponent == "freezer.state" ? "FROZEN" : "1")
                        .write(toFile: "\(node.path)/\(file.lastPathComponent)", atomically: false, encoding: .utf8)
                }
                try freeze()
                #expect(try stack.ps().map(\.State) == ["paused", "paused"])
                #expect(try stack.expect(1, "exec", "-T", "clock", "true").err.contains("frozen"))
                try stack.expect(0, "unpause", "clock")
                #expect(try stack.ps().map(\.State) == ["running", "running"])
                try freeze()
                try stack.up()
                #expect(try stack.ps().map(\.State) == ["running", "running"] && stack.pids() == pids)
                try stack.expectSettled()
            }
        }

        @Test func theWholeStackStandsStillAtOnce() throws {
            try withStack(Self.yaml) { stack in
                try stack.up("--wait")
                let pids = try stack.pids()
                let clock = try stack.pid(of: "clock")
                try stack.expect(0, "pause")
                try expectStanding(stack)
                #expect(try stack.ps().allSatisfy { $0.State == "paused" })
                try stack.expectSettled()
                try stack.expect(0, "unpause", "other")
                #expect(try stack.row("other").State == "running" && stack.row("clock").State == "paused")
                try expectStanding(stack)
                try stack.expect(0, "pause", "other")
                try stack.expect(0, "unpause")
                let then = count(clock)
                try waitUntil("it goes on") { count(clock) > then }
                #expect(try stack.pids() == pids)
                try stack.expectSettled()
                // Ends what is paused.
                try stack.expect(0, "pause")
                try stack.expect(0, "kill", "clock")
                try waitUntil("its end") { try stack.row("clock").State == "exited" }
                try stack.expect(0, "stop", "other")
                #expect(try stack.row("other").State == "exited")
                try stack.up()
                try stack.expect(0, "pause")
                try stack.expect(0, "down", limit: 30)
            }
        }
    }
}
