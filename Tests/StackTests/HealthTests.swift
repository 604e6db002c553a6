import Compose
import Stack
import Testing

/// A health check in the hands of a supervisor whose clock is virtual.
struct Probing {
    var check: HealthCheck
    var health = Health()
    var now: Int64 = 0
    /// When each probe began.
    private(set) var begins: [Int64] = []
    private(set) var kills: [Int64] = []
    private(set) var turns: [Health.Status] = []
    private(set) var saves = 0

    init(_ edit: (inout HealthCheck) -> Void = { _ in }) {
        check = HealthCheck(.tcp(80))
        edit(&check)
    }

    mutating func tell(_ event: Health.Event) {
        for action in health.handle(event, check, now: now) {
            switch action {
            case .probe: begins.append(now)
            case .kill: kills.append(now)
            case .turned(let status): turns.append(status)
            case .save: saves += 1
            }
        }
    }

    /// Until the next thing is due.
    mutating func pass(isFrozen: Bool = false) {
        if let deadline = health.deadline(check) { now = max(now, deadline) }
        tell(.time(isFrozen: isFrozen))
    }

    mutating func probe(_ exitCode: Int32, takes length: Int64 = 0) {
        pass()
        now += length
        tell(.answered(Health.Answer(exitCode: exitCode, output: "")))
    }
}

func health(_ status: Health.Status, output: String = "") -> Health {
    var probing = Probing { $0.retries = 1 }
    switch status {
    case .starting: break
    case .healthy: probing.probe(0)
    case .unhealthy:
        probing.probe(1)
        probing.pass()
        probing.tell(.answered(Health.Answer(exitCode: 1, output: output)))
    }
    return probing.health
}

@Suite struct HealthTests {
    @Test func theFirstProbeRunsAtOnceAndTheNextAfterTheInterval() {
        var probing = Probing { $0.interval = 1000 }
        for _ in 0..<3 { probing.probe(0, takes: 10) }
        #expect(probing.begins == [0, 1010, 2020])
        #expect(probing.turns == [.healthy])
    }

    @Test func aFirstFailureDoesNotCount() {
        var probing = Probing { ($0.interval, $0.retries) = (1000, 1) }
        probing.probe(1)
        #expect(probing.health.status == .starting && probing.health.failingStreak == 0)
        probing.probe(1)
        #expect(probing.health.status == .unhealthy)
    }

    @Test func retriesInARowMakeItUnhealthyAndOneSuccessHealthy() {
        var probing = Probing()
        for code: Int32 in [0, 1, 1, 0, 1, 1, 1, 1, 0] { probing.probe(code) }
        #expect(probing.turns == [.healthy, .unhealthy, .healthy])
    }

    @Test func failuresInTheStartPeriodDoNotCount() {
        var probing = Probing { ($0.startPeriod, $0.startInterval, $0.interval, $0.retries) = (3000, 1000, 10_000, 1) }
        for _ in 0..<4 { probing.probe(1) }
        #expect(probing.begins == [0, 1000, 2000, 3000])
        #expect(probing.turns == [.unhealthy])
        var quick = Probing { ($0.startPeriod, $0.startInterval, $0.interval, $0.retries) = (9000, 1000, 5000, 1) }
        quick.probe(0)
        // Who was healthy once has started.
        quick.probe(1)
        #expect(quick.begins == [0, 5000])
        #expect(quick.turns == [.healthy, .unhealthy])
    }

    @Test func aProbeThatTakesTooLongIsEndedAndFailed() {
        var probing = Probing { ($0.timeout, $0.interval, $0.retries) = (500, 1000, 1) }
        probing.probe(0)
        probing.pass()
        probing.pass()
        #expect(probing.kills == [1500])
        #expect(probing.health.deadline(probing.check) == nil)
        probing.tell(.answered(Health.Answer(exitCode: -1, output: "timed out")))
        #expect(probing.health.status == .unhealthy)
        #expect(probing.health.results.last?.start == 1000 && probing.health.results.last?.end == 1500)
    }

    @Test func whatIsFrozenIsNotProbed() {
        var probing = Probing { ($0.timeout, $0.interval, $0.retries) = (500, 1000, 1) }
        probing.probe(0)
        for _ in 0..<5 { probing.pass(isFrozen: true) }
        #expect(probing.begins == [0])
        probing.pass()
        #expect(probing.begins == [0, 6000])
        // Frozen in the middle of a probe.
        probing.pass(isFrozen: true)
        probing.tell(.lost)
        #expect(probing.health.status == .healthy && probing.health.results.count == 1)
        #expect(probing.health.deadline(probing.check) == 7500)
    }

