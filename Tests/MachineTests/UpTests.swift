import Foundation
import Glibc
import Testing

extension MachineTests {
    @Suite(.serialized) struct UpTests {
        private static let yaml = """
            services:
              web:
                rootfs: host
                init: true
                command: [sleep, infinity]
                volumes: [/data]
                depends_on: [db]
                stop_grace_period: 0s
              db: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
            """

        private func pids(_ stack: Stack) throws -> [Int32] { try [stack.pid(of: "db"), stack.pid(of: "web")] }

        @Test func containersAreMadeAnewWhenAskedForAndOnlyThen() throws {
            try withStack(Self.yaml) { stack in
                try stack.expect(0, "create")
                #expect(try stack.ps().map(\.State) == ["created", "created"])
                try stack.expect(0, "start", "--wait")
                var before = try pids(stack)
                // Whatever differs stays so.
                try stack.shell("web", "echo mine > /data/file")
                try stack.edit(
                    "init: true\n    command: [sleep, infinity]\n    volumes",
                    "init: true\n    command: [sleep, \"1000\"]\n    volumes")
                try stack.up("--no-recreate")
                #expect(try pids(stack) == before)
                let restart = try stack.expect(0, "restart", "-t", "0", "web")
                #expect(restart.err.contains("1 pending change in the file: use `settle up`"), "\(restart)")
                before = try pids(stack)
                try stack.expect(0, "restart", "--apply", "-t", "0", "web")
                #expect(try stack.diff().isEmpty && pids(stack)[1] != before[1] && pids(stack)[0] == before[0])
                #expect(try stack.shell("web", "cat /data/file") == "mine")
                // Only those that are named, unless all are.
                before = try pids(stack)
                try stack.up("--force-recreate", "web")
                #expect(try pids(stack)[0] == before[0] && pids(stack)[1] != before[1])
                before = try pids(stack)
                try stack.up("--always-recreate-deps", "web")
                #expect(try pids(stack)[0] != before[0] && pids(stack)[1] == before[1])
                before = try pids(stack)
                try stack.up("-V", "--no-deps", "web")
                #expect(try pids(stack)[0] == before[0] && pids(stack)[1] != before[1])
                #expect(try stack.shell("web", "ls /data") == "")
                try stack.expectSettled()
                // Only what has ended goes, and -v takes its own volumes along.
                try stack.expect(0, "stop", "web")
                let asked = try stack.run("rm", "-v", input: "n\n")
                #expect(asked.out.contains("Going to remove \(stack.project)-web-1\nAre you sure?"), "\(asked)")
                #expect(try stack.ps().count == 2)
                try stack.expect(0, "rm", "-fv")
                #expect(try stack.ps().map(\.Service) == ["db"])
                try stack.up("--no-start")
                #expect(try stack.row("web").State == "created" && stack.row("db").Pid == before[0])
                try stack.expect(0, "rm", "-sfv")
                #expect(try stack.ps().isEmpty)
            }
        }

        @Test func dependenciesAreLeftAloneWhenAskedFor() throws {
            try withStack(Self.yaml) { stack in
                try stack.up("--no-deps", "web")
                #expect(try stack.ps().map(\.Service) == ["web"])
                try stack.expect(0, "scale", "--no-deps", "web=2")
                #expect(try stack.ps().map(\.Name) == ["\(stack.project)-web-1", "\(stack.project)-web-2"])
                try stack.up("--scale", "web=0")
                #expect(try stack.ps().map(\.Service) == ["db"])
                try stack.expect(0, "scale", "web=1")
                try stack.expectSettled()
                #expect(try stack.run("scale", "web").err.contains("scale takes SERVICE=NUMBER, not \"web\""))
                #expect(try stack.run("up", "--detach", "--abort-on-container-exit").status == 1)
                let link = stack.folder + "/docker-compose"
                symlink(Stack.binary, link)
                let version = try Running(link, ["version", "--short"], stack.environment, in: stack.folder).wait()
                #expect(version.out == "5.5.0\n", "\(version)")
                let broken = try Running(
                    link, ["--compatibility", "up", "-d", "--scale", "web=nine"], stack.environment, in: stack.folder)
                #expect(try broken.wait().status == 1)
            }
        }

        @Test func theEndOfOneEndsAll() throws {
            try withStack(
                """
                services:
                  fine: {rootfs: host, command: [sh, -c, "sleep 0.2; echo done"]}
                  bad: {rootfs: host, command: [sh, -c, "sleep 1.5; exit 11"]}
                  long: {rootfs: host, init: true, command: [sh, -c, "trap 'exit 7' TERM; while :; do sleep 0.05; done"], stop_grace_period: 20s}
                """
            ) { stack in
                let first = try stack.run("up", "--abort-on-container-exit")
                #expect(first.status == 0 && first.out.contains("| done"), "\(first)")
                #expect(try stack.row("long").ExitCode == 7)
                #expect(try stack.run("up", "--abort-on-container-failure").status == 11)
                #expect(try stack.run("up", "--exit-code-from", "long", "--no-attach", "fine").status == 7)
                try stack.expect(7, "wait", "long")
                try stack.up("long")
                let waiting = try stack.start(["wait", "long"])
                try stack.expect(0, "stop", "long")
                #expect(try waiting.wait().status == 7)
                try stack.up("bad")
                let down = try stack.run("wait", "--down-project", "bad")
                #expect(
                    down.status == 11 && down.out.contains("\"\(stack.project)-bad-1\" exited with status code 11"),
                    "\(down)")
                #expect(try stack.ps().isEmpty)
            }
        }
    }
}
