/// How a process is asked to end.
package struct StopRule: Hashable, Sendable {
    package var signal: Int32
    package var graceMilliseconds: Int64
    /// What runs inside before the signal.
    package var hooks: [HookCommand]

    package init(signal: Int32, graceMilliseconds: Int64, hooks: [HookCommand] = []) {
        self.signal = signal
        self.graceMilliseconds = graceMilliseconds
        self.hooks = hooks
    }

    /// From the first hook to the kill.
    var longestMilliseconds: Int64 { hooks.isEmpty ? graceMilliseconds : 2 * graceMilliseconds }
}

/// One plan being performed, as a state machine without effects: it says what to do next and is told what came of it.
///
/// Until everything has started it may still be undone; `Command.commit` is the point of no return. Times are
/// milliseconds of a clock that only goes forward.
package struct ChangeRun: Sendable {
    package enum Command: Hashable, Sendable {
        case perform(Action)
        case signal(Instance, Int32)
        case kill(Instance)
        /// Run it inside, and tell `hooked` what came of it.
        case hook(Instance, HookCommand)
        /// The hook under way has had its time.
        case endHook(Instance)
        /// See how many connections it still has, and tell `drained`.
        case drain(Instance)
        /// Its start is whole: everything that belongs to it has run.
        case ready(Instance)
        /// Everything has started: write the ledger.
        case commit
        case warn(String)
    }

    package struct Failure: Error, Hashable, Sendable {
        package var container: ContainerID
        package var key: String
        package var message: String
        /// Who is to blame, and what its health check said last.
        package var culprit: ContainerID
        package var probe: Health.Result?
    }

    private enum Phase { case preparing, turning, removing, cleaning, done }

    private enum Progress { case running, held, stopped, hooking, started }

    /// As it will have come to pass.
    package private(set) var plan: Plan
    private let before: Ledger
    package let rules: [Instance: StopRule]
    private let replicas: [String: [ContainerID]]
    /// Those that have a health check.
    private let checked: Set<ContainerID>
    private var phase = Phase.preparing
    private var pending: ArraySlice<Action>
    private var progress: [ContainerID: Progress] = [:]
    private var states: [ContainerID: ObservedContainer.State]
    private var stops = StopSchedule(levels: [], rules: [:], now: 0)
    private var removals = StopSchedule(levels: [], rules: [:], now: 0)
    /// What ended before its removal began.
    private var ended: Set<Instance> = []
    private var health: [ContainerID: Health]
    /// How those have ended that their policies started again since the change began.
    private var restarted: [ContainerID: ExitStatus] = [:]
    /// Those that ended well at least once, whether or not they run again.
    private var completed: Set<ContainerID>
    /// What has started and has something to run inside.
    private var hooks: [Instance: PostStart] = [:]
    private var failure: Failure?
    private var rollouts: [Rollout] = []
    /// The containers that stay what they were, since an update was paused or its new life failed.
    private var kept: Set<ContainerID> = []
    /// Those whose names and ports still lead to the old life.
    private var unserved: Set<ContainerID> = []
    /// What is to be written anew since others are led elsewhere.
    private var tables: [Action] = []
    private let statesBefore: [ContainerID: ObservedContainer.State]
    private let healthBefore: [ContainerID: Health]
    private var warnings: [String] = []
    private var warned: Set<String> = []

    /// - Parameters:
    ///   - states: what is known of each container before, for conditions on containers the plan leaves alone.
    ///   - health: likewise.
    ///   - rules: for every instance that the plan stops.
    package init(
        _ plan: Plan, from before: Ledger, states: [ContainerID: ObservedContainer.State],
        health: [ContainerID: Health] = [:], rules: [Instance: StopRule]
    ) {
        self.plan = plan
        self.before = before
        self.states = states
        self.health = health
        statesBefore = states
        healthBefore = health
        self.rules = rules
        completed = Set(states.filter { $0.value == .exited(.code(0)) }.keys)
        checked = Set(plan.ledger.entries.filter { $0.spec.healthCheck != nil }.map(\.instance.id))
        pending = plan.preparation[...]
        for turnover in plan.turnovers { progress[turnover.id] = turnover.stop == nil ? .stopped : .running }
        rollouts = Self.rollouts(plan, before, rules)
        for turnover in rollouts.flatMap(\.turnovers) { progress[turnover.id] = .held }
        unserved = plan.wayBack?.elsewhere ?? Set(plan.turnovers.map(\.id).filter { Self.overlaps($0, plan, before) })
        replicas = Dictionary(grouping: Set(states.keys).union(progress.keys).sorted(), by: \.service)
    }

    package var isDone: Bool { phase == .done }

    /// Who had to be killed because it did not end in time.
    package var stubborn: [ContainerID] { (stops.killed + rollouts.flatMap(\.killed) + removals.killed).map(\.id) }

    /// What to do now; nil when there is nothing but to wait for `ended` or `deadline`.
    package mutating func next(now: Int64) throws(Failure) -> Command? {
        while true {
            if !warnings.isEmpty { return .warn(warnings.removeFirst()) }
            if let failure {
                self.failure = nil
                throw failure
            }
            switch phase {
            case .preparing:
                if let action = pending.popFirst() { return .perform(action) }
                let rolled = Set(rollouts.flatMap(\.turnovers).map(\.id))
                stops = StopSchedule(levels: plan.stopLevels(except: rolled), rules: rules, now: now)
                phase = .turning
            case .turning:
                if let command = stops.next(now: now) { return command }
                if let start = try nextStart() { return .perform(.start(start)) }
                if let command = nextHook(now) { return command }
                if let command = try nextOfRollouts(now) { return command }
                if progress.values.contains(where: { $0 != .started }) || !rollouts.allSatisfy(\.isDone) { return nil }
                if try !conditionsHold() { return nil }
                let levels = plan.removals.map { $0.filter { !ended.contains($0) } }.filter { !$0.isEmpty }
                removals = StopSchedule(levels: levels, rules: rules, now: now)
                phase = .removing
                plan = plan.keeping(kept, of: before)
                return .commit
            case .removing:
                if let command = removals.next(now: now) { return command }
                guard removals.isDone else { return nil }
                pending = plan.cleaning[...]
                phase = .cleaning
            case .cleaning:
                if let action = pending.popFirst() { return .perform(action) }
                phase = .done
            case .done: return nil
            }
        }
    }

    /// When `next` has something to do even if nothing happens.
    package var deadline: Int64? {
        switch phase {
        case .turning:
            ([stops.deadline] + hooks.values.map(\.deadline) + rollouts.map(\.deadline)).compactMap { $0 }.min()
        case .removing: removals.deadline
        case .preparing, .cleaning, .done: nil
        }
    }

    /// To be called when an instance's process has ended.
    package mutating func ended(_ instance: Instance, _ status: ExitStatus, now: Int64) {
        ended.insert(instance)
        if hooks[instance] != nil { hooked(instance, Health.Answer(exitCode: -1, output: "is not done: it \(status)")) }
        stops.ended(instance)
        removals.ended(instance)
        for index in rollouts.indices { rollouts[index].ended(instance) }
        if isCurrent(instance) {
            states[instance.id] = .exited(status)
            if status.isSuccess { completed.insert(instance.id) }
        } else if progress[instance.id] == .running, turnover(instance.id)?.stop == instance {
            progress[instance.id] = .stopped
        }
    }

    /// To be called when an instance's process has ended and its restart policy starts it again.
    package mutating func restarts(_ instance: Instance, after status: ExitStatus) {
        guard isCurrent(instance) else { return }
        if status.isSuccess { completed.insert(instance.id) }
        restarted[instance.id] = status
        health[instance.id] = nil
    }

    /// To be called when the health of an instance has turned.
    package mutating func turned(_ instance: Instance, _ health: Health) {
        if isCurrent(instance) { self.health[instance.id] = health }
    }

    /// Whether it is the life that the change leaves alone or has begun; an earlier one says nothing of this one.
    private func isCurrent(_ instance: Instance) -> Bool {
        if kept.contains(instance.id) { return false }
        guard let turnover = turnover(instance.id) else { return true }
        return [.hooking, .started].contains(progress[instance.id]) && turnover.start == instance
    }

    private func turnover(_ id: ContainerID) -> Turnover? { plan.turnovers.first { $0.id == id } }

    /// Whether the run wants this instance to end, now or later, so that no restart policy applies.
    package func isEnding(_ instance: Instance) -> Bool {
        plan.removals.contains { $0.contains(instance) } || isTurning(instance)
    }

    /// Whether it ends because another life begins.
    package func isTurning(_ instance: Instance) -> Bool {
        (stops.contains(instance) && progress[instance.id] == .running)
            || rollouts.contains { $0.replaces(instance) }
    }

    // MARK: Updates

    /// What others are led to.
    package var serving: Goal { plan.ledger.goal.serving(unserved, of: plan.wayBack?.from ?? before.goal) }

    /// The service whose update has failed so that the change goes back.
    package private(set) var failedUpdate: String?

    /// Of what has been started, what runs.
    package var living: Set<Instance> {
        Set(
            plan.turnovers.compactMap(\.start).filter {
                isCurrent($0) && states[$0.id] == .running && restarted[$0.id] == nil
            })
    }

    /// Updates that have stopped half way: what failed.
    package private(set) var pauses: [Failure] = []

    /// To be called with what `drain` asked for.
    package mutating func drained(_ instance: Instance, connections: Int, now: Int64) {
        for index in rollouts.indices { rollouts[index].drained(instance, connections: connections, now: now) }
    }

    private mutating func nextOfRollouts(_ now: Int64) throws(Failure) -> Command? {
        guard stops.isDone else { return nil }
        if !tables.isEmpty { return .perform(tables.removeFirst()) }
        for index in rollouts.indices where !rollouts[index].isDone {
            let turnovers = rollouts[index].turnovers
            let proofs = Dictionary(uniqueKeysWithValues: turnovers.map { ($0.id, proof(of: $0.id)) })
            let mayBegin = rollouts[index].isWaiting ? try isReady(turnovers[0]) : true
            while let step = rollouts[index].next(now: now, mayBegin: mayBegin, verdict: { proofs[$0]! }) {
                if let command = try take(step) { return command }
            }
        }
        return nil
    }

    private mutating func take(_ step: Rollout.Step) throws(Failure) -> Command? {
        switch step {
        case .command(let command): return command
        case .admit(let id):
            progress[id] = .stopped
            // On a way back there is nothing to be proven.
            if plan.wayBack != nil { serve(id, isNew: true) }
            return try nextStart().map { .perform(.start($0)) }
        case .handOver(let id): serve(id, isNew: true)
        case .keep(let id): keep(id)
        case .failed(let id, let text, let isKept, let isLast):
            if isKept { keep(id) }
            if isLast { pauses.append(Failure(container: id, key: "deploy.update_config", message: text, culprit: id)) }
            if !isLast { return .warn(text) }
        case .rollBack(let id, let text):
            failedUpdate = id.service
            throw Failure(
                container: id, key: "deploy.update_config", message: text, culprit: id,
                probe: health[id]?.results.last)
        }
        return tables.isEmpty ? nil : .perform(tables.removeFirst())
    }

    /// Leads others to the new life, or back to the old one.
    private mutating func serve(_ id: ContainerID, isNew: Bool) {
        let isChange = isNew ? unserved.remove(id) != nil : unserved.insert(id).inserted
        if isChange { tables = [.hosts, .ports] }
    }

    private mutating func keep(_ id: ContainerID) {
        kept.insert(id)
        serve(id, isNew: false)
        progress[id] = .started
        states[id] = statesBefore[id]
        health[id] = healthBefore[id]
    }

    /// What a new life has come to.
    private func proof(of id: ContainerID) -> Rollout.Verdict {
        guard progress[id] == .started else { return .waits }
        if let status = restarted[id] { return .fails("\(status)") }
        if case .exited(let status) = states[id] {
            return status.isSuccess && !checked.contains(id) ? .works : .fails("\(status)")
        }
        guard checked.contains(id) else { return .works }
        switch health[id]?.status {
        case .healthy: return .works
        case .unhealthy: return .fails("is unhealthy")
        case .starting, nil: return .waits
        }
    }

    // MARK: Hooks

    /// To be called when a hook has ended, or could not begin.
    package mutating func hooked(_ instance: Instance, _ answer: Health.Answer) {
        stops.hooked(instance, answer)
        for index in rollouts.indices { rollouts[index].hooked(instance, answer) }
        removals.hooked(instance, answer)
        guard let culprit = hooks[instance]?.take(answer) else { return }
        failure = Failure(
            container: instance.id, key: culprit.key, message: "\(shellText(culprit.arguments)) \(answer.failure)",
            culprit: instance.id)
        finishHooks(of: instance)
    }

    private mutating func nextHook(_ now: Int64) -> Command? {
        for instance in hooks.keys.sorted() {
            switch hooks[instance]!.next(now) {
            case .begin(let hook): return .hook(instance, hook)
            case .wait: continue
            case .late:
                hooked(instance, Health.Answer(exitCode: -1, output: "did not end within \(PostStart.longest / 1000)s"))
                return .endHook(instance)
            case .done:
                finishHooks(of: instance)
                return .ready(instance)
            }
        }
        return nil
    }

    private mutating func finishHooks(of instance: Instance) {
        hooks[instance] = nil
        progress[instance.id] = .started
    }

    // MARK: Starting

    private mutating func nextStart() throws(Failure) -> Instance? {
        for turnover in plan.turnovers where progress[turnover.id] == .stopped {
            guard let start = turnover.start, try isReady(turnover) else { continue }
            let hooks = PostStart(plan.ledger.entry(turnover.id)?.spec)
            if let hooks { self.hooks[start] = hooks }
            progress[turnover.id] = hooks == nil ? .started : .hooking
            states[turnover.id] = .running
            health[turnover.id] = nil
            completed.remove(turnover.id)
            return start
        }
        return nil
    }

    private mutating func isReady(_ turnover: Turnover) throws(Failure) -> Bool {
        for condition in turnover.after where !(try holds(condition, for: turnover.id)) { return false }
        return true
    }

    private mutating func holds(_ condition: Dependency, for dependent: ContainerID) throws(Failure) -> Bool {
        for id in replicas[condition.service] ?? [] {
            switch verdict(on: condition.condition, of: id) {
            case .holds: continue
            case .waits: return false
            case .fails(let message):
                if condition.required {
                    throw Failure(
                        container: dependent, key: plan.key(of: id, before: dependent), message: message,
                        culprit: id,
                        probe: condition.condition == .healthy ? health[id]?.results.last : nil)
                }
                let warning = "\(dependent) goes on without \(condition.service): \(message)"
                if warned.insert(warning).inserted { warnings.append(warning) }
            }
        }
        return true
    }

    private enum Verdict {
        case holds, waits
        /// It can no longer come true.
        case fails(String)
    }

    private func verdict(on condition: Dependency.Condition, of id: ContainerID) -> Verdict {
        if let state = progress[id], state != .started { return .waits }
        switch condition {
        case .started: return .holds
        case .healthy:
            guard checked.contains(id) else { return .holds }
            if case .exited(let status) = states[id] {
                return .fails("\(id.service) was to become healthy, but it \(status)")
            }
            switch health[id]?.status {
            case .healthy: return .holds
            case .unhealthy: return .fails("\(id.service) was to become healthy, but it is unhealthy")
            case .starting, nil: return .waits
            }
        case .completed:
            if completed.contains(id) { return .holds }
            guard case .exited(let status) = states[id] else { return .waits }
            return .fails("\(id.service) was to complete successfully, but it \(status)")
        }
    }

    /// A completion that the file waits for belongs to the change even when everybody has started.
    private mutating func conditionsHold() throws(Failure) -> Bool {
        for turnover in plan.turnovers {
            for condition in turnover.after where condition.condition == .completed {
                if !(try holds(condition, for: turnover.id)) { return false }
            }
        }
        return true
    }
}

extension Plan {
    /// What the turnovers stop: dependents first, by level.
    func stopLevels(except rolled: Set<ContainerID>) -> [[Instance]] {
        // Dependencies come first in the plan, so going backwards every dependent is known before what it depends on.
        var depths: [String: Int] = [:]
        var levels: [Int: [Instance]] = [:]
        for turnover in turnovers.reversed() {
            let depth = depths[turnover.id.service] ?? 0
            for condition in turnover.after {
                depths[condition.service] = max(depths[condition.service] ?? 0, depth + 1)
            }
            if let stop = turnover.stop, !rolled.contains(turnover.id) { levels[depth, default: []].append(stop) }
        }
        return levels.keys.sorted().map { levels[$0]!.sorted() }
    }
}
