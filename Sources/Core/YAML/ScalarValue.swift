/// What scalars without quotes mean.
extension Scalar {
    /// As Docker Compose reads it: YAML 1.2's core schema (`yes` and `on` are texts, no base 60), besides `017` = 15,
    /// `0b11` and `1_000`.
    package var value: Value {
        guard style == .plain, let first = text.utf8.first else { return style == .plain ? .null : .string }
        switch first {
        case 0x7E, 0x6E, 0x4E, 0x74, 0x54, 0x66, 0x46: return Self.words[text] ?? .string
        case 0x2E: return Self.words[text] ?? Self.pointed(text) ?? .string
        case 0x2B, 0x2D, 0x30...0x39: return Self.words[text] ?? Self.number(text) ?? .string
        case _: return .string
        }
    }

    /// The date that a text without quotes is; its value is `string` then, and most keys refuse it.
    package var timestamp: Timestamp? {
        // The year and its dash, before anything costs.
        guard style == .plain, text.utf8.dropFirst(4).first == 0x2D else { return nil }
        return Timestamp(text)
    }

    private static let words: [String: Value] = [
        "~": .null, "null": .null, "Null": .null, "NULL": .null,
        "true": .bool(true), "True": .bool(true), "TRUE": .bool(true),
        "false": .bool(false), "False": .bool(false), "FALSE": .bool(false),
        ".inf": .double(.infinity), ".Inf": .double(.infinity), ".INF": .double(.infinity),
        "+.inf": .double(.infinity), "+.Inf": .double(.infinity), "+.INF": .double(.infinity),
        "-.inf": .double(-.infinity), "-.Inf": .double(-.infinity), "-.INF": .double(-.infinity),
        ".nan": .double(.nan), ".NaN": .double(.nan), ".NAN": .double(.nan),
        "-0": .double(-0.0),
    ]

    private static func number(_ text: String) -> Value? {
        var plain = text
        if plain.utf8.contains(0x5F) { plain.removeAll { $0 == "_" } }
        return integer(plain).map { .int($0) } ?? decimal(plain).map { .double($0) }
    }

    private static func integer(_ text: String) -> Int64? {
        var digits = Substring(text)
        let negative = digits.utf8.first == 0x2D
        if negative || digits.utf8.first == 0x2B { digits.removeFirst() }
        let radix: Int
        switch (digits.utf8.first, digits.utf8.dropFirst().first) {
        case (0x30, 0x78), (0x30, 0x58): (radix, digits) = (16, digits.dropFirst(2))
        case (0x30, 0x6F), (0x30, 0x4F): (radix, digits) = (8, digits.dropFirst(2))
        case (0x30, 0x62), (0x30, 0x42): (radix, digits) = (2, digits.dropFirst(2))
        case (0x30, .some): (radix, digits) = (8, digits.dropFirst())
        case _: radix = 10
        }
        guard let first = digits.utf8.first, first != 0x2D, first != 0x2B else { return nil }
        return Int64((negative ? "-" : "") + digits, radix: radix)
    }

    /// A decimal number with a point or an exponent; what is too large for a `Double` is a text. `Double` itself also
    /// reads hexadecimal fractions, `inf` and `nan`, which YAML does not.
    package static func decimal(_ text: String) -> Double? {
        var rest = Substring(text).utf8
        func digits() -> Int {
            let count = rest.prefix(while: isDigit).count
            rest = rest.dropFirst(count)
            return count
        }
        if rest.first == 0x2B || rest.first == 0x2D { rest.removeFirst() }
        let whole = digits()
        if rest.first == 0x2E {
            rest.removeFirst()
            if digits() + whole == 0 { return nil }
        } else if whole == 0 {
            return nil
        }
        let mantissa = text.utf8.count - rest.count
        if rest.first == 0x65 || rest.first == 0x45 {
            rest.removeFirst()
            if rest.first == 0x2B || rest.first == 0x2D { rest.removeFirst() }
            if digits() == 0 { return nil }
        }
        guard rest.isEmpty else { return nil }
        // `1.` and `1.e3` are numbers to YAML, not to `Double`.
        var number = String(Substring(text.utf8.prefix(mantissa)))
        if number.utf8.last == 0x2E { number += "0" }
        guard let double = Double(number + String(Substring(text.utf8.dropFirst(mantissa)))), double.isFinite else {
            return nil
        }
        return double
    }

    /// What begins with a point may hold underscores only between digits.
    private static func pointed(_ text: String) -> Value? {
        let parts = text.utf8.split(separator: 0x5F, omittingEmptySubsequences: false)
        for (left, right) in zip(parts, parts.dropFirst()) {
            guard let last = left.last, let first = right.first, isDigit(last), isDigit(first) else { return nil }
        }
        return decimal(parts.map { String(Substring($0)) }.joined()).map { .double($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
