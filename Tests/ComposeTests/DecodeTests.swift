import Compose
import Diagnostics
import Testing

@Suite struct DecodeTests {
    @Test func aServiceThatSaysNothing() throws {
        let service = try service("")
        var expected = Service(name: "w")
        expected.command = ["run"]
        expected.networks = [Attachment(network: "default")]
        #expect(service == expected)
    }

    @Test(arguments: [
        ("command: run", ["run"]), ("command: sh -c 'a  b' \"c\\\"d\" e\\ f", ["sh", "-c", "a  b", "c\"d", "e f"]),
        ("command: [a, '', 'b c']", ["a", "", "b c"]), ("command: \"a ''\"", ["a", ""]),
        ("command: a $$HOME *", ["a", "$HOME", "*"]), ("command: >\n  a\n  b", ["a", "b"]),
        ("command: |\n  a \\\n  b", ["a", "\nb"]),
    ])
    func words(keys: String, words: [String]) throws {
        #expect(try service(keys).command == words)
    }

    @Test func emptyCommands() throws {
        let service = try service("entrypoint: /bin/x -y\ncommand: []")
        #expect(service.entrypoint == ["/bin/x", "-y"])
        #expect(service.command == [])
        #expect(try self.service("entrypoint: x\ncommand:").command == nil)
    }

    private func service(_ keys: String) throws -> Service { try ComposeTests.service(keys) }

