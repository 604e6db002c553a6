import Stack
import Testing

/// Performs a plan on processes that exist in name only.
struct Rehearsal {
    private(set) var run: ChangeRun
    /// What was done, with the second it was done in where that is not the first.
    private(set) var log: [String] = []
    private(set) var now: Int64 = 1_000_000
    private var running: Set<Instance>

    /// Those that do not end when they are asked to.
    var deaf: Set<String> = []
    /// Those that end by themselves once started, and how.
    var tasks: [String: Stack.ExitStatus] = [:]
    /// How hooks end, by their program: with 0 unless said.
    var answers: [String: Int32] = [:]
    /// Those that do not end.
    var endless: Set<String> = []

    init(_ plan: Plan, from observation: Observation, grace: [String: Int64] = [:]) {
        let rules = observation.ledger.entries.map { entry in
            (
                entry.instance,
                StopRule(
                    signal: 15, graceMilliseconds: grace[entry.instance.id.service] ?? 10_000,
                    hooks: (entry.spec.hooks?.preStop ?? []).map { HookCommand($0, in: entry.spec) })
            )
        }
        run = ChangeRun(
            plan, from: observation.ledger, states: observation.containers.mapValues(\.state),
            health: observation.containers.compactMapValues(\.health), rules: Dictionary(uniqueKeysWithValues: rules))
        running = Set(observation.containers.values.filter(\.isRunning).map(\.entry.instance))
    }

    /// Until the run is done, fails, or waits for something that will not come.
    mutating func perform() throws(ChangeRun.Failure) {
        while !run.isDone {
            var ended: [(Instance, Stack.ExitStatus)] = []
            var hooked: [(Instance, Int32)] = []
            while let command = try run.next(now: now) {
                let time = now == 1_000_000 ? "" : " at \((now - 1_000_000) / 1000)s"
                log.append(word(command) + time)
                switch command {
                case .perform(.start(let instance)):
                    running.insert(instance)
                    if let status = tasks[instance.id.service] { ended.append((instance, status)) }
                case .signal(let instance, _):
                    if !deaf.contains(instance.id.service) { ended.append((instance, .signal(15))) }
                case .kill(let instance): ended.append((instance, .signal(9)))
                case .hook(let instance, let hook):
                    let program = hook.arguments[0]
                    if !endless.contains(program) { hooked.append((instance, answers[program] ?? 0)) }
                case .drain(let instance): run.drained(instance, connections: 0, now: now)
                case .perform, .commit, .warn, .endHook, .ready: break
                }
            }
            for (instance, status) in ended {
                running.remove(instance)
                run.ended(instance, status, now: now)
            }
            for (instance, code) in hooked { run.hooked(instance, Health.Answer(exitCode: code, output: "")) }
            if !ended.isEmpty || !hooked.isEmpty { continue }
            guard let deadline = run.deadline, deadline > now else { return }
            now = deadline
        }
    }

    /// What it fails with; nil where it does not.
    mutating func failure() -> ChangeRun.Failure? {
        do throws(ChangeRun.Failure) {
            try perform()
            return nil
        } catch {
            return error
        }
    }

    mutating func end(_ instance: Instance, _ status: Stack.ExitStatus) {
        running.remove(instance)
        run.ended(instance, status, now: now)
    }

    mutating func restart(_ instance: Instance, after status: Stack.ExitStatus) {
        run.restarts(instance, after: status)
    }

    mutating func turn(_ instance: Instance, _ health: Health) { run.turned(instance, health) }

    private func word(_ command: ChangeRun.Command) -> String {
        switch command {
        case .perform(let action): action.words
        case .signal(let instance, let signal): "signal \(instance) \(signal)"
        case .kill(let instance): "kill \(instance)"
        case .hook(let instance, let hook): "\(hook.key) \(instance)"
        case .endHook(let instance): "end-hook \(instance)"
        case .drain(let instance): "drain \(instance)"
        case .ready(let instance): "ready \(instance)"
        case .commit: "commit"
        case .warn(let text): "warn \(text)"
        }
    }
}

@Suite struct ChangeRunTests {
    private let chain = goal(
        container("a"), container("b") { $0.dependencies = [Dependency("a")] },
        container("c") { $0.dependencies = [Dependency("b")] })

    private func job(required: Bool = true) -> Goal {
        goal(
            container("job"),
            container("web") { $0.dependencies = [Dependency("job", .completed, required: required)] })
    }

