import Diagnostics
import YAML

/// What a value may depend on besides the file.
struct Context {
    let report: Report
    let environment: [String: String]
    /// Absolute.
    let directory: String
}

/// A value being decoded: its node, its key path, and where its problems go. Each reading function reports what is wrong
/// and then returns nil.
struct Reader {
    let node: Node
    let path: String
    let context: Context

    func error(_ message: String, hint: String? = nil) {
        context.report.followUp(Diagnostic(.error, message, at: node.place, path: path, hint: hint))
    }

    /// Reports that something else was expected; returns nil for the caller's convenience.
    @discardableResult
    func expected<Value>(_ what: String, _ hint: String? = nil) -> Value? {
        error("expected \(what), found \(node.found)", hint: hint)
        return nil
    }

    /// A text; numbers and truth values must be quoted, as in Compose, since their spelling would not survive.
    func string() -> String? {
        guard let scalar = node.scalar else { return expected("a text") }
        switch scalar.value {
        case .string: return scalar.text
        case .null: return expected("a text", "remove the key, or write \"\" for the empty text")
        case .bool, .int, .double: return expected("a text", "put it in quotes: \"\(scalar.text)\"")
        }
    }

    /// A text or a number or a truth value, in the canonical spelling.
    func text() -> String? {
        guard let scalar = node.scalar else { return expected("a text or a number") }
        switch scalar.value {
        case .string: return scalar.text
        case .bool(let flag): return flag ? "true" : "false"
        case .int(let number): return String(number)
        case .double(let number): return JSON.double(number).compact
        case .null: return expected("a text or a number", "write \"\" for the empty text")
        }
    }

    func boolean() -> Bool? {
        switch node.scalar.map({ Scalar($0.text, style: .plain).value }) {
        case .bool(let flag): flag
        case .null, .int, .double, .string, nil: expected("true or false")
        }
    }

    func integer(_ range: ClosedRange<Int64>, _ what: String) -> Int64? {
        guard case .int(let number) = node.scalar.map({ Scalar($0.text, style: .plain).value }), range.contains(number)
        else { return expected(what) }
        return number
    }

    /// A size in bytes, `extra` being numbers with a meaning of their own.
    func bytes(extra: Set<Int64> = []) -> Int64? {
        let text = node.scalar?.text ?? ""
        if let number = Int64(text), extra.contains(number) { return number }
        if case .int(let number) = node.scalar?.value, number >= 0 { return number }
        guard let bytes = Units.bytes(text) else { return expected("a size", "write 512k, 64m, 1.5g or bytes") }
        return bytes
    }

    func duration() -> Duration? {
        guard let text = node.scalar?.text, let duration = Units.duration(text) else {
            return expected("a time", "write 10s, 1m30s or 500ms")
        }
        return duration
    }

    /// One of the words of an enumeration.
    func word<Word: CaseIterable & RawRepresentable<String>>(_: Word.Type) -> Word? {
        let words = Word.allCases.map(\.rawValue)
        if let word = node.scalar.flatMap({ Word(rawValue: $0.text) }) { return word }
        return expected(
            either(words), node.scalar.flatMap { nearest(to: $0.text, in: words) }.map { "did you mean \($0)?" })
    }

    func items() -> [Reader]? {
        guard let items = node.items else { return expected("a list") }
        return items.enumerated().map { Reader(node: $1, path: path.item($0), context: context) }
    }

    func members() -> [(key: String, place: Place, value: Reader)]? {
        guard let entries = node.entries else { return expected("a mapping") }
        return entries.map {
            ($0.key, $0.keyPlace, Reader(node: $0.value, path: path.key($0.key), context: context))
        }
    }

    /// A text, or a list of them.
    func strings() -> [String]? { items()?.compactMap { $0.string() } }

    /// A list in which nothing stands twice.
    func uniqueStrings() -> [String]? {
        guard let items = items() else { return nil }
        var seen: Set<String> = []
        return items.compactMap { item in
            guard let string = item.string() else { return nil }
            if !seen.insert(string).inserted { item.error("\(string) is listed twice", hint: "remove one of the two") }
            return string
        }
    }

    /// A path inside of the container.
    func target() -> String? {
        guard let path = string() else { return nil }
        guard path.hasPrefix("/") else { return expected("an absolute path in the container", "begin it with a slash") }
        return Units.clean(path)
    }

    /// A path on the host, made absolute.
    func hostPath() -> String? {
        guard let path = string() else { return nil }
        if path.hasPrefix("/") { return Units.clean(path) }
        guard path.hasPrefix("~") else { return Units.clean(context.directory + "/" + path) }
        guard path == "~" || path.hasPrefix("~/"), let home = context.environment["HOME"], !home.isEmpty else {
            return expected("a path", "~ stands for $HOME, which must be set; ~NAME is not supported")
        }
        return Units.clean(home + path.dropFirst())
    }

    func labels() -> [String: String]? {
        guard let members = members() else { return nil }
        var labels: [String: String] = [:]
        for (key, _, value) in members { labels[key] = value.node.isNull ? "" : value.text() }
        return labels
    }
}

/// The keys of a kind of mapping, each with what reads it. That others are not acted on has been said by then.
struct Grammar<Model>: Sendable {
    typealias Read = @Sendable (inout Model, Reader) -> Void

    let keys: [String: Read]

    init(_ keys: [String: Read]) { self.keys = keys }

    func read(_ reader: Reader, into model: inout Model) {
        for (key, _, value) in reader.members() ?? [] { keys[key]?(&model, value) }
    }
}
