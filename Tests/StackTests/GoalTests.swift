import Stack
import Testing

@Suite struct GoalTests {
    // MARK: /etc/hosts

    @Test func hostsNameEverybodyOfTheNetworks() {
        let stack = goal(
            container("a") { $0.attachments = [place("front", "172.18.0.2", aliases: ["x"])] },
            container("b") { spec in
                spec.hostname = "bee"
                spec.attachments = [place("front", "172.18.0.3"), place("back", "172.18.1.2", aliases: ["y"])]
            }, container("c") { $0.namespaces.net = .service("b") },
            container("d", 2) { $0.attachments = [place("back", "172.18.1.3")] },
            container("e") { $0.namespaces.net = .host }, networks: [back, front])
        func hosts(_ name: String, _ index: Int = 1) -> [String] {
            stack.hosts(of: stack.container(ContainerID(name, index))!).map {
                "\($0.address) \($0.names.joined(separator: " "))"
            }
        }
        #expect(
            hosts("a") == [
                "172.18.0.2 a", "172.18.0.2 a demo-a-1 x", "172.18.0.3 b demo-b-1 c demo-c-1",
            ])
        #expect(
            hosts("b") == [
                "172.18.0.3 bee", "172.18.0.2 a demo-a-1 x", "172.18.0.3 b demo-b-1 c demo-c-1",
                "172.18.1.2 b demo-b-1 c demo-c-1 y", "172.18.1.3 d demo-d-2",
            ])
        #expect(hosts("c").first == "172.18.0.3 c")
        #expect(hosts("d", 2).count == 3)
        #expect(hosts("e") == [])
    }

    @Test func publishedPortsLeadToTheOwnerOfTheNetwork() {
        let stack = goal(
            container("a") { $0.attachments = [place("front", "172.18.0.2")] },
            container("b") { spec in
                spec.namespaces.net = .service("a")
                spec.ports = [PublishedPort(hostPort: 80, containerPort: 8080)]
            }, networks: [front])
        #expect(stack.publishedPorts.map(\.container.service) == ["b"])
        #expect(stack.publishedPorts.map(\.endpoint) == ["a"])
        #expect(stack.publishedPorts.map(\.address) == ["172.18.0.2"])
    }

    // MARK: Order

    @Test func levelsAreDeepestFirst() {
        let stack = goal(
            container("a"), container("b") { $0.dependencies = [Dependency("a")] },
            container("c") { $0.dependencies = [Dependency("a"), Dependency("b")] },
            container("d") { $0.namespaces.pid = .service("a") })
        let instances = stack.containers.map { Instance($0.id, 4) }
        #expect(levels(of: instances, in: stack).map { $0.map(\.id.service) } == [["c", "d"], ["b"], ["a"]])
        #expect(levels(of: [], in: stack) == [])
    }

    // MARK: Names

    @Test(arguments: ["web.1.3", "a.b.2.10"]) func instancesAreReadBack(text: String) {
        #expect(Instance(text)?.description == text)
    }

    @Test(arguments: ["web", "web.1", "web.0.1", "web.1.0", "web.1.x", ".supervisor", ""])
    func whatIsNoInstance(text: String) {
        #expect(Instance(text) == nil)
    }

    // MARK: The ledger after a crash

    private func entry(_ name: String, _ generation: Int, _ arguments: [String] = ["old"]) -> Ledger.Entry {
        Ledger.Entry(
            instance: Instance(ContainerID(name), generation), spec: container(name) { $0.arguments = arguments },
            isWanted: true)
    }

    private func interrupted(_ before: [Ledger.Entry], _ after: [Ledger.Entry]) -> Ledger {
        Ledger(
            goal: goal(after.map(\.spec)), entries: after,
            transaction: .init(goal: goal(before.map(\.spec)), entries: before, running: before.map(\.instance.id)))
    }

    @Test func whatHadStartedIsKeptAndTheRestIsAsBefore() {
        let before = [entry("a", 1), entry("b", 1), entry("gone", 1)]
        let after = [entry("a", 2, ["new"]), entry("b", 2, ["new"]), entry("c", 1, ["new"]), entry("d", 1, ["new"])]
        let started = Set(before.map(\.instance) + [Instance(ContainerID("a"), 2), Instance(ContainerID("c"), 1)])
        let ledger = interrupted(before, after).recovered(started: started)
        #expect(ledger.entries.map(\.instance.description) == ["a.1.2", "b.1.1", "c.1.1", "gone.1.1"])
        #expect(ledger.goal.containers == ledger.entries.map(\.spec))
        #expect(ledger.goal.containers.map(\.arguments) == [["new"], ["old"], ["new"], ["old"]])
        #expect(ledger.transaction == nil)
    }

    @Test func aLedgerAtRestIsLeftAlone() {
        let ledger = applied(goal(container("a")))
        #expect(ledger.recovered(started: []) == ledger)
    }

    @Test func afterTheFirstUpWasInterruptedNothingIsThere() {
        let ledger = interrupted([], [entry("a", 1)]).recovered(started: [])
        #expect(ledger.entries == [])
        #expect(
            plan(from: Observation(sound: ledger), to: goal(container("a"))).changes.contains { $0.verb == .create })
    }
}
