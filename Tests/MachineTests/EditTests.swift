import Foundation
import Testing

extension MachineTests {
    /// What is edited in the file is changed in place, or the one service is replaced; nobody else notices.
    @Suite(.serialized) struct EditTests {
        private func pair(_ body: (Stack, _ port: Int) throws -> Void) throws {
            let port = try Machine.freePort()
            let yaml = """
                services:
                  web:
                    rootfs: host
                    command: [python3, -IS, /srv/echo.py, web]
                    environment: {COLOUR: blue}
                    volumes: ["./echo.py:/srv/echo.py:ro"]
                    mem_limit: 64m
                    cpus: 0.5
                    pids_limit: 50
                    cpu_shares: 512
                    labels: {tier: one}
                    restart: "no"
                    stop_grace_period: 0s
                    networks: {front: {aliases: [first]}}
                  other: {rootfs: host, init: true, command: [sleep, infinity], networks: [front, back], stop_grace_period: 0s}
                networks: {front: {}, back: {}}
                """
            try withStack(yaml) { stack in
                try stack.file("echo.py", Traffic.echo)
                try stack.up()
                try stack.expectSettled()
                try body(stack, port)
            }
        }

        @Test func whatIsUpStaysAsItIs() throws {
            try pair { stack, _ in
                let before = try stack.pids()
                #expect(before.count == 2 && before.values.allSatisfy { $0 > 0 })
                try stack.up()
                #expect(try stack.pids() == before)
                try stack.expectSettled()
            }
        }

        /// Edits the file, and asserts that the difference is exactly these fields, made without a new process.
        private func editInPlace(
            _ stack: Stack, _ old: String, _ new: String, _ fields: [String],
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let before = try stack.pids()
            try stack.edit(old, new, sourceLocation: sourceLocation)
            let changes = try stack.diff(sourceLocation: sourceLocation)
            #expect(
                changes.map { "\($0.action) \($0.resource)" } == ["update container/web/1"]
                    && changes.first?.fields.map(\.path) == fields && changes.first?.drift == false, "\(changes)",
                sourceLocation: sourceLocation)
            try stack.up(sourceLocation: sourceLocation)
            #expect(try stack.pids() == before, "after \(new)", sourceLocation: sourceLocation)
            try stack.expectSettled(sourceLocation: sourceLocation)
        }

        @Test func limitsChangeInPlace() throws {
            try pair { stack, _ in
                func limit(_ v1: String, _ v2: String) throws -> String {
                    try Machine.limit(stack, "web", v1: v1, v2: v2)
                }
                try editInPlace(stack, "mem_limit: 64m", "mem_limit: 128m", ["mem_limit"])
                #expect(try limit("memory.limit_in_bytes", "memory.max") == "134217728")
                try editInPlace(stack, "mem_limit: 128m", "mem_limit: 48m", ["mem_limit"])
                #expect(try limit("memory.limit_in_bytes", "memory.max") == "50331648")
                try editInPlace(stack, "cpus: 0.5", "cpus: 1.25", ["cpus"])
                #expect(try limit("cpu.cfs_quota_us", "cpu.max").hasPrefix("125000"))
                try editInPlace(stack, "pids_limit: 50", "pids_limit: 60", ["pids_limit"])
                #expect(try limit("pids.max", "pids.max") == "60")
                let shares = try limit("cpu.shares", "cpu.weight")
                try editInPlace(stack, "cpu_shares: 512", "cpu_shares: 2048", ["cpu_shares"])
                #expect(try limit("cpu.shares", "cpu.weight") != shares)
                try editInPlace(stack, "pids_limit: 60\n", "\n", ["pids_limit"])
                #expect(try limit("pids.max", "pids.max") == "max")
                try editInPlace(stack, "cpus: 1.25\n", "cpus: 1.25\n    cpuset: \"0\"\n", ["cpuset"])
                #expect(try limit("cpuset.cpus", "cpuset.cpus") == "0")
            }
        }

