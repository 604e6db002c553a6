import Foundation
import Glibc
import Testing

extension MachineTests {
    @Suite(.serialized) struct RunTests {
        private static let yaml = """
            services:
              web:
                rootfs: host
                init: true
                command: [sh, -c, "echo own; exec sleep infinity"]
                environment: {COLOUR: blue}
                ports: ["PORT:80"]
                volumes: [/data]
                depends_on: [db]
                stop_grace_period: 0s
              db: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
              other: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
            """

        private func stack(_ body: (Stack) throws -> Void) throws {
            try withStack(Self.yaml.replacingOccurrences(of: "PORT", with: "\(try Machine.freePort())"), body)
        }

        private func oneOffs(_ stack: Stack) throws -> [Stack.Row] {
            try stack.ps().filter { $0.Name.contains("-run-") }
        }

        @Test func aOneOffIsNoPartOfTheStackAndPassesEverythingOn() throws {
            try stack { stack in
                // Nothing is there yet: what it depends on is started, nothing else.
                let first = try stack.run("run", "web", "sh", "-c", "echo out; echo err >&2; exit 42")
                #expect(first.status == 42 && first.out == "out\n" && first.err.hasSuffix("err\n"), "\(first)")
                #expect(try stack.row("db").State == "running")
                #expect(try stack.ps().map(\.Service).sorted() == ["db", "web"])
                let row = try #require(try oneOffs(stack).first)
                #expect(row.Name.hasPrefix("\(stack.project)-web-run-") && row.ExitCode == 42 && row.State == "exited")
                // Neither drift nor an orphan; what it wrote is kept.
                let key = String(row.Name.dropFirst(stack.project.count + 1))
                #expect(
                    try stack.expect(0, "logs", "--no-log-prefix", key).out.split(separator: "\n").sorted() == [
                        "err", "out",
                    ])
                try stack.up("db")
                #expect(try stack.expect(0, "diff", "db", "--exit-code").err == "")
                #expect(try stack.expect(0, "up", "-d").err.contains("no longer in the file") == false)
                try stack.expectSettled()
                #expect(try oneOffs(stack).map(\.Name) == [row.Name])
                #expect(try stack.expect(0, "ps", "-q").out.split(separator: "\n").count == 3)
                // Its settings, and those of the command line.
                let words = [
                    "run", "--rm", "-e", "SIZE=$xl", "-u", "1234:5678", "-w", "/usr", "-l", "tier=a=b", "-v",
                    "\(stack.folder):/there:ro", "web", "sh", "-c",
                ]
                let script =
                    "echo $COLOUR $SIZE $(id -u):$(id -g) $PWD; ls /there; tr '\\0' ' ' < /proc/1/cmdline | cut -c1-20"
                let settings = try stack.start(words + [script]).wait()
                #expect(settings.out.hasPrefix("blue $xl 1234:5678 /usr\ncompose.yaml\n"), "\(settings)")
                #expect(try oneOffs(stack).count == 1)
                // Its ports are the service's only if asked for; then they are taken already.
                let ports = try stack.run("run", "--rm", "-T", "--service-ports", "web", "true")
                #expect(ports.status != 0 && ports.err.contains("is published by web/1 already"), "\(ports)")
                // Statuses as Docker's.
                #expect(try stack.run("run", "--rm", "web", "sh", "-c", "kill -9 $$").status == 137)
                #expect(try stack.run("run", "--rm", "web", "nosuchprogram").status == 127)
                #expect(try stack.run("run", "--rm", "web", "/etc/passwd").status == 126)
                // None of them has left its own volume.
                let volumes = try stack.expect(0, "volume", "ls").out
                #expect(volumes.components(separatedBy: "-run-").count == 2, "\(volumes)")
                let stranger = try stack.run("run", "nobody", "true")
                #expect(stranger.status == 1 && stranger.err.contains("no such service: nobody"), "\(stranger)")
                #expect(try stack.run("run", "--rm", "--entrypoint", "echo 'a b'", "web").out == "a b\n")
                #expect(try stack.run("run", "--rm", "--entrypoint", "echo", "web", "c  d").out == "c  d\n")
                try stack.expectSettled()
            }
        }

