import Compose
import Diagnostics
import OCI
import Testing

@Suite struct ProjectTests {
    @Test func namespaces() throws {
        let project = try project(
            """
            services:
              a: {command: x, network_mode: "service:b", pid: "service:b", ipc: shareable, uts: host}
              b: {command: x, network_mode: "service:c"}
              c: {command: x, namespaces: {mnt: private, net: "stack:pod", ipc: "stack:pod"}}
              d: {command: x, network_mode: none}
              e: {command: x, network_mode: host, namespaces: {net: host}}
            x-namespaces: {pod: {}, box: [uts, ipc], net: {kinds: [net], networks: [n]}}
            networks: {n: , unused: }
            """)
        let a = try #require(project.service("a"))
        #expect(
            NamespaceKind.allCases.map { a.namespaces[$0].text } == [
                "private", "service:b", "service:b", "private", "host",
            ])
        #expect(a.networks == [])
        #expect(project.namespace(.net, of: a) == .stack("pod"))
        #expect(project.namespace(.pid, of: a) == .service("b"))
        #expect(project.service("d")?.namespaces.net == .private)
        #expect(project.service("d")?.networks == [])
        #expect(project.service("e")?.namespaces.net == .host)
        #expect(project.namespaces.map(\.name) == ["box", "net", "pod"])
        #expect(project.namespaces.map(\.kinds) == [[.ipc, .uts], [.net], [.net, .ipc]])
        #expect(project.namespaces.map { $0.networks.map(\.network) } == [[], ["n"], ["default"]])
        #expect(project.networks.map(\.key) == ["default", "n"])
    }

    @Test func stepsBeforeAServiceAreServicesOfTheirOwn() throws {
        let project = try project(
            """
            name: shop
            services:
              db: {image: pg}
              web:
                build: .
                user: app
                depends_on: [db]
                ports: ["80"]
                networks: {default: {aliases: [www]}}
                environment: {A: 1, B: 2}
                pre_start:
                  - {command: [migrate], environment: {B: 3}}
                  - {image: tool, privileged: true, per_replica: true}
                scale: 2
            """)
        #expect(project.services.map(\.name) == ["db", "web", "web-pre_start-0", "web-pre_start-1"])
        let web = try #require(project.service("web"))
        #expect(web.dependencies.map(\.service) == ["db", "web-pre_start-1"])
        #expect(web.dependencies.map(\.condition) == [.started, .completed])
        let first = try #require(project.service("web-pre_start-0"))
        #expect(
            project.image(of: first)?.description == project.image(of: web)?.description && first.image?.build == nil)
        #expect(first.command == ["migrate"] && first.user == "app" && first.environment == ["A": "1", "B": "3"])
        #expect(first.ports == [] && first.networks.map(\.aliases) == [[]] && first.replicas == 1)
        #expect(first.dependencies.map(\.service) == ["db"] && first.precedes == Step(of: "web", key: "pre_start[0]"))
        let second = try #require(project.service("web-pre_start-1"))
        #expect(try second.image?.reference == ImageReference(parsing: "tool") && second.command == nil)
        #expect(second.user == nil && second.addedCapabilities == ["ALL"] && second.replicas == 2)
        #expect(second.dependencies.map(\.service) == ["web-pre_start-0"])
    }

    @Test func aStepWithTheNameOfAServiceIsRefused() throws {
        let text = """
            services:
              web: {image: a, pre_start: [{command: b}]}
              web-pre_start-0: {image: a}
            """
        #expect(load(text).diagnostics.map(\.path) == ["services.web.pre_start[0]"])
    }

    @Test func networksAndVolumes() throws {
        let project = try project(
            """
            name: shop
            services:
              a:
                command: x
                networks: {front: {aliases: [web, w], ipv4_address: 10.5.0.10}, back: }
                volumes: ["data:/d"]
            networks:
              front: {driver: bridge, ipam: {config: [{subnet: 10.5.0.0/16, gateway: 10.5.0.254}]}, labels: [a=b]}
              back: {internal: true, name: other}
            volumes: {data: {labels: {x: y}, name: mine}, unused: }
            resources: {cpus: 2, mem_limit: 1g}
            """)
        let front = try #require(project.network("front"))
        #expect(front.name == "shop_front")
        #expect(front.subnet?.description == "10.5.0.0/16")
        #expect(front.gateway?.description == "10.5.0.254")
        #expect(front.labels == ["a": "b"])
        #expect(project.network("back")?.internal == true)
        #expect(project.network("back")?.name == "other")
        #expect(project.volumes.map(\.name) == ["mine"])
        #expect(project.resources.memory == 1 << 30)
        #expect(
            project.service("a")?.networks == [
                Attachment(network: "back"),
                Attachment(network: "front", aliases: ["web", "w"], address: IPv4Address("10.5.0.10")),
            ])
    }

    @Test func placesOfValues() throws {
        let project = try project(
            """
            services:
              w:
                command: [run]
                ports:
                  - "80-81:80-81"
                  - 90
                mem_limit: 64m
                networks:
                  front:
                    aliases: [x]
                volumes:
                  - ./a:/a
                  - ./b:/b
            networks: {front: }
            resources:
              cpus: 2
            """)
        let places = try #require(project.service("w")).places
        let expected = [
            "": "2:3", "command": "3:5", "ports": "4:5", "ports[0]": "5:9", "ports[1]": "5:9", "ports[2]": "6:9",
            "mem_limit": "7:16", "networks.front.aliases": "10:9", "networks.front.aliases[0]": "10:19",
            "volumes[1]": "13:9", "user": "2:3", "networks.front.ipv4_address": "9:7",
        ]
        for (path, place) in expected { #expect(places[path]?.description == "f:\(place)", "\(path)") }
        #expect(project.places["resources.cpus"]?.description == "f:16:9")
        #expect(project.network("front")?.places["internal"]?.line == 14)
    }

    @Test func placesDoNotCount() throws {
        let one = try project("services: {w: {command: run, user: me}}")
        let other = try project("services:\n\n  w:\n    user: me\n    command: [run]\n")
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
    }

    @Test(
        arguments: [
            ("Shop", nil, nil, "shop"), ("a b.c", nil, nil, "abc"), ("_x", nil, nil, "x"), ("x", "env", nil, "env"),
            ("x", "env", "opt", "opt"), ("x", "", nil, "x"), ("${N:-n}", nil, nil, "n"), (nil, nil, nil, "p"),
        ] as [(String?, String?, String?, String)])
    func names(top: String?, variable: String?, option: String?, name: String) throws {
        let text = (top.map { "name: \($0)\n" } ?? "") + serviceFile("")
        let (project, diagnostics) = load(text, variable.map { ["COMPOSE_PROJECT_NAME": $0] } ?? [:], name: option)
        #expect(diagnostics == [])
        #expect(project?.name == name)
    }

    @Test func namesThatAreGivenMustBeRight() {
        let (project, diagnostics) = load(serviceFile(""), name: "My Shop")
        #expect(project == nil)
        #expect(
            diagnostics.map(\.description) == [
                """
                error: -p: "My Shop" is no project name
                  hint: lower case letters, digits, _ and -, the first a letter or digit: myshop
                """
            ])
        #expect(load(serviceFile(""), ["COMPOSE_PROJECT_NAME": "a.b"]).project == nil)
        #expect(problems("name: '...'\n" + serviceFile("")).count == 1)
    }

    @Test func versionWarnsOnly() {
        let (project, diagnostics) = load("version: '3'\n" + serviceFile(""))
        #expect(project != nil)
        #expect(diagnostics.map(\.description) == ["f:1:10: warning: version: is ignored\n  hint: remove it"])
    }

    @Test func codingKeepsAProject() throws {
        #expect(IPv4Subnet("10.5.0.0/16")?.last.description == "10.5.255.255")
        #expect(IPv4Subnet("10.5.0.1/16") == nil)
        #expect(IPv4Address("010.0.0.1") == nil)
        #expect(IPv4Address("256.0.0.1") == nil)
        #expect(IPv4Address("1.2.3") == nil)
        #expect(IPv4Subnet("0.0.0.0/0")?.contains(IPv4Address(raw: .max)) == true)
    }

    @Test func signalsAndCapabilities() {
        #expect(Signal.number(named: "SIGTERM") == 15)
        #expect(Signal.number(named: "kill") == 9)
        #expect(Signal.number(named: "RTMIN+3") == 37)
        #expect(Signal.number(named: "SIGRTMAX-1") == 63)
        #expect(Signal.number(named: "RTMAX-40") == nil)
        #expect(Signal.number(named: "65") == nil)
        #expect((1...31).allSatisfy { Signal(number: $0).map { Signal.number(named: $0.name) == $0.number } ?? false })
        #expect(Signal(number: 37)?.name == "SIGRTMIN+3")
        #expect(Capability.all.count == 41)
        #expect(Capability.number(named: "CAP_SYS_ADMIN") == 21)
        #expect(Capability.number(named: "checkpoint_restore") == 40)
        #expect(
            Capability.effective(added: [], dropped: [])
                == Capability.defaults.sorted { Capability.number(named: $0)! < Capability.number(named: $1)! })
        #expect(Capability.effective(added: ["NET_ADMIN"], dropped: ["ALL"]) == ["NET_ADMIN"])
        #expect(Capability.effective(added: ["ALL"], dropped: ["BPF"]).count == 40)
        #expect(!Capability.effective(added: [], dropped: ["CHOWN"]).contains("CHOWN"))
    }
}
