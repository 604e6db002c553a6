import Foundation
import Glibc
import Testing

// One-offs, further processes, and what variables, secrets and configurations they see.
extension MachineTests.ScenarioTests {
    @Test func `run starts what is needed and nothing else, and says only what the command says`() throws {
        try withStack(
            """
            services:
              back: {rootfs: host, command: echo "Hello there!!", depends_on: [db]}
              db: {\(Self.idle)}
              front: {\(Self.idle)}
            """
        ) { stack in
            try stack.file("run.env", "FOO=BAR\n")
            let own = try stack.run("run", "back")
            #expect(own.out == "Hello there!!\n" && own.status == 0, "\(own)")
            #expect(try stack.states() == ["back-run exited 0", "db-1 running"])
            // One that has ended is no orphan, where Docker Compose calls it one.
            let other = try stack.run("run", "back", "echo", "Hello one more time")
            #expect(other.out == "Hello one more time\n" && !other.err.contains("no longer in the file"), "\(other)")
            let before = try stack.states()
            #expect(try stack.run("run", "--rm", "back", "echo", "gone").out == "gone\n")
            #expect(try stack.states() == before)
            let mounted = try stack.run("run", "--rm", "--volumes", "\(stack.folder):/mnt", "back", "ls", "/mnt")
            #expect(mounted.out.contains("compose.yaml\n"), "\(mounted)")
            let file = "\(stack.folder)/run.env"
            #expect(try stack.run("run", "--rm", "--env-from-file", file, "front", "printenv", "FOO").out == "BAR\n")
            #expect(try stack.run("run", "--rm", "--env", "FOO=BAZ", "front", "printenv", "FOO").out == "BAZ\n")
            // A command that is not there is told by the service's own name.
            let missing = try stack.run("run", "--rm", "front", "nosuchprogram")
            #expect(missing.status == 127 && missing.err.contains("services.front.command"), "\(missing)")
        }
    }

    @Test func `run publishes a port only where it is asked to`() throws {
        let (model, wanted) = (try Machine.freePort(), try Machine.freePort())
        try withStack("services: {back: {\(Self.server), ports: [\"127.0.0.1:\(model):80\"]}}") { stack in
            let name = try stack.expect(0, "run", "--publish", "\(wanted):80", "-d", "back").out.dropLast()
            let key = String(name.dropFirst(stack.project.count + 1))
            #expect(name.hasPrefix("\(stack.project)-back-run-"))
            #expect(try stack.expect(0, "ps").out.contains("->") == false)
            let all = try stack.expect(0, "ps", "-a").out
            #expect(all.contains(":\(wanted)->80/tcp") && !all.contains(":\(model)->"), "\(all)")
            #expect(try stack.expect(0, "port", key, "80").out == "0.0.0.0:\(wanted)\n")
            try stack.expect(0, "run", "--service-ports", "-d", "back")
            #expect(try stack.expect(0, "ps", "-a").out.contains("127.0.0.1:\(model)->80/tcp"))
        }
    }

