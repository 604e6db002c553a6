import Stack
import Testing

@Suite struct LifecycleTests {
    private let stack = goal(
        container("cache"), container("db"),
        container("migrate") { $0.dependencies = [Dependency("db")] },
        container("shell") { $0.namespaces.pid = .service("web") },
        container("web") { $0.dependencies = [Dependency("db"), Dependency("migrate", .completed)] })

    private func observation(_ edit: (inout Observation) -> Void = { _ in }) -> Observation {
        var observation = Observation(sound: stack)
        observation["migrate"].state = .exited(.code(0))
        edit(&observation)
        return observation
    }

    private func ids(_ names: String...) -> [ContainerID] { names.map { ContainerID($0) } }

    private func wanted(_ plan: Plan) -> [String] { plan.ledger.entries.filter(\.isWanted).map(\.instance.id.service) }

    @Test func stopTakesAlongWhoLivesInside() {
        let plan = plan(stopping: ids("web"), from: observation())
        #expect(
            plan.lines == [
                "update container/shell/1 (state: running -> stopped): it lives in a namespace that ends with web/1",
                "update container/web/1 (state: running -> stopped): asked for",
            ])
        #expect(plan.steps == ["remove shell.1.1", "remove web.1.1"])
        #expect(wanted(plan) == ["cache", "db", "migrate"])
        #expect(plan.ledger.goal == stack)
    }

    @Test func stopGoesByLevels() {
        let plan = plan(stopping: stack.containers.map(\.id), from: observation())
        #expect(plan.removals.map { $0.map(\.id.service) } == [["cache", "shell"], ["web"], ["db"]])
        #expect(wanted(plan) == ["migrate"])
    }

    @Test func stopEndsARestartToCome() {
        let plan = plan(stopping: ids("cache"), from: observation { $0["cache"].state = .restarting(.code(1)) })
        #expect(plan.changes.count == 1 && plan.removals == [])
        #expect(!wanted(plan).contains("cache"))
    }

    @Test func stoppingWhatDoesNotRunIsNothing() {
        #expect(plan(stopping: ids("migrate", "nobody"), from: observation()).isEmpty)
    }

    @Test func upStartsWhatWasStopped() {
        let stopped = plan(stopping: ids("cache"), from: observation())
        var after = Observation(sound: stopped.ledger)
        after["cache"].state = .exited(.signal(15))
        after["migrate"].state = .exited(.code(0))
        let plan = plan(from: after, to: stack)
        #expect(plan.turnovers.map(\.id) == ids("cache"))
        #expect(wanted(plan).contains("cache"))
    }

    @Test func startBringsWhatItNeeds() {
        let plan = plan(
            starting: ids("web"),
            from: observation { observation in
                for name in ["db", "web", "shell", "cache"] {
                    observation["\(name)"].state = .exited(.signal(15))
                    observation["\(name)"].entry.isWanted = false
                }
            })
        #expect(plan.steps == ["turn start db.1.1", "turn start web.1.1"])
        #expect(
            plan.lines == [
                "restart container/db/1 (state: exited (143) -> running): others depend on it",
                "restart container/web/1 (state: exited (143) -> running): asked for",
            ])
    }

    @Test func startRepeatsWorkOnlyWhenAsked() {
        #expect(plan(starting: ids("migrate"), from: observation()).steps == ["turn start migrate.1.1"])
        #expect(plan(starting: ids("web"), from: observation()).isEmpty)
    }

    @Test func restartIsTheSameInstanceAgain() {
        let plan = plan(restarting: ids("web"), from: observation())
        #expect(
            plan.steps == ["turn stop web.1.1 start web.1.1", "turn stop shell.1.1 start shell.1.1"])
        #expect(plan.ledger == observation().ledger)
    }

    @Test func restartStartsWhatHadEnded() throws {
        let observation = observation { $0["web"].state = .exited(.code(1)) }
        let plan = plan(restarting: ids("web", "db"), from: observation)
        #expect(
            plan.steps == [
                "turn stop db.1.1 start db.1.1", "turn start web.1.1", "turn stop shell.1.1 start shell.1.1",
            ])
    }

    @Test func restartStopsDependentsFirst() throws {
        let observation = observation()
        var rehearsal = Rehearsal(plan(restarting: ids("db", "web"), from: observation), from: observation)
        try rehearsal.perform()
        #expect(
            rehearsal.log == [
                "signal shell.1.1 15", "signal web.1.1 15", "signal db.1.1 15", "start db.1.1", "start web.1.1",
                "start shell.1.1", "commit",
            ])
    }

    @Test func restartDoesNotWaitForWorkThatFailedLongAgo() throws {
        let observation = observation { $0["migrate"].state = .exited(.code(1)) }
        var rehearsal = Rehearsal(plan(restarting: ids("web"), from: observation), from: observation)
        try rehearsal.perform()
        #expect(rehearsal.run.isDone)
    }
}
