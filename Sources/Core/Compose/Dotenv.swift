import Diagnostics

/// Reads files of variables: `.env`, `--env-file`, `env_file:`.
///
/// One statement is `NAME=value`, `NAME: value`, or `NAME` alone, which takes the variable from the environment; `export`
/// may precede it. `'…'` is literal but for `\'`; `"…"` knows `\n`, `\t`, `\"`, `\\`, `\$`, `\0123` and a few more; both may
/// span lines, and another statement may follow the closing quote. A value without quotes ends at its line's end, or at a
/// blank with `#`. Variables are replaced in values that are not in single quotes.
///
/// Who looks up what:
/// - `.env` and the files of `--env-file` are read in their order. `environment` is that of the process, and each gets the
///   values of those before it: `Dotenv(second, environment: process, report: report, values: first)`.
/// - Files of a service's `env_file:` likewise, but `environment` is that of the project, completed by the values of the
///   service's `environment:`. What the service sets itself wins over what is read here; the caller sees to that.
/// - A file of `format: raw` is read by ``raw()``. A file of labels has an empty `environment`.
struct Dotenv {
    private let file: String
    private let bytes: [UInt8]
    private let environment: [String: String]
    private let report: Report
    private var at = 0
    private var values: [String: String]
    private var warned: Set<String> = []
    /// What variables may still add: `A=$B$B`, `B=$C$C` and so on would double with each line.
    private var budget: Int
    /// The place found last, from which the next one is counted.
    private var known = (at: 0, line: 1, column: 1)

    /// - Parameters:
    ///   - environment: What variables are looked up in first, and what a name alone takes its value from.
    ///   - values: Of the files before this one; they are looked up next, and returned with those of this file.
    init(_ file: SourceFile, environment: [String: String], report: Report, values: [String: String] = [:]) {
        self.file = file.path
        let bytes = file.bytes
        self.bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
        self.environment = environment
        self.report = report
        self.values = values
        budget = 16 << 20
    }

    mutating func run() -> [String: String] {
        while findStatement() { statement() }
        return values
    }

    /// `NAME=value` per line, all of it as it stands; `NAME` alone takes the variable from the environment.
    mutating func raw() -> [String: String] {
        while at < bytes.count {
            let end = lineEnd(at)
            rawLine(trimmedEnd(at..<end, where: { $0 == 0x0D }))
            at = end + 1
        }
        return values
    }

    private mutating func rawLine(_ line: Range<Int>) {
        at = line.lowerBound
        skipBlanks()
        guard at < line.upperBound, bytes[at] != 0x23 else { return }
        let separator = bytes[at..<line.upperBound].firstIndex(of: 0x3D)
        let name = text(at..<(separator ?? line.upperBound))
        if name.isEmpty { return problem(at, "a value without a name", hint: "write NAME=value") }
        if name.unicodeScalars.contains(where: \.properties.isWhitespace) {
            return problem(at, "a blank in the name of the variable \(Self.short(name))", hint: "write NAME=value")
        }
        if let separator {
            values[name] = text(separator + 1..<line.upperBound)
        } else if let value = environment[name] {
            values[name] = value
        }
    }
}

// Statements.
extension Dotenv {
    /// Behind blanks, empty lines and comments.
    private mutating func findStatement() -> Bool {
        while at < bytes.count {
            let length = whitespace(at)
            if length > 0 {
                at += length
            } else if bytes[at] == 0x23 {
                at = lineEnd(at)
            } else {
                return true
            }
        }
        return false
    }

    private mutating func statement() {
        let begin = at
        skipExport()
        let start = at
        if start == bytes.count {
            return problem(begin, "nothing stands behind export", hint: "write export NAME=value")
        }
        guard let separator = bytes[at...].firstIndex(where: { $0 == 0x3D || $0 == 0x3A || $0 == 0x0A }) else {
            return unfinished(start)
        }
        let name = trimmedRight(text(start..<separator))
        guard isName(name, start) else {
            at = lineEnd(start)
            return
        }
        at = separator + 1
        skipBlanks()
        if bytes[separator] == 0x0A {
            if let value = environment[name] { values[name] = value }
        } else {
            if name.isEmpty { warn(start, "a value without a name", hint: "write NAME=value") }
            value(of: name)
        }
    }

