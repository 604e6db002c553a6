import Foundation
import Glibc
import Testing

extension MachineTests {
    /// What Docker Compose's own tests and podman-compose's observe, told again: exit statuses, who runs, what files hold,
    /// what is written where. What Settle has decided to do otherwise is told as it does it.
    @Suite(.serialized) struct ScenarioTests {
        /// Who runs until somebody ends it, and obeys.
        static let server = "rootfs: host, init: true, command: [sleep, infinity]"
        /// The same where no network matters, which is quicker.
        static let idle = server + ", network_mode: none"
    }
}

extension Stack {
    /// `web-1 running`, `job-1 exited 3`, `web-run exited 0`: without the project's name and a one-off's number.
    func states(sourceLocation: SourceLocation = #_sourceLocation) throws -> [String] {
        try ps(sourceLocation: sourceLocation).map { row in
            var name = row.Name.dropFirst(project.count + 1)
            if let oneOff = name.range(of: "-run-") { name = name[..<oneOff.lowerBound] + "-run" }
            return row.State == "exited" ? "\(name) exited \(row.ExitCode)" : "\(name) \(row.State)"
        }.sorted()
    }

    /// Of one that runs, by `web-1`.
    func pid(_ name: String) throws -> Int32 { try pids()["\(project)-\(name)"] ?? 0 }
}

// Foreground: who ends all, and with which status.
extension MachineTests.ScenarioTests {
    @Test func `the first that ends takes everything down, and the status is 0`() throws {
        try withStack(
            """
            services:
              long: {\(Self.idle)}
              short: {rootfs: host, command: ["true"], depends_on: {long: {condition: service_started}}}
            """
        ) { stack in
            let up = try stack.run("up", "--abort-on-container-exit")
            #expect(up.status == 0 && up.err.contains("short/1 exited with 0"), "\(up)")
            #expect(try stack.states() == ["long-1 exited 143", "short-1 exited 0"])
        }
    }

    @Test func `a failure takes everything down with its status, an end without one does not`() throws {
        try withStack(
            """
            services:
              long: {\(Self.idle)}
              short: {rootfs: host, command: ["true"], depends_on: [long]}
              bad:
                rootfs: host
                command: sh -c "exit 111"
                depends_on: {short: {condition: service_completed_successfully}}
            """
        ) { stack in
            let up = try stack.run("up", "--abort-on-container-failure")
            #expect(up.status == 111, "\(up)")
            #expect(up.err.contains("short/1 exited with 0") && up.err.contains("bad/1 exited with 111"), "\(up)")
            #expect(try stack.states() == ["bad-1 exited 111", "long-1 exited 143", "short-1 exited 0"])
        }
    }

    @Test func `nobody fails: both ways of aborting end with 0`() throws {
        try withStack(
            """
            services:
              a: {rootfs: host, command: ["true"]}
              b: {rootfs: host, command: [sleep, "0.3"]}
            """
        ) { stack throws in
            #expect(try stack.run("up", "--abort-on-container-failure").status == 0)
            #expect(try stack.states() == ["a-1 exited 0", "b-1 exited 0"])
            #expect(try stack.run("up", "--rerun", "--abort-on-container-exit").status == 0)
        }
    }

    @Test func `the status is that of the service asked for, also of one that was stopped`() throws {
        try withStack(
            """
            services:
              safe: {\(Self.idle)}
              failure: {rootfs: host, command: sh -c "sleep 0.3; echo no; exit 42"}
              test: {\(Self.idle), depends_on: [safe]}
            """
        ) { stack throws in
            #expect(try stack.run("up", "--exit-code-from=failure", "failure").status == 42)
            #expect(try stack.states() == ["failure-1 exited 42"])
            #expect(try stack.run("up", "--menu=false", "--exit-code-from=test").status == 143)
            #expect(try stack.states() == ["failure-1 exited 42", "safe-1 exited 143", "test-1 exited 143"])
        }
    }

    @Test func `a one-off that ends is no reason to abort`() throws {
        try withStack("services: {long: {\(Self.idle)}}") { stack in
            let up = try stack.start(["up", "--abort-on-container-exit"])
            try waitUntil("its start") { up.err.contains("long/1 started") }
            try stack.expect(0, "run", "--rm", "--no-deps", "long", "true")
            #expect(!up.hasEnded && !up.err.contains("stopping"))
            #expect(try stack.states() == ["long-1 running"])
        }
    }

