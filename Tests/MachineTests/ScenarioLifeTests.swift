import Foundation
import Glibc
import Testing

// From up to down: starts, stops, restarts, replicas, profiles, orphans.
extension MachineTests.ScenarioTests {
    @Test func `stop halts containers where they are, and start brings the same ones back`() throws {
        try withStack("services: {simple: {\(Self.idle)}, another: {\(Self.idle)}}") { stack in
            try stack.up("--wait")
            try stack.shell("simple", "echo kept > /kept")
            // Who runs already is not started, and who has ended not stopped.
            let pid = try stack.pid("simple-1")
            #expect(try stack.expect(0, "start", "simple").out == "")
            #expect(try stack.pid("simple-1") == pid)
            try stack.expect(0, "stop", "simple")
            #expect(try stack.run("stop", "simple").status == 0)
            #expect(try stack.states() == ["another-1 running", "simple-1 exited 143"])
            let both = try stack.expect(0, "stop", "simple", "another")
            #expect(both.err.contains("container/another/1 stopping"))
            #expect(try stack.states() == ["another-1 exited 143", "simple-1 exited 143"])
            let start = try stack.expect(0, "start", "simple", "another")
            #expect(start.err.contains("another/1 started") && start.err.contains("simple/1 started"))
            #expect(try stack.states() == ["another-1 running", "simple-1 running"])
            #expect(try stack.shell("simple", "cat /kept") == "kept")
        }
    }

    @Test func `stop takes only what is named, start also what that needs`() throws {
        try withStack(
            """
            services:
              desired: {\(Self.idle), depends_on: [first]}
              first: {\(Self.idle), depends_on: [second]}
              second: {\(Self.idle)}
              another: {\(Self.idle)}
            """
        ) { stack in
            try stack.expect(0, "create", "desired")
            #expect(try stack.states() == ["desired-1 created", "first-1 created", "second-1 created"])
            try stack.expect(0, "start", "desired")
            #expect(try stack.states() == ["desired-1 running", "first-1 running", "second-1 running"])
            try stack.expect(0, "stop", "desired")
            #expect(try stack.states() == ["desired-1 exited 143", "first-1 running", "second-1 running"])
            try stack.expect(0, "stop")
            #expect(try stack.states() == ["desired-1 exited 143", "first-1 exited 143", "second-1 exited 143"])
            try stack.expect(0, "start", "desired")
            #expect(try stack.states() == ["desired-1 running", "first-1 running", "second-1 running"])
        }
    }

    @Test func `one-offs are untouched by what is done to their service`() throws {
        try withStack("services: {foo: {\(Self.idle)}, bar: {\(Self.idle)}}") { stack in
            try stack.up()
            let before = try stack.pids()
            try stack.expect(0, "run", "-d", "bar", "sleep", "infinity")
            let pids = try stack.pids()
            #expect(before.allSatisfy { pids[$0.key] == $0.value } && pids.count == 3)
            try stack.expect(0, "stop")
            #expect(try stack.states() == ["bar-1 exited 143", "bar-run running", "foo-1 exited 143"])
            try stack.expect(0, "start")
            try stack.expect(0, "restart")
            #expect(try stack.states() == ["bar-1 running", "bar-run running", "foo-1 running"])
            let name = try #require(pids.keys.first { $0.contains("-run-") })
            #expect(try stack.pids()[name] == pids[name])
            try stack.expect(0, "down", "--remove-orphans")
            #expect(try stack.states() == [])
        }
    }

    @Test func `restart brings the same container back, also one that had ended`() throws {
        let script = "if test -f /lock; then exec sleep infinity; else touch /lock; fi"
        try withStack(
            """
            services:
              app: {rootfs: host, init: true, command: sh -c "\(script)"}
              profiled: {\(Self.idle), profiles: [test]}
            """
        ) { stack in
            try stack.up("app", "profiled")
            try waitUntil("its end") { try stack.states().contains("app-1 exited 0") }
            try stack.expect(0, "restart")
            #expect(try stack.states() == ["app-1 running", "profiled-1 running"])
            // One of a profile by its name alone.
            let pid = try stack.pid("profiled-1")
            #expect(try stack.expect(0, "restart", "profiled").err.contains("profiled/1 started"))
            #expect(try stack.pid("profiled-1") != pid)
        }
    }