    @Test func `run leaves siblings alone, and dependencies where it is told to`() throws {
        try withStack(
            """
            services:
              a: {rootfs: host, command: echo a, depends_on: [shared]}
              b: {rootfs: host, command: echo b, depends_on: [shared]}
              shared: {\(Self.server)}
              optional:
                rootfs: host
                command: echo o
                depends_on: {gone: {condition: service_healthy, required: false}}
              gone: {\(Self.idle), profiles: [extra]}
              inside: {rootfs: host, command: ["true"], network_mode: "service:shared"}
            """
        ) { stack in
            #expect(try stack.run("run", "--rm", "--no-deps", "a").out == "a\n")
            #expect(try stack.states() == [])
            #expect(try stack.run("run", "--rm", "a").out == "a\n")
            #expect(try stack.states() == ["shared-1 running"])
            let pid = try stack.pid("shared-1")
            #expect(
                try stack.run("run", "--rm", "-T", "inside", "echo", "in its namespace").out == "in its namespace\n")
            #expect(try stack.pid("shared-1") == pid)
            // What may be missing: without its profile, and without a check that could be waited for.
            #expect(try stack.run("run", "--rm", "optional").out == "o\n")
            #expect(try stack.states() == ["shared-1 running"])
            #expect(try stack.run("--profile", "extra", "run", "--rm", "optional").out == "o\n")
            #expect(try stack.states() == ["gone-1 running", "shared-1 running"])
        }
    }

    @Test func `input that is piped comes through, and is no terminal`() throws {
        try withStack(
            """
            services:
              piped: {rootfs: host, command: cat, network_mode: none}
              tty: {rootfs: host, command: sh -c "test -t 0 && echo terminal || echo none", network_mode: none}
            """
        ) { stack in
            #expect(try stack.run("run", "--rm", "piped", input: "piped content\n").out == "piped content\n")
            #expect(try stack.run("run", "--rm", "tty", input: "\n").out == "none\n")
            let refused = try stack.run("run", "--rm", "--tty", "piped", input: "x")
            #expect(refused.status == 1 && refused.err.contains("standard input is no terminal"), "\(refused)")
        }
    }

    @Test func `exec has the command's status, and only the variables asked for`() throws {
        try withStack("services: {simple: {\(Self.idle)}}") { stack in
            try stack.up()
            try stack.expect(0, "exec", "simple", "/bin/true")
            try stack.expect(1, "exec", "simple", "/bin/false")
            try stack.expect(127, "exec", "simple", "nosuchprogram")
            let given = try stack.expect(0, "exec", "-e", "FOO", "simple", "env", variables: ["FOO": "BAR"])
            #expect(given.out.contains("FOO=BAR\n"))
            #expect(try !stack.expect(0, "exec", "-e", "FOO", "simple", "env").out.contains("FOO"))
            let both = try stack.run("exec", "simple", "sh", "-c", "echo o; echo e >&2")
            #expect(both.out == "o\n" && both.err == "e\n", "\(both)")
        }
    }

    @Test func `exec takes a one-off only where nothing of the service runs`() throws {
        try withStack("services: {test: {\(Self.idle)}}") { stack in
            try stack.expect(0, "run", "-d", "test", "sleep", "1000")
            let command = ["sh", "-c", "tr '\\0' ' ' < /proc/2/cmdline"]
            let numbered = try stack.start(["exec", "--index=1", "test"] + command).wait()
            #expect(numbered.status == 1 && numbered.err.contains("test has no replica 1"), "\(numbered)")
            #expect(try stack.start(["exec", "test"] + command).wait().out == "sleep 1000 ")
            try stack.up()
            #expect(try stack.start(["exec", "test"] + command).wait().out == "sleep infinity ")
        }
    }

    @Test func `of two sources of a variable the nearer one counts`() throws {
        try withStack(
            """
            services:
              plain: {rootfs: host, command: printenv WHERE, network_mode: none}
              file: {rootfs: host, command: printenv WHERE, network_mode: none, env_file: [service.env]}
              own: {rootfs: host, command: printenv WHERE, network_mode: none, environment: {WHERE: file}}
            """
        ) { stack in
            try stack.file(".env", "WHERE=dotenv\n")
            try stack.file("over.env", "WHERE=override\n")
            try stack.file("default.env", "WHERE=${WHERE:-usual}\n")
            try stack.file("empty.env", "")
            try stack.file("service.env", "WHERE=service\n")
            func seen(_ words: String, shell: String? = nil, files: String? = nil) throws -> String {
                var variables: [String: String] = [:]
                variables["WHERE"] = shell
                variables["COMPOSE_ENV_FILES"] = files
                let ended = try stack.start(words.split(separator: " ").map(String.init), variables).wait()
                return ended.out + (ended.status == 0 ? "" : "status \(ended.status)")
            }
            #expect(try seen("--env-file over.env run --rm -e WHERE plain", shell: "shell") == "shell\n")
            #expect(try seen("--env-file default.env run --rm -e WHERE plain", shell: "shell") == "shell\n")
            #expect(try seen("--env-file default.env run --rm -e WHERE plain") == "usual\n")
            #expect(try seen("run --rm -e WHERE plain", files: "default.env") == "usual\n")
            #expect(try seen("--env-file over.env run --rm -e WHERE=said plain", shell: "shell") == "said\n")
            #expect(try seen("--env-file over.env run --rm -e WHERE plain") == "override\n")
            #expect(try seen("run --rm -e WHERE plain") == "dotenv\n")
            // Nobody passes it on, nobody has it.
            #expect(try seen("--env-file empty.env run --rm -e WHERE plain") == "status 1")
            #expect(try seen("run --rm plain", shell: "shell") == "status 1")
            #expect(try seen("run --rm file", shell: "shell") == "service\n")
            #expect(try seen("run --rm -e WHERE file") == "dotenv\n")
            #expect(try seen("run --rm own", shell: "shell") == "file\n")
            #expect(try seen("run --rm -e WHERE own", shell: "shell") == "shell\n")
        }
    }

    @Test func `files of variables: comments, quotes, raw ones, missing ones, and later ones over earlier ones`() throws
    {
        try withStack(
            """
            services:
              raw:
                rootfs: host
                command: sh -c 'echo "$$JSON"'
                network_mode: none
                env_file: [{path: raw.env, format: raw}]
              two:
                rootfs: host
                command: sh -c 'echo $$A $$B'
                network_mode: none
                env_file: [one.env, {path: two.env, required: false}]
              pass:
                rootfs: host
                command: sh -c 'echo "=$${EMPTY-unset}="'
                network_mode: none
                environment: [EMPTY]
              broken: {rootfs: host, command: ["true"], env_file: [/doesnotexist/.env]}
              idle: {\(Self.idle)}
            """
        ) { stack in
            // Who is not asked for needs no file; who is, does.
            try stack.up("idle")
            try stack.expect(0, "ps")
            try stack.expect(0, "exec", "idle", "true")
            try stack.expect(0, "scale", "idle=2")
            for words in [["scale", "broken=1"], ["up", "-d"], ["run", "broken"], ["config"]] {
                let missing = try stack.start(words).wait()
                #expect(
                    missing.status == 1 && missing.err.contains("there is no file /doesnotexist/.env"), "\(missing)")
            }
            #expect(try stack.states() == ["idle-1 running", "idle-2 running"])
            try stack.file(".env", "PLAIN=1234 #5\nQUOTED=\"1234 #5\"\n")
            try stack.file("raw.env", "JSON='{\"key\": \"value\"}'\n")
            try stack.file("one.env", "A=1\n")
            #expect(try stack.run("run", "--rm", "-e", "PLAIN", "raw", "printenv", "PLAIN").out == "1234\n")
            #expect(try stack.run("run", "--rm", "-e", "QUOTED", "raw", "printenv", "QUOTED").out == "1234 #5\n")
            #expect(try stack.run("run", "--rm", "raw").out == "'{\"key\": \"value\"}'\n")
            #expect(try stack.run("run", "--rm", "two").out == "1\n")
            try stack.file("two.env", "A=2\nB=3\n")
            #expect(try stack.run("run", "--rm", "two").out == "2 3\n")
            #expect(try stack.run("run", "--rm", "pass").out == "=unset=\n")
            #expect(try stack.run("run", "--rm", "pass", variables: ["EMPTY": ""]).out == "==\n")
            #expect(try stack.run("run", "--rm", "-e", "EMPTY=hello", "pass").out == "=hello=\n")
            #expect(try stack.run("--env-file", "none.env", "run", "--rm", "two").status == 1)
        }
    }

    @Test func `the folder says which file and which variables are meant`() throws {
        try withStack("services: {root: {image: \"$ROOT:$SUB\"}}") { stack in
            for folder in ["sub", "development"] { mkdir("\(stack.folder)/\(folder)", 0o755) }
            try stack.file(".env", "ROOT=root\nSUB=none\n")
            try stack.file("sub/.env", "SUB=sub\n")
            try stack.file(
                "development/compose.yaml",
                "services: {backend: {image: \"$NAME:$TAG\"}, test: {profiles: [test], image: \"enabled:profile\"}}\n")
            try stack.file("development/.env", "NAME=\"${NAME:-backend}\"\nTAG=latest\n")
            func images(_ words: String..., in folder: String = "") throws -> [String] {
                let ended = try Running(
                    Stack.binary, words + ["config", "--images"], stack.environment, in: stack.folder + folder
                ).wait()
                return ended.out.split(separator: "\n").map(String.init).sorted()
            }
            #expect(try images() == ["root:none"])
            // A folder below adds its own variables to those beside the file.
            #expect(try images(in: "/sub") == ["root:sub"])
            #expect(try images("--project-directory", "development") == ["backend:latest"])
            try stack.file(".env", "COMPOSE_FILE=development/compose.yaml\nNAME=test\nCOMPOSE_PROFILES=test\n")
            #expect(try images() == ["enabled:profile", "test:latest"])
            try stack.file(".env", "")
            try stack.file("my.env", "COMPOSE_FILE=development/compose.yaml\nNAME=mine\nTAG=1\nCOMPOSE_PROFILES=test\n")
            #expect(try images("--env-file", "my.env") == ["enabled:profile", "mine:1"])
        }
    }

    @Test func `secrets come from variables, also those of an included file, with owner and mode`() throws {
        try withStack(
            """
            include: [{path: child/compose.yaml, env_file: [secret.env]}]
            services:
              foo:
                rootfs: host
                network_mode: none
                secrets: [{source: secret, target: bar, uid: "1005", gid: "1006", mode: 0440}]
                command: cat /run/secrets/bar
            secrets: {secret: {environment: SECRET}}
            """
        ) { stack in
            mkdir("\(stack.folder)/child", 0o755)
            try stack.file("secret.env", "MY_SECRET='this is secret'\n")
            try stack.file(
                "child/compose.yaml",
                """
                services:
                  included: {rootfs: host, network_mode: none, secrets: [mine], command: cat /run/secrets/mine}
                secrets: {mine: {environment: MY_SECRET}}
                """)
            let secret = ["SECRET": "BAR"]
            #expect(try stack.run("run", "--rm", "foo", variables: secret).out == "BAR")
            let file = try stack.run(
                "run", "--rm", "foo", "stat", "-c", "%u:%g %a", "/run/secrets/bar", variables: secret)
            #expect(file.out == "1005:1006 440\n", "\(file)")
            #expect(try stack.run("run", "--rm", "included").out == "this is secret")
            // The including side's own variable goes before, and no text shows either.
            #expect(try stack.run("run", "--rm", "included", variables: ["MY_SECRET": "ours"]).out == "ours")
            #expect(try !stack.run("config", variables: secret).out.contains("this is"))
            let unset = try stack.run("run", "--rm", "foo")
            #expect(unset.status == 1 && unset.err.contains("the variable SECRET is not set"), "\(unset)")
        }
    }

    @Test func `configurations come from files, variables and texts, to where they are wanted`() throws {
        try withStack(
            """
            services:
              all:
                rootfs: host
                network_mode: none
                configs: [from_env, from_file, inlined, {source: inlined, target: /target}]
                command: sh -c "cat /from_env /from_file /inlined /target"
            configs:
              from_env: {environment: CONFIG}
              from_file: {file: config.txt}
              inlined: {content: "my $CONFIG\\n"}
            """
        ) { stack in
            try stack.file("config.txt", "in a file\n")
            let seen = try stack.run("run", "--rm", "all", variables: ["CONFIG": "config\n"])
            #expect(seen.out == "config\nin a file\nmy config\n\nmy config\n\n", "\(seen)")
        }
    }
}
