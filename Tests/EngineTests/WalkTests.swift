import Engine
import Stack
import Testing

/// Random changes of random stacks: whatever goes wrong, the machine is as it was or as it shall be, and the next change
/// finds its way from there.
@Suite struct WalkTests {
    static let seeds = Array(UInt64(1)...40)

    private func start(_ seed: UInt64) throws -> (Simulation, from: Goal, to: Goal) {
        var stacks = Stacks(seed: seed)
        let (from, to) = stacks.pair()
        let simulation = Simulation()
        #expect(try simulation.apply(from) == .done)
        return (simulation, from, to)
    }

    private func expectSettled(_ simulation: Simulation, _ goal: Goal, _ what: Comment) throws {
        let left = try simulation.plan(to: goal).changes.map { "\($0.verb) \($0.resource): \($0.reason) \($0.fields)" }
        #expect(left.isEmpty, "\(what): \(left)")
    }

    @Test(arguments: seeds) func `the plan after a change is empty`(seed: UInt64) throws {
        let (simulation, from, to) = try start(seed)
        try expectSettled(simulation, from, "\(seed): first")
        #expect(try simulation.apply(to) == .done)
        try expectSettled(simulation, to, "\(seed): second")
        var fresh = Simulation()
        #expect(try fresh.apply(to) == .done)
        // The way does not matter: generations aside, the machine is as if it had come there at once.
        #expect(named(simulation.machine.world) == named(fresh.machine.world), "\(seed)")
        #expect(try simulation.apply(Goal(project: "p")) == .done)
        #expect(simulation.machine.world.present == FakeMachine.World())
        fresh = simulation
    }

    @Test(arguments: seeds) func `a refused action brings back what was there, or comes too late for that`(
        seed: UInt64
    ) throws {
        var fault = 1
        while true {
            let (simulation, from, to) = try start(seed)
            let before = simulation.machine.world.present
            let outcome = try simulation.apply(to, faultAt: fault)
            if outcome == .done && !simulation.store.journal.isEmpty && simulation.machine.actions < fault { break }
            if case .failed(let failure) = outcome, !simulation.store.journal.contains("commit") || failure.undo != nil
            {
                #expect(failure.undo == .complete, "\(seed), fault \(fault): \(failure)")
                let after = simulation.machine.world.present
                let what = "\(seed), fault \(fault): \(simulation.store.journal)"
                #expect(after == before, "\(what)")
                try expectSettled(simulation, from, "\(seed), fault \(fault)")
            }
            #expect(try simulation.apply(to) == .done, "\(seed), fault \(fault): again")
            try expectSettled(simulation, to, "\(seed), fault \(fault): again")
            fault += 1
            if fault > 80 { break }
        }
    }

    @Test(arguments: seeds) func `after a crash at any entry of the journal every way leads on`(seed: UInt64) throws {
        for goesBack in [false, true] {
            var crash = 1
            while true {
                let (simulation, from, to) = try start(seed)
                guard try simulation.apply(to, crashAt: crash) == nil else { break }
                let goal = goesBack ? from : to
                let outcome = try simulation.apply(goal)
                #expect(outcome == .done, "\(seed), crash \(crash): \(simulation.store.journal)")
                try expectSettled(simulation, goal, "\(seed), crash \(crash), back: \(goesBack)")
                #expect(try simulation.apply(Goal(project: "p")) == .done, "\(seed), crash \(crash)")
                #expect(simulation.machine.world.present == FakeMachine.World(), "\(seed), crash \(crash)")
                crash += 1
            }
        }
    }

    @Test(arguments: seeds) func `after a crash while everything goes, it goes or comes back`(seed: UInt64) throws {
        for comesBack in [false, true] {
            var crash = 1
            while true {
                let (simulation, from, _) = try start(seed)
                guard try simulation.apply(Goal(project: "p"), crashAt: crash) == nil else { break }
                if comesBack {
                    #expect(try simulation.apply(from) == .done, "\(seed), crash \(crash)")
                    try expectSettled(simulation, from, "\(seed), crash \(crash)")
                }
                #expect(try simulation.apply(Goal(project: "p")) == .done, "\(seed), crash \(crash)")
                #expect(simulation.machine.world.present == FakeMachine.World(), "\(seed), crash \(crash)")
                crash += 1
            }
        }
    }

    /// Processes by container, everything else as it is.
    private func named(_ world: FakeMachine.World) -> [String] {
        let processes = world.processes.map { "\($0.key.id) \($0.value) \(world.limits[$0.key]!)" }.sorted()
        let links = world.links.flatMap { endpoint, links in links.values.map { "\(endpoint) \($0)" } }.sorted()
        let bridges = world.bridges.values.map { "\($0)" }.sorted()
        return processes + links + bridges + world.endpoints.sorted() + world.ports
    }
}