    @Test func `who says so is restarted with what it depends on, and nobody else`() throws {
        try withStack(
            """
            services:
              with: {\(Self.idle), depends_on: {base: {condition: service_healthy, restart: true}}}
              without: {\(Self.idle), depends_on: {base: {condition: service_healthy}}}
              base: {\(Self.idle), environment: {X: "${X:-1}"}, healthcheck: {test: "true", interval: 1s}}
            """
        ) { stack in
            func changed(_ body: () throws -> Void) throws -> [String] {
                let before = try stack.pids()
                try body()
                return try stack.pids().filter { before[$0.key] != $0.value }.keys.sorted()
                    .map { String($0.dropFirst(stack.project.count + 1)) }
            }
            try stack.up()
            #expect(try changed { try stack.expect(0, "restart", "base") } == ["base-1", "with-1"])
            #expect(try changed { try stack.expect(0, "restart", "--no-deps", "base") } == ["base-1"])
            let edit = ["X": "2"]
            #expect(try changed { try stack.expect(0, "up", "-d", variables: edit) } == ["base-1", "with-1"])
            let recreate = ["up", "-d", "--force-recreate", "--no-deps", "without"]
            #expect(try changed { _ = try stack.start(recreate, edit).wait() } == ["without-1"])
            // An edit of what is not asked for waits, and what is asked for brings along what it needs.
            #expect(try changed { try stack.expect(0, "up", "-d", "--no-deps", "with") } == [])
            #expect(try changed { try stack.expect(0, "up", "-d", "without") } == ["base-1", "with-1"])
            let all = ["up", "-d", "--force-recreate", "--always-recreate-deps", "without"]
            #expect(try changed { _ = try stack.start(all).wait() } == ["base-1", "with-1", "without-1"])
            #expect(try changed { try stack.expect(0, "up", "-d", "--no-recreate", variables: edit) } == [])
        }
    }

    @Test func `as many replicas as are asked for, and those that were there stay`() throws {
        try withStack(
            """
            services:
              back: {\(Self.idle), depends_on: [db]}
              db: {\(Self.idle)}
              front: {\(Self.idle), deploy: {replicas: 2}}
              admin: {\(Self.idle), deploy: {replicas: 0}}
            """
        ) { stack in
            func count(_ service: String) throws -> [String] {
                try stack.states().filter { $0.hasPrefix("\(service)-") && $0.hasSuffix(" running") }
                    .map { String($0.dropFirst(service.count + 1).prefix(1)) }
            }
            try stack.up()
            #expect(try count("back") == ["1"] && count("db") == ["1"] && count("front") == ["1", "2"])
            #expect(try count("admin") == [])
            let front = try stack.pid("front-1")
            try stack.expect(0, "scale", "admin=2")
            #expect(try count("admin") == ["1", "2"])
            try stack.expect(0, "scale", "front=3", "back=2")
            #expect(try count("front") == ["1", "2", "3"] && count("back") == ["1", "2"])
            try stack.expect(0, "scale", "admin=1")
            #expect(try count("admin") == ["1"])
            try stack.expect(0, "scale", "admin=0")
            #expect(try count("admin") == [])
            try stack.expect(0, "scale", "front=2", "back=1")
            #expect(try count("front") == ["1", "2"] && count("back") == ["1"] && stack.pid("front-1") == front)
            #expect(try stack.run("scale", "nobody=1").err.contains("no such service: nobody"))
            // What they depend on is brought to what the file says, unless it is left alone.
            try stack.up("--scale", "db=2")
            #expect(try count("db") == ["1", "2"])
            try stack.expect(0, "scale", "--no-deps", "back=2")
            #expect(try count("back") == ["1", "2"] && count("db") == ["1", "2"])
            try stack.expect(0, "scale", "back=2")
            #expect(try count("db") == ["1"])
        }
    }

