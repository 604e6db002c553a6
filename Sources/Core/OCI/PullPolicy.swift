/// `pull_policy`: when an image is fetched although, or because, it is there or not.
package enum PullPolicy: Hashable, Codable, Sendable, CustomStringConvertible {
    case always, missing, never, build
    /// When the last pull is so long ago.
    case every(seconds: Int64)

    package static let daily = PullPolicy.every(seconds: 86_400)
    package static let weekly = PullPolicy.every(seconds: 604_800)

    package init(parsing text: String) throws(ReferenceFault) {
        switch text {
        case "always": self = .always
        case "missing", "if_not_present": self = .missing
        case "never": self = .never
        case "build": self = .build
        case "daily": self = .daily
        case "weekly": self = .weekly
        case "refresh": self = .every(seconds: 0)
        case _:
            guard text.hasPrefix("every_"), let seconds = Self.seconds(text.dropFirst("every_".count)) else {
                throw ReferenceFault(
                    "\"\(text)\" is no pull policy",
                    hint:
                        "write always, missing, never, build, daily, weekly, or every_ and a duration, as in every_12h")
            }
            self = .every(seconds: seconds)
        }
    }

    private static let units: [(letter: Character, seconds: Int64)] = [
        ("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1),
    ]

    /// A sum of weeks, days, hours, minutes and seconds: `1w2d`, `12h`, `90m`.
    private static func seconds(_ text: Substring) -> Int64? {
        var rest = text
        var total: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int64(digits), number <= 1_000_000_000, let letter = rest.dropFirst(digits.count).first,
                let unit = units.first(where: { $0.letter == letter })
            else { return nil }
            total += number * unit.seconds
            rest = rest.dropFirst(digits.count + 1)
        }
        return text.isEmpty ? nil : total
    }

    package var description: String {
        switch self {
        case .always: return "always"
        case .missing: return "missing"
        case .never: return "never"
        case .build: return "build"
        case .daily: return "daily"
        case .weekly: return "weekly"
        case .every(let seconds):
            var rest = seconds
            var text = "every_"
            for (letter, length) in Self.units where rest >= length {
                text += "\(rest / length)\(letter)"
                rest %= length
            }
            return seconds == 0 ? "refresh" : text
        }
    }

    package enum Decision: Hashable, Sendable { case use, fetch, build, refuse }

    /// - Parameters:
    ///   - pulled: when the image was last fetched, seconds since 1970; nil where it is not there.
    ///   - now: seconds since 1970.
    package func decide(pulled: Int64?, now: Int64) -> Decision {
        switch self {
        case .always: return .fetch
        case .missing: return pulled == nil ? .fetch : .use
        case .never: return pulled == nil ? .refuse : .use
        case .build: return .build
        case .every(let seconds):
            guard let pulled else { return .fetch }
            return now - pulled >= seconds ? .fetch : .use
        }
    }
}
