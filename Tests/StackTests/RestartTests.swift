import Compose
import OCI
import Stack
import Testing

@Suite struct RestartTests {
    @Test func theWaitDoublesUpToAMinuteAndIsForgiven() {
        var restarts = Restarts()
        let always = Restarts.Rule(.always)
        var waits: [Int64] = []
        for _ in 0..<12 {
            if case .restart(let wait) = restarts.ended(.code(0), always, ranMilliseconds: 5, now: 0) {
                waits.append(wait)
            }
        }
        #expect(waits == [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000])
        #expect(restarts.count == 12)
        let late = restarts.ended(.code(0), always, ranMilliseconds: 10_000, now: 0)
        #expect(late == .restart(afterMilliseconds: 100))
        // Whoever became healthy works, however short its life.
        restarts.forgive()
        let again = restarts.ended(.code(0), always, ranMilliseconds: 5, now: 0)
        #expect(again == .restart(afterMilliseconds: 100))
    }

    @Test func failuresAreCounted() {
        var restarts = Restarts()
        func end(_ status: Stack.ExitStatus, _ policy: Stack.RestartPolicy) -> Restarts.Decision {
            restarts.ended(status, Restarts.Rule(policy), ranMilliseconds: 0, now: 0)
        }
        let policy = Stack.RestartPolicy.onFailure(limit: 3)
        #expect(end(.code(0), policy) == .rest)
        #expect(end(.unknown, policy) == .restart(afterMilliseconds: 100))
        #expect(end(.signal(9), policy) == .restart(afterMilliseconds: 200))
        #expect(end(.outOfMemory, policy) == .restart(afterMilliseconds: 400))
        #expect(end(.code(1), policy) == .rest)
        #expect(end(.code(1), .no) == .rest)
        #expect(
            Restarts.applies(
                Restarts.Rule(.unlessStopped), to: .code(0), times: [Int64](repeating: 0, count: 99), now: 0))
    }

    @Test func attemptsAreCountedWithinTheWindow() {
        let rule = Restarts.Rule(.always, Stack.RestartPace(attempts: 2, delay: 5000, window: 60_000))
        var restarts = Restarts()
        func end(at now: Int64) -> Restarts.Decision { restarts.ended(.code(1), rule, ranMilliseconds: 1, now: now) }
        // The delay of the file is not doubled.
        #expect(end(at: 1000) == .restart(afterMilliseconds: 5000))
        #expect(end(at: 7000) == .restart(afterMilliseconds: 5000))
        #expect(end(at: 13_000) == .rest)
        // The first one lies too far back to count.
        #expect(end(at: 61_000) == .restart(afterMilliseconds: 5000))
        #expect(end(at: 66_999) == .rest)
        #expect(end(at: 67_000) == .restart(afterMilliseconds: 5000))
        // Whoever comes after a crash knows as much.
        var successor = Restarts([61_000, 67_000])
        #expect(successor.ended(.code(1), rule, ranMilliseconds: 1, now: 70_000) == .rest)
        #expect(Restarts.applies(rule, to: .code(1), times: [1000, 61_000], now: 70_000))
        #expect(!Restarts.applies(rule, to: .code(1), times: [11_000, 61_000], now: 70_000))
    }

    @Test func whatIsUnhealthyStartsAgainWhateverThePolicySays() {
        var spec = container("web")
        spec.restartPace = Stack.RestartPace(attempts: 1)
        spec.healthCheck = HealthCheck(.tcp(80))
        #expect(Restarts.Rule(of: spec, health(.unhealthy)) == Restarts.Rule(.no, spec.restartPace!))
        spec.healthCheck?.reaction = .restart
        let rule = Restarts.Rule(of: spec, health(.unhealthy))
        #expect(rule.isReaction && Restarts.applies(rule, to: .code(0), times: [0, 0], now: 0))
        #expect(Restarts.Rule(of: spec, health(.healthy)) == Restarts.Rule(.no, spec.restartPace!))
    }
}

/// Jobs: what ended with 0, and nobody restarts.
@Suite struct JobTests {
    private let job = container("job") { $0.files = [secret] }

    private var done: Observation {
        var observation = Observation(sound: goal(job))
        observation["job"].state = .exited(.code(0))
        return observation
    }

    @Test func whatIsDoneIsNotRunAgain() { #expect(plan(from: done, to: goal(job)).isEmpty) }

    @Test func aRestartOfWhatFailedIsNoJob() {
        var observation = done
        observation["job"].state = .exited(.code(1))
        #expect(plan(from: observation, to: goal(job)).lines.count == 1)
    }

    @Test func whatItsProgramReadsMakesItRunAgain() {
        var edited = job
        edited.arguments = ["true"]
        var made = plan(from: done, to: goal(edited))
        #expect(made.turnovers.map(\.start) == [Instance(ContainerID("job"), 2)])
        edited = job
        edited.files[0].content = Digest(hex: String(repeating: "d", count: 64))!
        made = plan(from: done, to: goal(edited))
        #expect(
            made.lines == [
                "replace container/job/1 (secrets[0].content: older -> newer): done, but with another secrets[0].content"
            ])
        #expect(made.turnovers.map(\.start) == [Instance(ContainerID("job"), 2)])
        // One that runs sees it in place.
        #expect(plan(from: Observation(sound: goal(job)), to: goal(edited)).turnovers.isEmpty)
    }

    @Test func whatItsProgramNeverSawDoesNot() {
        var edited = job
        edited.labels = ["a": "b"]
        edited.limits.memory = 1 << 30
        edited.restart = .onFailure(limit: 3)
        let made = plan(from: done, to: goal(edited))
        #expect(made.turnovers.isEmpty && made.count(.update) == 1)
    }

    @Test func whoAsksForItGetsItOnce() {
        let first = Instance(ContainerID("job"), 1)
        let made = plan(from: done, to: goal(job), Manner(again: [first]))
        #expect(made.lines == ["replace container/job/1: asked for"])
        #expect(made.turnovers.map(\.start) == [Instance(ContainerID("job"), 2)])
        // After a crash the next life is there already.
        var later = Observation(sound: made.ledger)
        later["job"].state = .exited(.code(0))
        #expect(plan(from: later, to: goal(job), Manner(again: [first])).isEmpty)
    }
}
