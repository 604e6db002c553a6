import Stack
import Testing

@Suite struct RolloutTests {
    private func replicas(_ count: Int, _ edit: (inout UpdatePolicy) -> Void) -> [ContainerSpec] {
        var policy = UpdatePolicy()
        edit(&policy)
        return (1...count).map { index in container("web", index) { $0.update = policy } }
    }

    /// The same with another program, and with the other network namespace where the new life starts first.
    private func newer(_ containers: [ContainerSpec]) -> [ContainerSpec] {
        containers.map { container in
            var container = container
            container.arguments = ["newer"]
            if container.update?.startsFirst == true { container.hasSecondEndpoint = true }
            return container
        }
    }

    private func update(_ containers: [ContainerSpec]) -> Rehearsal {
        let observation = Observation(sound: goal(containers))
        return Rehearsal(plan(from: observation, to: goal(newer(containers))), from: observation)
    }

    private func log(_ rehearsal: Rehearsal) -> [String] {
        Array(rehearsal.log.drop { !$0.hasPrefix("start") && !$0.hasPrefix("signal") })
    }

    private func instance(_ index: Int, _ generation: Int) -> Instance {
        Instance(ContainerID("web", index), generation)
    }

    // MARK: Old before new

    @Test func oneAfterTheOther() throws {
        var rehearsal = update(replicas(3) { $0.delay = 5000 })
        try rehearsal.perform()
        #expect(
            log(rehearsal) == [
                "signal web.1.1 15", "start web.1.2", "signal web.2.1 15 at 5s", "start web.2.2 at 5s",
                "signal web.3.1 15 at 10s", "start web.3.2 at 10s", "commit at 10s", "discard web.1.1 at 10s",
                "discard web.2.1 at 10s", "discard web.3.1 at 10s",
            ])
    }

    @Test func severalAtOnceAndWatched() throws {
        var rehearsal = update(replicas(3) { ($0.parallelism, $0.monitor) = (2, 3000) })
        try rehearsal.perform()
        #expect(
            log(rehearsal).prefix(7) == [
                "signal web.1.1 15", "signal web.2.1 15", "start web.1.2", "start web.2.2", "signal web.3.1 15 at 3s",
                "start web.3.2 at 3s", "commit at 6s",
            ])
    }

    @Test func aFailureWhileWatchedGoesBackWhereTheFileSaysSo() throws {
        var rehearsal = update(replicas(2) { ($0.monitor, $0.failureAction) = (3000, .rollback) })
        rehearsal.tasks = ["web": .code(3)]
        let failure = rehearsal.failure()
        #expect(failure?.key == "deploy.update_config")
        #expect(failure?.message == "web/1 was to be replaced, but its successor exited with 3")
    }

    @Test func aFailurePausesUnlessTheFileSaysOtherwise() throws {
        var rehearsal = update(replicas(3) { $0.monitor = 3000 })
        rehearsal.tasks = ["web": .code(3)]
        try rehearsal.perform()
        #expect(
            log(rehearsal) == [
                "signal web.1.1 15", "start web.1.2", "hosts", "ports", "hosts", "ports", "commit", "discard web.2.2",
                "discard web.3.2", "discard web.1.1",
            ])
        #expect(rehearsal.run.pauses.map(\.container) == [ContainerID("web", 1)])
        let kept = rehearsal.run.plan.ledger
        #expect(kept.entries.map(\.instance) == [instance(1, 2), instance(2, 1), instance(3, 1)])
        #expect(kept.goal.containers.map(\.arguments) == [["newer"], ["sleep", "inf"], ["sleep", "inf"]])
    }

    @Test func itMayGoOnWhateverFails() throws {
        var rehearsal = update(replicas(2) { ($0.monitor, $0.failureAction) = (1000, .continue) })
        rehearsal.tasks = ["web": .code(3)]
        try rehearsal.perform()
        #expect(rehearsal.log.filter { $0.hasPrefix("start") }.count == 2 && rehearsal.run.isDone)
        #expect(rehearsal.log.filter { $0.hasPrefix("warn web/") }.count == 2)
        #expect(rehearsal.run.pauses.isEmpty)
    }

    @Test func someMayFail() throws {
        // One of three is tolerated, two are not.
        var rehearsal = update(
            replicas(3) { ($0.monitor, $0.maxFailureRatio, $0.failureAction) = (1000, 0.4, .rollback) })
        rehearsal.tasks = ["web": .code(3)]
        #expect(rehearsal.failure() != nil)
        #expect(rehearsal.log.filter { $0.hasPrefix("start") } == ["start web.1.2", "start web.2.2"])
    }

    // MARK: New before old

    @Test func theNewOneIsLedToOnceItIsHealthyAndTheOldOneMayFinish() throws {
        var containers = replicas(1) { $0.startsFirst = true }
        containers[0].healthCheck = HealthCheck(.tcp(80))
        var rehearsal = update(containers)
        try rehearsal.perform()
        #expect(log(rehearsal) == ["start web.1.2"])
        #expect(rehearsal.run.serving.endpoint(of: ContainerID("web")) == "web")
        rehearsal.turn(instance(1, 2), health(.healthy))
        try rehearsal.perform()
        #expect(
            log(rehearsal) == [
                "start web.1.2", "hosts", "ports", "drain web.1.1", "signal web.1.1 15", "commit", "discard web.1.1",
                "remove endpoint web",
            ])
        #expect(rehearsal.run.serving.endpoint(of: ContainerID("web")) == "web+")
    }

    @Test func theOldOneGoesOnWhileTheNewOneIsWatched() throws {
        var rehearsal = update(replicas(2) { ($0.startsFirst, $0.monitor, $0.parallelism) = (true, 2000, 0) })
        try rehearsal.perform()
        let said = log(rehearsal)
        #expect(said.prefix(2) == ["start web.1.2", "start web.2.2"])
        #expect(said.firstIndex(of: "drain web.1.1 at 2s")! < said.firstIndex(of: "signal web.1.1 15 at 2s")!)
        #expect(said.contains("commit at 2s"))
    }

    @Test func aNewOneThatFailsLeavesTheOldOneWhereItIs() throws {
        var rehearsal = update(replicas(2) { ($0.startsFirst, $0.monitor) = (true, 2000) })
        rehearsal.tasks = ["web": .signal(11)]
        try rehearsal.perform()
        #expect(
            log(rehearsal) == [
                "start web.1.2", "hosts", "ports", "hosts", "ports", "commit", "discard web.1.2", "discard web.2.2",
                "remove endpoint web+", "remove endpoint web.2+",
            ])
        #expect(rehearsal.run.plan.ledger.entries.map(\.instance) == [instance(1, 1), instance(2, 1)])
        #expect(rehearsal.run.serving.endpoint(of: ContainerID("web")) == "web")
    }

    @Test func anOldOneThatEndsByItselfIsNotWaitedFor() throws {
        var rehearsal = update(replicas(1) { ($0.startsFirst, $0.monitor) = (true, 2000) })
        rehearsal.end(instance(1, 1), .code(1))
        try rehearsal.perform()
        #expect(rehearsal.run.isDone && !rehearsal.log.contains { $0.hasPrefix("signal") })
    }

    @Test func inOneNetworkNamespaceTheOldOneGoesFirst() throws {
        let containers = replicas(1) { $0.startsFirst = true }
        let observation = Observation(sound: goal(containers))
        var edited = newer(containers)
        edited[0].hasSecondEndpoint = nil
        var rehearsal = Rehearsal(plan(from: observation, to: goal(edited)), from: observation)
        try rehearsal.perform()
        #expect(log(rehearsal).prefix(2) == ["signal web.1.1 15", "start web.1.2"])
    }

    @Test func whatItDependsOnIsAwaitedBeforeTheFirstOneEnds() throws {
        var containers = replicas(1) { _ in }
        containers[0].dependencies = [Dependency("db", .healthy)]
        let db = container("db") { $0.healthCheck = HealthCheck(.tcp(5432)) }
        let observation = Observation(sound: goal(containers + [db]))
        var edited = db
        edited.arguments = ["newer"]
        var rehearsal = Rehearsal(plan(from: observation, to: goal(newer(containers) + [edited])), from: observation)
        try rehearsal.perform()
        #expect(log(rehearsal) == ["signal db.1.1 15", "start db.1.2"])
        rehearsal.turn(Instance(ContainerID("db"), 2), health(.healthy))
        try rehearsal.perform()
        #expect(log(rehearsal).dropFirst(2).prefix(2) == ["signal web.1.1 15", "start web.1.2"])
    }
}
