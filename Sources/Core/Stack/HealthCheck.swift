package import Compose
import OCI

/// How to find out whether a container does its work. Times are milliseconds.
package struct HealthCheck: Hashable, Codable, Sendable {
    package enum Probe: Hashable, Codable, Sendable {
        /// One more process in the container: healthy if it ends with 0.
        case command([String])
        /// A request from inside its network namespace.
        case http(HTTPProbe)
        /// A connection from inside its network namespace.
        case tcp(UInt16)
    }

    package var probe: Probe
    package var interval: Int64 = 30_000
    package var timeout: Int64 = 30_000
    package var retries = 3
    package var startPeriod: Int64 = 0
    package var startInterval: Int64 = 5_000
    /// What happens to a container that is unhealthy.
    package var reaction = UnhealthyReaction.none

    package init(_ probe: Probe) { self.probe = probe }

    /// What the file says over what the image says; nil where neither has a check, or the file disables it.
    ///
    /// - Parameter shell: what a line for a shell is given to.
    package init?(
        _ settings: HealthSettings?, over image: HealthCheck?, reaction: UnhealthyReaction,
        shell: [String] = HealthCheck.shell
    ) {
        let probe: Probe?
        switch settings?.test {
        case .disabled: return nil
        case .command(let words): probe = .command(words)
        case .shell(let line): probe = .command(shell + [line])
        case .http(let http): probe = .http(http)
        case .tcp(let port): probe = .tcp(port)
        case nil: probe = nil
        }
        guard var check = image ?? probe.map({ HealthCheck($0) }) else { return nil }
        check.probe = probe ?? check.probe
        check.interval = settings?.interval?.milliseconds ?? check.interval
        check.timeout = settings?.timeout?.milliseconds ?? check.timeout
        check.retries = settings?.retries ?? check.retries
        check.startPeriod = settings?.startPeriod?.milliseconds ?? check.startPeriod
        check.startInterval = settings?.startInterval?.milliseconds ?? check.startInterval
        check.reaction = reaction
        self = check
    }

    /// What a line for a shell is given to where the image names no other.
    static let shell = ["/bin/sh", "-c"]

    /// What an image says of itself; nil where it says nothing, or that there is no check. What is 0 is as usual.
    init?(_ image: ImageConfig) {
        guard let check = image.healthcheck else { return nil }
        switch check.test.first {
        case "CMD": self.init(.command(Array(check.test.dropFirst())))
        case "CMD-SHELL": self.init(.command((image.shell ?? Self.shell) + check.test.dropFirst()))
        case _: return nil
        }
        func set(_ field: WritableKeyPath<HealthCheck, Int64>, _ nanoseconds: Int64) {
            if nanoseconds > 0 { self[keyPath: field] = max(1, nanoseconds / 1_000_000) }
        }
        set(\.interval, check.interval)
        set(\.timeout, check.timeout)
        set(\.startPeriod, check.startPeriod)
        set(\.startInterval, check.startInterval)
        if check.retries > 0 { retries = check.retries }
    }

    /// Each part as the file would spell it, by its key; what is as it is unless set is left out.
    var texts: [String: String] {
        var texts = ["test": probe.description]
        let usual = HealthCheck(probe)
        if interval != usual.interval { texts["interval"] = Self.text(interval) }
        if timeout != usual.timeout { texts["timeout"] = Self.text(timeout) }
        if retries != usual.retries { texts["retries"] = String(retries) }
        if startPeriod != usual.startPeriod { texts["start_period"] = Self.text(startPeriod) }
        if startInterval != usual.startInterval { texts["start_interval"] = Self.text(startInterval) }
        return texts
    }

    /// `1500ms`, `30s`
    package static func text(_ milliseconds: Int64) -> String {
        milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
    }
}

extension HealthCheck.Probe: CustomStringConvertible {
    package var description: String {
        switch self {
        case .command(let words): shellText(words)
        case .http(let probe): "http \(probe)"
        case .tcp(let port): "tcp \(port)"
        }
    }
}

extension Duration {
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
