extension Shape.Pattern {
    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case _: false
        }
    }
    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isNameByte(_ byte: UInt8) -> Bool { isLetterOrDigit(byte) || byte == 0x2D || isDotOrLine(byte) }
    private static func isDotOrLine(_ byte: UInt8) -> Bool { byte == 0x2E || byte == 0x5F }

    /// The names of services, networks, volumes and so on.
    static let name = Self(
        source: "^[a-zA-Z0-9._-]+$", says: "letters, digits, dots, _ and -",
        matches: { !$0.isEmpty && $0.utf8.allSatisfy(isNameByte) })

    /// What is Settle's own is stricter: these names become those of files.
    static let ownName = Self(
        source: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
        says: "up to 128 letters, digits, dots, _ and -, the first a letter or digit",
        matches: { text in
            guard let first = text.utf8.first, isLetterOrDigit(first), text.utf8.count <= 128 else { return false }
            return text.utf8.allSatisfy(isNameByte)
        })

    static let something = Self(source: ".+", says: "any name but the empty one", matches: { !$0.isEmpty })

    static let limit = Self(
        source: "^[a-z]+$", says: "lower case letters",
        matches: { !$0.isEmpty && $0.utf8.allSatisfy { (0x61...0x7A).contains($0) } })

    /// Anywhere in the text, as in the reference.
    static let containerName = Self(
        source: "[a-zA-Z0-9][a-zA-Z0-9_.-]+", says: "a name of two or more letters, digits, dots, _ and -",
        matches: { text in zip(text.utf8, text.utf8.dropFirst()).contains { isLetterOrDigit($0) && isNameByte($1) } })

    /// Anywhere in the text, as in the reference.
    static let pullPolicy = Self(
        source: "always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+",
        says: "always, never, missing, build, refresh, daily, weekly or every_ and a time, every_12h",
        matches: { text in
            let words = ["always", "never", "build", "if_not_present", "missing", "refresh", "daily", "weekly"]
            if words.contains(where: { text.firstRange(of: $0) != nil }) { return true }
            return text.components(separatedBy: "every_").dropFirst().contains { rest in
                let unit = rest.utf8.drop(while: isDigit)
                return unit.count < rest.utf8.count && unit.first.map { "wdhms".utf8.contains($0) } ?? false
            }
        })

    static let mode = Self(
        source: "^(private|host|(service|stack|path):.+)$",
        says: "private, host, service:NAME, stack:NAME or path:FILE",
        matches: { text in
            if ["private", "host"].contains(text) { return true }
            return ["service:", "stack:", "path:"].contains { text.hasPrefix($0) && text.utf8.count > $0.utf8.count }
        })

    static let filled = Self(source: "^.+$", says: "a text that is not empty", matches: { !$0.isEmpty })

    static let offset = Self(
        source: "^[+-]?([0-9]+([.][0-9]*)?(ns|us|µs|ms|s|m|h|d|w))+$", says: "a time such as 90s or -1h30m",
        matches: { text in
            let rest = text.hasPrefix("-") || text.hasPrefix("+") ? String(text.dropFirst()) : text
            return rest != "0" && !rest.hasPrefix(".") && Units.duration(rest) != nil
        })

    static let percentage = Self(
        source: "^[0-9]+([.][0-9]+)?%$", says: "a percentage such as 0.5%",
        matches: { text in text.hasSuffix("%") && isDecimal(text.dropLast()) })

    static let rate = Self(
        source: "^[0-9]+([.][0-9]+)?[kmg]?bit$", says: "bits per second such as 10mbit",
        matches: { text in
            guard text.hasSuffix("bit") else { return false }
            let number = text.dropLast(3)
            return isDecimal(number.last.map { "kmg".contains($0) } ?? false ? number.dropLast() : number)
        })

    static let end = Self(
        source: "^[A-Za-z0-9][A-Za-z0-9._-]*(:[A-Za-z0-9._-]{1,15})?$", says: "SERVICE or SERVICE:INTERFACE",
        matches: { text in
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, let service = parts[0].utf8.first, isLetterOrDigit(service) else { return false }
            return parts.allSatisfy { $0.utf8.allSatisfy(isNameByte) }
                && (parts.count == 1 || (1...15).contains(parts[1].utf8.count))
        })

    static let port = Self(
        source: "^[0-9]{1,5}$", says: "a port, 1 to 65535", matches: { UInt16($0).map { $0 > 0 } ?? false })

    static let probe = Self(
        source: "^[0-9]{1,5}(/.*)?$", says: "PORT or PORT/PATH",
        matches: { text in UInt16(text.prefix { $0 != "/" }).map { $0 > 0 } ?? false })

    /// Digits, and perhaps a fraction.
    private static func isDecimal(_ text: Substring) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count <= 2 && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(isDigit) }
    }
}

// What later stages read. Here they are for editors, which shall accept whatever these stages do.
extension Shape.Pattern {
    private static func read(_ source: String, _ says: String) -> Self {
        Self(source: source, says: says, matches: { _ in true })
    }

    /// A few words for it: `size`, `whole number`.
    var form: String {
        var words = says.split(separator: " ")[...]
        if words.first == "a" { words.removeFirst() }
        if let such = words.firstIndex(of: "such") { words = words[..<such] }
        return says == Self.flag.says ? "truth value" : words.joined(separator: " ")
    }

    static let flag = read(
        "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[Yy]([Ee][Ss])?|[Nn][Oo]?|[Oo]([Nn]|[Ff][Ff]))$", "true or false")
    static let whole = read("^[+-]?[0-9]+$", "a whole number")
    static let decimal = read("^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$", "a number")
    static let size = read("^(-1|[0-9.]+ ?([kKmMgGtTpP]?([iI]?[bB])?))$", "a size such as 512m")
    static let time = read(
        "^[+-]?(0|(([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w))+)$", "a time such as 1m30s")
}
