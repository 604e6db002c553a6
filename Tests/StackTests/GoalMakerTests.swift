import Diagnostics
import Stack
import Testing

@testable import Compose

/// A project made by hand: services by name, all in the network `default` unless said otherwise.
func project(_ services: Service..., networks: [Compose.Network] = [network("default")]) -> Project {
    var project = Project(name: "demo", directory: "/demo")
    project.services = services.sorted { $0.name < $1.name }
    project.networks = networks
    return project
}

func service(
    _ name: String, networks: [Compose.Attachment] = [.init(network: "default")],
    _ edit: (inout Service) -> Void = { _ in }
)
    -> Service
{
    var service = Service(name: name)
    service.command = ["sleep", "inf"]
    service.networks = networks
    edit(&service)
    return service
}

func network(_ key: String, subnet: String? = nil, internal isInternal: Bool = false) -> Compose.Network {
    var places = Places()
    places["ipam.config[0].subnet"] = Place(file: "compose.yaml", line: 9, column: 17)
    return Compose.Network(
        key: key, name: "demo_\(key)", subnet: subnet.flatMap { IPv4Subnet($0) }, gateway: nil, internal: isInternal,
        labels: [:], places: places)
}

/// A ledger as it is once the goal has been applied.
func applied(_ goal: Goal) -> Ledger {
    Ledger(
        goal: goal,
        entries: goal.containers.map { Ledger.Entry(instance: Instance($0.id, 1), spec: $0, isWanted: true) })
}

@Suite struct GoalMakerTests {
    private func make(
        _ project: Project, _ ledger: Ledger = Ledger(project: "demo"), _ selection: [String] = [],
        removeOrphans: Bool = false, routes: [String] = []
    ) -> GoalMaker.Result {
        GoalMaker.make(
            project: project, observed: ledger, selection: selection, removeOrphans: removeOrphans, hostRoutes: routes)
    }

    private func goal(
        _ project: Project, _ ledger: Ledger = Ledger(project: "demo"), _ selection: [String] = [],
        removeOrphans: Bool = false, routes: [String] = []
    ) throws -> Goal {
        let result = make(project, ledger, selection, removeOrphans: removeOrphans, routes: routes)
        #expect(result.problems == [])
        return try #require(result.goal)
    }

    private func place(_ goal: Goal, _ service: String, _ index: Int = 1) -> [String] {
        (goal.container(ContainerID(service, index))?.attachments ?? []).map {
            "\($0.network) \($0.address) \($0.interface)"
        }
    }

    // MARK: Containers

    @Test func defaultsAreFilledIn() throws {
        let web = service("web") { service in
            service.entrypoint = ["/bin/sh", "-c"]
            service.command = ["exec \"$0\"", "x"]
            service.environment = ["B": "2", "A": "1"]
            service.addedCapabilities = ["NET_ADMIN"]
            service.droppedCapabilities = ["MKNOD"]
            service.stopGracePeriod = .milliseconds(1500)
        }
        let spec = try #require(try goal(project(web)).containers.first)
        #expect(spec.arguments == ["/bin/sh", "-c", "exec \"$0\"", "x"])
        #expect(
            spec.environment == ["A=1", "B=2", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
        #expect(spec.hostname == "web")
        #expect(spec.stopGraceMilliseconds == 1500)
        #expect(spec.stopSignal == 15)
        #expect(spec.capabilities.count == 14)
        #expect(spec.capabilities == spec.capabilities.sorted())
        #expect(spec.capabilities.contains("NET_ADMIN") && !spec.capabilities.contains("MKNOD"))
    }

    @Test func thePathOfTheFileWins() throws {
        let spec = try #require(
            try goal(project(service("web") { $0.environment = ["PATH": "/opt"] })).containers.first)
        #expect(spec.environment == ["PATH=/opt"])
    }

