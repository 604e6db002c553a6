import Compose

/// When a container that ended is started again: a restart policy with its backoff.
///
/// The wait doubles with every restart, as in Docker, from 100 ms up to a minute; ten seconds of running forgive, and so
/// does health. Times are milliseconds since 1970.
package struct Restarts: Hashable, Sendable {
    /// How often the policy has started it since somebody last asked for it.
    package private(set) var count: Int
    /// When it did, as far as a window may still ask for it.
    private var times: [Int64]
    private var wait: Int64 = Restarts.shortestWait

    private static let shortestWait: Int64 = 100
    private static let longestWait: Int64 = 60_000
    private static let forgiveness: Int64 = 10_000

    /// - Parameter times: when the policy has started it since somebody last asked for it.
    package init(_ times: [Int64] = []) {
        self.times = times
        count = times.count
    }

    package enum Decision: Hashable, Sendable {
        /// It has done its work, or nobody wants it again.
        case rest
        case restart(afterMilliseconds: Int64)
    }

    /// What holds for one container.
    package struct Rule: Hashable, Sendable {
        package var policy: RestartPolicy
        package var pace: RestartPace
        /// It starts again because it was unhealthy, whatever the policy says.
        package var isReaction = false

        package init(_ policy: RestartPolicy, _ pace: RestartPace = RestartPace()) {
            self.policy = policy
            self.pace = pace
        }

        package init(of spec: ContainerSpec, _ health: Health?) {
            self.init(spec.restart, spec.restartPace ?? RestartPace())
            isReaction = health?.status == .unhealthy && spec.healthCheck?.reaction == .restart
        }
    }

    /// - Parameter ranMilliseconds: how long the process lived.
    package mutating func ended(_ status: ExitStatus, _ rule: Rule, ranMilliseconds: Int64, now: Int64) -> Decision {
        if ranMilliseconds >= Self.forgiveness { forgive() }
        guard Self.applies(rule, to: status, count: Self.counted(times, count, rule.pace, now)) else { return .rest }
        defer { wait = min(wait * 2, Self.longestWait) }
        count += 1
        times = (times + [now]).filter { time in rule.pace.window.map { time > now - $0 } ?? false }
        return .restart(afterMilliseconds: rule.isReaction ? wait : rule.pace.delay ?? wait)
    }

    /// It has shown that it works: the next wait is short again.
    package mutating func forgive() { wait = Self.shortestWait }

    /// Whether the policy starts it again, for whoever looks on: the supervisor and, where it is away, `diff`.
    ///
    /// - Parameter times: when the policy has started it since somebody last asked for it.
    package static func applies(_ rule: Rule, to status: ExitStatus, times: [Int64], now: Int64) -> Bool {
        applies(rule, to: status, count: counted(times, times.count, rule.pace, now))
    }

    /// The attempts that count: with a window only those in it, as Docker's swarm does it.
    private static func counted(_ times: [Int64], _ count: Int, _ pace: RestartPace, _ now: Int64) -> Int {
        pace.window.map { window in times.count { $0 > now - window } } ?? count
    }

    private static func applies(_ rule: Rule, to status: ExitStatus, count: Int) -> Bool {
        if rule.isReaction { return true }
        if let attempts = rule.pace.attempts, count >= attempts { return false }
        return switch rule.policy {
        case .no: false
        case .always, .unlessStopped: true
        case .onFailure(let limit): !status.isSuccess && (limit.map { count < $0 } ?? true)
        }
    }
}