    @Test func `Ctrl-C stops what was asked for and leaves dependencies and strangers alone`() throws {
        try withStack(
            """
            services:
              dependency: {\(Self.idle)}
              app:
                rootfs: host
                init: true
                command: sh -c 'while true; do echo hello app; sleep 0.1; done'
                depends_on: [dependency]
            """
        ) { stack in
            try stack.file("other.yaml", "name: \(stack.project)\nservices: {orphan: {\(Self.idle)}}")
            try stack.expect(0, "-f", "other.yaml", "up", "--wait", "orphan")
            let up = try stack.start(["up", "--menu=false", "app"])
            try waitUntil("its output") { up.out.contains("app-1  | hello app") }
            #expect(try stack.states() == ["app-1 running", "dependency-1 running", "orphan-1 running"])
            up.signal(SIGINT)
            #expect(try up.wait().status == 130)
            #expect(try stack.states() == ["app-1 exited 143", "dependency-1 running", "orphan-1 running"])
        }
    }

    @Test func `who survives goes on writing while it is stopped, its hook included`() throws {
        try withStack(
            """
            services:
              first: {rootfs: host, command: [sleep, "0.5"]}
              second:
                rootfs: host
                init: true
                command: sh -c "while :; do echo 64 bytes; sleep 0.1; done"
                pre_stop: [{command: echo the hook runs}]
            """
        ) { stack in
            let up = try stack.run("up", "--abort-on-container-exit")
            #expect(up.status == 0 && up.err.contains("second/1 stopping"), "\(up)")
            #expect(up.out.contains("second-1  | 64 bytes\n"), "\(up)")
            #expect(up.out.contains("second-1  | the hook runs\n"), "\(up)")
        }
    }

    @Test func `up goes on through restarts and ends after the last`() throws {
        try withStack(
            """
            services:
              failing:
                rootfs: host
                command: sh -c "echo world; exit 1"
                deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}
            """
        ) { stack in
            let up = try stack.run("up")
            #expect(up.out == String(repeating: "failing-1  | world\n", count: 3), "\(up)")
            #expect(up.err.contains("failing/1 exited with 1"), "\(up)")
            #expect(try stack.expect(0, "logs", "--no-log-prefix").out == "world\nworld\nworld\n")
        }
    }

    @Test func `who waits for a job writes after it, and up ends when the target has`() throws {
        try withStack(
            """
            services:
              foo: {rootfs: host, command: echo hello}
              bar: {rootfs: host, command: echo world, depends_on: {foo: {condition: service_completed_successfully}}}
              side: {\(Self.idle)}
              target: {rootfs: host, command: echo target, depends_on: [side]}
            """
        ) { stack in
            #expect(try stack.run("up", "foo", "bar").out == "foo-1  | hello\nbar-1  | world\n")
            let up = try stack.run("up", "--attach-dependencies", "target")
            #expect(up.status == 0 && up.out == "target-1  | target\n", "\(up)")
            #expect(up.err.contains("target/1 exited with 0"), "\(up)")
            #expect(try stack.states().contains("side-1 running"))
        }
    }

    @Test func `a dependency that fails, or is not healthy, fails up with its reason`() throws {
        try withStack(
            """
            services:
              web: {\(Self.idle), depends_on: {db: {condition: service_healthy}}}
              db: {rootfs: host, command: sh -c "echo no disk; exit 1", healthcheck: {test: "true", interval: 5s}}
              depends: {\(Self.idle), depends_on: {sick: {condition: service_healthy}}}
              sick: {\(Self.idle), healthcheck: {test: "false", interval: 100ms, retries: 2}}
            """
        ) { stack in
            let ended = try stack.run("up", "-d", "web")
            #expect(ended.status == 3 && ended.err.contains("services.web.depends_on.db"), "\(ended)")
            #expect(ended.err.contains("it exited with 1") && ended.err.contains("no disk"), "\(ended)")
            let unhealthy = try stack.run("up", "-d", "depends")
            #expect(unhealthy.status == 3 && unhealthy.err.contains("sick was to become healthy, but it is unhealthy"))
            // Nothing is left of either, where Docker Compose leaves containers that were made and never started.
            #expect(try stack.states() == [])
        }
    }

    @Test func `up waits for jobs and checks, and not longer than it may`() throws {
        try withStack(
            """
            services:
              oneshot: {rootfs: host, command: echo hello}
              long: {\(Self.idle), depends_on: {oneshot: {condition: service_completed_successfully}}}
              quick: {\(Self.idle), healthcheck: {test: "true", interval: 30s, start_period: 10s, start_interval: 1s}}
              slow: {\(Self.idle), healthcheck: {test: "false", interval: 1s, start_period: 120s}, profiles: [slow]}
            """
        ) { stack in
            try stack.expect(0, "up", "--wait", "-d")
            #expect(try stack.states() == ["long-1 running", "oneshot-1 exited 0", "quick-1 running"])
            #expect(try stack.row("quick").Health == "healthy")
            let late = try stack.run("up", "--wait", "--wait-timeout", "1", "slow")
            #expect(late.status == 1 && late.err.contains("it has not become healthy within 1s"), "\(late)")
            #expect(try stack.row("slow").State == "running")
        }
    }
}
