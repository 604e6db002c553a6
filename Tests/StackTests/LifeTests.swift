import Compose
import Stack
import Testing

/// The life of one container in the hands of supervisors whose clock is virtual: probes, ends, restarts, stops, crashes.
/// Times are milliseconds.
struct Life {
    enum Event: Hashable {
        /// By a command: `up`, `start`.
        case asked
        case started(byPolicy: Bool)
        case healthy
        case ended(Stack.ExitStatus, ran: Int64, isUnhealthy: Bool)
        /// What the supervisor has decided about the end just before.
        case decided(Restarts.Decision)
        case stopped
        /// A new supervisor has taken over.
        case crashed
    }

    var spec: ContainerSpec
    private(set) var now: Int64 = 0
    private(set) var history: [(at: Int64, event: Event)] = []
    private(set) var probes = 0
    private(set) var isWanted = false
    private(set) var lastEnd: Stack.ExitStatus?

    private var restarts = Restarts()
    private var health: Health?
    private var birth: Int64?
    private var answersAt: (time: Int64, code: Int32)?
    private var endsAt: (time: Int64, status: Stack.ExitStatus)?
    private(set) var restartAt: Int64?
    /// How long the program runs by itself, and how it ends then; asked at each start.
    var program: () -> (ran: Int64, status: Stack.ExitStatus)? = { nil }
    /// How long the next probe takes, and what it answers.
    var answer: () -> (took: Int64, code: Int32) = { (1, 0) }
    /// How long the program takes to obey its stop signal.
    var obeys: () -> Int64 = { 0 }

    init(_ spec: ContainerSpec) { self.spec = spec }

    var isRunning: Bool { birth != nil }

    // MARK: Commands

    mutating func ask() {
        isWanted = true
        restartAt = nil
        restarts = Restarts()
        note(.asked)
        if !isRunning { start(byPolicy: false) }
    }

    mutating func stop() {
        isWanted = false
        restartAt = nil
        note(.stopped)
        obey()
    }

    /// The supervisor dies; the next one knows what is written down.
    mutating func crash() {
        note(.crashed)
        let asked = history.lastIndex { $0.event == .asked } ?? 0
        restarts = Restarts(history[asked...].filter { $0.event == .started(byPolicy: true) }.map(\.at))
        if let birth, let check = spec.healthCheck, var known = health {
            answersAt = nil
            _ = known.handle(.resumed, check, now: now - birth)
            health = known
            react()
        }
        if restartAt != nil, let lastEnd {
            restartAt = nil
            decide(lastEnd, ran: 0, isUnhealthy: wasUnhealthy)
        }
    }

    private var wasUnhealthy: Bool {
        for (_, event) in history.reversed() {
            if case .ended(_, _, let isUnhealthy) = event { return isUnhealthy }
        }
        return false
    }

    // MARK: Time

    /// Lives on until then.
    mutating func pass(until end: Int64) {
        while let next = nextTime, next <= end {
            now = max(now, next)
            if restartAt == next {
                restartAt = nil
                start(byPolicy: true)
            } else if endsAt?.time == next {
                self.end(endsAt!.status)
            } else if let answer = answersAt, answer.time == next {
                answersAt = nil
                tell(.answered(Health.Answer(exitCode: answer.code, output: "")))
            } else {
                tell(.time(isFrozen: false))
            }
        }
        now = max(now, end)
    }

    private var nextTime: Int64? {
        let probe = birth.flatMap { birth in
            spec.healthCheck.flatMap { check in health?.deadline(check).map { $0 + birth } }
        }
        return [restartAt, endsAt?.time, answersAt?.time, probe].compactMap { $0 }.min()
    }

    private mutating func note(_ event: Event) { history.append((now, event)) }

    private mutating func start(byPolicy: Bool) {
        birth = now
        health = spec.healthCheck.map { _ in Health() }
        endsAt = program().map { (now + $0.ran, $0.status) }
        note(.started(byPolicy: byPolicy))
    }

    private mutating func end(_ status: Stack.ExitStatus) {
        let ran = now - birth!
        let isUnhealthy = health?.status == .unhealthy
        (birth, endsAt, answersAt) = (nil, nil, nil)
        lastEnd = status
        note(.ended(status, ran: ran, isUnhealthy: isUnhealthy))
        decide(status, ran: ran, isUnhealthy: isUnhealthy)
    }

    private mutating func decide(_ status: Stack.ExitStatus, ran: Int64, isUnhealthy: Bool) {
        var decision = Restarts.Decision.rest
        if isWanted {
            decision = restarts.ended(status, Restarts.Rule(of: spec, health), ranMilliseconds: ran, now: now)
        }
        if case .restart(let wait) = decision { restartAt = now + wait }
        note(.decided(decision))
    }

    // MARK: Health

    private mutating func tell(_ event: Health.Event) {
        guard let check = spec.healthCheck, let birth else { return }
        for action in health!.handle(event, check, now: now - birth) {
            switch action {
            case .probe:
                probes += 1
                let (took, code) = answer()
                answersAt = (now + took, code)
            case .kill:
                answersAt = nil
                tell(.answered(Health.Answer(exitCode: -1, output: "")))
            case .turned(let status):
                if status == .healthy {
                    note(.healthy)
                    restarts.forgive()
                }
                react()
            case .save: break
            }
        }
    }

