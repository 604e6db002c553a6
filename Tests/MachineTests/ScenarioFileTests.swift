import Foundation
import Glibc
import Testing

// What containers find on their disks: volumes, copies, edits, and what hooks leave there.
extension MachineTests.ScenarioTests {
    @Test func `volumes of a container outlive it, until they are to be new or to go`() throws {
        try withStack(
            """
            services:
              app:
                rootfs: host
                init: true
                command: [sleep, infinity]
                volumes: ["./static:/srv", "static:/mnt:ro", /var/games, "other:/media"]
                configs: [page]
                secrets: [page]
              client: {\(Self.idle), volumes_from: [app]}
            volumes: {static: , other: {name: my-volume-PROJECT}}
            configs: {page: {file: static/index.html}}
            secrets: {page: {file: static/index.html}}
            """.replacingOccurrences(of: "PROJECT", with: UUID().uuidString.lowercased())
        ) { stack in
            mkdir("\(stack.folder)/static", 0o755)
            try stack.file("static/index.html", "Hello\n")
            try stack.up()
            #expect(try stack.shell("app", "cat /srv/index.html /page /run/secrets/page") == "Hello\nHello\nHello")
            #expect(try stack.run("exec", "app", "touch", "/mnt/x").err.contains("Read-only file system"))
            try stack.shell("app", "touch /var/games/test /media/test")
            #expect(
                try stack.shell("client", "ls /var/games /media /srv")
                    == "/media:\ntest\n\n/srv:\nindex.html\n\n/var/games:\ntest")
            // Nothing has changed, whatever is mounted.
            let pids = try stack.pids()
            try stack.up()
            try stack.up("--no-deps", "client")
            #expect(try stack.pids() == pids)
            try stack.up("--force-recreate")
            #expect(try stack.pids() != pids)
            #expect(try stack.shell("app", "ls /var/games") == "test")
            try stack.up("--force-recreate", "--renew-anon-volumes")
            #expect(try stack.shell("app", "ls /var/games; ls /media") == "test")
            // With their owner gone they are still those of the other.
            try stack.expect(0, "rm", "-sf", "app")
            try stack.up("--no-deps", "client")
            #expect(try stack.shell("client", "ls /media") == "test")
            try stack.expect(0, "down")
            try stack.up()
            #expect(try stack.shell("app", "ls /media") == "test")
            try stack.expect(0, "down", "--volumes")
            #expect(try !stack.expect(0, "volume", "ls").out.contains(stack.project))
        }
    }

    @Test func `a volume may be a folder of the host, or somebody else's, and another one by an edit`() throws {
        try withStack(
            """
            services:
              app: {\(Self.idle), volumes: ["data:/mnt", "theirs:/media"]}
              apart: {\(Self.idle)}
            volumes:
              data: {driver: local, driver_opts: {type: none, o: bind, device: "${PWD}/folder"}}
              theirs: {external: true, name: "${EXTERNAL:-one}"}
            """
        ) { stack in
            mkdir("\(stack.folder)/folder", 0o755)
            var variables = ["PWD": stack.folder]
            let missing = try stack.run("up", "-d", variables: variables)
            #expect(missing.status == 3 && missing.err.contains("there is no volume one"), "\(missing)")
            // Who does not use it does without.
            try stack.expect(0, "up", "-d", "apart", variables: variables)
            #expect(try stack.states() == ["apart-1 running"])
            for name in ["one", "two"] { try stack.expect(0, "volume", "create", name) }
            try stack.expect(0, "up", "-d", variables: variables)
            try stack.file("folder/result", "SUCCESS")
            #expect(try stack.shell("app", "cat /mnt/result; touch /media/first") == "SUCCESS")
            let pid = try stack.pid("app-1")
            variables["EXTERNAL"] = "two"
            try stack.expect(0, "up", "-d", variables: variables)
            #expect(try stack.pid("app-1") != pid)
            #expect(try stack.shell("app", "ls /media") == "")
            variables["EXTERNAL"] = "one"
            try stack.expect(0, "up", "-d", variables: variables)
            #expect(try stack.shell("app", "ls /media") == "first")
            try stack.expect(0, "down", "-v", variables: variables)
            try stack.expect(0, "volume", "rm", "one", "two")
            #expect(access("\(stack.folder)/folder/result", F_OK) == 0)
        }
    }

    @Test func `pre_stop leaves its mark when one service is stopped, post_start fails what it fails`() throws {
        try withStack(
            """
            services:
              sample:
                rootfs: host
                init: true
                command: [sleep, infinity]
                volumes: ["./data:/mnt"]
                pre_stop: [{command: sh -c 'echo "In the pre-stop" >> /mnt/log'}]
              test: {\(Self.idle), post_start: [{command: sh -c 'echo env'}]}
              bad: {\(Self.idle), post_start: [{command: sh -c 'nosuchcommand'}], profiles: [bad]}
            """
        ) { stack in
            let up = try stack.expect(0, "up", "-d")
            #expect(up.err.contains("container/test/1 running post_start[0]"), "\(up)")
            #expect(try stack.expect(0, "logs", "test").out == "test-1  | env\n")
            try stack.expect(0, "stop", "sample")
            #expect(try stack.states() == ["sample-1 exited 143", "test-1 running"])
            #expect(Machine.text("\(stack.folder)/data/log") == "In the pre-stop\n")
            let bad = try stack.run("up", "-d", "bad")
            #expect(bad.status == 3 && bad.err.contains("services.bad.post_start[0]"), "\(bad)")
            #expect(bad.err.contains("exited with 127"), "\(bad)")
            #expect(try stack.states() == ["sample-1 exited 143", "test-1 running"])
            // One that fails before an end is told, and the end goes on.
            try stack.edit("echo \"In the pre-stop\" >> /mnt/log", "exit 9")
            try stack.up()
            let down = try stack.expect(0, "down")
            #expect(down.err.contains("container/sample/1: pre_stop[0] exited with 9"), "\(down)")
        }
    }

    @Test func `what is edited comes into the container, through its links, and nothing that is ignored`() throws {
        try withStack(
            """
            services:
              app:
                rootfs: host
                init: true
                command: sh -c 'mkdir -p /app/data /var/sub && ln -s /var/sub /app/data/sub && echo ready && sleep infinity'
                develop:
                  watch:
                    - {action: sync, path: ./data, target: /app/data, ignore: ["*.foo", ./ignored]}
                    - {action: sync+restart, path: ./config, target: /app/config}
                    - {action: sync+exec, path: ./pages, target: /app/pages, initial_sync: true, exec: {command: touch /done}}
            """
        ) { stack in
            for folder in ["data", "config", "pages", "staged"] { mkdir("\(stack.folder)/\(folder)", 0o755) }
            try stack.file("pages/first", "first")
            try stack.file("staged/hello", "through a link")
            let watch = try stack.start(["up", "--watch"])
            func see(_ script: String) throws -> String? {
                let ended = try stack.run("exec", "-T", "app", "sh", "-c", script)
                return ended.status == 0 ? ended.out : nil
            }
            try waitUntil("the first copies") {
                try watch.err.contains("watch on") && see("cat /app/pages/first") == "first"
            }
            try stack.file("data/hello.txt", "hello world")
            try stack.file("data/data.foo", "ignored")
            mkdir("\(stack.folder)/data/ignored", 0o755)
            try stack.file("data/ignored/hello", "ignored")
            mkdir("\(stack.folder)/data/below", 0o755)
            for text in ["x", "y", "z"] { try stack.file("data/below/file", text) }
            rename("\(stack.folder)/staged", "\(stack.folder)/data/sub")
            try waitUntil("a copy") { try see("cat /app/data/hello.txt") == "hello world" }
            try waitUntil("the last of three") { try see("cat /app/data/below/file") == "z" }
            try waitUntil("a copy through a link") { try see("cat /var/sub/hello") == "through a link" }
            #expect(try see("test -L /app/data/sub; ls /app/data") == "below\nhello.txt\nsub\n")
            try stack.file("pages/second", "second")
            try waitUntil("the command") { try see("cat /app/pages/second; test -e /done") == "second" }
            unlink("\(stack.folder)/data/hello.txt")
            try Machine.run("rm", "-r", "\(stack.folder)/data/below")
            try waitUntil("what is removed") { try see("ls /app/data") == "sub\n" }
            let pid = try stack.pid("app-1")
            try stack.file("config/file", "updated")
            try waitUntil("a restart") { try ![0, pid].contains(stack.pid("app-1")) }
            #expect(try see("cat /app/config/file") == "updated")
            watch.signal(SIGINT)
            #expect(try watch.wait().status == 130)
        }
    }

    @Test func `cp reaches every replica, or the one that is named, and copies both ways`() throws {
        try withStack("services: {web: {\(Self.idle), deploy: {replicas: 3}}}") { stack in
            try stack.file("me.txt", "hello world")
            mkdir("\(stack.folder)/folder", 0o755)
            try stack.file("folder/me.txt", "from folder")
            try stack.up()
            func cat(_ index: Int, _ path: String) throws -> String {
                try stack.run("exec", "--index", "\(index)", "web", "cat", path).out
            }
            try stack.expect(0, "cp", "me.txt", "web:/tmp/default.txt")
            for index in 1...3 { #expect(try cat(index, "/tmp/default.txt") == "hello world") }
            try stack.expect(0, "cp", "--index=3", "me.txt", "web:/tmp/indexed.txt")
            #expect(try cat(3, "/tmp/indexed.txt") == "hello world" && cat(2, "/tmp/indexed.txt") == "")
            try stack.expect(0, "cp", "web:/tmp/default.txt", "default.txt")
            try stack.expect(0, "cp", "--index=3", "web:/tmp/indexed.txt", "indexed.txt")
            #expect(try stack.run("cp", "web:/tmp/indexed.txt", "none.txt").status == 1)
            try stack.expect(0, "cp", "folder", "web:/tmp")
            #expect(try cat(2, "/tmp/folder/me.txt") == "from folder")
            try stack.expect(0, "cp", "web:/tmp/folder", "folder2")
            for (file, text) in [
                ("default.txt", "hello world"), ("indexed.txt", "hello world"), ("folder2/me.txt", "from folder"),
            ] { #expect(Machine.text("\(stack.folder)/\(file)") == text) }
        }
    }
}