    @Test func `numbers of replicas are used again, and an edit reaches those that are new`() throws {
        try withStack("services: {db: {\(Self.idle), environment: [MAYBE]}}") { stack in
            try stack.up("--scale", "db=2", "db")
            let first = try stack.pid("db-1")
            try stack.up("--scale", "db=1", "db")
            #expect(try stack.states() == ["db-1 running"])
            try stack.up("--scale", "db=2", "db")
            #expect(try stack.states() == ["db-1 running", "db-2 running"])
            #expect(try stack.pid("db-1") == first)
            // What is there stays as it is, what is added is as the file is now.
            let edit = ["MAYBE": "value"]
            try stack.expect(0, "up", "-d", "--scale", "db=3", "--no-recreate", variables: edit)
            #expect(try stack.pid("db-1") == first)
            for (index, value) in [("1", ""), ("3", "value\n")] {
                #expect(try stack.run("exec", "--index", index, "db", "printenv", "MAYBE").out == value)
            }
            // Without that option all become so.
            try stack.expect(0, "up", "-d", "--scale", "db=1", variables: edit)
            #expect(try stack.states() == ["db-1 running"])
            #expect(try stack.shell("db", "echo $MAYBE") == "value")
        }
    }

    @Test func `a profile is there when it is asked for, by its name, a service's, or .env`() throws {
        try withStack(
            """
            services:
              regular: {\(Self.idle)}
              profiled: {\(Self.idle), profiles: [test]}
            """
        ) { stack in
            try stack.expect(0, "--profile", "test", "up", "-d")
            #expect(try stack.states() == ["profiled-1 running", "regular-1 running"])
            try stack.expect(0, "--profile", "test", "stop")
            #expect(try stack.states() == ["profiled-1 exited 143", "regular-1 exited 143"])
            for verb in ["start", "restart"] {
                try stack.expect(0, "--profile", "test", verb)
                #expect(try stack.states() == ["profiled-1 running", "regular-1 running"])
            }
            try stack.expect(0, "--profile", "test", "down")
            #expect(try stack.states() == [])
            // Without it no verb brings it up.
            for verb in [["up", "-d"], ["stop"], ["start"], ["restart"]] {
                #expect(try stack.start(verb).wait().status == 0)
                #expect(try stack.states() == ["regular-1 \(verb == ["stop"] ? "exited 143" : "running")"])
            }
            try stack.expect(0, "down")
            // A name enables it, and nobody else.
            try stack.up("profiled")
            for verb in [["stop", "profiled"], ["start", "profiled"], ["restart"]] {
                #expect(try stack.start(verb).wait().status == 0)
                #expect(try stack.states() == ["profiled-1 \(verb[0] == "stop" ? "exited 143" : "running")"])
            }
            try stack.expect(0, "down")
            try stack.file(".env", "COMPOSE_PROFILES=test\n")
            try stack.up()
            #expect(try stack.states() == ["profiled-1 running", "regular-1 running"])
        }
    }

    @Test func `a service of a profile comes with what it needs, and without its siblings`() throws {
        try withStack(
            """
            services:
              foo: {rootfs: host, command: echo foo, profiles: [test], depends_on: [db]}
              bar: {rootfs: host, command: echo bar, profiles: [test]}
              db: {rootfs: host, command: ["true"]}
            """
        ) { stack throws in
            #expect(try stack.run("up", "foo").out == "foo-1  | foo\n")
            #expect(try stack.states() == ["db-1 exited 0", "foo-1 exited 0"])
        }
    }