    private mutating func react() {
        guard health?.status == .unhealthy, isWanted else { return }
        switch spec.healthCheck?.reaction {
        case .restart: obey()
        case .stop:
            isWanted = false
            note(.stopped)
            obey()
        case .some(.none), nil: break
        }
    }

    private mutating func obey() {
        guard isRunning else { return }
        let time = now + obeys()
        if endsAt.map({ time < $0.time }) ?? true { endsAt = (time, .signal(15)) }
    }
}

@Suite struct LifeTests {
    /// What the documentation says of an end, said about the whole history before it.
    private func model(_ spec: ContainerSpec, _ history: ArraySlice<(at: Int64, event: Life.Event)>)
        -> Restarts.Decision
    {
        let now = history.last!.at
        guard let command = history.last(where: { $0.event == .asked || $0.event == .stopped }),
            command.event == .asked
        else { return .rest }
        let asked = history.lastIndex { $0.event == .asked }!
        let since = history[asked...]
        let isAfterCrash = history.last!.event == .crashed
        var end: (status: Stack.ExitStatus, ran: Int64, isUnhealthy: Bool)!
        for (_, event) in since {
            if case .ended(let status, let ran, let isUnhealthy) = event { end = (status, ran, isUnhealthy) }
        }

        // What counts as an attempt: the decisions of this supervisor, and the starts of those before it.
        var attempts: [Int64] = []
        var waits = 0
        for (index, entry) in zip(since.indices, since) {
            switch entry.event {
            case .decided(.restart):
                attempts.append(entry.at)
                waits += 1
            case .crashed:
                attempts = since[...index].filter { $0.event == .started(byPolicy: true) }.map(\.at)
                waits = 0
            case .healthy: waits = 0
            case .ended(_, let ran, _): if ran >= 10_000 { waits = 0 }
            case .asked, .started, .decided(.rest), .stopped: break
            }
        }
        if isAfterCrash { waits = 0 }
        let isReaction = end.isUnhealthy && spec.healthCheck?.reaction == .restart
        if !isReaction {
            switch spec.restart {
            case .no: return .rest
            case .onFailure(let limit):
                if end.status == .code(0) || attempts.count >= limit ?? .max { return .rest }
            case .always, .unlessStopped: break
            }
            let counted = attempts.filter { time in spec.restartPace?.window.map { now - time < $0 } ?? true }
            if counted.count >= spec.restartPace?.attempts ?? .max { return .rest }
            if let delay = spec.restartPace?.delay { return .restart(afterMilliseconds: delay) }
        }
        return .restart(afterMilliseconds: min(100 << Int64(min(waits, 20)), 60_000))
    }

