import Diagnostics
import YAML

/// Replaces `$VAR` and `${VAR}` in values, never in keys, and not under `x-` keys at the top (where they matter, they
/// are met again as aliases).
///
/// Compose Specification, 12-interpolation.md: `:-` and `-` give a default, `:?` and `?` demand a value, `:+` and `+`
/// replace one (with the colon, an empty value counts as none); `$$` is a dollar.
struct Interpolation {
    let environment: [String: String]
    let report: Report
    private(set) var warned: Set<String> = []

    init(environment: [String: String], report: Report) {
        self.environment = environment
        self.report = report
    }

    mutating func file(_ node: Node) -> Node {
        guard case .mapping(var entries) = node.content else { return node }
        for index in entries.indices {
            let key = entries[index].key
            if key.hasPrefix("x-") && !Keys.ownTop.contains(String(key.dropFirst(2))) { continue }
            entries[index].value = value(entries[index].value, key)
        }
        return Node(.mapping(entries), at: node.place, tag: node.tag)
    }

    private mutating func value(_ node: Node, _ path: String) -> Node {
        switch node.content {
        case .scalar(let scalar):
            guard scalar.text.utf8.contains(0x24) else { return node }
            // What comes from a variable is a text, which the decoder may still read as a number.
            return Node(.scalar(Scalar(text(scalar, node.place, path), style: .quoted)), at: node.place, tag: node.tag)
        case .sequence(let items):
            let items = items.enumerated().map { value($1, path.item($0)) }
            return Node(.sequence(items), at: node.place, tag: node.tag)
        case .mapping(let entries):
            let entries = entries.map { Node.Entry($0.key, at: $0.keyPlace, value($0.value, path.key($0.key))) }
            return Node(.mapping(entries), at: node.place, tag: node.tag)
        }
    }

    private mutating func text(_ scalar: Scalar, _ place: Place, _ path: String) -> String {
        var template = Template(scalar.text, environment)
        let text = template.run()
        if !template.errors.isEmpty { report.unreadable.insert(path) }
        for (offset, message, hint) in template.errors {
            report.error(message, at: Self.place(place, offset, scalar), path: path, hint: hint)
        }
        for (offset, name) in template.unset where warned.insert(name).inserted {
            report.warn(
                "the variable \(name) is not set, an empty text stands for it",
                at: Self.place(place, offset, scalar), path: path,
                hint: "set \(name), give it a default with ${\(name):-…}, or write $$ for a dollar sign")
        }
        return text
    }

    /// Where a character of a value stands: exact if the value is on one line and holds no escapes before it.
    private static func place(_ start: Place, _ offset: Int, _ scalar: Scalar) -> Place {
        switch scalar.style {
        case .block: return start
        case .plain, .quoted:
            let quote = scalar.style == .quoted ? 1 : 0
            return Place(file: start.file, line: start.line, column: start.column + quote + offset)
        }
    }
}

/// One value with its variables, read from left to right.
struct Template {
    private let characters: [Character]
    private let environment: [String: String]
    private var at = 0
    private(set) var errors: [(offset: Int, message: String, hint: String?)] = []
    private(set) var unset: [(offset: Int, name: String)] = []

    init(_ text: String, _ environment: [String: String]) {
        characters = Array(text)
        self.environment = environment
    }

    mutating func run() -> String { text(inBraces: false) }

    /// Up to the end, or to the brace that closes a default.
    private mutating func text(inBraces: Bool) -> String {
        var result = ""
        var depth = 0
        while at < characters.count {
            let character = characters[at]
            if inBraces && character == "}" {
                if depth == 0 { return result }
                depth -= 1
            }
            if inBraces && character == "{" { depth += 1 }
            if character == "$" {
                result += dollar()
            } else {
                result.append(character)
                at += 1
            }
        }
        return result
    }

    private mutating func dollar() -> String {
        let start = at
        at += 1
        guard at < characters.count else { return "$" }
        switch characters[at] {
        case "$":
            at += 1
            return "$"
        case "{":
            at += 1
            return braces(start)
        case _:
            let name = name()
            return name.isEmpty ? "$" : value(of: name, start)
        }
    }

    private mutating func name() -> String {
        let start = at
        while at < characters.count, Self.mayStandInName(characters[at], first: at == start) { at += 1 }
        return String(characters[start..<at])
    }

    static func mayStandInName(_ character: Character, first: Bool) -> Bool {
        guard let byte = character.asciiValue else { return false }
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x5F: return true
        case 0x30...0x39: return !first
        case _: return false
        }
    }

    private mutating func value(of name: String, _ start: Int) -> String {
        if let value = environment[name] { return value }
        unset.append((start, name))
        return ""
    }

    /// From behind `${` to behind `}`.
    private mutating func braces(_ start: Int) -> String {
        let name = name()
        guard !name.isEmpty else { return invalid(start, "a variable's name must follow ${") }
        guard at < characters.count else { return invalid(start, "the brace of ${\(name) is not closed") }
        if characters[at] == "}" {
            at += 1
            return value(of: name, start)
        }
        var colon = false
        if characters[at] == ":" {
            colon = true
            at += 1
        }
        guard at < characters.count, "-?+".contains(characters[at]) else {
            return invalid(start, "only :- - :? ? :+ + or a closing brace may follow ${\(name)")
        }
        let operation = characters[at]
        at += 1
        // What the operator does not use must not warn or fail.
        let before = (errors.count, unset.count)
        let operand = text(inBraces: true)
        guard at < characters.count else { return invalid(start, "the brace of ${\(name) is not closed") }
        at += 1
        let value = environment[name].flatMap { colon && $0.isEmpty ? nil : $0 }
        if (operation == "+") == (value == nil) || operation != "+" && value != nil {
            errors.removeLast(errors.count - before.0)
            unset.removeLast(unset.count - before.1)
        }
        switch operation {
        case "+": return value == nil ? "" : operand
        case "-": return value ?? operand
        case _:
            if let value { return value }
            let reason = operand.isEmpty ? "" : ": \(operand)"
            errors.append(
                (start, "the variable \(name) must be set\(reason)", "set \(name) in the environment or .env"))
            return ""
        }
    }

    private mutating func invalid(_ start: Int, _ message: String) -> String {
        errors.append((start, message, "write ${NAME}, ${NAME:-default}, or $$ for a dollar sign"))
        at = characters.count
        return ""
    }
}
