import Foundation
import Glibc
import Testing

extension MachineTests {
    /// Health checks, and who waits for them.
    @Suite(.serialized) struct HealthTests {
        // MARK: Dependencies

        /// What becomes of a dependency: the program of `db`. Its check asks for /ok, twenty times a second.
        enum Fate: String {
            case healthy = "touch /ok; sleep infinity"
            case slow = "sleep 0.3; touch /ok; sleep infinity"
            case failing = "echo no disk; sleep infinity"
            case done = "sleep 0.1"
            case failed = "echo no disk; sleep 0.1; exit 5"
        }

        private func stack(_ fate: Fate, _ condition: String, retries: Int = 60) -> String {
            """
            services:
              db:
                rootfs: host
                command: [sh, -c, "\(fate.rawValue)"]
                healthcheck: {test: "echo looking for ok; test -e /ok", interval: 50ms, retries: \(retries)}
                stop_grace_period: 0s
                network_mode: none
              web:
                rootfs: host
                command: [sleep, infinity]
                depends_on: {db: {condition: service_\(condition)}}
                stop_grace_period: 0s
                network_mode: none
            """
        }

        /// - Parameters:
        ///   - up: the exit status of `up -d`.
        ///   - wait: that of the `up --wait` after it.
        @Test(
            arguments: [
                ("started", Fate.failing, 0, 1), ("started", .done, 0, 0), ("started", .failed, 0, 1),
                ("healthy", .slow, 0, 0), ("healthy", .failing, 3, 3), ("healthy", .failed, 3, 3),
                ("healthy", .done, 3, 3),
                ("completed_successfully", .done, 0, 0), ("completed_successfully", .failed, 3, 3),
            ] as [(String, Fate, Int32, Int32)])
        func whatADependencyComesTo(condition: String, fate: Fate, up: Int32, wait: Int32) throws {
            try withStack(stack(fate, condition, retries: fate == .failing ? 2 : 200)) { stack in
                for (arguments, status) in [(["up", "-d"], up), (["up", "--wait"], wait)] {
                    let ended = try stack.start(arguments).wait(30)
                    #expect(ended.status == status, "\(condition) \(fate) \(arguments): \(ended)")
                    #expect(try stack.ps().isEmpty == (status == 3))
                    if status == 0 { continue }
                    if fate != .done {
                        #expect(ended.err.contains("no disk"), "the last lines are told: \(ended)")
                    }
                    #expect(ended.err.contains(status == 3 ? "compose.yaml:12:" : "compose.yaml:3:"), "\(ended)")
                    if fate == .failing {
                        #expect(ended.err.contains("its last probe failed with 1"), "\(ended)")
                        #expect(ended.err.contains("| looking for ok"), "\(ended)")
                    }
                }
            }
        }

        @Test func waitingIsInNobodysWayAndCanBeInterrupted() throws {
            let other =
                "\n  other: {rootfs: host, command: [sleep, infinity], network_mode: none, stop_grace_period: 0s}"
            try withStack(stack(.failing, "healthy", retries: 1_000_000) + other) { stack in
                let up = try stack.start(["up", "-d"])
                try waitUntil("the other one") { up.err.contains("container/other/1 started") }
                #expect(try stack.row("db").Health == "starting")
                // A supervisor that dies while somebody waits is replaced, and the wait goes on.
                if let supervisor = stack.helper("supervise") { kill(supervisor, SIGKILL) }
                try waitUntil("its successor") { stack.helper("supervise") != nil }
                try waitUntil("the dependency again") { try stack.row("db").State == "running" }
                #expect(!up.hasEnded)
                up.signal(SIGINT)
                let ended = try up.wait()
                #expect(ended.status == 130, "\(ended)")
                #expect(try !stack.ps().contains { $0.State == "running" && $0.Service == "web" })
            }
        }

        @Test func whoWaitsForHealthWithoutACheckIsRefused() throws {
            let yaml = stack(.healthy, "healthy").split(separator: "\n").filter { !$0.contains("healthcheck") }
            try withStack(yaml.joined(separator: "\n")) { stack in
                let ended = try stack.run("up", "-d")
                #expect(ended.status == 3 && ended.err.contains("compose.yaml:11:"), "\(ended)")
                #expect(ended.err.contains("services.web.depends_on.db: db has no health check to wait for"))
                #expect(ended.err.contains("add healthcheck: to db"))
            }
        }

        @Test func waitHasAnEnd() throws {
            try withStack(stack(.failing, "started", retries: 1_000_000)) { stack in
                let ended = try stack.run("up", "--wait", "--wait-timeout", "1")
                #expect(ended.status == 1, "\(ended)")
                #expect(ended.err.contains("db/1 is not ready: it has not become healthy within 1s"), "\(ended)")
                #expect(try stack.ps().allSatisfy { $0.State == "running" })
                // What becomes healthy in the meantime ends the wait.
                let wait = try stack.start(["up", "--wait"])
                try stack.shell("db", "touch /ok")
                #expect(try wait.wait(20).status == 0)
                #expect(try stack.row("db").Status.hasSuffix("(healthy)"))
                // `restart: true` takes dependents along.
                let before = try stack.pid(of: "web")
                try stack.expect(0, "restart", "db")
                #expect(try stack.pid(of: "web") == before)
                try stack.edit("service_started", "service_started, restart: true")
                try stack.up()
                #expect(try stack.pid(of: "web") == before)
                try stack.expect(0, "restart", "db")
                #expect(try stack.pid(of: "web") != before)
            }
        }

