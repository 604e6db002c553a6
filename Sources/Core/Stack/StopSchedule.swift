/// Stops by level, all of it within one grace period: a level begins when those before it have ended, or when its share
/// of the time has come.
struct StopSchedule: Sendable {
    private var waiting: [(at: Int64, level: [Instance])]
    private var unsignalled: [Instance] = []
    private var running: [Instance: (killAt: Int64, isKilled: Bool)] = [:]
    private let rules: [Instance: StopRule]
    private let all: Set<Instance>
    /// The end of the longest grace period: nobody is waited for any longer.
    private let end: Int64
    private(set) var killed: [Instance] = []

    init(levels: [[Instance]], rules: [Instance: StopRule], now: Int64) {
        self.rules = rules
        all = Set(levels.flatMap { $0 })
        let grace = all.map { Self.rule(for: $0, rules).graceMilliseconds }.max() ?? 0
        end = now + grace
        waiting = levels.enumerated().map { (now + grace * Int64($0.offset) / Int64(levels.count), $0.element) }
    }

    var isDone: Bool { waiting.isEmpty && unsignalled.isEmpty && running.isEmpty }

    var deadline: Int64? {
        (running.values.filter { !$0.isKilled }.map(\.killAt) + waiting.prefix(1).map(\.at)).min()
    }

    func contains(_ instance: Instance) -> Bool { all.contains(instance) }

    mutating func next(now: Int64) -> ChangeRun.Command? {
        while let level = waiting.first, level.at <= now || (running.isEmpty && unsignalled.isEmpty) {
            waiting.removeFirst()
            unsignalled += level.level
        }
        if !unsignalled.isEmpty {
            let instance = unsignalled.removeFirst()
            let rule = Self.rule(for: instance, rules)
            running[instance] = (min(now + rule.graceMilliseconds, end), false)
            return .signal(instance, rule.signal)
        }
        if let late = running.filter({ !$0.value.isKilled && $0.value.killAt <= now }).keys.min() {
            running[late]!.isKilled = true
            killed.append(late)
            return .kill(late)
        }
        return nil
    }

    mutating func ended(_ instance: Instance) {
        running[instance] = nil
        unsignalled.removeAll { $0 == instance }
        for index in waiting.indices { waiting[index].level.removeAll { $0 == instance } }
    }

    private static func rule(for instance: Instance, _ rules: [Instance: StopRule]) -> StopRule {
        rules[instance] ?? StopRule(signal: 15, graceMilliseconds: 10_000)
    }
}