    @Test func mountsKeepTheirKeys() throws {
        var project = project(
            service("web") { service in
                service.volumes = [
                    .init(source: .bind("/srv", create: true), target: "/srv", readOnly: true),
                    .init(source: .volume("data"), target: "/data"), .init(source: .anonymous, target: "/cache"),
                ]
                service.tmpfs = [.init(target: "/tmp")]
                service.replicas = 2
            })
        project.volumes = [Compose.Volume(key: "data", name: "shared", labels: [:], places: Places())]
        let goal = try goal(project)
        let mounts = goal.containers[1].mounts
        #expect(mounts.map(\.key) == ["volumes[0]", "volumes[1]", "volumes[2]", "tmpfs[0]"])
        #expect(mounts.map(\.text) == ["/srv:/srv:ro", "data:/data", "web.2:/cache:/cache", "tmpfs /tmp"])
        #expect(goal.volumes.map(\.key) == ["data", "web.1:/cache", "web.2:/cache"])
        #expect(goal.volumes[0].name == "shared")
        #expect(Set(goal.volumes.map(\.name)).count == 3)
        #expect(goal.volumes.allSatisfy { !$0.name.contains("/") && !$0.name.contains(":") })
    }

    @Test func replicasCountFromOne() throws {
        let goal = try goal(project(service("web") { $0.replicas = 3 }))
        #expect(goal.containers.map(\.id.description) == ["web/1", "web/2", "web/3"])
        #expect(goal.endpoints.map(\.name) == ["web", "web.2", "web.3"])
        let fewer = try self.goal(project(service("web")), applied(goal))
        #expect(fewer.containers == [goal.containers[0]])
    }

    @Test func nothingToRunIsAProblem() {
        let problems = make(project(service("web") { $0.command = nil })).problems
        #expect(problems.map(\.path) == ["services.web"])
    }

    @Test func namespaceModesAreFollowed() throws {
        let project = project(
            service("a"), service("b", networks: []) { $0.namespaces.net = .service("a") },
            service("c", networks: []) { $0.namespaces.net = .service("b") },
            service("d", networks: []) { $0.namespaces.net = .host }, service("e", networks: []))
        let goal = try goal(project)
        #expect(goal.containers.map(\.namespaces.net) == [.own, .service("a"), .service("a"), .host, .own])
        #expect(goal.containers.map(\.attachments.count) == [1, 0, 0, 0, 0])
        #expect(goal.endpoints.map(\.name) == ["a", "e"])
    }

    @Test func joiningAServiceWithoutContainersIsAProblem() {
        let project = project(
            service("a") { $0.replicas = 0 }, service("b", networks: []) { $0.namespaces.pid = .service("a") })
        #expect(make(project).problems.map(\.path) == ["services.b"])
    }

    // MARK: Networks

    @Test func theFirstFreeSubnetIsTaken() throws {
        let project = project(service("web"))
        #expect(try goal(project).networks.map(\.subnet) == ["172.18.0.0/24"])
        let routes = ["default", "0.0.0.0/0", "172.16.0.0/12", "10.0.0.0/24", "10.0.1.4/32"]
        let network = try goal(project, routes: routes).networks[0]
        #expect(network.subnet == "10.0.2.0/24")
        #expect(network.gateway == "10.0.2.1")
        #expect(make(project, routes: ["172.16.0.0/12", "10.0.0.0/8", "192.168.0.0/16"]).problems.count == 1)
    }

    @Test func subnetsStayWhenNetworksComeAndGo() throws {
        let both: [Compose.Attachment] = [.init(network: "b"), .init(network: "c")]
        let first = try goal(project(service("web", networks: both), networks: [network("b"), network("c")]))
        let second = try goal(
            project(
                service("web", networks: both + [.init(network: "a")]),
                networks: [network("a"), network("b"), network("c")]), applied(first))
        #expect(second.networks.map(\.subnet) == ["172.18.2.0/24", "172.18.0.0/24", "172.18.1.0/24"])
        #expect(place(second, "web") == ["b 172.18.0.2 eth0", "c 172.18.1.2 eth1", "a 172.18.2.2 eth2"])
        let third = try goal(
            project(service("web", networks: [both[1]]), networks: [network("c")]), applied(second))
        #expect(place(third, "web") == ["c 172.18.1.2 eth1"])
    }

