import Compose

/// When a container that ended is started again: a restart policy with its backoff.
///
/// The wait doubles with every restart, as in Docker, from 100 ms up to a minute; ten seconds of running forgive.
package struct Restarts: Hashable, Sendable {
    /// How often the policy has started it since somebody last asked for it.
    package private(set) var count = 0
    private var wait: Int64 = Restarts.shortestWait

    private static let shortestWait: Int64 = 100
    private static let longestWait: Int64 = 60_000
    private static let forgiveness: Int64 = 10_000

    package init(count: Int = 0) { self.count = count }

    package enum Decision: Hashable, Sendable {
        /// It has done its work, or nobody wants it again.
        case rest
        case restart(afterMilliseconds: Int64)
    }

    /// - Parameter ranMilliseconds: how long the process lived.
    package mutating func ended(_ status: ExitStatus, policy: RestartPolicy, ranMilliseconds: Int64) -> Decision {
        if ranMilliseconds >= Self.forgiveness { wait = Self.shortestWait }
        guard Self.applies(policy, to: status, count: count) else { return .rest }
        defer {
            count += 1
            wait = min(wait * 2, Self.longestWait)
        }
        return .restart(afterMilliseconds: wait)
    }

    /// What holds for a container: one that is unhealthy may have to start again however it ended.
    package static func policy(of spec: ContainerSpec, _ health: Health?) -> RestartPolicy {
        health?.status == .unhealthy && spec.healthCheck?.reaction == .restart ? .always : spec.restart
    }

    /// Whether the policy starts it again, for whoever looks on: the supervisor and, where it is away, `diff`.
    package static func applies(_ policy: RestartPolicy, to status: ExitStatus, count: Int) -> Bool {
        switch policy {
        case .no: false
        case .always, .unlessStopped: true
        case .onFailure(let limit): !status.isSuccess && (limit.map { count < $0 } ?? true)
        }
    }
}
