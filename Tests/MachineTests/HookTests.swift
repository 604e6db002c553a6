import Foundation
import Glibc
import Testing

extension MachineTests {
    /// What runs inside containers at the turns of their lives.
    @Suite(.serialized) struct HookTests {
        private let yaml = """
            services:
              web:
                rootfs: host
                command: [sh, -c, "trap 'echo ended; exit 0' TERM; echo begun; while :; do sleep 0.05; done"]
                environment: {WHO: web}
                user: nobody
                working_dir: /usr
                cap_drop: [ALL]
                post_start:
                  - command: [sh, -c, "echo started $$WHO $$PWD $$(id -un) >&2"]
                  - command: 'sh -c "echo root $$WHO $$PWD $$(id -un); chown nobody /etc/hostname && echo able"'
                    user: root
                    privileged: true
                    working_dir: /etc
                    environment: [WHO=hook]
                pre_stop:
                  - command: [sh, -c, "echo stopping"]
                  - command: [sh, -c, "exit 4"]
                network_mode: none
                stop_grace_period: \(isVirtual ? 40 : 10)s
              after:
                rootfs: host
                command: [sleep, infinity]
                depends_on: [web]
                network_mode: none
                stop_grace_period: 0s
            """

        private func lines(_ stack: Stack) throws -> [String] {
            try stack.expect(0, "logs", "--no-log-prefix", "web").out.split(separator: "\n").map(String.init)
        }

        @Test func theyRunAsTheirContainerDoesOrAsTheySay() throws {
            try withStack(yaml) { stack in
                try stack.up()
                let said = try lines(stack)
                #expect(
                    said.filter { $0 != "begun" } == ["started web /usr nobody", "root hook /etc root", "able"],
                    "\(said)")
                try stack.expectSettled()
                // An edit of them is for the next time.
                let pid = try stack.pid(of: "web")
                try stack.edit("echo stopping", "echo going")
                #expect(try stack.diff().map(\.action) == ["update"])
                try stack.up()
                #expect(try stack.pid(of: "web") == pid)
                // A failure is told, and the stop goes on.
                let ended = try stack.expect(0, "stop", "web")
                #expect(ended.err.contains("container/web/1: pre_stop[1] exited with 4"), "\(ended)")
                #expect(try lines(stack).suffix(2) == ["going", "ended"])
                // Without grace there is no time for them.
                try stack.expect(0, "start", "web")
                #expect(
                    try stack.expect(0, "stop", "-t", "0", "web").err.contains("there is no time to run its pre_stop"))
            }
        }

        @Test func oneThatFailsAfterTheStartFailsUp() throws {
            try withStack(yaml) { stack in
                try stack.up()
                let before = try stack.pids()
                try stack.edit("echo begun", "echo another")
                try stack.edit("echo started", "echo no way; exit 7")
                let ended = try stack.run("up", "-d")
                #expect(ended.status == 3, "\(ended)")
                #expect(
                    ended.err.contains("compose.yaml:11:") && ended.err.contains("services.web.post_start[0]"),
                    "\(ended)")
                #expect(ended.err.contains("exited with 7") && ended.err.contains("no way"), "\(ended)")
                #expect(try stack.row("web").State == "running")
                #expect(try stack.pids()["\(stack.project)-after-1"] == before["\(stack.project)-after-1"])
            }
        }

        @Test func aSupervisorThatDiesInTheMiddleLeavesNothingHalf() throws {
            let text = yaml.replacingOccurrences(
                of: "echo started", with: "test -e /tmp/go || sleep 4343; echo started"
            )
            .replacingOccurrences(
                of: "rootfs: host\n    command: [sh",
                with: "rootfs: host\n    volumes: [\"./tmp:/tmp\"]\n    command: [sh")
            try withStack(text) { stack in
                let up = try stack.start(["up", "-d"])
                try waitUntil("the hook") { !Machine.processes { $0 == ["sleep", "4343", ""] }.isEmpty }
                let first = try stack.pid(of: "web")
                #expect(try stack.diff().contains { $0.reason == "its post_start did not come to an end" })
                // The next one finds the way free.
                try stack.file("tmp/go", "")
                kill(try #require(stack.helper("supervise")), SIGKILL)
                #expect(try up.wait(40).status == 0)
                #expect(try stack.pid(of: "web") != first)
                #expect(try lines(stack).contains("started web /usr nobody"))
                #expect(Machine.processes { $0 == ["sleep", "4343", ""] }.isEmpty)
                try stack.expectSettled()
            }
        }
    }
}