    private func check(_ life: Life, sourceLocation: SourceLocation = #_sourceLocation) {
        for (index, entry) in life.history.enumerated() {
            guard case .decided(let decision) = entry.event else { continue }
            let expected = model(life.spec, life.history[..<index])
            #expect(decision == expected, "\(life.history[..<index].suffix(12))", sourceLocation: sourceLocation)
            guard case .restart(let wait) = decision, index + 1 < life.history.count else { continue }
            // And so it comes, unless something else comes first.
            let next = life.history[index + 1]
            if next.event == .started(byPolicy: true) { #expect(next.at == entry.at + wait) }
        }
    }

    // MARK: A day

    private static let day: Int64 = 24 * 3600 * 1000

    @Test func aDayOfProbes() {
        var life = Life(
            container("web") { spec in
                spec.healthCheck = HealthCheck(.tcp(80))
                spec.healthCheck?.interval = 59_000
                spec.healthCheck?.timeout = 2000
            })
        life.answer = { (1000, 0) }
        life.ask()
        life.pass(until: Self.day - 1)
        // Each takes a second, and the next one begins 59 after its end.
        #expect(life.probes == 1440)
        #expect(life.history.count == 3 && life.isRunning)
    }

    @Test func aDayOfRestarts() {
        var life = Life(container("web") { $0.restart = .always })
        life.program = { (1000, .code(1)) }
        life.ask()
        life.pass(until: Self.day)
        let starts = life.history.filter { $0.event == .started(byPolicy: true) }.count
        // Ten waits that double take 112 s with their lives; from then on each restart takes 61 s.
        #expect(starts == 10 + (Int(Self.day) - 112_300) / 61_000, "\(starts)")
        check(life)
        // Who runs long enough waits the shortest time for ever.
        life = Life(container("web") { $0.restart = .always })
        life.program = { (60_000, .outOfMemory) }
        life.ask()
        life.pass(until: Self.day)
        let ends = life.history.filter { $0.event == .ended(.outOfMemory, ran: 60_000, isUnhealthy: false) }.count
        #expect(ends == (Int(Self.day) + 100) / 60_100, "\(ends)")
        check(life)
    }

    @Test func aDayOfSickness() {
        var life = Life(
            container("web") { spec in
                spec.healthCheck = HealthCheck(.tcp(80))
                spec.healthCheck?.interval = 20_000
                spec.healthCheck?.reaction = .restart
            })
        // Healthy at first, and then four failures in a row, the last of which comes too late.
        var count = 0
        life.answer = {
            count += 1
            return (0, count % 10 < 2 ? 0 : 1)
        }
        life.ask()
        life.pass(until: Self.day)
        #expect(life.probes > 4000)
        let restarts = life.history.filter { $0.event == .started(byPolicy: true) }
        #expect(restarts.count > 1000)
        check(life)
    }

    @Test func aDayOfAttempts() {
        // Three in an hour, and no more in that hour: the fourth end is the last.
        let pace = Stack.RestartPace(attempts: 3, delay: 60_000, window: 3_600_000)
        var life = Life(container("web") { ($0.restart, $0.restartPace) = (.onFailure(limit: nil), pace) })
        life.program = { (60_000, .code(1)) }
        life.ask()
        life.pass(until: Self.day)
        #expect(life.history.filter { $0.event == .started(byPolicy: true) }.count == 3 && !life.isRunning)
        // Slow enough, it goes on for ever.
        life = Life(life.spec)
        life.program = { (20 * 60_000, .code(1)) }
        life.ask()
        life.pass(until: Self.day)
        #expect(life.history.filter { $0.event == .started(byPolicy: true) }.count == Int(Self.day) / (21 * 60_000))
        check(life)
    }

    // MARK: Random histories

    private func randomLife(_ random: inout Dice) -> Life {
        var spec = container("web")
        switch random.roll(0...4) {
        case 0: spec.restart = .no
        case 1: spec.restart = .always
        case 2: spec.restart = .unlessStopped
        case 3: spec.restart = .onFailure(limit: nil)
        case _: spec.restart = .onFailure(limit: Int(random.roll(1...4)))
        }
        if spec.restart != .onFailure(limit: nil), case .onFailure = spec.restart { return Life(spec) }
        if random.roll(0...1) == 0 {
            spec.restartPace = Stack.RestartPace(
                attempts: random.roll(0...1) == 0 ? Int(random.roll(1...5)) : nil,
                delay: random.roll(0...1) == 0 ? random.roll(1...20) * 500 : nil,
                window: random.roll(0...1) == 0 ? random.roll(1...60) * 1000 : nil)
        }
        if random.roll(0...1) == 0 {
            var check = HealthCheck(.tcp(80))
            check.interval = random.roll(1...20) * 500
            check.timeout = random.roll(1...5) * 200
            check.retries = Int(random.roll(1...3))
            check.startPeriod = random.roll(0...2) * random.roll(0...5000)
            check.startInterval = random.roll(1...4) * 250
            check.reaction = [UnhealthyReaction.none, .restart, .stop][Int(random.roll(0...2))]
            spec.healthCheck = check
        }
        return Life(spec)
    }

    @Test(arguments: 0..<20) func randomHistoriesAreAsTheModelSays(seed: UInt64) {
        for number in 0..<500 {
            let dice = SharedDice(Dice(state: seed &* 1000 &+ UInt64(number)))
            var life = randomLife(&dice.dice)
            life.program = {
                if dice.roll(0...3) == 0 { return nil }
                let ends: [Stack.ExitStatus] = [.code(0), .code(1), .signal(11), .outOfMemory, .unknown]
                return (dice.roll(0...3) * dice.roll(1...5000), ends[Int(dice.roll(0...4))])
            }
            life.answer = { (dice.roll(0...6) * 100, dice.roll(0...2) == 0 ? 1 : 0) }
            life.obeys = { dice.roll(0...20) * 100 }
            life.ask()
            for _ in 0..<dice.roll(1...12) {
                life.pass(until: life.now + dice.roll(0...40_000))
                switch dice.roll(0...5) {
                case 0: life.stop()
                case 1: if !life.isRunning { up(&life) }
                case 2, 3: life.crash()
                case _: break
                }
            }
            life.pass(until: life.now + 120_000)
            check(life)
        }
    }

    /// The planner decides whether there is anything to do: not for a job that is done, nor for what comes back by itself.
    private func up(_ life: inout Life) {
        var observation = Observation(sound: goal(life.spec))
        observation["web"].entry.isWanted = life.isWanted
        observation.ledger.entries[0].isWanted = life.isWanted
        let end = life.lastEnd!
        observation["web"].state = life.restartAt == nil ? .exited(end) : .restarting(end)
        let isDone = life.isWanted && end == .code(0)
        let made = plan(from: observation, to: goal(life.spec))
        #expect(made.turnovers.isEmpty == (life.restartAt != nil || isDone))
        if !made.turnovers.isEmpty { life.ask() }
    }
}

/// Chance that several closures draw from.
private final class SharedDice {
    var dice: Dice

    init(_ dice: Dice) { self.dice = dice }

    func roll(_ range: ClosedRange<Int64>) -> Int64 { dice.roll(range) }
}