    @Test func aRecordedSubnetGivesWayToAFixedOne() throws {
        let first = try goal(project(service("web"), networks: [network("default")]))
        let both: [Compose.Attachment] = [.init(network: "default"), .init(network: "fixed")]
        let second = try goal(
            project(
                service("web", networks: both),
                networks: [network("default"), network("fixed", subnet: "172.18.0.0/16")]),
            applied(first))
        #expect(second.networks.map(\.subnet) == ["172.19.0.0/24", "172.18.0.0/16"])
    }

    @Test func aFixedSubnetThatClashesIsAProblem() throws {
        let attachments: [Compose.Attachment] = [.init(network: "a"), .init(network: "b")]
        let project = project(
            service("web", networks: attachments),
            networks: [network("a", subnet: "10.1.0.0/16"), network("b", subnet: "10.1.2.0/24")])
        let problem = try #require(make(project).problems.first)
        #expect(problem.path == "networks.b.ipam.config[0].subnet")
        #expect(problem.message == "10.1.2.0/24 clashes with network a (10.1.0.0/16)")
        #expect(problem.place?.description == "compose.yaml:9:17")
        let host = make(project, routes: ["10.1.9.0/24"]).problems
        #expect(host.map(\.path) == ["networks.a.ipam.config[0].subnet", "networks.b.ipam.config[0].subnet"])
        #expect(host[0].message == "10.1.0.0/16 clashes with the host's route to 10.1.9.0/24")
    }

    @Test func aRouteThatCameLaterDoesNotBreakWhatStands() throws {
        let project = project(service("web"), networks: [network("default", subnet: "10.1.0.0/16")])
        let first = try goal(project)
        #expect(try goal(project, applied(first), routes: ["10.1.0.0/16"]) == first)
    }

    @Test func theWayOutHasASubnetThatStays() throws {
        let project = project(service("web"))
        let first = try goal(project)
        let egress = try #require(first.egress)
        #expect(IPv4Subnet("169.254.192.0/18")!.overlaps(IPv4Subnet(egress.subnet)!))
        #expect(IPv4Subnet(egress.subnet)?.contains(IPv4Address(egress.hostAddress)!) == true)
        #expect(egress.hostAddress != egress.stackAddress)
        #expect(try goal(project, applied(first), routes: [egress.subnet]).egress == egress)
        // Somebody else has it.
        let moved = try #require(try goal(project, routes: [egress.subnet]).egress)
        #expect(moved != egress)
    }

    @Test func internalNetworksHaveNoWayOut() throws {
        #expect(try goal(project(service("web"), networks: [network("default", internal: true)])).egress == nil)
        #expect(try goal(project(service("web", networks: []))).egress == nil)
        #expect(try goal(project(service("web", networks: []))).networks == [])
    }

    // MARK: Addresses

    @Test func fixedAddressesComeFirst() throws {
        let project = project(
            service("a"), service("b", networks: [.init(network: "default", address: IPv4Address("10.1.0.2"))]),
            service("c"), networks: [network("default", subnet: "10.1.0.0/29")])
        let goal = try goal(project)
        #expect(goal.containers.map { $0.attachments[0].address } == ["10.1.0.3", "10.1.0.2", "10.1.0.4"])
        #expect(goal.containers.map { $0.attachments[0].fixedAddress } == [nil, "10.1.0.2", nil])
    }

    @Test func addressesStayWhenServicesComeAndGo() throws {
        let first = try goal(project(service("b"), service("c")))
        let second = try goal(project(service("a"), service("c")), applied(first), removeOrphans: true)
        #expect(place(second, "c") == ["default 172.18.0.3 eth0"])
        #expect(place(second, "a") == ["default 172.18.0.2 eth0"])
    }