    @Test func anotherQuestionBeginsAnew() {
        var probing = Probing { $0.retries = 1 }
        probing.probe(0)
        probing.pass()
        let old = probing.check
        probing.check = HealthCheck(.tcp(81))
        probing.now += 5
        probing.tell(.changed(from: old))
        #expect(probing.kills == [probing.now])
        #expect(probing.turns == [.healthy, .starting])
        #expect(probing.health.deadline(probing.check) == probing.now)
    }

    @Test func otherTimesApplyFromNowOn() {
        var probing = Probing()
        probing.probe(0)
        let old = probing.check
        probing.check.interval = 100
        probing.tell(.changed(from: old))
        #expect(probing.health.deadline(probing.check) == 100)
        #expect(probing.health.status == .healthy)
    }

    @Test func fiveResultsAreKept() {
        var probing = Probing { $0.interval = 1 }
        for code in 0..<9 { probing.probe(Int32(code)) }
        #expect(probing.health.results.map(\.answer.exitCode) == [4, 5, 6, 7, 8])
    }

    @Test func notesAreSeldomWhileNothingChanges() {
        var probing = Probing { $0.interval = 100 }
        for _ in 0..<1000 { probing.probe(0) }
        #expect(probing.now == 99_900)
        #expect(probing.saves == 10)
    }

    // MARK: Random histories

    /// Docker's rules, said once more about a whole history: what counts are the failures since the last success, without
    /// the very first probe, and before the first success without those of the start period.
    private func model(_ check: HealthCheck, _ answers: [(begin: Int64, isSuccess: Bool)]) -> Health.Status {
        let lastSuccess = answers.lastIndex { $0.isSuccess }
        let streak = answers.indices.count { index in
            guard index > lastSuccess ?? -1 else { return false }
            return lastSuccess != nil || (index > 0 && answers[index].begin >= check.startPeriod)
        }
        if streak >= check.retries { return .unhealthy }
        return lastSuccess == nil ? .starting : .healthy
    }

    @Test(arguments: 0..<20) func randomHistoriesAreAsTheModelSays(seed: UInt64) {
        var random = Dice(state: seed)
        for _ in 0..<500 {
            var probing = Probing { check in
                check.interval = random.roll(1...50) * 10
                check.timeout = random.roll(1...40) * 10
                check.retries = Int(random.roll(1...4))
                check.startPeriod = random.roll(0...3) * random.roll(0...1000)
                check.startInterval = random.roll(1...20) * 10
            }
            let check = probing.check
            var answers: [(begin: Int64, isSuccess: Bool)] = []
            var next: Int64 = 0
            for _ in 0..<random.roll(1...25) {
                let isFrozen = random.roll(0...9) == 0
                let begun = probing.begins.count
                probing.pass(isFrozen: isFrozen)
                #expect(probing.now == next)
                var pace: Int64 {
                    model(check, answers) == .starting && probing.now < check.startPeriod
                        ? check.startInterval : check.interval
                }
                if isFrozen {
                    #expect(probing.begins.count == begun)
                    next = probing.now + pace
                    continue
                }
                #expect(probing.begins.count == begun + 1)
                let begin = probing.now
                let length = random.roll(0...60) * 10
                var isLost = false
                if length >= check.timeout {
                    probing.pass()
                    #expect(probing.kills.last == begin + check.timeout && probing.now == begin + check.timeout)
                    isLost = random.roll(0...3) == 0
                    probing.tell(isLost ? .lost : .answered(Health.Answer(exitCode: -1, output: "")))
                } else {
                    probing.now += length
                    if random.roll(0...9) == 0 {
                        // The supervisor died; its successor asks again at once.
                        probing.tell(.resumed)
                        next = probing.now
                        continue
                    }
                    probing.tell(.answered(Health.Answer(exitCode: random.roll(0...1) == 0 ? 0 : 1, output: "")))
                }
                if !isLost { answers.append((begin, probing.health.results.last!.isSuccess)) }
                #expect(probing.health.status == model(check, answers))
                next = probing.now + pace
            }
            #expect(probing.health.results.count == min(answers.count, Health.keptResults))
        }
    }
}

/// Chance that can be repeated.
struct Dice {
    var state: UInt64

    mutating func roll(_ range: ClosedRange<Int64>) -> Int64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return range.lowerBound + Int64((state >> 33) % UInt64(range.upperBound - range.lowerBound + 1))
    }
}