    private func up(_ goal: Goal, from observation: Observation = .nothing) -> Rehearsal {
        Rehearsal(plan(from: observation, to: goal), from: observation)
    }

    private func starts(_ rehearsal: Rehearsal) -> [String] { rehearsal.log.filter { $0.hasPrefix("start") } }

    // MARK: Starting

    @Test func dependenciesStartFirst() throws {
        var rehearsal = up(chain)
        try rehearsal.perform()
        #expect(rehearsal.run.isDone)
        #expect(rehearsal.log.suffix(4) == ["start a.1.1", "start b.1.1", "start c.1.1", "commit"])
    }

    @Test func aDependentWaitsForCompletion() throws {
        var rehearsal = up(job())
        try rehearsal.perform()
        #expect(starts(rehearsal) == ["start job.1.1"])
        #expect(rehearsal.run.deadline == nil)
        rehearsal.end(Instance(ContainerID("job"), 1), .code(0))
        try rehearsal.perform()
        #expect(starts(rehearsal) == ["start job.1.1", "start web.1.1"])
        #expect(rehearsal.run.isDone)
    }

    @Test(arguments: [Stack.ExitStatus.code(3), .signal(9), .unknown])
    func aJobThatFailedFailsTheChange(status: Stack.ExitStatus) {
        var rehearsal = up(job())
        rehearsal.tasks = ["job": status]
        do throws(ChangeRun.Failure) {
            try rehearsal.perform()
            Issue.record("the change went on")
        } catch {
            #expect(error.container == ContainerID("web"))
            #expect(error.key == "depends_on.job")
            #expect(error.message == "job was to complete successfully, but it \(status)")
        }
        #expect(starts(rehearsal) == ["start job.1.1"])
    }

    @Test func aJobThatIsNotRequiredMayFail() throws {
        var rehearsal = up(job(required: false))
        rehearsal.tasks = ["job": .code(3)]
        try rehearsal.perform()
        #expect(starts(rehearsal) == ["start job.1.1", "start web.1.1"])
        #expect(rehearsal.run.isDone)
    }

    @Test func aJobThatIsDoneNeedNotRunAgain() throws {
        var observation = Observation(sound: job())
        observation["job"].state = .exited(.code(0))
        observation["web"].state = .exited(.code(1))
        var rehearsal = up(job(), from: observation)
        try rehearsal.perform()
        #expect(starts(rehearsal) == ["start web.1.1"])
        #expect(rehearsal.run.isDone)
    }

    @Test func everyReplicaHasToBeDone() throws {
        let goal = goal(
            container("job", 1), container("job", 2),
            container("web") { $0.dependencies = [Dependency("job", .completed)] })
        var rehearsal = up(goal)
        try rehearsal.perform()
        rehearsal.end(Instance(ContainerID("job", 1), 1), .code(0))
        try rehearsal.perform()
        #expect(!rehearsal.run.isDone)
        rehearsal.end(Instance(ContainerID("job", 2), 1), .code(0))
        try rehearsal.perform()
        #expect(rehearsal.run.isDone)
    }

    @Test func aConditionWithoutContainersHolds() throws {
        var rehearsal = up(goal(container("web") { $0.dependencies = [Dependency("nobody", .completed)] }))
        try rehearsal.perform()
        #expect(rehearsal.run.isDone)
    }

    // MARK: Replacing

    private func replaceAll(_ goal: Goal) -> Goal {
        var goal = goal
        for index in goal.containers.indices { goal.containers[index].arguments = ["other"] }
        return goal
    }

