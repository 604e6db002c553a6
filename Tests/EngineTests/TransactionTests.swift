import Engine
import Stack
import Testing

/// The corners of one change.
@Suite struct TransactionTests {
    private func goal(_ services: String..., command: [String] = ["run"]) -> Goal {
        var goal = Goal(project: "p")
        goal.containers = services.map { ContainerSpec(id: ContainerID($0), arguments: command) }
        for index in goal.containers.indices { goal.containers[index].namespaces.net = .host }
        return goal
    }

    @Test func `a program that cannot be executed undoes the change and has its output told and kept`() throws {
        let simulation = Simulation()
        #expect(try simulation.apply(goal("a", "b", "c")) == .done)
        let before = simulation.machine.world.present
        var next = goal("a", "b", "c", command: ["other"])
        next.containers[2].arguments = ["missing"]
        simulation.machine.broken = [["missing"]]
        guard case .failed(let failure) = try simulation.apply(next) else {
            Issue.record("it did not fail")
            return
        }
        #expect(failure.undo == .complete)
        #expect(simulation.machine.world.present == before)
        #expect(simulation.machine.hasLogs)
    }

    /// Three at once, watched for a second; the way back one by one.
    private func updated(_ command: String) -> Goal {
        var goal = goal()
        goal.containers = (1...3).map { index in
            var spec = ContainerSpec(id: ContainerID("web", index), arguments: [command])
            spec.namespaces.net = .host
            spec.update = UpdatePolicy()
            (spec.update!.parallelism, spec.update!.monitor, spec.update!.failureAction) = (0, 1000, .rollback)
            spec.rollback = UpdatePolicy()
            (spec.rollback!.delay, spec.rollback!.failureAction) = (60_000, .continue)
            return spec
        }
        return goal
    }

    @Test func `an update that fails goes back in steps where the file says so`() throws {
        let simulation = Simulation()
        #expect(try simulation.apply(updated("one")) == .done)
        let before = simulation.machine.world.present
        let begun = simulation.clock
        let next = try simulation.plan(to: updated("two"))
        var isBroken = false
        let failed = try simulation.perform(
            next,
            turn: { transaction in
                let third = Instance(ContainerID("web", 3), 2)
                if !isBroken, simulation.machine.started.contains(third) {
                    isBroken = true
                    simulation.machine.end(third, .code(1))
                }
            })
        guard case .failed(let failure) = failed else {
            Issue.record("it did not fail")
            return
        }
        #expect(failure.undo == .complete && failure.key == "deploy.update_config")
        let back = simulation.store.journal.drop { $0 != "start web.3.1" && $0 != "signal web.1.2 15" }
            .filter { $0.hasPrefix("start") || $0.hasPrefix("signal") }
        #expect(back == ["start web.3.1", "signal web.1.2 15", "start web.1.1", "signal web.2.2 15", "start web.2.1"])
        #expect(simulation.clock - begun >= 60_000)
        #expect(simulation.machine.world.present == before)
    }

    @Test func `a first change that fails leaves nothing but the output`() throws {
        let simulation = Simulation()
        var first = goal("a", "b")
        first.containers[1].arguments = ["missing"]
        simulation.machine.broken = [["missing"]]
        guard case .failed = try simulation.apply(first) else {
            Issue.record("it did not fail")
            return
        }
        #expect(simulation.machine.world.present == FakeMachine.World())
        #expect(simulation.machine.hasLogs)
    }

    @Test func `starts overlap, but whoever depends on another waits for it`() throws {
        let simulation = Simulation()
        var goal = goal("a", "b", "c", "d")
        goal.containers[3].dependencies = [Dependency("a")]
        #expect(try simulation.apply(goal) == .done)
        #expect(simulation.machine.crowd == 3)
        #expect(simulation.store.journal.filter { $0.hasPrefix("start ") }.count == 4)
    }

    @Test func `a start that waits for more than other containers is held, and the change with it`() throws {
        let simulation = Simulation()
        simulation.machine.unready = [ContainerID("b"): 3]
        var waits = 0
        let plan = try simulation.plan(to: goal("a", "b", "c"))
        let outcome = try simulation.perform(plan) { transaction in
            // It has given the supervisor its turn.
            if transaction.outcome == nil { waits += 1 }
        }
        #expect(outcome == .done && waits == 1)
        #expect(simulation.store.journal.filter { $0.hasPrefix("start ") }.count == 3)
        simulation.machine.unready = [ContainerID("b"): 1000]
        let before = simulation.machine.world.present
        let next = try simulation.plan(to: goal("a", "b", "c", command: ["other"]))
        let cancelled = try simulation.perform(next) { $0.cancel() }
        guard case .failed(let failure) = cancelled else {
            Issue.record("it was not cancelled")
            return
        }
        #expect(failure.undo == .complete)
        #expect(simulation.machine.world.present == before)
    }

