import Compose
import OCI
import Stack
import Testing

@Suite struct OneOffTests {
    private let id = ContainerID("web-run-0123456789ab")

    private func shop(isTransient: Bool = false, isAlone: Bool = false) -> Project {
        let attachment = Compose.Attachment(
            network: "default", aliases: ["www"], address: IPv4Address("172.18.0.9"))
        let web = service("web", networks: [attachment]) { service in
            service.dependencies = [Compose.Dependency(service: "db", condition: .completed)]
            service.restart = .always
            service.replicas = 3
        }
        return project(web, service("db"), service("cache")).adding(
            OneOff(service: "web", name: "demo-web-run-0123456789ab", isTransient: isTransient), key: id.service,
            terminal: nil, input: .once, isAlone: isAlone, keepsNames: false)
    }

    private func made(_ project: Project, _ names: [String], on ledger: Ledger = Ledger(project: "demo")) throws -> Goal
    {
        let result = GoalMaker.make(project: project, observed: ledger, selection: names)
        #expect(result.problems == [] && result.orphans == [])
        return try #require(result.goal)
    }

    private func run() throws -> Observation {
        Observation(sound: applied(try made(shop(), [id.service])))
    }

    @Test func isAContainerOfItsOwnBesideWhatItsServiceNeeds() throws {
        let goal = try made(shop(), [id.service])
        #expect(goal.containers.map(\.id) == [ContainerID("db"), id])
        let spec = try #require(goal.container(id))
        #expect(spec.name(in: "demo") == "demo-web-run-0123456789ab" && spec.serviceName == "web")
        #expect(spec.restart == .no && spec.standardInput == .once && spec.terminal == nil)
        #expect(spec.dependencies == [Stack.Dependency("db", .completed)])
        // What the service's own containers have is not for it.
        #expect(spec.attachments.map(\.aliases) == [[]] && spec.attachments[0].fixedAddress == nil)
        #expect(try made(shop(isAlone: true), [id.service]).containers.map(\.id) == [id])
    }

    @Test func upLeavesItAlone() throws {
        var observation = try run()
        let project = project(service("web"), service("db"), service("cache"))
        for state in [ObservedContainer.State.running, .exited(.code(1)), .exited(.unknown)] {
            observation.containers[id]?.state = state
            let plan = plan(from: observation, to: try made(project, [], on: observation.ledger))
            #expect(!plan.changes.contains { $0.resource == .container(id) }, "\(plan.lines)")
            #expect(plan.ledger.entry(id) != nil)
        }
    }

    @Test func whatIsGoneMeanwhileDoesNotComeBack() throws {
        let goal = try made(shop(), [id.service])
        var rest = applied(goal)
        rest.entries.removeAll { $0.instance.id == id }
        #expect(goal.without(oneOffsGoneFrom: rest, except: nil).containers.map(\.id) == [ContainerID("db")])
        #expect(goal.without(oneOffsGoneFrom: rest, except: id) == goal)
    }

    @Test func removalTakesItsOutputAndItsOwnVolumes() throws {
        var goal = try made(shop(), [id.service])
        let own = VolumeSpec(key: "\(id.fileName):/data", name: "demo_x")
        goal.volumes = [own, VolumeSpec(key: "data", name: "demo_data")]
        var observation = Observation(sound: applied(goal))
        observation.containers[id]?.state = .exited(.code(0))
        let plan = plan(removing: [id], volumes: false, from: observation)
        #expect(plan.lines == ["remove container/\(id): asked for"])
        #expect(
            plan.steps == [
                "discard \(id.fileName).1", "remove output \(id)", "remove endpoint \(id.service)",
                "remove volume demo_x", "hosts",
            ])
        #expect(plan.ledger.entries.map(\.instance.id) == [ContainerID("db")])
        #expect(plan.ledger.goal.volumes.map(\.key) == ["data"])
    }

    @Test func aVolumeThatOthersHaveFromItStays() throws {
        var goal = try made(shop(), [id.service])
        goal.volumes = [VolumeSpec(key: "\(id.fileName):/data", name: "demo_x")]
        goal.containers[0].mounts = [Mount(.volume(goal.volumes[0].key), target: "/data", key: "volumes_from[0]")]
        var observation = Observation(sound: applied(goal))
        observation.containers[id]?.state = .exited(.code(0))
        let plan = plan(removing: [id], volumes: true, from: observation)
        #expect(!plan.steps.contains("remove volume demo_x") && plan.ledger.goal.volumes == goal.volumes)
    }

    @Test func theLastOneTakesEverythingAlong() throws {
        var observation = try run()
        observation.containers[id]?.state = .exited(.code(0))
        let plan = plan(removing: [ContainerID("db"), id], volumes: false, from: observation)
        #expect(plan.ledger.isEmpty && plan.removals.map { $0.map(\.id.service) } == [["db"]])
        #expect(plan.steps.contains("remove output \(id)"))
    }

    @Test func itIsFoundByItsNameAndItsVolumesAreItsOwn() throws {
        let ledger = try run().ledger
        #expect(ledger.keys(of: ["db", "demo-web-run-0123456789ab", "nobody"]) == ["db", id.service, "nobody"])
        var goal = try made(shop(), [id.service])
        goal.volumes = [VolumeSpec(key: "\(id.fileName):/data", name: "demo_x"), VolumeSpec(key: "db.1:/d", name: "d")]
        #expect(goal.volumesOfOneOffs(missingIn: goal) == [])
        #expect(goal.volumesOfOneOffs(missingIn: Goal(project: "demo")).map(\.name) == ["demo_x"])
    }

    @Test func whatTheCommandLineSaysIsAFileAndNoVariable() {
        var wish = OneOffWish(service: "web")
        wish.command = ["echo", "$HOME"]
        wish.environment = ["A=${B}"]
        wish.ports = ["8080:80"]
        #expect(
            String(decoding: wish.file.bytes, as: UTF8.self) == """
                services:
                  "web":
                    "environment": ["A=$${B}"]
                    command: !override ["echo","$$HOME"]
                    ports: !override ["8080:80"]

                """)
        wish = OneOffWish(service: "web")
        wish.entrypoint = "sh -c"
        wish.keepsPorts = true
        #expect(
            String(decoding: wish.file.bytes, as: UTF8.self)
                == "services:\n  \"web\":\n    entrypoint: !override \"sh -c\"\n    command: !override []\n")
    }
}

