import Foundation
import Glibc
import Testing

extension MachineTests {
    /// The project's own processes where they come too late, or stand still.
    @Suite(.serialized) struct LateTests {
        static let yaml = """
            services:
              web: {rootfs: host, init: true, command: [sleep, infinity], mem_limit: 64m, stop_grace_period: 0s}
            """

        /// The keeper opens its file anew for the end of each of its children, the last of which end with the project.
        @Test func `what is noted at the last moment goes with the project's folder`() throws {
            try withStack(Self.yaml) { stack in
                for _ in 0..<3 {
                    try stack.up()
                    let script = """
                        import os, sys, time
                        print("begun", flush=True)
                        while True:
                            try: os.close(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600))
                            except FileNotFoundError: pass
                            time.sleep(0.0002)
                        """
                    let exits = "\(stack.state)/projects/\(stack.project)/exits"
                    let writer = try Running("python3", ["-c", script, exits], stack.environment, in: "/")
                    defer { writer.kill() }
                    try waitUntil("the writer") { writer.out.contains("begun") }
                    let down = try stack.run("down", "--verify")
                    #expect(down.status == 0, "\(down)")
                }
            }
        }

        @Test func `a supervisor whose project is gone ends and makes nothing`() throws {
            try withStack(Self.yaml) { stack in
                let folder = "\(stack.state)/projects/\(stack.project)"
                try stack.expect(0, "supervise", stack.project)
                #expect(stack.leftovers == [] && Machine.names(in: stack.state) == [])
                // What a first `up` that failed leaves is for `logs`.
                try stack.write(
                    """
                    services:
                      web: {rootfs: host, command: [echo, last words]}
                      other:
                        rootfs: host
                        command: [/no/such/program]
                        depends_on: {web: {condition: service_completed_successfully}}
                    """)
                try stack.expect(3, "up", "-d")
                try stack.expect(0, "supervise", stack.project)
                #expect(stack.leftovers == [] && Machine.names(in: folder) == ["logs"])
                #expect(try stack.expect(0, "logs", "web").out.contains("last words"))
            }
        }

        @Test func `who was stopped goes on, or is named`() throws {
            // It says that it is to stop, and stays.
            let yaml = Self.yaml.replacingOccurrences(
                of: "[sleep, infinity], mem_limit: 64m, stop_grace_period: 0s",
                with: "[sleep, infinity], mem_limit: 64m, stop_signal: SIGCONT, stop_grace_period: 60s")
            try withStack(yaml) { stack in
                try stack.up()
                let supervisor = try #require(stack.helper("supervise"))
                for role in ["keep", "supervise", "hold"] { kill(try #require(stack.helper(role)), SIGSTOP) }
                try waitUntil("drift") { try stack.diff().map(\.resource) == ["supervisor"] }
                try stack.edit("64m", "96m")
                try stack.up()
                try stack.expectSettled()
                #expect(stack.helper("supervise") == supervisor)
                // In the middle of a change.
                let down = try stack.start(["down"])
                try waitUntil("the change") { down.err.contains("stopping") }
                kill(supervisor, SIGSTOP)
                let ended = try down.wait()
                #expect(
                    ended.status == 1 && ended.err.contains("the supervisor (pid \(supervisor)) was stopped"),
                    "\(ended)")
                kill(supervisor, SIGKILL)
                try stack.expect(0, "down", "-t", "0", "--verify")
            }
        }
    }
}