    @Test func aFixedAddressOustsARecordedOne() throws {
        let network = network("default", subnet: "10.1.0.0/24")
        let first = try goal(project(service("a"), networks: [network]))
        let second = try goal(
            project(
                service("a"), service("b", networks: [.init(network: "default", address: IPv4Address("10.1.0.2"))]),
                networks: [network]), applied(first))
        #expect(second.containers.map { $0.attachments[0].address } == ["10.1.0.3", "10.1.0.2"])
    }

    @Test(arguments: [
        ("10.1.0.1", "10.1.0.1 is taken by the network's gateway"),
        ("10.1.0.7", "10.1.0.7 is taken by the network's broadcasts"),
        ("10.2.0.1", "10.2.0.1 is not inside 10.1.0.0/29, the subnet of default"),
    ])
    func aFixedAddressThatCannotBe(address: String, message: String) throws {
        let project = project(
            service("a", networks: [.init(network: "default", address: IPv4Address(address))]),
            networks: [network("default", subnet: "10.1.0.0/29")])
        let problem = try #require(make(project).problems.first)
        #expect(problem.path == "services.a.networks.default.ipv4_address")
        #expect(problem.message == message)
    }

    @Test func replicasCannotShareAFixedAddress() throws {
        let project = project(
            service("a", networks: [.init(network: "default", address: IPv4Address("10.1.0.5"))]) { $0.replicas = 2 },
            networks: [network("default", subnet: "10.1.0.0/29")])
        #expect(make(project).problems.map(\.message) == ["10.1.0.5 is taken by a"])
    }

