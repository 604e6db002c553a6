import Compose

/// How the containers of a service are replaced. Times are milliseconds.
package struct UpdatePolicy: Hashable, Codable, Sendable {
    package enum FailureAction: String, Hashable, Codable, Sendable { case pause, rollback, `continue` }

    /// How many at once; 0: all.
    package var parallelism = 1
    /// Between one batch and the next.
    package var delay: Int64 = 0
    /// How long a new container is watched before its replacement counts as a success.
    package var monitor: Int64 = 0
    /// Whether the new life starts before the old one stops.
    package var startsFirst = false
    package var failureAction = FailureAction.pause
    package var maxFailureRatio = 0.0

    package init() {}

    init(_ settings: UpdateSettings) {
        parallelism = settings.parallelism
        delay = settings.delay.milliseconds
        monitor = settings.monitor.milliseconds
        startsFirst = settings.order == .startFirst
        failureAction =
            switch settings.failureAction {
            case .pause: .pause
            case .rollback: .rollback
            case .continue: .continue
            }
        maxFailureRatio = settings.maxFailureRatio
    }

    /// A way back goes as far as it can, and what goes back makes room first.
    init(wayBack settings: UpdateSettings) {
        parallelism = settings.parallelism
        delay = settings.delay.milliseconds
        monitor = settings.monitor.milliseconds
        failureAction = .continue
    }
}

extension UpdatePolicy: CustomStringConvertible {
    package var description: String {
        [
            startsFirst ? "start-first" : "stop-first", "\(parallelism == 0 ? "all" : String(parallelism)) at once",
            delay == 0 ? nil : "every \(HealthCheck.text(delay))",
            monitor == 0 ? nil : "watched for \(HealthCheck.text(monitor))", "else \(failureAction)",
            maxFailureRatio == 0 ? nil : "above \(maxFailureRatio)",
        ].compactMap { $0 }.joined(separator: ", ")
    }
}