    private mutating func skipExport() {
        guard bytes[at...].starts(with: "export".utf8), at + 6 < bytes.count else { return }
        switch bytes[at + 6] {
        case 0x09, 0x0A, 0x0C, 0x0D, 0x20:
            at += 6
            skipBlanks()
        case _: return
        }
    }

    /// A last line that is a name and has no end: Docker Compose takes the name for the value of a variable without name.
    private mutating func unfinished(_ start: Int) {
        let line = text(start..<bytes.count)
        guard isName(line.filter { !Self.isBlank($0) }, start) else {
            at = bytes.count
            return
        }
        warn(
            start, "the last line is read as a value without a name, since it has no line end",
            hint: "end the line, or write NAME=value")
        value(of: "")
    }

    private static func isBlank(_ character: Character) -> Bool {
        character.unicodeScalars.allSatisfy { isBlank($0) }
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0B, 0x0C, 0x0D, 0x20, 0x85, 0xA0: true
        case _: false
        }
    }

    /// Letters and digits of any script, and some signs. Other blanks than U+0020 may stand within.
    private mutating func isName(_ name: String, _ start: Int) -> Bool {
        var offset = start
        for scalar in name.unicodeScalars {
            if !Self.mayStandInName(scalar) && !Self.isBlank(scalar) {
                problem(
                    offset, "the name of a variable cannot hold \(scalar.escaped(asASCII: false))",
                    hint: "write NAME=value; a comment begins with #")
                return false
            }
            offset += UTF8.width(scalar)
        }
        if let blank = name.utf8.firstIndex(of: 0x20) {
            problem(
                start + name.utf8.distance(from: name.startIndex, to: blank),
                "a blank in the name of the variable \(Self.short(name))", hint: "write NAME=value")
            return false
        }
        return true
    }

    private static func mayStandInName(_ scalar: Unicode.Scalar) -> Bool {
        if "_.-[]".unicodeScalars.contains(scalar) { return true }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber:
            return true
        case .nonspacingMark, .spacingMark, .enclosingMark, .connectorPunctuation, .dashPunctuation, .openPunctuation,
            .closePunctuation, .initialPunctuation, .finalPunctuation, .otherPunctuation, .mathSymbol, .currencySymbol,
            .modifierSymbol, .otherSymbol, .spaceSeparator, .lineSeparator, .paragraphSeparator, .control, .format,
            .surrogate, .privateUse, .unassigned:
            return false
        @unknown default: return false
        }
    }
}

// Values.
extension Dotenv {
    private mutating func value(of name: String) {
        let start = at
        if at < bytes.count, bytes[at] == 0x22 || bytes[at] == 0x27 {
            guard let written = quoted(by: bytes[at]) else { return }
            values[name] = bytes[start] == 0x27 ? written : replaced(Self.unescaped(written), start)
            return
        }
        let end = lineEnd(at)
        var behind = end
        var index = at
        while index + 1 < end {
            if bytes[index] == 0x20 && bytes[index + 1] == 0x23 {
                behind = index
                break
            }
            index += 1
        }
        at = min(end + 1, bytes.count)
        values[name] = replaced(trimmedRight(text(start..<behind)), start)
    }

    /// What stands between quotes, with all its escapes but that of the quote.
    private mutating func quoted(by quote: UInt8) -> String? {
        let start = at
        var result: [UInt8] = []
        var isEscaped = false
        for index in (start + 1)..<max(bytes.count, start + 1) {
            let byte = bytes[index]
            if byte == quote {
                if !isEscaped {
                    at = index + 1
                    return String(decoding: result, as: UTF8.self)
                }
                isEscaped = false
            } else if isEscaped {
                isEscaped = false
                result.append(0x5C)
            } else if byte == 0x5C {
                isEscaped = true
                continue
            }
            result.append(byte)
        }
        let sign = quote == 0x22 ? "\"" : "'"
        problem(start, "the quote \(sign) is not closed", hint: "close it, or escape it with a backslash")
        at = bytes.count
        return nil
    }

