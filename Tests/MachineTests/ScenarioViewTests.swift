import Foundation
import Glibc
import Testing

// What is told of containers: output, events, lists, pauses.
extension MachineTests.ScenarioTests {
    @Test func `logs shows the services asked for, or one replica`() throws {
        try withStack(
            """
            services:
              ping: {rootfs: host, command: echo PING localhost}
              hello: {rootfs: host, command: echo hello, deploy: {replicas: 2}}
            """
        ) { stack in
            try stack.up()
            try waitUntil("their ends") { try stack.states().allSatisfy { $0.hasSuffix("exited 0") } }
            let all = try stack.expect(0, "logs").out
            #expect(
                all.split(separator: "\n").sorted() == [
                    "hello-1  | hello", "hello-2  | hello", "ping-1   | PING localhost",
                ])
            #expect(try stack.expect(0, "logs", "ping").out == "ping-1  | PING localhost\n")
            let both = try stack.expect(0, "logs", "hello", "ping").out
            #expect(both.contains("PING localhost") && both.contains("hello"))
            #expect(try stack.expect(0, "logs", "--index", "2", "hello").out == "hello-2  | hello\n")
            let unknown = try stack.run("logs", "unknown")
            #expect(unknown.status == 1 && unknown.err.contains("no such service: unknown"), "\(unknown)")
        }
    }

    @Test func `logs that follows finds services and replicas that come later`() throws {
        try withStack(
            """
            services:
              ping: {rootfs: host, init: true, command: sh -c "while :; do echo ping; sleep 0.1; done"}
              hello: {rootfs: host, command: echo hello, profiles: [hello]}
            """
        ) { stack in
            try stack.up()
            let logs = try stack.start(["logs", "-f"])
            try waitUntil("the first") { logs.out.contains("ping-1 ") }
            try stack.up("hello")
            try waitUntil("a service") { logs.out.contains("hello-1 ") }
            try stack.up("--scale", "ping=2", "ping")
            try waitUntil("a replica") { logs.out.contains("ping-2 ") }
            #expect(!logs.hasEnded)
        }
    }

    @Test func `a large output comes through to its last line`() throws {
        try withStack(
            "services: {test: {rootfs: host, command: cat /srv/large, network_mode: none, volumes: [\"./large:/srv/large:ro\"]}}"
        ) { stack in
            let lines = (1...50000).map { "This is line \($0) of a large text" }
            try stack.file("large", lines.joined(separator: "\n") + "\n")
            let up = try stack.run("up", "--abort-on-container-exit", "--no-log-prefix")
            #expect(up.status == 0 && up.err.contains("test/1 exited with 0"), "\(up.err)")
            #expect(up.out.split(separator: "\n").map(String.init) == lines)
        }
    }

    @Test func `events tells of starts and ends, and knows nobody whom the stack does not know`() throws {
        try withStack(
            """
            services:
              job: {rootfs: host, command: sh -c "exit 3"}
              web: {\(Self.idle)}
            """
        ) { stack in
            try stack.up()
            let unknown = try stack.run("events", "not-a-service", limit: 10)
            #expect(unknown.status == 1 && unknown.err.contains("no such service: not-a-service"), "\(unknown)")
            let events = try stack.start(["events", "--json", "--since", "10m"])
            try waitUntil("what has been") { events.out.contains("\"exitCode\":\"3\"") }
            try stack.expect(0, "kill", "-s", "KILL", "web")
            try waitUntil("what comes") { events.out.contains("\"exitCode\":\"137\"") }
            struct Row: Decodable { let service, action: String }
            let rows = try events.out.split(separator: "\n").map {
                try JSONDecoder().decode(Row.self, from: Data($0.utf8))
            }
            #expect(rows.filter { $0.service == "job" }.map(\.action) == ["create", "start", "die"])
            #expect(rows.filter { $0.service == "web" }.map(\.action) == ["create", "start", "kill", "die"])
        }
    }

    @Test func `ls shows stacks that run, and others only when asked`() throws {
        try withStack("services: {simple: {\(Self.idle)}, another: {\(Self.idle)}}") { stack in
            func rows(_ all: String...) throws -> String {
                try stack.start(["ls", "--format", "json"] + all).wait().out
            }
            try stack.up()
            let row = "\"Name\":\"\(stack.project)\",\"Status\":"
            #expect(try rows().contains(row + "\"running(2)\""))
            try stack.expect(0, "stop")
            #expect(try !rows().contains(stack.project))
            #expect(try rows("--all").contains(row + "\"exited(2)\""))
            #expect(try stack.expect(0, "ls", "-a").out.contains("\(stack.folder)/compose.yaml"))
        }
    }

    @Test func `pause freezes one service, once, and unpause lets it go on in place`() throws {
        try withStack("services: {a: {\(Self.idle)}, b: {\(Self.idle)}}") { stack in
            try stack.up()
            let pids = try stack.pids()
            try stack.expect(0, "pause", "a")
            #expect(try stack.states() == ["a-1 paused", "b-1 running"])
            let again = try stack.run("pause", "a")
            #expect(again.status == 1 && again.err.contains("already paused"), "\(again)")
            try stack.expect(0, "unpause", "a")
            #expect(try stack.states() == ["a-1 running", "b-1 running"])
            #expect(try stack.pids() == pids)
            #expect(try stack.run("unpause", "a").err.contains("a/1 is not paused"))
            let unknown = try stack.run("pause", "nobody")
            #expect(unknown.status == 1 && unknown.err.contains("no such service: nobody"), "\(unknown)")
            try stack.expect(0, "stop", "b")
            #expect(try stack.run("pause", "b").err.contains("b/1 is not running"))
        }
    }
}
