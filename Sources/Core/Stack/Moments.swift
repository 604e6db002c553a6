/// A moment as `--since` and `--until` take it: `42m` ago, `2026-11-21T09:30:00Z`, a date, or seconds since 1970.
package enum Moments {
    /// - Parameters:
    ///   - now: nanoseconds since 1970, as the result.
    ///   - offset: of the local time at such seconds of it, east of Greenwich in seconds: for times that name no zone.
    /// - Returns: nil where the text is no moment.
    package static func parse(_ text: String, now: Int64, offset: (Int64) -> Int64) -> Int64? {
        if let length = duration(text) { return now - length }
        if let seconds = decimal(text) { return seconds }
        return date(text, offset)
    }

    /// `1h30m`, `1.5s`: a sequence of numbers with units.
    private static func duration(_ text: String) -> Int64? {
        let units: [String: Double] = ["ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9]
        var rest = Substring(text)
        var sum = 0.0
        if rest.isEmpty { return nil }
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let value = Double(number), let factor = units[String(unit)] else { return nil }
            sum += value * factor
        }
        return sum < 9e18 ? Int64(sum) : nil
    }

    /// `1763717400.25`
    private static func decimal(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let seconds = Int64(parts[0]), (0...9_000_000_000).contains(seconds) else { return nil }
        guard parts.count == 2 else { return seconds * 1_000_000_000 }
        return fraction(parts[1]).map { seconds * 1_000_000_000 + $0 }
    }

    private static func fraction(_ digits: Substring) -> Int64? {
        guard (1...9).contains(digits.count), digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        return Int64(digits + String(repeating: "0", count: 9 - digits.count))
    }

    /// `2026-11-21`, `2026-11-21T09:30`, `…:00.5`, each with or without `Z` or `+01:00`.
    private static func date(_ text: String, _ offset: (Int64) -> Int64) -> Int64? {
        let halves = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = halves[0].split(separator: "-", omittingEmptySubsequences: false).map { number($0) }
        guard parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2],
            (1970...2200).contains(year), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var seconds = civilDay(year: year, month: month, day: day) * 86_400
        var nanoseconds: Int64 = 0
        var zone: Int64?
        if halves.count == 2 {
            var clock = halves[1]
            if clock.last == "Z" {
                clock.removeLast()
                zone = 0
            } else if let sign = clock.lastIndex(where: { $0 == "+" || $0 == "-" }) {
                guard let east = time(clock[clock.index(after: sign)...]) else { return nil }
                zone = clock[sign] == "+" ? east : -east
                clock = clock[..<sign]
            }
            let split = clock.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard let ofDay = time(split[0]) else { return nil }
            seconds += ofDay
            if split.count == 2 {
                guard let part = fraction(split[1]) else { return nil }
                nanoseconds = part
            }
        }
        return (seconds - (zone ?? offset(seconds))) * 1_000_000_000 + nanoseconds
    }

    /// `09`, `09:30`, `09:30:00` in seconds.
    private static func time(_ text: Substring) -> Int64? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { number($0) }
        guard (1...3).contains(parts.count), !parts.contains(nil) else { return nil }
        let values = parts.compactMap { $0 } + [0, 0]
        guard values[0] < 24, values[1] < 60, values[2] < 61 else { return nil }
        return values[0] * 3600 + values[1] * 60 + values[2]
    }

    private static func number(_ text: Substring) -> Int64? {
        text.allSatisfy { $0.isASCII && $0.isNumber } ? Int64(text) : nil
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar, by eras of 400 years that begin in March.
    private static func civilDay(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
