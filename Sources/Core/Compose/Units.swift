/// The small languages inside of values: sizes, times, fractions, shell words, paths.
enum Units {
    /// Bytes: `64m`, `1.5gb`, `512 KiB`, `1048576`; one k is 1024.
    static func bytes(_ text: String) -> Int64? { size(text, base: 1024) }

    /// The same in the units of log sizes, as in Docker: one k is 1000.
    static func decimalBytes(_ text: String) -> Int64? { size(text, base: 1000) }

    private static func size(_ text: String, base: Double) -> Int64? {
        let end = text.firstIndex { !("0"..."9").contains($0) && $0 != "." } ?? text.endIndex
        guard end != text.startIndex, let number = Double(text[..<end]) else { return nil }
        var unit = text[end...].trimmed.lowercased()
        if unit.hasSuffix("b") { unit.removeLast() }
        if unit.count == 2, unit.hasSuffix("i") { unit.removeLast() }
        guard let power = ["", "k", "m", "g", "t", "p"].firstIndex(of: unit) else { return nil }
        let bytes = (0..<power).reduce(number) { value, _ in value * base }
        return bytes < 9e18 ? Int64(bytes) : nil
    }

    /// `1m30s`, `1.5h`, `100ms`, with the units of Go and `d` and `w`.
    static func duration(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        var rest = Substring(text)
        var total = 0.0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let number = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let value = Double(number), let length = nanoseconds[String(unit)] else { return nil }
            total += value * length
        }
        return total < 9e18 ? .nanoseconds(Int64(total)) : nil
    }

    private static let nanoseconds: [String: Double] = [
        "ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9, "d": 86400e9,
        "w": 604800e9,
    ]

    /// As Go prints it: `1m30s`, `1h0m0s`, `1.5ms`, `0s`.
    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let nanos = attoseconds / 1_000_000_000
        if seconds == 0 && nanos == 0 { return "0s" }
        if seconds == 0 {
            if nanos < 1000 { return "\(nanos)ns" }
            return nanos < 1_000_000 ? fraction(nanos, 1000) + "µs" : fraction(nanos, 1_000_000) + "ms"
        }
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        let rest = fraction(seconds % 60 * 1_000_000_000 + nanos, 1_000_000_000) + "s"
        if hours > 0 { return "\(hours)h\(minutes)m\(rest)" }
        return minutes > 0 ? "\(minutes)m\(rest)" : rest
    }

    private static func fraction(_ value: Int64, _ unit: Int64) -> String {
        var digits = String(value % unit + unit).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return digits.isEmpty ? "\(value / unit)" : "\(value / unit).\(digits)"
    }

    /// A plain decimal number in billionths: `0.5` is 500_000_000. nil also for more than nine digits after the point.
    static func billionths(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.contains(where: { !$0.isEmpty }),
            parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
        else { return nil }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard fraction.count <= 9, parts[0].count <= 6 else { return nil }
        return Int64(parts[0] + fraction + String(repeating: "0", count: 9 - fraction.count))
    }

    /// An absolute path without `//`, `.`, `..` and a final slash; `..` never leads above the root.
    static func clean(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// A list of processors as the kernel prints it: `0-2,5` for `0,1,2,5`. nil unless it is such a list.
    static func processors(_ text: String) -> (text: String, numbers: Set<Int>)? {
        var numbers: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.trimmed.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends.last ?? nil, first <= last,
                last < 8192
            else { return nil }
            numbers.formUnion(Int(first)...Int(last))
        }
        var ranges: [ClosedRange<Int>] = []
        for number in numbers.sorted() {
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        let text = ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
        return (text.joined(separator: ","), numbers)
    }

    /// One or more ports, `80` or `8000-8010`.
    static func ports(_ text: some StringProtocol) -> ClosedRange<UInt16>? {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(ends.count), ends.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let first = UInt16(ends[0]), let last = UInt16(ends[ends.count - 1]), first > 0, first <= last
        else { return nil }
        return first...last
    }

    /// Whether it is an IPv4 or IPv6 address.
    static func isAddress(_ text: String) -> Bool { IPv4Address(text) != nil || isIPv6(text) }

    /// Whether it is an IPv6 address as in RFC 4291, section 2.2, a zone (`%eth0`) excluded.
    static func isIPv6(_ text: String) -> Bool {
        let halves = text.components(separatedBy: "::")
        guard halves.count <= 2, text.contains(":") else { return false }
        var count = 0
        for (index, half) in halves.enumerated() where !half.isEmpty {
            let groups = half.split(separator: ":", omittingEmptySubsequences: false)
            for (position, group) in groups.enumerated() {
                let isLast = index == halves.count - 1 && position == groups.count - 1
                if isLast, group.contains("."), IPv4Address(group) != nil {
                    count += 2
                } else if (1...4).contains(group.utf8.count), group.allSatisfy({ $0.isASCII && $0.isHexDigit }) {
                    count += 1
                } else {
                    return false
                }
            }
        }
        return halves.count == 2 ? count < 8 : count == 8
    }
}

extension String {
    /// The parts between occurrences of a separator of more than one character.
    func components(separatedBy separator: String) -> [Substring] {
        var parts: [Substring] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(rest[..<range.lowerBound])
            rest = rest[range.upperBound...]
        }
        return parts + [rest]
    }
}
