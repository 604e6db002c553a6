import Diagnostics

/// Reads a `.env` file: `NAME=value` or `NAME: value` per line, `export` before it or not, `#` comments (behind a value
/// only after a blank). `'…'` is literal; `"…"` knows `\n`, `\t`, `\r`, `\"`, `\\`, `\$`; both may span lines. Variables
/// are replaced in bare and double-quoted values, from the environment first, then from the lines above. A `NAME` alone
/// is taken from the environment.
struct Dotenv {
    private let file: String
    private let lines: [Substring]
    private let environment: [String: String]
    private let report: Report
    private var index = 0
    private var values: [String: String] = [:]

    init(_ file: SourceFile, environment: [String: String], report: Report) {
        self.file = file.path
        lines = file.text.split(omittingEmptySubsequences: false) { $0.isNewline }
        self.environment = environment
        self.report = report
    }

    mutating func run() -> [String: String] {
        while index < lines.count {
            line()
            index += 1
        }
        return values
    }

    private mutating func line() {
        var line = lines[index].trimmed
        if line.isEmpty || line.first == "#" { return }
        if line.hasPrefix("export "), !line.dropFirst(7).trimmed.isEmpty { line = line.dropFirst(7).trimmed }
        let nameEnd = line.firstIndex { $0 == "=" || $0 == ":" || $0.isWhitespace } ?? line.endIndex
        let name = String(line[..<nameEnd])
        guard !name.isEmpty, Self.isName(name) else {
            return problem("\(name.isEmpty ? "nothing" : name) is no variable's name", hint: "write NAME=value")
        }
        let rest = line[nameEnd...].trimmed
        guard let separator = rest.first else {
            if let value = environment[name] { values[name] = value }
            return
        }
        guard separator == "=" || separator == ":" else {
            return problem("a blank in the name of a variable", hint: "write NAME=value")
        }
        value(name, rest.dropFirst().trimmed)
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.first, Template.mayStandInName(first, first: true) else { return false }
        return name.allSatisfy { Template.mayStandInName($0, first: false) || $0 == "." || $0 == "-" }
    }

    private mutating func value(_ name: String, _ text: Substring) {
        switch text.first {
        case "'": values[name] = quoted(text, by: "'")
        case "\"": values[name] = quoted(text, by: "\"").map { replaced($0) }
        case _:
            var bare = text
            for at in text.indices where text[at] == "#" {
                if at == text.startIndex || text[text.index(before: at)].isWhitespace {
                    bare = text[..<at]
                    break
                }
            }
            values[name] = replaced(String(bare.trimmed))
        }
    }

    /// Reads on over further lines until the quote is closed.
    private mutating func quoted(_ text: Substring, by quote: Character) -> String? {
        let start = index
        var rest = text.dropFirst()
        var result = ""
        while true {
            while let character = rest.popFirst() {
                if character == quote { return result }
                guard character == "\\", let next = rest.first else {
                    result.append(character)
                    continue
                }
                if quote == "'" && next != "'" {
                    result.append(character)
                    continue
                }
                rest.removeFirst()
                result += Self.escaped(next)
            }
            index += 1
            guard index < lines.count else {
                index = start
                problem("the quote \(quote) is not closed", hint: "close it, or escape it with a backslash")
                index = lines.count
                return nil
            }
            result.append("\n")
            rest = lines[index]
        }
    }

    private static func escaped(_ character: Character) -> String {
        switch character {
        case "n": "\n"
        case "t": "\t"
        case "r": "\r"
        case "$": "$$"
        case "\"", "\\", "'": String(character)
        case _: "\\" + String(character)
        }
    }

    private mutating func replaced(_ text: String) -> String {
        var template = Template(text, values.merging(environment) { $1 })
        let result = template.run()
        for (_, message, hint) in template.errors { problem(message, hint: hint) }
        for (_, name) in template.unset {
            report.warn("the variable \(name) is not set, an empty text stands for it", at: place)
        }
        return result
    }

    private var place: Place { Place(file: file, line: index + 1, column: 1) }

    private func problem(_ message: String, hint: String?) {
        report.error(message, at: place, hint: hint)
    }
}

extension Substring {
    /// Without white space at both ends.
    var trimmed: Substring {
        var text = drop { $0.isWhitespace }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
