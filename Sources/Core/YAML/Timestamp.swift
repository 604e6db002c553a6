/// A date, or a time of a day: what Docker Compose makes of a plain scalar such as `2001-01-01` or
/// `2001-01-01T10:00:00Z`. It knows no type for it, so a text is what becomes of it in the end.
package struct Timestamp: Hashable, Sendable {
    private let date: String
    private let time: String
    /// Minutes east of Greenwich.
    private let offset: Int

    /// `2001-01-01 00:00:00 +0000 UTC`: the value of a label, of an environment variable.
    package var text: String {
        let zone = zone(colon: "")
        return "\(date) \(time) \(zone) \(offset == 0 ? "UTC" : zone)"
    }

    /// `2001-01-01T00:00:00Z`: in JSON, where any value is allowed (RFC 3339).
    package var json: String { "\(date)T\(time)\(offset == 0 ? "Z" : zone(colon: ":"))" }

    private func zone(colon: String) -> String {
        let minutes = abs(offset)
        return (offset < 0 ? "-" : "+") + Self.two(minutes / 60) + colon + Self.two(minutes % 60)
    }

    /// `YYYY-M-D`, with `Th:m:s` and a zone behind it, or a blank and `h:m:s` without one.
    init?(_ text: String) {
        var rest = Substring(text).utf8
        guard let year = Self.number(&rest, digits: 4...4), Self.take(0x2D, &rest),
            let month = Self.number(&rest, digits: 1...2), Self.take(0x2D, &rest),
            let day = Self.number(&rest, digits: 1...2), (1...12).contains(month),
            (1...Self.days(month, year)).contains(day)
        else { return nil }
        let years = String(year)
        date = String(repeating: "0", count: 4 - years.count) + years + "-" + Self.two(month) + "-" + Self.two(day)
        guard let separator = rest.popFirst() else {
            (time, offset) = ("00:00:00", 0)
            return
        }
        guard separator == 0x54 || separator == 0x74 || separator == 0x20, let time = Self.time(&rest) else {
            return nil
        }
        self.time = time
        if separator == 0x20 {
            guard rest.isEmpty else { return nil }
            offset = 0
        } else {
            guard let offset = Self.offset(&rest), rest.isEmpty else { return nil }
            self.offset = offset
        }
    }

    private static func time(_ rest: inout Substring.UTF8View) -> String? {
        guard let hour = number(&rest, digits: 1...2), take(0x3A, &rest),
            let minute = number(&rest, digits: 1...2), take(0x3A, &rest),
            let second = number(&rest, digits: 1...2), hour < 24, minute < 60, second < 60
        else { return nil }
        var text = "\(two(hour)):\(two(minute)):\(two(second))"
        if rest.first == 0x2E || rest.first == 0x2C, let digit = rest.dropFirst().first, isDigit(digit) {
            rest.removeFirst()
            let fraction = rest.prefix(while: isDigit)
            rest = rest.dropFirst(fraction.count)
            var kept = Substring(fraction.prefix(9))
            while kept.last == "0" { kept.removeLast() }
            if !kept.isEmpty { text += ".\(kept)" }
        }
        return text
    }

    private static func offset(_ rest: inout Substring.UTF8View) -> Int? {
        switch rest.popFirst() {
        case 0x5A: return 0
        case .some(let sign) where sign == 0x2B || sign == 0x2D:
            guard let hours = number(&rest, digits: 2...2), take(0x3A, &rest),
                let minutes = number(&rest, digits: 2...2), hours <= 24, minutes < 60
            else { return nil }
            return (hours * 60 + minutes) * (sign == 0x2D ? -1 : 1)
        case _: return nil
        }
    }

    private static func number(_ rest: inout Substring.UTF8View, digits: ClosedRange<Int>) -> Int? {
        let found = rest.prefix(digits.upperBound).prefix(while: isDigit)
        guard found.count >= digits.lowerBound else { return nil }
        rest = rest.dropFirst(found.count)
        return Int(Substring(found))
    }

    private static func take(_ byte: UInt8, _ rest: inout Substring.UTF8View) -> Bool {
        guard rest.first == byte else { return false }
        rest.removeFirst()
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }

    private static func days(_ month: Int, _ year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        case _: 31
        }
    }
}
