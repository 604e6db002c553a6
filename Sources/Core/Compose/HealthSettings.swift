/// `healthcheck:` as the file has it. What is nil is as the image says, or else the default.
package struct HealthSettings: Codable, Hashable, Sendable {
    package enum Test: Codable, Hashable, Sendable {
        /// No check, not even the image's.
        case disabled
        /// A program with its arguments.
        case command([String])
        /// A line for the container's shell.
        case shell(String)
        case http(HTTPProbe)
        case tcp(UInt16)
    }

    package var test: Test?
    package var interval: Duration?
    package var timeout: Duration?
    package var retries: Int?
    package var startPeriod: Duration?
    package var startInterval: Duration?

    package init() {}
}

/// A request from inside the service's network.
package struct HTTPProbe: Codable, Hashable, Sendable {
    package var port: UInt16
    /// Begins with a slash.
    package var path: String
    /// What the request's `Host` says.
    package var host: String
    /// The answers that are healthy.
    package var statuses: [ClosedRange<Int>]

    package init(
        port: UInt16, path: String = "/", host: String = "localhost", statuses: [ClosedRange<Int>] = [200...399]
    ) {
        self.port = port
        self.path = path
        self.host = host
        self.statuses = statuses
    }
}

extension HTTPProbe: CustomStringConvertible {
    /// `8080/health, status 200-299`
    package var description: String {
        let statuses = statuses.map {
            $0.lowerBound == $0.upperBound ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
        }.joined(separator: ",")
        return "\(port)\(path)" + (host == "localhost" ? "" : ", host \(host)")
            + (statuses == "200-399" ? "" : ", status \(statuses)")
    }
}

/// `on_unhealthy:`
package enum UnhealthyReaction: String, Codable, Hashable, Sendable, CaseIterable {
    case none, restart, stop
}
