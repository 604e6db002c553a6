import Compose
import Diagnostics
import Testing

@Suite struct ConfigTests {
    private static let whole = """
        name: shop
        services:
          db:
            rootfs: ./root
            command: ["sh", "-c", "echo $$HOME; true # no comment", "", " x ", "a: b", "é\\n\\t\\x01", "yes", "1", "-", "~"]
            entrypoint: /bin/env
            environment: {A: "$$x", B: "no", C: "1.0", D: "", "e f": "#", "1": "{", T: "a\\nb"}
            networks: {back: {aliases: [pg, "1"], ipv4_address: 10.5.0.10}, default: }
            mem_limit: 64m
            memswap_limit: 128m
            cpus: 0.123456789
            cpuset: "0,1"
            cpu_shares: 512
            pids_limit: -1
            volumes: ["data:/d", "./a:/a:ro", /anon, {type: bind, source: b, target: /b}, {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0o755}}]
            tmpfs: ["/run:size=1m,mode=1777,uid=1,gid=2,ro", /x]
            cap_add: [NET_ADMIN]
            cap_drop: [ALL]
            stop_signal: SIGRTMIN+3
            stop_grace_period: 1m30.5s
            restart: on-failure:3
            logging: {options: {max-size: 1m, max-file: 2}}
            labels: {a: "=", "x.y/z": "$$$$"}
            hostname: db
            user: "0:0"
            working_dir: /w
            read_only: true
            init: true
            deploy: {replicas: 1}
          web:
            command: x
            depends_on: {db: {condition: service_completed_successfully, required: false, restart: true}}
            ports: ["80", "8080-8081:90-91", "[::1]:8082:82/udp", "9100-9102:80", "127.0.0.1:0:5"]
            deploy: {replicas: 0}
          side: {command: x, depends_on: {web: {condition: service_started, restart: true}}, network_mode: "service:web", pid: "service:web", ipc: host, uts: "service:web"}
          pod: {command: x, namespaces: {net: "stack:pod", ipc: "stack:pod", mnt: host}, ports: ["99:99"]}
          off: {command: x, network_mode: none, namespaces: {pid: host}}
        namespaces: {pod: {networks: {back: {aliases: [p]}}}, idle: {}}
        networks:
          back: {ipam: {config: [{subnet: 10.5.0.0/16, gateway: 10.5.0.9}]}, internal: true, labels: {a: 1}}
          default: {name: mine}
        volumes: {data: {labels: {x: "$$"}}}
        resources: {cpus: 2, mem_limit: 1g, memswap_limit: -1, pids_limit: 100, cpuset: 0-7, cpu_shares: 100}
        """

    @Test func whatIsPrintedLoadsAgain() throws {
        let project = try project(Self.whole)
        let model = try wholeModel(Self.whole)
        #expect(try ComposeTests.project(model.yaml()) == project)
        #expect(try ComposeTests.project(model.json().pretty) == project)
        #expect(try ComposeTests.project(model.json().compact) == project)
        #expect(try wholeModel(model.yaml()).yaml() == model.yaml())
        #expect(try wholeModel(model.json().compact).json() == model.json())
    }

    @Test func shape() throws {
        let model = try wholeModel(
            """
            name: shop
            services:
              web:
                command: run $$x
                ports: ["127.0.0.1:8080:80"]
                volumes: ["./a:/a", "data:/d"]
                environment: [A=1]
                mem_limit: 64m
                depends_on: [db]
                stop_grace_period: 1h
              db: {command: x}
            volumes: {data: }
            """)
        #expect(
            model.yaml() == """
                name: shop
                services:
                  db:
                    command:
                      - x
                    entrypoint: null
                    networks:
                      default: null
                  web:
                    command:
                      - run
                      - "$$x"
                    depends_on:
                      db:
                        condition: service_started
                        required: true
                    entrypoint: null
                    environment:
                      A: "1"
                    mem_limit: "67108864"
                    networks:
                      default: null
                    ports:
                      - mode: ingress
                        host_ip: "127.0.0.1"
                        target: 80
                        published: "8080"
                        protocol: tcp
                    stop_grace_period: "1h0m0s"
                    volumes:
                      - type: bind
                        source: /p/a
                        target: /a
                        bind: {}
                      - type: volume
                        source: data
                        target: /d
                        volume: {}
                networks:
                  default:
                    name: shop_default
                    ipam: {}
                volumes:
                  data:
                    name: shop_data

                """)
    }

    @Test(arguments: [
        ("0s", "0s"), ("90s", "1m30s"), ("1h", "1h0m0s"), ("1500us", "1.5ms"), ("7ns", "7ns"), ("61.5s", "1m1.5s"),
        ("3µs", "3µs"), ("1w2d", "216h0m0s"), ("1m0.5s", "1m0.5s"),
    ])
    func durations(written: String, printed: String) throws {
        let model = try wholeModel(serviceFile("stop_grace_period: \(written)"))
        #expect(model.json()["services"]?["w"]?["stop_grace_period"] == .string(printed))
    }

    /// Every text survives, whatever it looks like.
    @Test func texts() throws {
        let alphabet = Array("a1 :#-?[]{},&*!|>'\"%@`$\\\n\t~=.yé\u{1F600}\u{85}\u{7f}\u{2028}\u{FEFF}")
        var generator = Generator(state: 42)
        for _ in 0..<300 {
            let text = String(
                (0..<Int.random(in: 0...6, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! })
            let written = JSON.string(
                text.split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$"))
            let model = try wholeModel(
                "services: {w: {environment: {A: \(written.compact)}, command: [x, \(written.compact)]}}")
            let service = try #require(model.project().project?.service("w"))
            #expect(service.environment == ["A": text])
            #expect(service.command == ["x", text])
            #expect(
                try wholeModel(model.yaml()).project().project == model.project().project, "\(text.debugDescription)")
        }
    }

    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 33
        }
    }
}