        @Test func inputAndOutputAreExactHoweverMuchThereIs() throws {
            try stack { stack in
                let input = try stack.run("run", "--rm", "--no-deps", "web", "cat", input: "one\ntwo")
                #expect(input.out == "one\ntwo" && input.status == 0, "\(input)")
                #expect(try stack.ps().isEmpty)
                // Far more than its log keeps, and read slower than it is written.
                try stack.edit("    depends_on: [db]", "    logging: {options: {max-size: 64k, max-file: 2}}")
                let script = "\(Stack.binary) run --rm -T web seq 1 200000 | (sleep 0.5; cat) | sha256sum"
                let ended = try Running("sh", ["-c", script], stack.environment, in: stack.folder).wait()
                let expected = try Machine.run("sh", "-c", "seq 1 200000 | sha256sum")
                #expect(ended.out == expected, "\(ended)")
                // Who reads no more ends the command, as in any pipeline.
                let cut = try Running(
                    "sh", ["-c", "\(Stack.binary) run --rm -T web yes | head -n 2"], stack.environment, in: stack.folder
                ).wait()
                #expect(cut.out == "y\ny\n", "\(cut)")
                #expect(try oneOffs(stack).isEmpty)
            }
        }

        @Test func oneOffsInTheBackgroundAreNamedAndGoByThemselves() throws {
            try stack { stack in
                try stack.up()
                let name = try stack.expect(0, "run", "-d", "--name", "mine", "web", "sleep", "infinity").out
                #expect(name == "mine\n")
                let row = try #require(try stack.ps().first { $0.Name == "mine" })
                #expect(row.Service == "web" && row.State == "running")
                #expect(try stack.expect(0, "ps", "-q").out.split(separator: "\n").count == 3)
                // What is about services leaves it alone.
                try stack.expect(0, "stop")
                try stack.expect(0, "restart")
                #expect(try stack.ps().first { $0.Name == "mine" }?.Pid == row.Pid)
                try stack.expectSettled()
                // It has a name, and nobody else.
                let taken = try stack.run("run", "-d", "--name", "mine", "web", "true")
                #expect(taken.status == 1 && taken.err.contains("there is a container mine already"), "\(taken)")
                try stack.expect(0, "exec", "-T", "mine", "sh", "-c", "echo x > /proc/1/fd/1")
                try waitUntil("its output") { try stack.expect(0, "logs", "--no-log-prefix", "mine").out == "x\n" }
                try stack.expect(0, "rm", "-sf", "mine")
                #expect(try !stack.ps().contains { $0.Name == "mine" })
                let transient = try stack.expect(0, "run", "-d", "--rm", "--no-deps", "web", "true").out
                try waitUntil("its removal") { try !stack.ps().contains { "\($0.Name)\n" == transient } }
                #expect(try !stack.expect(0, "logs").out.contains(transient.dropLast()))
                try stack.expect(0, "down")
                #expect(try stack.ps().isEmpty)
            }
        }

        @Test func theSupervisorMayDieAndSoMayTheCommandLine() throws {
            try stack { stack in
                let run = try stack.start([
                    "run", "--rm", "-T", "--no-deps", "web", "sh", "-c",
                    "echo one; while ! test -e /tmp/go; do sleep 0.05; done; echo two; exit 7",
                ])
                try waitUntil("its first line") { run.out == "one\n" }
                kill(try #require(stack.helper("supervise")), SIGKILL)
                let row = try #require(try oneOffs(stack).first)
                try Machine.run("touch", "/proc/\(row.Pid)/root/tmp/go")
                let ended = try run.wait()
                #expect(ended.status == 7 && ended.out == "one\ntwo\n", "\(ended)")
                #expect(try stack.ps().isEmpty)
                // Nobody is left to remove it but its supervisor.
                let lost = try stack.start(["run", "--rm", "-T", "--no-deps", "web", "sh", "-c", "echo one; sleep 0.5"])
                try waitUntil("its first line") { lost.out == "one\n" }
                lost.kill()
                try waitUntil("its removal") { try stack.ps().isEmpty }
            }
        }

        @Test func signalsArePassedOnAndTheThirdLeaves() throws {
            try stack { stack in
                let script =
                    "trap 'echo int' INT; trap 'echo term; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
                let run = try stack.start(["run", "-T", "--no-deps", "web", "sh", "-c", script])
                try waitUntil("it") { run.out.contains("ready") }
                run.signal(SIGINT)
                try waitUntil("the signal") { run.out.contains("int") }
                run.signal(SIGTERM)
                #expect(try run.wait().status == 9)
                let stubborn = try stack.start([
                    "run", "-T", "--no-deps", "web", "sh", "-c", "trap '' INT; echo ready; sleep infinity",
                ])
                try waitUntil("it") { stubborn.out.contains("ready") }
                for _ in 0..<3 {
                    stubborn.signal(SIGINT)
                    usleep(20_000)
                }
                #expect(try stubborn.wait().status == 130)
                #expect(try oneOffs(stack).map(\.State).sorted() == ["exited", "running"])
            }
        }
    }
}
