/// The replacement of one service's containers in steps, as `deploy.update_config` has it: batch by batch, each new
/// container watched before the next batch begins.
///
/// Where the new life starts first, the old one goes on until the new one has been watched: whoever is led to the service
/// is led to the new one from the moment that it works, and back if it fails.
struct Rollout: Sendable {
    /// What a new container has come to.
    enum Verdict: Hashable, Sendable {
        case works, waits
        case fails(String)
    }

    enum Step: Sendable {
        case command(ChangeRun.Command)
        /// The new one may start.
        case admit(ContainerID)
        /// From here on the names and ports of the service lead to the new one.
        case handOver(ContainerID)
        /// It stays what it was.
        case keep(ContainerID)
        /// The new one does not work. `isKept`: the old one goes on; `isLast`: nobody else is replaced.
        case failed(ContainerID, String, isKept: Bool, isLast: Bool)
        case rollBack(ContainerID, String)
    }

    private enum Stage: Hashable {
        case waiting
        /// The old one is asked to end, before or after.
        case ending
        case starting
        case proving
        case watching(until: Int64)
        /// Nobody comes any more; who is there may finish.
        case draining(until: Int64, next: Int64)
        case done, failed, kept

        var isOver: Bool { [.done, .failed, .kept].contains(self) }
    }

    private struct Member {
        let turnover: Turnover
        let overlaps: Bool
        var stage = Stage.waiting
        var ending: StopSchedule?
    }

    private let policy: UpdatePolicy
    private let rules: [Instance: StopRule]
    private var members: [Member]
    private var batch: Range<Int>
    private var batchEnded: Int64?
    private var failures = 0
    private var gone: Set<Instance> = []
    private var isPaused = false

    /// How often it is looked whether the old one still has connections.
    private static let drainPause: Int64 = 20

    /// - Parameter overlaps: those whose two lives can stand beside each other.
    init(_ policy: UpdatePolicy, _ turnovers: [Turnover], overlaps: Set<ContainerID>, rules: [Instance: StopRule]) {
        self.policy = policy
        self.rules = rules
        members = turnovers.map { Member(turnover: $0, overlaps: overlaps.contains($0.id)) }
        batch = 0..<0
    }

    var turnovers: [Turnover] { members.map(\.turnover) }

    /// Whether there is somebody whose turn has not come.
    var isWaiting: Bool { members.contains { $0.stage == .waiting } }

    var isDone: Bool { members.allSatisfy(\.stage.isOver) }

    /// Whether it is a life that this replaces.
    func replaces(_ instance: Instance) -> Bool { members.contains { $0.turnover.stop == instance } }

    var killed: [Instance] { members.flatMap { $0.ending?.killed ?? [] } }

    var deadline: Int64? {
        let times = members.flatMap { member -> [Int64] in
            let ending = member.ending?.deadline.map { [$0] } ?? []
            switch member.stage {
            case .watching(let until): return ending + [until]
            case .draining(_, let next): return ending + [next]
            case .waiting, .ending, .starting, .proving, .done, .failed, .kept: return ending
            }
        }
        let pause = isDone ? nil : batchEnded.map { $0 + policy.delay }
        return (times + (pause.map { [$0] } ?? [])).min()
    }

    // MARK: What happens

    mutating func ended(_ instance: Instance) {
        gone.insert(instance)
        for index in members.indices where members[index].turnover.stop == instance {
            members[index].ending?.ended(instance)
            guard members[index].stage == .ending else { continue }
            members[index].stage = members[index].overlaps ? .done : .starting
        }
    }

    mutating func hooked(_ instance: Instance, _ answer: Health.Answer) {
        for index in members.indices { members[index].ending?.hooked(instance, answer) }
    }

    mutating func drained(_ instance: Instance, connections: Int, now: Int64) {
        guard let index = members.firstIndex(where: { $0.turnover.stop == instance }),
            case .draining(let until, _) = members[index].stage
        else { return }
        if connections > 0 && now < until {
            members[index].stage = .draining(until: until, next: now + Self.drainPause)
        } else {
            end(index, now)
        }
    }