    /// The escapes of double quotes; others stay as they are. `\$` becomes `$$`, for variables are replaced next.
    private static func unescaped(_ text: String) -> String {
        guard text.utf8.contains(0x5C) else { return text }
        var rest = Substring(text).utf8
        var result: [UInt8] = []
        while let byte = rest.popFirst() {
            guard byte == 0x5C, let next = rest.first else {
                result.append(byte)
                continue
            }
            guard let escape = escape(next, rest.dropFirst()) else {
                result.append(byte)
                continue
            }
            rest = rest.dropFirst(1 + escape.digits)
            result += escape.meaning
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func escape(_ byte: UInt8, _ rest: Substring.UTF8View) -> (meaning: [UInt8], digits: Int)? {
        switch byte {
        case 0x61: return ([0x07], 0)
        case 0x62: return ([0x08], 0)
        case 0x63: return ([0x5C, 0x63], 0)
        case 0x66: return ([0x0C], 0)
        case 0x6E: return ([0x0A], 0)
        case 0x72: return ([0x0D], 0)
        case 0x74: return ([0x09], 0)
        case 0x76: return ([0x0B], 0)
        case 0x24: return ([0x24, 0x24], 0)
        case 0x22, 0x5C: return ([byte], 0)
        case 0x30:
            // Three octal digits behind the zero are a character; fewer, or too large a one, lose only the zero.
            let digits = rest.prefix(3).prefix { (0x30...0x39).contains($0) }
            if digits.count == 3, let code = UInt8(String(Substring(digits)), radix: 8) {
                return (Array(String(Unicode.Scalar(code)).utf8), 3)
            }
            return ([0x5C] + Array(digits), digits.count)
        case _: return nil
        }
    }

    private mutating func replaced(_ text: String, _ start: Int) -> String {
        guard text.utf8.contains(0x24) else { return text }
        let (environment, values) = (environment, values)
        var template = Template(text, limit: text.utf8.count + budget) { environment[$0] ?? values[$0] }
        let result = template.run()
        budget -= max(0, result.utf8.count - text.utf8.count)
        for found in template.problems { problem(start, found.message, hint: found.hint) }
        for (_, name) in template.unset where warned.insert(name).inserted {
            warn(
                start, "the variable \(name) is not set, an empty text stands for it",
                hint: "set \(name), give it a default with ${\(name):-…}, or write $$ for a dollar sign")
        }
        return result
    }
}

// Text and places.
extension Dotenv {
    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    private func lineEnd(_ start: Int) -> Int { bytes[start...].firstIndex(of: 0x0A) ?? bytes.count }

    private func trimmedEnd(_ range: Range<Int>, where drop: (UInt8) -> Bool) -> Range<Int> {
        var end = range.upperBound
        while end > range.lowerBound, drop(bytes[end - 1]) { end -= 1 }
        return range.lowerBound..<end
    }

    private func trimmedRight(_ text: String) -> String {
        var scalars = Substring(text).unicodeScalars
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return String(scalars)
    }

    /// White space, but no line end.
    private mutating func skipBlanks() {
        while at < bytes.count, bytes[at] != 0x0A {
            let isNarrow = bytes[at] < 0x80 || bytes[at] == 0xC2
            let length = isNarrow ? whitespace(at) : 0
            if length == 0 { return }
            at += length
        }
    }

    /// How many bytes of white space of any kind begin here.
    private func whitespace(_ index: Int) -> Int {
        if bytes[index] < 0x80 { return (0x09...0x0D).contains(bytes[index]) || bytes[index] == 0x20 ? 1 : 0 }
        let text = String(decoding: bytes[index..<min(index + 4, bytes.count)], as: UTF8.self)
        guard let scalar = text.unicodeScalars.first, scalar.properties.isWhitespace else { return 0 }
        return UTF8.width(scalar)
    }

    private mutating func place(_ index: Int) -> Place {
        if index < known.at { known = (0, 1, 1) }
        for byte in bytes[known.at..<min(index, bytes.count)] {
            if byte == 0x0A {
                (known.line, known.column) = (known.line + 1, 1)
            } else if byte & 0xC0 != 0x80 {
                known.column += 1
            }
        }
        known.at = index
        return Place(file: file, line: known.line, column: known.column)
    }

    private mutating func problem(_ index: Int, _ message: String, hint: String?) {
        report.error(message, at: place(index), hint: hint)
    }

    private mutating func warn(_ index: Int, _ message: String, hint: String) {
        report.warn(message, at: place(index), hint: hint)
    }

    private static func short(_ name: String) -> String { name.utf8.count > 60 ? "\(name.prefix(40))…" : name }
}

extension Substring {
    /// Without white space at both ends.
    var trimmed: Substring {
        var text = drop { $0.isWhitespace }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