        @Test func labelsAndPoliciesChangeInPlace() throws {
            try pair { stack, _ in
                try editInPlace(stack, "tier: one", "tier: two, new: yes", ["labels.new", "labels.tier"])
                try editInPlace(stack, #"restart: "no""#, "restart: always", ["restart"])
                try editInPlace(
                    stack, "stop_grace_period: 0s\n    net", "stop_grace_period: 1ms\n    net", ["stop_grace_period"])
                #expect(try stack.expect(0, "ps", "--format", "json").out.contains("tier=two"))
                // The policy counts from now on.
                let pid = try stack.pid(of: "web")
                kill(pid, SIGKILL)
                try waitUntil("the restart") { try ![0, pid].contains(stack.row("web").Pid) }
                try stack.expectSettled()
            }
        }

        @Test func networksPortsAndAliasesChangeInPlace() throws {
            try pair { stack, port in
                try editInPlace(stack, "aliases: [first]", "aliases: [first, second]", ["networks.front.aliases"])
                #expect(try Traffic.ask(stack, from: "other", "second") == "web hello")
                try editInPlace(
                    stack, "aliases: [first, second]}}", "aliases: [first, second]}, back: {}}", ["networks.back"])
                #expect(try stack.shell("web", "ls /sys/class/net") == "eth0\neth1\nlo")
                try editInPlace(
                    stack, "restart:", "ports: [\"127.0.0.1:\(port):8000\"]\n    restart:", ["ports[0]"])
                try waitUntil("the port") { Traffic.ask(.tcp, "127.0.0.1", port, "hello") == "web hello" }
                try editInPlace(stack, "[\"127.0.0.1:\(port):8000\"]", "[]", ["ports[0]"])
                try waitUntil("the port to close") { Traffic.ask(.tcp, "127.0.0.1", port, "hello") == nil }
                try editInPlace(
                    stack, "aliases: [first, second]}, back: {}}", "aliases: [first, second]}}", ["networks.back"])
                #expect(try stack.shell("web", "ls /sys/class/net") == "eth0\nlo")
            }
        }

        /// Each of them: the text, what it becomes, and the fields that are named.
        @Test func aReplacedServiceKeepsItsAddressAndNobodyElseNotices() throws {
            try pair { stack, _ in
                let edits = [
                    ("COLOUR: blue", "COLOUR: red", "environment.COLOUR"),
                    ("echo.py, web]", "echo.py, site]", "command"),
                    ("mem_limit: 64m", "working_dir: /srv\n    mem_limit: 64m", "working_dir"),
                    ("mem_limit: 64m", "read_only: true\n    mem_limit: 64m", "read_only"),
                    ("mem_limit: 64m", "user: \"65534\"\n    mem_limit: 64m", "user"),
                    ("mem_limit: 64m", "hostname: elsewhere\n    mem_limit: 64m", "hostname"),
                    ("mem_limit: 64m", "cap_drop: [ALL]\n    mem_limit: 64m", "cap_add"),
                    ("mem_limit: 64m", "init: true\n    mem_limit: 64m", "init"),
                    ("echo.py:ro\"]", "echo.py:ro\", \"/tmp:/mnt\"]", "volumes[1]"),
                ]
                let hosts = try stack.shell("other", "cat /etc/hosts")
                let other = try stack.pid(of: "other")
                let namespace = try #require(try stack.row("web").Namespaces["net"])
                for (old, new, field) in edits {
                    let before = try stack.pid(of: "web")
                    try stack.edit(old, new)
                    let changes = try stack.diff()
                    #expect(
                        changes.map { "\($0.action) \($0.resource)" } == ["replace container/web/1"]
                            && changes.first?.fields.map(\.path) == [field] && changes.first?.drift == false,
                        "\(changes)")
                    #expect(changes.first?.reason.contains(field) == true)
                    try stack.up()
                    #expect(try stack.pid(of: "web") != before)
                    #expect(try stack.pid(of: "other") == other)
                    #expect(try stack.row("web").Namespaces["net"] == namespace)
                    try stack.expectSettled()
                }
                #expect(try stack.shell("other", "cat /etc/hosts") == hosts)
                #expect(try Traffic.ask(stack, from: "other", "first") == "site hello")
            }
        }
    }
}