    // MARK: What to do

    /// - Parameters:
    ///   - mayBegin: whether what the service depends on is as it should be.
    ///   - verdict: of a container that has been started.
    mutating func next(now: Int64, mayBegin: Bool, verdict: (ContainerID) -> Verdict) -> Step? {
        for index in members.indices {
            if let command = members[index].ending?.next(now: now) { return .command(command) }
        }
        // All that may start starts before anything else is looked at.
        for index in batch where members[index].stage == .starting {
            members[index].stage = .proving
            return .admit(members[index].turnover.id)
        }
        for index in batch {
            if let step = step(index, now, verdict) { return step }
        }
        guard batch.allSatisfy({ members[$0].stage.isOver }), batch.upperBound < members.count else { return nil }
        if isPaused { return keepNext() }
        guard mayBegin else { return nil }
        if !batch.isEmpty {
            batchEnded = batchEnded ?? now
            if now < batchEnded! + policy.delay { return nil }
        }
        batchEnded = nil
        let size = policy.parallelism == 0 ? members.count : policy.parallelism
        batch = batch.upperBound..<min(batch.upperBound + size, members.count)
        for index in batch { begin(index, now) }
        return next(now: now, mayBegin: mayBegin, verdict: verdict)
    }

    private mutating func keepNext() -> Step {
        batch = batch.upperBound..<batch.upperBound + 1
        members[batch.lowerBound].stage = .kept
        return .keep(members[batch.lowerBound].turnover.id)
    }

    private mutating func begin(_ index: Int, _ now: Int64) {
        if members[index].overlaps || members[index].turnover.stop == nil {
            members[index].stage = .starting
        } else {
            end(index, now)
        }
    }

    private mutating func end(_ index: Int, _ now: Int64) {
        guard let old = members[index].turnover.stop, !gone.contains(old) else {
            members[index].stage = members[index].overlaps ? .done : .starting
            return
        }
        members[index].stage = .ending
        members[index].ending = StopSchedule(levels: [[old]], rules: rules, now: now)
    }

    private mutating func step(_ index: Int, _ now: Int64, _ verdict: (ContainerID) -> Verdict) -> Step? {
        let member = members[index]
        let id = member.turnover.id
        switch member.stage {
        case .waiting, .starting, .ending, .done, .failed, .kept: return nil
        case .proving:
            switch verdict(id) {
            case .waits: return nil
            case .fails(let message): return fail(index, message)
            case .works:
                members[index].stage = .watching(until: now + policy.monitor)
                return member.overlaps ? .handOver(id) : step(index, now, verdict)
            }
        case .watching(let until):
            if case .fails(let message) = verdict(id) { return fail(index, message) }
            guard now >= until else { return nil }
            guard member.overlaps, let old = member.turnover.stop else {
                members[index].stage = .done
                return nil
            }
            let grace = rules[old]?.graceMilliseconds ?? 0
            members[index].stage = .draining(until: now + grace, next: now)
            return .command(.drain(old))
        case .draining(_, let next):
            guard now >= next, let old = member.turnover.stop else { return nil }
            return .command(.drain(old))
        }
    }

    private mutating func fail(_ index: Int, _ message: String) -> Step {
        let id = members[index].turnover.id
        failures += 1
        let text = "\(id) was to be replaced, but its successor \(message)"
        let isTolerated = Double(failures) / Double(members.count) <= policy.maxFailureRatio
        let action = isTolerated ? .continue : policy.failureAction
        if action == .rollback { return .rollBack(id, text) }
        isPaused = isPaused || action == .pause
        members[index].stage = members[index].overlaps ? .kept : .failed
        return .failed(id, text, isKept: members[index].overlaps, isLast: action == .pause)
    }
}
