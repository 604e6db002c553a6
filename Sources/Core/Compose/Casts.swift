import YAML

/// The form that a key path asks for.
enum Cast {
    case integer, number, smallNumber, truth

    enum Outcome {
        /// In YAML's spelling.
        case value(String)
        /// `yes`, `off` and the like: YAML 1.1 had them.
        case oldTruth(String)
        case none
    }

    var expected: String {
        switch self {
        case .integer: "a whole number"
        case .number, .smallNumber: "a number"
        case .truth: "true or false"
        }
    }

    func apply(to text: String) -> Outcome {
        switch self {
        case .integer: Self.integer(text).map { .value(String($0)) } ?? .none
        case .number: Self.number(text).map { .value(Self.spelled($0, "\($0)")) } ?? .none
        case .smallNumber:
            Self.number(text).flatMap { number in
                let small = Float(number)
                return small.isInfinite && number.isFinite ? nil : .value(Self.spelled(number, "\(small)"))
            } ?? .none
        case .truth: Self.truth(text)
        }
    }

    /// Decimal digits with a sign or none: a leading zero means nothing here.
    private static func integer(_ text: String) -> Int64? { Int64(text, radix: 10) }

    /// As Go reads it: decimal, hexadecimal with an exponent, underscores between digits, `inf`, `nan`.
    private static func number(_ text: String) -> Double? {
        guard let plain = withoutUnderscores(text) else { return nil }
        let lower = plain.lowercased()
        let unsigned = lower.drop { $0 == "+" || $0 == "-" }
        if unsigned == "inf" || unsigned == "infinity" {
            return lower.utf8.count - unsigned.utf8.count > 1 ? nil : lower.hasPrefix("-") ? -.infinity : .infinity
        }
        if lower == "nan" { return .nan }
        if unsigned.hasPrefix("0x") {
            return unsigned.contains("p") ? Double(lower).flatMap { $0.isFinite ? $0 : nil } : nil
        }
        return Scalar.decimal(plain)
    }

    /// Each underscore must stand between digits.
    private static func withoutUnderscores(_ text: String) -> String? {
        guard text.utf8.contains(0x5F) else { return text }
        let bytes = Array(text.utf8)
        for (index, byte) in bytes.enumerated() where byte == 0x5F {
            guard index > 0, index + 1 < bytes.count, (0x30...0x39).contains(bytes[index - 1]),
                (0x30...0x39).contains(bytes[index + 1])
            else { return nil }
        }
        return String(decoding: bytes.filter { $0 != 0x5F }, as: UTF8.self)
    }

    private static func spelled(_ number: Double, _ text: String) -> String {
        if number.isNaN { return ".nan" }
        return number.isInfinite ? number < 0 ? "-.inf" : ".inf" : text
    }

    private static func truth(_ text: String) -> Outcome {
        switch text.lowercased() {
        case "true": .value("true")
        case "false": .value("false")
        case "y", "yes", "on": .oldTruth("true")
        case "n", "no", "off": .oldTruth("false")
        case _: .none
        }
    }
}

/// Which key paths ask for which form, as a tree: `*` stands for any key or item, `[]` for the items of a list. These are
/// the paths of Docker Compose; of the others, the schema says which forms they take.
final class Casts: Sendable {
    let cast: Cast?
    private let members: [String: Casts]

    subscript(step: String) -> Casts? { members["*"] ?? members[step] }

    private init(_ paths: [(path: ArraySlice<Substring>, cast: Cast)]) {
        cast = paths.first { $0.path.isEmpty }?.cast
        let longer = paths.filter { !$0.path.isEmpty }
        members = Dictionary(grouping: longer) { String($0.path[$0.path.startIndex]) }
            .mapValues { Casts($0.map { ($0.path.dropFirst(), $0.cast) }) }
    }

    static let root = Casts(
        paths.flatMap { cast, paths in paths.map { ($0.split(separator: ".")[...], cast) } })

    private static let paths: [(Cast, [String])] = [
        (
            .integer,
            service([
                "cpu_count", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares",
                "oom_score_adj",
                "pids_limit", "scale", "deploy.replicas", "deploy.update_config.parallelism",
                "deploy.rollback_config.parallelism", "deploy.restart_policy.max_attempts",
                "deploy.placement.max_replicas_per_node", "healthcheck.retries", "ports.[].target", "ulimits.*",
                "ulimits.*.hard", "ulimits.*.soft",
            ])
        ),
        (
            .number,
            service([
                "cpu_percent", "deploy.update_config.max_failure_ratio", "deploy.rollback_config.max_failure_ratio",
            ])
        ),
        (.smallNumber, service(["cpus"])),
        (
            .truth,
            service([
                "init", "depends_on.*.required", "depends_on.*.restart", "healthcheck.disable", "oom_kill_disable",
                "privileged", "read_only", "stdin_open", "tty", "volumes.[].read_only", "volumes.[].volume.nocopy",
            ])
        ),
        (
            .truth,
            [
                "networks.*.external", "networks.*.internal", "networks.*.attachable", "networks.*.enable_ipv4",
                "networks.*.enable_ipv6", "volumes.*.external", "secrets.*.external", "configs.*.external",
            ]
        ),
    ]

    private static func service(_ keys: [String]) -> [String] { keys.map { "services.*.\($0)" } }
}