    @Test func `of several on their way those that run are kept or taken back whole`() throws {
        let simulation = Simulation()
        #expect(try simulation.apply(goal("a", "b", "c", "d")) == .done)
        let before = simulation.machine.world.present
        var next = goal("a", "b", "c", "d", command: ["other"])
        next.containers[1].arguments = ["missing"]
        simulation.machine.broken = [["missing"]]
        guard case .failed(let failure) = try simulation.apply(next) else {
            Issue.record("it did not fail")
            return
        }
        #expect(failure.resource == "container/b/1")
        #expect(failure.undo == .complete)
        #expect(simulation.machine.world.present == before)
    }

    @Test func `an interruption goes back before everything has started, and does nothing after that`() throws {
        let simulation = Simulation()
        #expect(try simulation.apply(goal("a")) == .done)
        let before = simulation.machine.world.present
        simulation.machine.stubborn = ["a"]
        let outcome = try simulation.perform(try simulation.plan(to: goal("a", command: ["other"]))) { $0.cancel() }
        #expect(
            outcome == .failed(Event.Failure(resource: "project", key: "", message: "interrupted", undo: .complete)))
        #expect(simulation.machine.world.present == before)
        // Sooner or later it would have obeyed: so it ends now, and starts again.
        let orders = ["signal a.1.1 15", "signal a.1.1 15", "kill a.1.1", "start a.1.1"]
        #expect(simulation.store.journal.filter { $0.contains("a.1.1") } == orders)
        let removal = try simulation.perform(try simulation.plan(to: Goal(project: "p"))) { $0.cancel() }
        #expect(removal == .done)
    }

    @Test func `what ends by itself before its removal begins is not waited for`() throws {
        let simulation = Simulation()
        #expect(try simulation.apply(goal("a", "old")) == .done)
        var next = goal("a", "job", "last")
        next.containers[2].dependencies = [Dependency("job", .completed)]
        // The change waits for the job while the old service ends.
        let outcome = try simulation.perform(try simulation.plan(to: next)) { _ in
            simulation.machine.end(Instance(ContainerID("old"), 1), .code(1))
            simulation.machine.end(Instance(ContainerID("job"), 1), .code(0))
        }
        #expect(outcome == .done)
        #expect(simulation.machine.world.processes.keys.map(\.id.service).sorted() == ["a", "last"])
    }

    @Test func `a job that fails fails the change, which needs no such condition to go back`() throws {
        let simulation = Simulation()
        var first = goal("job", "web")
        first.containers[1].dependencies = [Dependency("job", .completed)]
        let up = try simulation.perform(try simulation.plan(to: first)) { _ in
            simulation.machine.end(Instance(ContainerID("job"), 1), .code(0))
        }
        #expect(up == .done)
        var next = first
        for index in next.containers.indices { next.containers[index].arguments = ["other"] }
        let outcome = try simulation.perform(try simulation.plan(to: next)) { transaction in
            // The web service was stopped; its successor waits for the job's.
            for (instance, status) in simulation.machine.takeNews() { transaction.ended(instance, status, now: 0) }
            transaction.advance(now: 0)
            simulation.machine.end(Instance(ContainerID("job"), 2), .code(3))
        }
        guard case .failed(let failure) = outcome else {
            Issue.record("it did not fail: \(String(describing: outcome))")
            return
        }
        #expect(failure.undo == .complete)
        #expect(failure.key == "depends_on.job")
        #expect(simulation.machine.world.processes == [Instance(ContainerID("web"), 1): ["run"]])
    }

    @Test func `all that ignore their signal are killed in one grace period`() throws {
        let simulation = Simulation()
        var stack = goal("a", "b", "c")
        stack.containers[1].dependencies = [Dependency("a")]
        stack.containers[2].dependencies = [Dependency("b")]
        #expect(try simulation.apply(stack) == .done)
        simulation.machine.stubborn = ["a", "b", "c"]
        let begin = simulation.clock
        #expect(try simulation.apply(Goal(project: "p")) == .done)
        #expect(simulation.clock - begin == 10_000)
        let warnings = simulation.events.filter { if case .warning = $0 { true } else { false } }
        #expect(warnings.count == 3)
    }

    @Test func `nobody wants again what goes for good`() throws {
        let simulation = Simulation()
        var stack = goal("a")
        stack.containers[0].restart = .always
        #expect(try simulation.apply(stack) == .done)
        simulation.machine.stubborn = ["a"]
        // Dies while it waits for the process to end: a successor must not start it again.
        #expect(try simulation.apply(Goal(project: "p"), crashAt: 3) == nil)
        #expect(simulation.store.ledger.entry(ContainerID("a"))?.isWanted == false)
    }
}