@Suite struct MannerTests {
    private let stack = goal(
        container("db"), container("web") { $0.dependencies = [Dependency("db", .completed)] })

    @Test func whatIsAskedForIsMadeAnewOnce() {
        var manner = Manner()
        manner.again = [Instance(ContainerID("db"), 1)]
        let first = plan(from: Observation(sound: stack), to: stack, manner)
        #expect(first.lines == ["replace container/db/1: asked for"])
        #expect(plan(from: Observation(sound: first.ledger), to: stack, manner).isEmpty)
    }

    @Test func createMakesAndStartsNothing() {
        var manner = Manner()
        manner.starts = false
        let new = plan(from: .nothing, to: stack, manner)
        #expect(new.turnovers == [] && new.steps.filter { $0.hasPrefix("prepare") }.count == 2)
        #expect(new.ledger.entries.count == 2)
        var observation = Observation(sound: stack)
        observation["db"].state = .exited(.code(1))
        manner.again = [Instance(ContainerID("web"), 1)]
        let replaced = plan(from: observation, to: stack, manner)
        #expect(replaced.steps == ["prepare web.1.2", "remove web.1.1", "discard web.1.1"])
    }

    @Test func withoutDependenciesNobodyIsWaitedFor() {
        var manner = Manner(wakes: [ContainerID("web")])
        manner.awaitsOthers = false
        var observation = Observation(sound: stack)
        observation["db"].state = .exited(.code(1))
        observation["web"].state = .exited(.code(1))
        let plan = plan(from: observation, to: stack, manner)
        #expect(plan.turnovers.map(\.id) == [ContainerID("web")])
        #expect(plan.turnovers.flatMap(\.after) == [Dependency("db")])
    }

    @Test func whatIsKeptKeepsItsNetworks() {
        var before = goal(container("web") { $0.attachments = [place("front", "172.18.0.2")] }, networks: [front])
        before.containers[0].arguments = ["old"]
        let after = goal(container("web"), container("db"))
        let kept = after.keeping([ContainerID("web")], of: applied(before))
        #expect(kept.container(ContainerID("web")) == before.containers[0])
        #expect(kept.networks == [front] && kept.containers.count == 2)
    }

    @Test func renewedVolumesLeaveTheOldOnesToTheirOwner() throws {
        var stack = stack
        stack.volumes = [
            VolumeSpec(key: "web.1:/data", name: "demo_web.1_1"), VolumeSpec(key: "data", name: "demo_data"),
        ]
        let web = try #require(stack.containers.firstIndex { $0.id == ContainerID("web") })
        stack.containers[web].mounts = [Mount(.volume("web.1:/data"), target: "/data", key: "volumes[0]")]
        let once = stack.renewingVolumes(of: [ContainerID("web")])
        #expect(once.volumes.map(\.key) == ["data", "web.1:/data", "web.1:/data#1"])
        // It is known by the new one: the next `up` finds nothing to do.
        #expect(once.containers[web].mounts[0].volume == once.volumes[1].identity)
        let again = once.renewingVolumes(of: [ContainerID("web")])
        #expect(Set(again.volumes.map(\.name)).count == 4 && again.volumes.count == 4)
        #expect(again.volumes.first { $0.key == "web.1:/data#1" } == once.volumes.first { $0.key == "web.1:/data#1" })
    }
}
