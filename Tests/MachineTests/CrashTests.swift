import Foundation
import Glibc
import Testing

extension MachineTests {
    /// Supervisor, keeper and holder may be killed at any moment: the containers do not notice, and nothing is lost.
    @Suite(.serialized) struct CrashTests {
        static let deaths = [["supervise"], ["keep"], ["hold"], ["supervise", "keep"], ["hold", "supervise", "keep"]]

        @Test func `containers and their connections outlive whoever looks after them`() throws {
            let port = try Machine.freePort()
            let yaml = """
                services:
                  web:
                    rootfs: host
                    init: true
                    command: [python3, /srv/echo.py, web]
                    volumes: ["./echo.py:/srv/echo.py:ro"]
                    ports: ["127.0.0.1:\(port):8000"]
                    stop_grace_period: 0s
                  other: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
                """
            try withStack(yaml) { stack in
                try stack.file("echo.py", Traffic.echo)
                try stack.up()
                let before = try stack.pids()
                var connection: Traffic.Connection?
                try waitUntil("the port") {
                    connection = Traffic.Connection(.tcp, "127.0.0.1", port)
                    return connection?.ask("first") == "web first"
                }
                for roles in Self.deaths {
                    kill(roles, of: stack)
                    #expect(try stack.pids() == before, "\(roles)")
                    #expect(try stack.run("diff").status == 0, "\(roles)")
                    #expect(connection?.ask("x") == "web x", "\(roles)")
                    #expect(Traffic.ask(.tcp, "127.0.0.1", port, "new") == "web new", "\(roles)")
                    try stack.up()
                    #expect(try stack.pids() == before, "\(roles)")
                    #expect(connection?.ask("y") == "web y", "\(roles)")
                }
                try waitUntil("a new holder") { stack.helper("hold") != nil }
                try stack.expectSettled()
            }
        }

        @Test func `the output has no gap and no repeat`() throws {
            let program = "import time\\nn = 0\\nwhile True:\\n print(n, flush=True)\\n n += 1\\n time.sleep(0.001)"
            let yaml = """
                services:
                  count:
                    rootfs: host
                    command: [python3, -c, "\(program)"]
                    stop_grace_period: 0s
                """
            try withStack(yaml) { stack in
                try stack.up()
                for roles in Self.deaths + Self.deaths {
                    usleep(60_000)
                    kill(roles, of: stack)
                    usleep(60_000)
                    try stack.up()
                }
                usleep(100_000)
                try stack.expect(0, "stop")
                let lines = try stack.expect(0, "logs", "--no-log-prefix").out.split(separator: "\n").map { Int($0) }
                #expect(lines.count > 500)
                let wrong = lines.enumerated().first { $0.element != $0.offset }
                #expect(wrong == nil, "line \(wrong?.offset ?? 0) is \(String(describing: wrong?.element))")
            }
        }

        @Test func `who ends meanwhile shows its status and its last line`() throws {
            let wait = "while [ ! -e /gate/go ]; do sleep 0.02; done; echo last words; exit 7"
            let yaml = """
                services:
                  brief: {rootfs: host, command: [sh, -c, "\(wait)"], volumes: ["./gate:/gate"]}
                  other: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
                """
            // Without the keeper only a kernel with PIDFD_INFO_EXIT knows how a process ended.
            for roles in isVirtual ? [["supervise"]] : [["supervise"], ["keep"], ["supervise", "keep"]] {
                try withStack(yaml) { stack in
                    try stack.up()
                    let pid = try stack.pid(of: "brief")
                    kill(roles, of: stack)
                    try stack.file("gate/go", "")
                    try waitUntil("its end") { !Machine.isAlive(pid) }
                    let row = try stack.row("brief")
                    #expect(row.State == "exited" && row.ExitCode == 7, "\(roles): \(row)")
                    // Any command brings the supervisor back.
                    try stack.expect(0, "restart", "other")
                    #expect(try stack.expect(0, "logs", "brief").out.contains("last words"), "\(roles)")
                    #expect(try stack.row("brief").ExitCode == 7, "\(roles)")
                }
            }
        }

        @Test func `a change goes on under the next supervisor, and a restart policy holds`() throws {
            let yaml = """
                services:
                  web: {rootfs: host, init: true, command: [sleep, infinity], restart: always, stop_grace_period: 0s}
                """
            try withStack(yaml) { stack in
                try stack.up()
                let pid = try stack.pid(of: "web")
                kill(["supervise"], of: stack)
                Glibc.kill(pid, SIGKILL)
                try waitUntil("the restart") { try stack.row("web").Pid > 0 && stack.row("web").Pid != pid }
                try waitUntil("no difference") { try stack.run("diff", "--exit-code").status == 0 }
            }
        }

        private func kill(_ roles: [String], of stack: Stack) {
            for role in roles {
                if let pid = stack.helper(role) { Glibc.kill(pid, SIGKILL) }
            }
        }
    }
}