    @Test func replacementsStopDependentsFirstAndStartThemLast() throws {
        let observation = Observation(sound: chain)
        var rehearsal = up(replaceAll(chain), from: observation)
        try rehearsal.perform()
        #expect(
            rehearsal.log.drop { $0.hasPrefix("prepare") || $0.hasPrefix("namespace") } == [
                "signal c.1.1 15", "signal b.1.1 15", "signal a.1.1 15", "start a.1.2", "start b.1.2", "start c.1.2",
                "commit", "discard a.1.1", "discard b.1.1", "discard c.1.1",
            ])
    }

    @Test func replacingTheDeafTakesOneGracePeriod() throws {
        let observation = Observation(sound: chain)
        var rehearsal = up(replaceAll(chain), from: observation)
        rehearsal.deaf = ["a", "b", "c"]
        try rehearsal.perform()
        #expect(
            rehearsal.log.filter { $0.hasPrefix("kill") } == [
                "kill a.1.1 at 10s", "kill b.1.1 at 10s", "kill c.1.1 at 10s",
            ])
        #expect(rehearsal.run.stubborn.map(\.service) == ["a", "b", "c"])
    }

    @Test func theEndOfAnEarlierGenerationSaysNothingOfTheNext() throws {
        var edited = job()
        edited.containers[0].arguments = ["other"]
        var observation = Observation(sound: job())
        observation["web"].state = .exited(.code(1))
        var rehearsal = up(edited, from: observation)
        try rehearsal.perform()
        #expect(starts(rehearsal) == ["start job.1.2"])
        rehearsal.end(Instance(ContainerID("job"), 1), .code(0))
        try rehearsal.perform()
        #expect(starts(rehearsal) == ["start job.1.2"])
    }

    @Test func theRunAnswersForWhatItStops() throws {
        let observation = Observation(sound: chain)
        let old = Instance(ContainerID("c"), 1)
        let plan = plan(restarting: [ContainerID("c")], from: observation)
        var rehearsal = Rehearsal(plan, from: observation)
        rehearsal.deaf = ["c"]
        var run = ChangeRun(plan, from: observation.ledger, states: [:], rules: [:])
        #expect(try run.next(now: 0) == .signal(old, 15))
        #expect(run.isEnding(old))
        run.ended(old, .signal(15), now: 0)
        #expect(try run.next(now: 0) == .perform(.start(old)))
        #expect(!run.isEnding(old))
    }

    // MARK: Stopping

    private func down(_ goal: Goal, grace: [String: Int64] = [:], deaf: Set<String> = []) throws -> Rehearsal {
        let observation = Observation(sound: goal)
        var rehearsal = Rehearsal(plan(from: observation, to: Goal(project: "demo")), from: observation, grace: grace)
        rehearsal.deaf = deaf
        try rehearsal.perform()
        #expect(rehearsal.run.isDone)
        return rehearsal
    }

    @Test func stopsGoByLevels() throws {
        let log = try down(chain).log.filter { !$0.hasPrefix("remove") }
        #expect(
            log == [
                "commit", "signal c.1.1 15", "signal b.1.1 15", "signal a.1.1 15", "discard a.1.1", "discard b.1.1",
                "discard c.1.1",
            ])
    }

    @Test func theDeafComeDownInOneGracePeriod() throws {
        let rehearsal = try down(chain, grace: ["a": 9_000, "b": 9_000, "c": 9_000], deaf: ["a", "b", "c"])
        #expect(
            rehearsal.log.filter { $0.hasPrefix("signal") || $0.hasPrefix("kill") } == [
                "signal c.1.1 15", "signal b.1.1 15 at 3s", "signal a.1.1 15 at 6s", "kill a.1.1 at 9s",
                "kill b.1.1 at 9s", "kill c.1.1 at 9s",
            ])
        #expect(rehearsal.run.stubborn.map(\.service) == ["a", "b", "c"])
    }

    @Test func aShortGracePeriodBeginsWithItsSignal() throws {
        let log = try down(chain, grace: ["a": 1_000, "b": 9_000, "c": 9_000], deaf: ["a", "b", "c"]).log
        #expect(log.contains("signal a.1.1 15 at 6s"))
        #expect(log.contains("kill a.1.1 at 7s"))
    }

    @Test func noGraceAtAll() throws {
        let rehearsal = try down(chain, grace: ["a": 0, "b": 0, "c": 0], deaf: ["a", "b", "c"])
        #expect(rehearsal.now == 1_000_000)
        #expect(rehearsal.run.stubborn.count == 3)
    }

    @Test func aLevelThatIsGoneAlreadyHoldsNobodyUp() throws {
        let observation = Observation(sound: chain)
        var rehearsal = Rehearsal(plan(from: observation, to: Goal(project: "demo")), from: observation)
        rehearsal.deaf = ["c"]
        try #require(try firstSignal(&rehearsal) == "signal c.1.1 15")
        #expect(rehearsal.now == 1_000_000 + 10_000)
        #expect(rehearsal.run.stubborn.map(\.service) == ["c"])
    }

    private func firstSignal(_ rehearsal: inout Rehearsal) throws -> String? {
        // b ends by itself while c is being waited for.
        rehearsal.end(Instance(ContainerID("b"), 1), .code(0))
        try rehearsal.perform()
        return rehearsal.log.first { $0.hasPrefix("signal") }
    }
}
