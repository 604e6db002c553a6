import Stack
import Testing

@Suite struct PlannerTests {
    private let stack = goal(
        container("db") { $0.attachments = [place("front", "172.18.0.2")] },
        container("web") {
            $0.attachments = [place("front", "172.18.0.3")]
            $0.dependencies = [Dependency("db")]
            $0.ports = [PublishedPort(hostPort: 8080, containerPort: 80)]
            $0.healthCheck = HealthCheck(.tcp(8080))
            $0.files = [secret]
        }, networks: [front])

    private func edited(_ edit: (inout Goal) -> Void) -> Goal {
        var goal = stack
        edit(&goal)
        return goal
    }

    // MARK: Creation and removal

    @Test func everythingIsCreatedInTheOrderOfNeed() {
        let plan = plan(from: .nothing, to: stack)
        #expect(
            plan.lines == [
                "create project: new", "create network/front: new", "create container/db/1: new",
                "create container/web/1: new",
            ])
        #expect(
            plan.steps == [
                "project", "stack namespace", "egress none", "firewall", "bridge front", "namespace db net",
                "namespace web net", "link db front 172.18.0.2", "link web front 172.18.0.3", "prepare db.1.1",
                "prepare web.1.1", "hosts", "ports", "turn start db.1.1", "turn start web.1.1",
            ])
        #expect(plan.ledger == applied(stack))
    }

    @Test func removalMirrorsCreation() {
        let plan = plan(from: Observation(sound: stack), to: Goal(project: "demo"))
        #expect(
            plan.lines == [
                "remove network/front: no longer in the file", "remove container/db/1: no longer wanted",
                "remove container/web/1: no longer wanted",
            ])
        #expect(
            plan.steps == [
                "remove web.1.1", "remove db.1.1", "discard db.1.1", "discard web.1.1", "ports",
            ], "the project's removal takes the rest")
        #expect(plan.ledger.isEmpty)
    }

    @Test func whatRunsIsLeftAlone() {
        let plan = plan(from: Observation(sound: stack), to: stack)
        #expect(plan.isEmpty)
        #expect(plan.steps == [])
        #expect(plan.ledger == applied(stack))
    }

    @Test func aServiceThatLeftIsRemovedAtTheEnd() {
        let plan = plan(from: Observation(sound: stack), to: edited { $0.containers.removeLast() })
        #expect(plan.lines == ["remove container/web/1: no longer wanted"])
        #expect(plan.steps == ["hosts", "ports", "remove web.1.1", "discard web.1.1", "remove endpoint web"])
    }

    // MARK: Edits

    @Test(arguments: ServiceKey.allCases) func anEditOfOneKeyIsOneField(key: ServiceKey) {
        let goal = edited { edit(key, &$0.containers[1]) }
        let fields = stack.containers[1].changes(to: goal.containers[1])
        #expect(fields.map(\.key) == [key])
        let plan = plan(from: Observation(sound: stack), to: goal)
        #expect(plan.changes.map(\.resource) == [.container(ContainerID("web"))])
        #expect(plan.changes.first?.fields == fields.map(\.field))
        #expect(plan.changes.first?.isDrift == false)
        switch key.effect {
        case .inPlace:
            #expect(plan.changes.first?.verb == .update)
            #expect(plan.turnovers == [] && plan.removals == [])
            #expect(plan.ledger.entry(ContainerID("web"))?.instance.generation == 1)
        case .replace:
            #expect(plan.changes.first?.verb == .replace)
            #expect(plan.turnovers.map(\.id) == [ContainerID("web")])
            #expect(plan.ledger.entry(ContainerID("web"))?.instance.generation == 2)
        }
        #expect(plan.ledger.entry(ContainerID("web"))?.spec == goal.containers[1])
        #expect(plan.ledger.entry(ContainerID("db")) == applied(stack).entry(ContainerID("db")))
    }

    @Test func aReplacementKeepsItsNetworkAndEverybodyElse() {
        let plan = plan(from: Observation(sound: stack), to: edited { $0.containers[0].arguments = ["other"] })
        #expect(
            plan.lines == [
                "replace container/db/1 (command: sleep inf -> other): command cannot be changed in place"
            ])
        #expect(
            plan.steps == [
                "namespace db net", "link db front 172.18.0.2", "prepare db.1.2", "turn stop db.1.1 start db.1.2",
                "discard db.1.1",
            ])
    }

    @Test(arguments: [ServiceKey.memory, .memorySwap, .cpus, .cpuShares, .cpuset, .pids])
    func aLimitIsWrittenToTheKernel(key: ServiceKey) {
        let plan = plan(from: Observation(sound: stack), to: edited { edit(key, &$0.containers[1]) })
        #expect(plan.steps == ["limits web.1.1"])
    }

    @Test func theSizeOfTheSharedMemoryIsChangedInPlace() {
        let plan = plan(from: Observation(sound: stack), to: edited { $0.containers[1].sharedMemory = 8 << 20 })
        #expect(plan.lines == ["update container/web/1 (shm_size: 64m -> 8m): changed in the file"])
        #expect(plan.steps == ["shared memory web.1.1"])
        let drift = drift { $0["web"].drift = [FieldChange("shm_size", observed: "9m", desired: "64m")] }
        #expect(drift.steps == ["shared memory web.1.1"])
    }

    @Test func joiningANetworkIsInPlace() {
        let goal = edited {
            $0.networks = [back, front]
            $0.containers[1].attachments.append(Attachment(network: "back", address: "172.18.1.2", interface: "eth1"))
        }
        let plan = plan(from: Observation(sound: stack), to: goal)
        #expect(
            plan.lines == [
                "create network/back: new",
                "update container/web/1 (networks.back: - -> 172.18.1.2): changed in the file",
            ])
        #expect(plan.steps == ["firewall", "bridge back", "link web back 172.18.1.2", "hosts"])
        let leave = Stack.plan(from: Observation(sound: goal), to: stack)
        #expect(
            leave.lines == [
                "remove network/back: no longer in the file",
                "update container/web/1 (networks.back: 172.18.1.2 -> -): changed in the file",
            ])
        #expect(leave.steps == ["unlink web back", "hosts", "remove bridge back", "firewall"])
    }

    @Test func theLastNetworkTakesTheWayOutAlong() {
        let withEgress = edited { goal in
            goal.egress = EgressSpec(
                subnet: "169.254.192.0/30", hostAddress: "169.254.192.1", stackAddress: "169.254.192.2")
        }
        let plan = plan(
            from: Observation(sound: withEgress),
            to: edited { goal in
                goal.networks = []
                for index in goal.containers.indices { goal.containers[index].attachments = [] }
            })
        #expect(plan.steps.suffix(2) == ["remove bridge front", "egress none"])
    }

    @Test func theBudgetIsTheProjects() {
        let plan = plan(from: Observation(sound: stack), to: edited { $0.budget.memory = 1 << 30 })
        #expect(plan.lines == ["update project (resources.mem_limit: - -> 1g): changed in the file"])
        #expect(plan.steps == ["project"])
    }

    @Test func aNewSubnetMovesEveryLink() {
        let goal = edited {
            $0.networks[0].subnet = "10.0.0.0/24"
            $0.networks[0].gateway = "10.0.0.1"
            $0.containers[0].attachments[0].address = "10.0.0.2"
            $0.containers[1].attachments[0].address = "10.0.0.3"
        }
        let plan = plan(from: Observation(sound: stack), to: goal)
        #expect(plan.turnovers == [])
        #expect(plan.changes.map(\.verb) == [.update, .update, .update])
        #expect(
            plan.steps == [
                "firewall", "bridge front", "link db front 10.0.0.2", "link web front 10.0.0.3", "hosts", "ports",
            ])
    }

    @Test func movingAnEntryOfAListIsNoChange() {
        let ports = [PublishedPort(hostPort: 1, containerPort: 1), PublishedPort(hostPort: 2, containerPort: 2)]
        let before = container("web") { $0.ports = ports }
        let after = container("web") { $0.ports = ports.reversed() }
        #expect(before.changes(to: after) == [])
    }

    // MARK: Drift

    private func drift(_ edit: (inout Observation) -> Void) -> Plan {
        var observation = Observation(sound: stack)
        edit(&observation)
        return plan(from: observation, to: stack)
    }

    @Test func aLimitWrittenBehindOurBack() {
        let plan = drift { $0["web"].limitDrift = ["mem_limit": "64m"] }
        #expect(plan.lines == ["! update container/web/1 (mem_limit: 64m -> -): changed behind Settle's back"])
        #expect(plan.steps == ["limits web.1.1"])
    }

    @Test func aFrozenContainerIsThawed() {
        let plan = drift { $0["web"].isFrozen = true }
        #expect(plan.lines == ["! update container/web/1 (state: frozen -> running): changed behind Settle's back"])
        #expect(plan.steps == ["thaw web.1.1"])
    }

    @Test func aKilledContainerStartsAgain() {
        let plan = drift { $0["web"].state = .exited(.signal(9)) }
        #expect(
            plan.lines == ["! restart container/web/1 (state: exited (137) -> running): it was killed by signal 9"])
        #expect(plan.turnovers.map(\.start) == [Instance(ContainerID("web"), 1)])
        #expect(plan.turnovers.map(\.stop) == [nil])
    }

    @Test func whatEndedWellIsAtRest() {
        #expect(drift { $0["web"].state = .exited(.code(0)) }.isEmpty)
    }

    @Test func anUnknownEndIsNoSuccess() {
        #expect(drift { $0["web"].state = .exited(.unknown) }.changes.map(\.verb) == [.restart])
    }

    @Test func whatTheSupervisorRestoresIsNoDifference() {
        #expect(drift { $0["web"].state = .restarting(.code(1)) }.isEmpty)
    }

    @Test func whatWasStoppedStartsAgainWithoutBeingDrift() {
        let plan = drift { observation in
            observation["web"].state = .exited(.code(0))
            observation["web"].entry.isWanted = false
        }
        #expect(
            plan.lines == ["restart container/web/1 (state: exited (0) -> running): stopped by `settle stop`"])
        #expect(plan.ledger.entry(ContainerID("web"))?.isWanted == true)
    }

    @Test func aDeletedBridgeComesBackWithItsLinks() {
        let plan = drift { $0.networks["front"] = nil }
        #expect(plan.lines == ["! update network/front (bridge: - -> present): changed behind Settle's back"])
        #expect(
            plan.steps == ["firewall", "bridge front", "link db front 172.18.0.2", "link web front 172.18.0.3"])
    }

    @Test func aDeletedFirewallComesBack() {
        let plan = drift { $0.firewall = .absent }
        #expect(plan.lines == ["! update project (firewall: absent -> present): changed behind Settle's back"])
        #expect(plan.steps == ["project", "firewall"])
    }

    @Test func aDeletedLinkComesBack() {
        let plan = drift {
            $0["web"].drift = [FieldChange("networks.front", observed: "absent", desired: "172.18.0.3")]
        }
        #expect(plan.steps == ["link web front 172.18.0.3"])
    }

    @Test func anUnpinnedNamespaceIsPinnedAgain() {
        let plan = drift {
            $0["web"].drift = [FieldChange("namespaces.net", observed: "not pinned", desired: "pinned")]
        }
        #expect(plan.steps == ["namespace web net", "link web front 172.18.0.3"])
    }

    @Test func editedHostsAreWrittenAgain() {
        let plan = drift { $0["web"].drift = [FieldChange("/etc/hosts", observed: "edited", desired: "as described")] }
        #expect(plan.steps == ["hosts"])
    }

    @Test func theStackNamespaceComesBackWithAllThatIsInIt() {
        let plan = drift {
            $0.networks = [:]
            ($0.stackNamespace, $0.firewall, $0.egress) = (.absent, .absent, .absent)
        }
        #expect(!plan.changes.contains { !$0.isDrift })
        #expect(
            plan.steps == [
                "project", "stack namespace", "egress none", "firewall", "bridge front", "link db front 172.18.0.2",
                "link web front 172.18.0.3",
            ])
    }

    @Test func theProcessesOfSettleAreOneLine() {
        let plan = drift { $0.supervisor = .init(holder: 3) }
        #expect(plan.lines == ["! restart supervisor: keeper and supervisor and proxy are not running"])
        #expect(plan.steps == ["ports"])
    }

    @Test func aDeletedVolumeIsMadeAgain() {
        var goal = stack
        goal.volumes = [VolumeSpec(key: "data", name: "demo_data"), VolumeSpec(key: "old", name: "demo_old")]
        goal.containers[0].mounts = [Mount(.volume("data"), target: "/data", key: "volumes[0]")]
        var observation = Observation(sound: goal)
        observation.volumes = []
        let plan = plan(from: observation, to: goal)
        #expect(plan.lines == ["! create volume/data: deleted behind Settle's back"])
        #expect(plan.steps == ["volume demo_data"])
    }

    // MARK: Shared namespaces

    @Test func whoLivesInAnothersProcessNamespaceFollowsIt() {
        let pair = goal(container("a"), container("b") { $0.namespaces.pid = .service("a") })
        var edited = pair
        edited.containers[0].arguments = ["other"]
        let plan = plan(from: Observation(sound: pair), to: edited)
        #expect(
            plan.lines == [
                "replace container/a/1 (command: sleep inf -> other): command cannot be changed in place",
                "restart container/b/1: it lives in a namespace that ends with a/1",
            ])
        #expect(
            plan.steps.filter { $0.hasPrefix("turn") } == [
                "turn stop a.1.1 start a.1.2", "turn stop b.1.1 start b.1.1",
            ])
    }

    @Test func whoSharesANetworkStaysWhenItsOwnerIsReplaced() {
        let pair = goal(container("a"), container("b") { $0.namespaces.net = .service("a") })
        var edited = pair
        edited.containers[0].arguments = ["other"]
        let plan = plan(from: Observation(sound: pair), to: edited)
        #expect(plan.turnovers.map(\.id) == [ContainerID("a")])
    }

    @Test func declaredNamespacesComeAndGo() {
        var goal = stack
        goal.namespaces = [
            NamespaceSpec(name: "pod", kinds: [.ipc, .net], attachments: [place("front", "172.18.0.4")])
        ]
        let make = plan(from: Observation(sound: stack), to: goal)
        #expect(make.lines == ["create namespace/pod: new"])
        #expect(make.steps == ["namespace pod net", "namespace pod ipc", "link pod front 172.18.0.4", "hosts"])
        let remove = plan(from: Observation(sound: goal), to: stack)
        #expect(remove.lines == ["remove namespace/pod: no longer in the file"])
        #expect(remove.steps == ["hosts", "remove endpoint pod"])
        var observation = Observation(sound: goal)
        observation.brokenNamespaces = ["pod": [.ipc]]
        observation.brokenLinks = ["pod": ["front"]]
        let repair = plan(from: observation, to: goal)
        #expect(repair.changes.map(\.isDrift) == [true])
        #expect(repair.steps.contains("namespace pod ipc") && repair.steps.contains("link pod front 172.18.0.4"))
    }

    // MARK: After a crash, and undo

    @Test func straysAreRemovedFirstAndTheirGenerationsNotUsedAgain() {
        var observation = Observation(sound: stack)
        observation.strayInstances = [Instance(ContainerID("web"), 2), Instance(ContainerID("old"), 1)]
        observation.strayNetworks = ["old"]
        observation.strayEndpoints = ["old"]
        var edited = stack
        edited.containers[1].arguments = ["other"]
        let plan = plan(from: observation, to: edited)
        #expect(
            plan.lines == [
                "! remove namespace/old: left over from an interrupted change",
                "! remove network/old: left over from an interrupted change",
                "! remove container/old/1: left over from an interrupted change",
                "replace container/web/1 (command: sleep inf -> other): command cannot be changed in place",
                "! remove container/web/1: left over from an interrupted change",
            ])
        #expect(plan.steps.prefix(2) == ["discard web.1.2", "discard old.1.1"])
        #expect(plan.steps.contains("turn stop web.1.1 start web.1.3"))
        #expect(plan.steps.suffix(4) == ["discard web.1.1", "remove endpoint old", "remove bridge old", "firewall"])
    }

    @Test func straysGoWithTheProject() {
        var observation = Observation(sound: stack)
        observation.strayInstances = [Instance(ContainerID("web"), 2)]
        let plan = plan(from: observation, to: Goal(project: "demo"))
        #expect(plan.steps.contains("discard web.1.2"))
    }

    @Test func undoWakesOnlyWhatRanBefore() {
        var observation = Observation(sound: stack)
        // The change had stopped both; db had been stopped by its user before.
        observation["db"].state = .exited(.code(0))
        observation["db"].entry.isWanted = false
        observation.ledger.entries[0].isWanted = false
        observation["web"].state = .exited(.signal(15))
        observation.strayInstances = [Instance(ContainerID("web"), 2)]
        let plan = plan(from: observation, to: stack, Manner(wakes: [ContainerID("web")]))
        #expect(plan.turnovers.map(\.id) == [ContainerID("web")])
        #expect(plan.turnovers.first?.start == Instance(ContainerID("web"), 1))
        #expect(plan.steps.first == "discard web.1.2")
        #expect(plan.ledger.entries.map(\.isWanted) == [false, true])
    }
}