    @Test func environment() throws {
        let map = "environment: {A: 1, B: 1.50, C: true, D: yes, E: '', F: 017, G: 1e3, H: , I: }"
        let service = try ComposeTests.service(map, ["H": "h"])
        #expect(
            service.environment == [
                "A": "1", "B": "1.5", "C": "true", "D": "yes", "E": "", "F": "15", "G": "1000", "H": "h",
            ])
        let list = try ComposeTests.service("environment: [A=1, B=a=b, C=, H, I, A=2]", ["H": "h"])
        #expect(list.environment == ["A": "2", "B": "a=b", "C": "", "H": "h"])
    }

    @Test(arguments: [
        ("80", [Port(target: 80)]), ("'8080:80'", [Port(target: 80, published: 8080...8080)]),
        ("22:22", [Port(target: 22, published: 22...22)]),
        ("127.0.0.1:81:80/udp", [Port(target: 80, published: 81...81, address: "127.0.0.1", transport: .udp)]),
        ("'[::1]:81:80'", [Port(target: 80, published: 81...81, address: "::1")]),
        ("127.0.0.1::80", [Port(target: 80, address: "127.0.0.1")]),
        ("8000-8001:80-81", [Port(target: 80, published: 8000...8000), Port(target: 81, published: 8001...8001)]),
        ("9100-9102:80", [Port(target: 80, published: 9100...9102)]),
        ("80-81", [Port(target: 80), Port(target: 81)]),
        ("{target: 80, published: 81}", [Port(target: 80, published: 81...81)]),
        (
            "{target: 80, published: '81-83', host_ip: 0.0.0.0, protocol: udp, mode: host}",
            [Port(target: 80, published: 81...83, address: "0.0.0.0", transport: .udp)]
        ),
        ("{target: 80, published: 0}", [Port(target: 80)]),
    ])
    func ports(text: String, ports: [Port]) throws {
        #expect(try service("ports:\n  - \(text)").ports == ports)
    }

    @Test(arguments: [
        ("./a:/b", Mount(source: .bind("/p/a", create: true), target: "/b")),
        ("../a:/b:ro", Mount(source: .bind("/a", create: true), target: "/b", readOnly: true)),
        ("~/a:/b/c/../d/:rw", Mount(source: .bind("/root/a", create: true), target: "/b/d")),
        ("/a//b:/c", Mount(source: .bind("/a/b", create: true), target: "/c")),
        ("vo:/c", Mount(source: .volume("vo"), target: "/c")), ("/c", Mount(source: .anonymous, target: "/c")),
        ("{type: bind, source: a, target: /c}", Mount(source: .bind("/p/a", create: false), target: "/c")),
        (
            "{type: bind, source: /a, target: /c, read_only: true, bind: {create_host_path: true}}",
            Mount(source: .bind("/a", create: true), target: "/c", readOnly: true)
        ),
        ("{type: volume, source: vo, target: /c}", Mount(source: .volume("vo"), target: "/c")),
    ])
    func mounts(text: String, mount: Mount) throws {
        let service = try ComposeTests.service("volumes:\n  - \(text)", ["HOME": "/root"], top: "volumes: {vo: }")
        #expect(service.volumes == [mount])
    }

    @Test func tmpfs() throws {
        let service = try service(
            "tmpfs: [/a, '/b/:size=1m,mode=755,uid=3,gid=4,ro']\nvolumes: [{type: tmpfs, target: /c, tmpfs: {size: 2k}}]"
        )
        var options = TmpfsOptions()
        options.size = 1 << 20
        options.mode = 0o755
        options.uid = 3
        options.gid = 4
        #expect(service.tmpfs == [Tmpfs(target: "/a"), Tmpfs(target: "/b", readOnly: true, options: options)])
        var small = TmpfsOptions()
        small.size = 2048
        #expect(service.volumes == [Mount(source: .tmpfs(small), target: "/c")])
        #expect(try self.service("tmpfs: /x").tmpfs == [Tmpfs(target: "/x")])
    }

    @Test func limits() throws {
        let service = try service(
            "cpus: 1.5\ncpu_shares: 512\ncpuset: 3,0-1\nmem_limit: 1.5g\nmemswap_limit: -1\npids_limit: 10")
        var expected = Resources()
        expected.nanoCPUs = 1_500_000_000
        expected.cpuShares = 512
        expected.cpuset = "0-1,3"
        expected.memory = 3 << 29
        expected.memorySwap = -1
        expected.pids = 10
        #expect(service.resources == expected)
        let none = try self.service("cpus: 0\nmem_limit: 0\npids_limit: 0\ncpu_shares: 0")
        #expect(none.resources == Resources())
    }

    @Test func deployLimitsAreTheSame() throws {
        let service = try service("deploy: {replicas: 2, resources: {limits: {cpus: '0.5', memory: 1m, pids: 9}}}")
        #expect(service.resources.nanoCPUs == 500_000_000)
        #expect(service.resources.memory == 1 << 20)
        #expect(service.resources.pids == 9)
        #expect(service.replicas == 2)
        #expect(service.places["mem_limit"]?.line == 4)
        #expect(try self.service("scale: 3\ndeploy: {replicas: 3}").replicas == 3)
    }

    @Test(
        arguments: [
            ("64", 64), ("64b", 64), ("1k", 1024), ("1KB", 1024), ("1 KiB", 1024), ("1.5M", 3 << 19), ("2gb", 2 << 30),
            ("1t", 1 << 40), ("'1_0'", nil), ("x", nil), ("1x", nil), ("-5", nil), ("1.5.2k", nil), ("[]", nil),
        ] as [(String, Int64?)])
    func sizes(text: String, bytes: Int64?) {
        #expect(load(serviceFile("mem_limit: \(text)")).project?.service("w")?.resources.memory == bytes)
    }

    @Test(
        arguments: [
            ("10s", .seconds(10)), ("1m30s", .seconds(90)), ("1.5h", .seconds(5400)), ("100ms", .milliseconds(100)),
            ("0s", .zero), ("1d", .seconds(86400)), ("5us", .microseconds(5)), ("10", nil), ("s", nil), ("1x", nil),
            ("''", nil),
        ] as [(String, Duration?)])
    func durations(text: String, duration: Duration?) {
        #expect(load(serviceFile("stop_grace_period: \(text)")).project?.service("w")?.stopGracePeriod == duration)
    }

    @Test func restartPolicies() throws {
        let policies: [(String, RestartPolicy)] = [
            ("no", .no), ("always", .always), ("unless-stopped", .unlessStopped),
            ("on-failure", .onFailure(maximum: nil)), ("on-failure:3", .onFailure(maximum: 3)),
        ]
        for (text, policy) in policies { #expect(try service("restart: \(text)").restart == policy) }
    }

    @Test func theRestOfAService() throws {
        let service = try service(
            """
            x-rootfs: ./root
            working_dir: /a/../b/
            user: "1000:1000"
            hostname: box.local
            cap_add: [CAP_NET_ADMIN, sys_time]
            cap_drop: [all]
            read_only: true
            init: "true"
            stop_signal: sigint
            labels: {a: 1, b: , c: yes}
            logging: {driver: json-file, options: {max-size: 1m, max-file: "2"}}
            x-mine: {any: thing}
            """)
        #expect(service.root == .directory("/p/root"))
        #expect(service.workingDirectory == "/b")
        #expect(service.user == "1000:1000")
        #expect(service.hostname == "box.local")
        #expect(service.addedCapabilities == ["NET_ADMIN", "SYS_TIME"])
        #expect(service.droppedCapabilities == ["ALL"])
        #expect(service.readOnly && service.`init`)
        #expect(service.stopSignal?.number == 2)
        #expect(service.labels == ["a": "1", "b": "", "c": "yes"])
        #expect(service.logging.maxSize == 1_000_000 && service.logging.maxFile == 2)
    }

    @Test func dependencies() throws {
        let text = """
            services:
              a: {command: x, depends_on: [c, b]}
              b: {command: x}
              c: {command: x, depends_on: {b: {condition: service_completed_successfully, restart: true}}}
            """
        let project = try project(text)
        #expect(
            project.service("a")?.dependencies
                == ["b", "c"].map {
                    Dependency(service: $0, condition: .started, required: true, restart: false)
                })
        #expect(
            project.service("c")?.dependencies == [
                Dependency(service: "b", condition: .completed, required: true, restart: true)
            ])
    }
}
