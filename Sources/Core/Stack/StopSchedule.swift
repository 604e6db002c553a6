/// Stops by level, all of it within one grace period: a level begins when those before it have ended, or when its share
/// of the time has come. Where there is something to run before the stop, that has a grace period of its own.
struct StopSchedule: Sendable {
    private enum Stage {
        case hooking(index: Int, isBegun: Bool, until: Int64)
        /// What was to run before it has run.
        case ready
        case signalled(killAt: Int64)
        case killed
    }

    private var waiting: [(at: Int64, level: [Instance])]
    private var untouched: [Instance] = []
    private var running: [Instance: Stage] = [:]
    private let rules: [Instance: StopRule]
    private let all: Set<Instance>
    /// The end of the longest grace period: nobody is waited for any longer.
    private let end: Int64
    private(set) var killed: [Instance] = []
    /// What did not go as it should.
    private var warnings: [String] = []

    init(levels: [[Instance]], rules: [Instance: StopRule], now: Int64) {
        self.rules = rules
        all = Set(levels.flatMap { $0 })
        let time = all.map { Self.rule(for: $0, rules).longestMilliseconds }.max() ?? 0
        end = now + time
        waiting = levels.enumerated().map { (now + time * Int64($0.offset) / Int64(levels.count), $0.element) }
    }

    var isDone: Bool { waiting.isEmpty && untouched.isEmpty && running.isEmpty }

    var deadline: Int64? {
        let times = running.values.compactMap { stage -> Int64? in
            switch stage {
            case .hooking(_, _, let until): until
            case .signalled(let killAt): killAt
            case .ready, .killed: nil
            }
        }
        return (times + waiting.prefix(1).map(\.at)).min()
    }

    func contains(_ instance: Instance) -> Bool { all.contains(instance) }

    mutating func next(now: Int64) -> ChangeRun.Command? {
        while let level = waiting.first, level.at <= now || (running.isEmpty && untouched.isEmpty) {
            waiting.removeFirst()
            untouched += level.level
        }
        for instance in untouched { begin(instance, now) }
        untouched = []
        if !warnings.isEmpty { return .warn(warnings.removeFirst()) }
        for instance in running.keys.sorted() {
            if let command = step(instance, now) { return command }
        }
        return nil
    }

    private mutating func begin(_ instance: Instance, _ now: Int64) {
        let rule = Self.rule(for: instance, rules)
        if rule.hooks.isEmpty {
            running[instance] = .ready
        } else if rule.graceMilliseconds == 0 {
            warnings.append("container/\(instance.id): there is no time to run its pre_stop")
            running[instance] = .ready
        } else {
            running[instance] = .hooking(index: 0, isBegun: false, until: now + rule.graceMilliseconds)
        }
    }

    private mutating func step(_ instance: Instance, _ now: Int64) -> ChangeRun.Command? {
        let rule = Self.rule(for: instance, rules)
        switch running[instance] {
        case .hooking(let index, false, let until):
            running[instance] = .hooking(index: index, isBegun: true, until: until)
            return .hook(instance, rule.hooks[index])
        case .hooking(let index, true, let until) where until <= now:
            warnings.append("container/\(instance.id): \(rule.hooks[index].key) did not end in time")
            running[instance] = .ready
            return .endHook(instance)
        case .ready:
            running[instance] = .signalled(killAt: min(now + rule.graceMilliseconds, end))
            return .signal(instance, rule.signal)
        case .signalled(let killAt) where killAt <= now:
            running[instance] = .killed
            killed.append(instance)
            return .kill(instance)
        case .hooking, .signalled, .killed, nil: return nil
        }
    }

    /// A failure is told, and the stop goes on.
    mutating func hooked(_ instance: Instance, _ answer: Health.Answer) {
        guard case .hooking(let index, true, let until)? = running[instance] else { return }
        let hooks = Self.rule(for: instance, rules).hooks
        if answer.exitCode == 0, index + 1 < hooks.count {
            running[instance] = .hooking(index: index + 1, isBegun: false, until: until)
            return
        }
        if answer.exitCode != 0 {
            warnings.append("container/\(instance.id): \(hooks[index].key) \(answer.failure)")
        }
        running[instance] = .ready
    }

    mutating func ended(_ instance: Instance) {
        running[instance] = nil
        untouched.removeAll { $0 == instance }
        for index in waiting.indices { waiting[index].level.removeAll { $0 == instance } }
    }

    private static func rule(for instance: Instance, _ rules: [Instance: StopRule]) -> StopRule {
        rules[instance] ?? StopRule(signal: 15, graceMilliseconds: 10_000)
    }
}

extension Health.Answer {
    /// Of a hook: `exited with 3`, or why it did not run to its end.
    var failure: String { exitCode < 0 ? output : "exited with \(exitCode)" }
}