    @Test func aFullNetworkIsAProblem() throws {
        let project = project(
            service("a") { $0.replicas = 6 }, networks: [network("default", subnet: "10.1.0.0/29")])
        #expect(
            make(project).problems.map(\.message) == ["no address is left in 10.1.0.0/29, the subnet of default"])
    }

    // MARK: Ports

    @Test func aPortPublishedTwiceIsAProblem() throws {
        let port = Compose.Port(target: 80, published: 8080...8080)
        let project = project(service("a") { $0.ports = [port] }, service("b") { $0.ports = [port] })
        let problem = try #require(make(project).problems.first)
        #expect(problem.path == "services.b.ports[0]")
        #expect(problem.message == "port 8080/tcp of the host is published by a/1 already")
    }

    @Test func portsOfDifferentAddressesDoNotClash() throws {
        let project = project(
            service("a") { $0.ports = [.init(target: 80, published: 80...80, address: "127.0.0.1")] },
            service("b") { $0.ports = [.init(target: 80, published: 80...80, address: "::1")] },
            service("c") { $0.ports = [.init(target: 80, published: 80...80, transport: .udp), .init(target: 80)] })
        let ports = try goal(project).containers.flatMap(\.ports).map(\.hostPort)
        #expect(ports == [80, 80, 80, nil])
    }

    @Test func aRangeGivesEachReplicaItsPort() throws {
        let range = Compose.Port(target: 80, published: 8000...8003)
        let fixed = Compose.Port(target: 80, published: 8001...8001)
        func ports(_ goal: Goal) -> [UInt16?] { goal.containers.map { $0.ports[0].hostPort } }
        let first = try goal(
            project(service("a") { ($0.ports, $0.replicas) = ([range], 2) }, service("b") { $0.ports = [fixed] }))
        #expect(ports(first) == [8000, 8002, 8001])
        let second = try goal(
            project(service("a") { ($0.ports, $0.replicas) = ([range], 3) }), applied(first), removeOrphans: true)
        #expect(ports(second) == [8000, 8002, 8001])
        let tooMany = project(service("a") { ($0.ports, $0.replicas) = ([range], 5) })
        #expect(make(tooMany).problems.count == 1)
    }

    // MARK: Declared namespaces

    @Test func declaredNamespacesHavePlacesAndKinds() throws {
        var project = project(
            service("a", networks: []) { ($0.namespaces.net, $0.namespaces.ipc) = (.stack("pod"), .stack("pod")) },
            service("b"))
        project.namespaces = [
            SharedNamespaces(
                name: "pod", kinds: [.net, .ipc], networks: [.init(network: "default", aliases: ["p", "o"])],
                places: Places()),
            SharedNamespaces(name: "unused", kinds: [], networks: [], places: Places()),
        ]
        let goal = try goal(project)
        #expect(goal.namespaces.map(\.name) == ["pod"])
        #expect(goal.namespaces[0].kinds == [.ipc, .net])
        #expect(goal.namespaces[0].attachments.map(\.aliases) == [["o", "p"]])
        #expect(goal.namespaces[0].attachments.map(\.address) == ["172.18.0.3"])
        #expect(goal.names(in: "default").map(\.names) == [["b", "demo-b-1"], ["a", "demo-a-1", "o", "p", "pod"]])
    }

    @Test func namespaceAndServiceCannotShareAName() throws {
        var project = project(service("pod"))
        project.namespaces = [
            SharedNamespaces(name: "pod", kinds: [.net], networks: [.init(network: "default")], places: Places())
        ]
        #expect(make(project).problems.map(\.path) == ["namespaces.pod"])
    }

    // MARK: Selection and orphans

    @Test func aSelectionBringsItsDependencies() throws {
        let project = project(
            service("db"), service("other"),
            service("web") {
                $0.dependencies = [.init(service: "db", condition: .started, required: true, restart: false)]
            }, service("side", networks: []) { $0.namespaces.net = .service("web") })
        #expect(
            try goal(project, Ledger(project: "demo"), ["side"]).containers.map(\.id.service) == ["db", "side", "web"])
        #expect(
            make(project, Ledger(project: "demo"), ["nobody"]).problems.map(\.message) == ["there is no service nobody"]
        )
    }

    @Test func whatIsNotSelectedStaysAsRecorded() throws {
        let own: [Compose.Attachment] = [.init(network: "default"), .init(network: "back")]
        let networks = [network("default"), network("back")]
        let first = try goal(project(service("a", networks: own), service("b"), networks: networks))
        // Everything changes in the file, but only b is asked for.
        let edited = project(
            service("a") { $0.command = ["other"] }, service("b") { $0.command = ["other"] }, service("new"),
            networks: [network("default", subnet: "10.9.0.0/24")])
        let second = try goal(edited, applied(first), ["b"])
        #expect(second.container(ContainerID("a")) == first.container(ContainerID("a")))
        #expect(second.container(ContainerID("b"))?.arguments == ["other"])
        #expect(second.container(ContainerID("new")) == nil)
        #expect(second.networks == first.networks)
        #expect(place(second, "b") == place(first, "b"))
    }

    @Test func orphansAreKeptAndNamed() throws {
        let first = try goal(project(service("a"), service("b") { $0.replicas = 2 }))
        let result = make(project(service("a"), service("c")), applied(first))
        #expect(result.orphans.map(\.description) == ["b/1", "b/2"])
        let second = try #require(result.goal)
        #expect(second.containers.map(\.id.description) == ["a/1", "b/1", "b/2", "c/1"])
        #expect(second.container(ContainerID("b", 2)) == first.container(ContainerID("b", 2)))
        #expect(place(second, "c") == ["default 172.18.0.5 eth0"])
        let third = try goal(project(service("a"), service("c")), applied(first), removeOrphans: true)
        #expect(third.containers.map(\.id.description) == ["a/1", "c/1"])
    }

    @Test func theSameInputGivesTheSameGoal() throws {
        let project = project(service("a") { $0.replicas = 4 }, service("b"), service("c"))
        let first = try goal(project)
        #expect(try goal(project) == first)
        #expect(try goal(project, applied(first)) == first)
    }
}