        // MARK: Probes

        @Test func probesFromInsideTheNetwork() throws {
            let yaml = """
                services:
                  web:
                    rootfs: host
                    command: [busybox, httpd, -f, -p, "8080", -h, /etc]
                    healthcheck: {http: 8080/hostname, interval: 50ms, timeout: 5s}
                    stop_grace_period: 0s
                  sidecar:
                    rootfs: host
                    command: [sleep, infinity]
                    network_mode: service:web
                    healthcheck: {x-tcp: 8080, interval: 50ms}
                    stop_grace_period: 0s
                  alone:
                    rootfs: host
                    command: [sleep, infinity]
                    network_mode: none
                    healthcheck: {tcp: 8080, interval: 50ms, retries: 2}
                    stop_grace_period: 0s
                """
            try withStack(yaml) { stack in
                try stack.expect(0, "up", "--wait", "web", "sidecar")
                #expect(try stack.row("web").HealthLog?.last?.Output == "HTTP/1.1 200 OK")
                let ended = try stack.run("up", "--wait")
                #expect(ended.status == 1 && ended.err.contains("127.0.0.1 port 8080: connection refused"), "\(ended)")
                // In place: the process goes on, under another question.
                let before = try stack.pids()
                try stack.edit("http: 8080/hostname", "http: {port: 8080, path: /nowhere}")
                #expect(try stack.diff().map(\.action) == ["update"])
                try stack.up()
                try waitUntil("its turn") { try stack.row("web").Health == "unhealthy" }
                #expect(try stack.row("web").HealthLog?.last?.Output.contains("404") == true)
                try stack.edit("path: /nowhere", "path: /nowhere, status: 404")
                try stack.expect(0, "up", "--wait", "web")
                try stack.edit("healthcheck: {http", "x-was: {http")
                try stack.up()
                #expect(try stack.row("web").Health == "")
                #expect(try stack.pids() == before)
                try stack.expectSettled()
            }
        }

        @Test func aProbeThatTakesTooLongIsEndedWithAllItStarted() throws {
            let yaml = """
                services:
                  web:
                    rootfs: host
                    command: [sleep, infinity]
                    environment: {WORD: hidden}
                    working_dir: /usr
                    user: nobody
                    healthcheck:
                      test: 'echo $$WORD $$PWD; id -un; sleep 4242 & sleep 4242'
                      interval: 100ms
                      timeout: \(isVirtual ? 3 : 1)s
                      retries: 1
                    stop_grace_period: 0s
                    network_mode: none
                  chatty:
                    rootfs: host
                    command: [sleep, infinity]
                    healthcheck: {test: "yes 123456; true", interval: 100ms, timeout: 1s, retries: 1}
                    stop_grace_period: 0s
                    network_mode: none
                """
            try withStack(yaml) { stack in
                try stack.up()
                for service in ["web", "chatty"] {
                    try waitUntil("its turn") { try stack.row(service).Health == "unhealthy" }
                }
                let end = try #require(try stack.row("chatty").HealthLog?.last?.Output)
                #expect(end.utf8.count < 4200 && end.contains("123456\n123456"))
                let last = try stack.row("web").HealthLog?.last
                #expect(last?.ExitCode == -1)
                #expect(
                    last?.Output == "timed out after \(isVirtual ? 3 : 1)s: hidden /usr\nnobody",
                    "\(last?.Output ?? "")")
                try stack.edit("interval: 100ms", "interval: 1h")
                try stack.up()
                try waitUntil("the last one") { Machine.processes { $0 == ["sleep", "4242", ""] }.isEmpty }
            }
        }

        // MARK: What follows

        @Test func whatIsUnhealthyIsRestartedOrStopped() throws {
            func service(_ name: String, _ reaction: String) -> String {
                """
                  \(name):
                    rootfs: host
                    command: [sh, -c, "touch /ok; sleep infinity"]
                    healthcheck: {test: [CMD, test, -e, /ok], interval: 50ms, retries: 1}
                    on_unhealthy: \(reaction)
                    stop_grace_period: 0s
                    network_mode: none

                """
            }
            let yaml =
                "services:\n" + service("again", "restart") + service("halt", "stop") + service("idle", "none")
            try withStack(yaml) { stack in
                try stack.expect(0, "up", "--wait")
                let before = try stack.pids()
                // What is frozen is not asked.
                let file = try Machine.limitFile(stack, "idle", v1: "freezer.state", v2: "cgroup.freeze")
                let (frozen, thawed) = file.hasSuffix("state") ? ("FROZEN", "THAWED") : ("1", "0")
                try frozen.write(toFile: file, atomically: false, encoding: .utf8)
                try stack.shell("again", "rm /ok")
                try stack.shell("halt", "rm /ok")
                try waitUntil("the restart") {
                    let row = try stack.row("again")
                    return row.State == "running" && row.Pid != before["\(stack.project)-again-1"]
                        && row.Health == "healthy"
                }
                try waitUntil("the stop") { try stack.row("halt").State == "exited" }
                #expect(try stack.row("idle").Health == "healthy")
                try thawed.write(toFile: file, atomically: false, encoding: .utf8)
                #expect(try stack.diff().map(\.reason) == ["stopped when it was unhealthy"])
                try stack.expect(0, "up", "--wait")
                #expect(try stack.pids()["\(stack.project)-idle-1"] == before["\(stack.project)-idle-1"])
            }
        }
    }
}