    @Test func `orphans are told of, kept, and removed by whoever says so, .env included`() throws {
        try withStack(
            """
            services:
              test: {\(Self.idle)}
              old: {\(Self.idle)}
              job: {rootfs: host, command: echo hello, profiles: [run]}
            """
        ) { stack in
            try stack.up()
            try stack.edit("  old: {\(Self.idle)}\n", "")
            let told = try stack.expect(0, "up", "-d")
            #expect(told.err.contains("no longer in the file, and left alone: \(stack.project)-old-1"), "\(told)")
            let ignored = try stack.expect(0, "up", "-d", variables: ["COMPOSE_IGNORE_ORPHANS": "True"])
            #expect(!ignored.err.contains("no longer in the file"), "\(ignored)")
            #expect(try stack.run("run", "job").out == "hello\n")
            #expect(try stack.states() == ["job-run exited 0", "old-1 running", "test-1 running"])
            let pid = try stack.pid("test-1")
            try stack.file(".env", "COMPOSE_REMOVE_ORPHANS=true\n")
            try stack.up()
            #expect(try stack.states() == ["test-1 running"])
            #expect(try stack.pid("test-1") == pid)
        }
    }

    @Test func `rm and down of one service leave the others as they are`() throws {
        try withStack(
            "services: {web: {\(Self.idle), volumes: [/var/games]}, words: {\(Self.idle)}, db: {\(Self.idle)}}"
        ) { stack in
            try stack.up()
            let before = try stack.pids()
            try stack.expect(0, "rm", "--stop", "--force", "web")
            #expect(try stack.states() == ["db-1 running", "words-1 running"])
            try stack.up()
            try stack.shell("web", "touch /var/games/kept")
            #expect(try stack.expect(0, "down", "--remove-orphans", "web").err.contains("container/web/1 removed"))
            #expect(try stack.states() == ["db-1 running", "words-1 running"])
            #expect(before.filter { !$0.key.contains("web") }.allSatisfy { (try? stack.pids()[$0.key]) == $0.value })
            #expect(try stack.run("down", "nobody").err.contains("no such service: nobody"))
            try stack.up()
            #expect(try stack.shell("web", "ls /var/games") == "kept")
            try stack.expect(0, "down", "-t", "0", "-v", "web")
            try stack.up()
            #expect(try stack.shell("web", "ls /var/games") == "")
            try stack.expect(0, "rm", "--stop", "--force")
            #expect(try stack.states() == [])
        }
    }

    @Test func `wait lasts as long as whom it waits for, and can take everything down`() throws {
        try withStack(
            """
            services:
              faster: {rootfs: host, command: sleep 0.3}
              slower: {rootfs: host, command: sh -c "sleep 0.8; exit 3"}
              infinity: {\(Self.idle)}
            """
        ) { stack in
            try stack.up()
            let endless = try stack.start(["wait", "infinity"])
            try stack.expect(0, "wait", "faster")
            #expect(try stack.states().contains("faster-1 exited 0"))
            try stack.expect(3, "wait", "slower")
            #expect(try stack.states() == ["faster-1 exited 0", "infinity-1 running", "slower-1 exited 3"])
            #expect(!endless.hasEnded)
            try stack.expect(0, "wait", "--down-project", "faster")
            #expect(try stack.states() == [])
        }
    }

    @Test func `ps shows who runs, all when asked, and nobody whom it does not know`() throws {
        let port = try Machine.freePort()
        try withStack(
            "services: {web: {\(Self.idle)}, busy: {\(Self.server), ports: [\"127.0.0.1:\(port):8000\"]}}"
        ) { stack in
            try stack.up()
            let table = try stack.expect(0, "ps").out
            #expect(
                table.split(separator: "\n").count == 3 && table.contains("127.0.0.1:\(port)->8000/tcp"), "\(table)")
            let json = try stack.expect(0, "ps", "--format", "json").out
            #expect(
                json.contains(
                    #""Publishers":[{"URL":"127.0.0.1","TargetPort":8000,"PublishedPort":\#(port),"Protocol":"tcp"}]"#))
            try stack.expect(0, "stop")
            #expect(try stack.expect(0, "ps").out.split(separator: "\n").count == 1)
            #expect(try stack.expect(0, "ps", "--all").out.split(separator: "\n").count == 3)
            #expect(try stack.expect(0, "ps", "--status", "exited", "--services").out == "busy\nweb\n")
            try stack.expect(0, "ps", "web")
            let unknown = try stack.run("ps", "unknown")
            #expect(unknown.status == 1 && unknown.err.contains("no such service: unknown"), "\(unknown)")
        }
    }
}
