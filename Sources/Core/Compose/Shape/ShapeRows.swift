import Diagnostics

extension Shape {
    /// A key of the format with the way to it, `services.NAME.deploy.replicas`.
    struct Row: Sendable {
        let key: Key
        /// Names of the writer's own are `NAME`, items of lists take no step.
        let parents: [String]

        var path: String { (parents + [key.name]).joined(separator: ".") }
        /// Where it is written, as far as one must say to be understood: `deploy`, `services.NAME`.
        var home: String {
            parents.last == "NAME" ? parents.suffix(2).joined(separator: ".") : parents.last ?? "the top of the file"
        }
    }

    /// Every key below, each before those within it.
    static func rows(of keys: Keys, below parents: [String] = []) -> [Row] {
        keys.keys.flatMap { key in
            [Row(key: key, parents: parents)] + rows(of: key.kind, below: parents + [key.name])
        }
    }

    private static func rows(of kind: Kind, below parents: [String]) -> [Row] {
        switch kind {
        case .keys(let keys): rows(of: keys, below: parents)
        case .names(let names): rows(of: names.value, below: parents + ["NAME"])
        case .list(let kind, _, _), .shared(_, let kind): rows(of: kind, below: parents)
        case .either(let kinds): kinds.flatMap { rows(of: $0, below: parents) }
        case .any, .null, .text, .bool, .number, .whole: []
        }
    }

    /// The keys of a kind of value, as they are written below it.
    static func rows(of kind: Kind) -> [Row] { rows(of: kind, below: []) }
}

// The table of docs/compose.md.
extension Shape {
    /// What Settle does with each key, in Markdown.
    package static let table: String = {
        let top = rows(of: file).filter { $0.parents.isEmpty }
        var sections = [section("At the top", top)]
        for (title, key) in [("A service", "services"), ("A network", "networks"), ("A volume", "volumes")] {
            guard let kind = file[key]?.kind else { continue }
            let rows = rows(of: kind).map { Row(key: $0.key, parents: Array($0.parents.dropFirst())) }
            sections.append(section(title, rows.filter { isWorthALine($0, among: rows) }))
        }
        return sections.joined(separator: "\n")
    }()

    /// What is within a key that is not honoured shares its fate.
    private static func isWorthALine(_ row: Row, among rows: [Row]) -> Bool {
        !rows.contains { other in
            other.key.support.degree != .honoured && row.parents.starts(with: other.parents + [other.key.name])
        }
    }

    private static func section(_ title: String, _ rows: [Row]) -> String {
        let lines = rows.map { row in
            let key = row.key.traits.contains(.own) ? "**`\(row.path)`**" : "`\(row.path)`"
            return "| \(key) | \(row.key.kind.forms) | \(row.key.support.cell) |\n"
        }
        return "### \(title)\n\n| Key | Forms | Settle |\n|---|---|---|\n" + lines.joined()
    }
}

extension Shape.Support {
    fileprivate var cell: String {
        let words = (honoured ?? []).filter { !$0.isEmpty }.map { $0.hasSuffix(":") ? "`\($0)…`" : "`\($0)`" }
        let degree =
            switch degree {
            case .honoured: "honoured"
            case .partly: "**partly**"
            case .refused: words.isEmpty ? "**refused**" : "**partly** (\(words.joined(separator: ", ")))"
            case .meaningless: "**no meaning on Linux**"
            }
        var text = why.isEmpty ? degree : "\(degree): \(why)"
        if let instead { text += "; \(instead)" }
        return text.reduce(into: "") { $0 += $1 == "|" ? "\\|" : String($1) }
    }
}

extension Shape.Kind {
    /// `text, list of texts`
    fileprivate var forms: String {
        var words: [String] = []
        for kind in alternatives where !words.contains(kind.form) { words.append(kind.form) }
        if words.contains("number") { words.removeAll { $0 == "whole number" } }
        return words.joined(separator: ", ")
    }

    private var form: String {
        switch self {
        case .any: "anything"
        case .null: "nothing"
        case .text(.any), .text(.pattern): "text"
        case .text(.words(let words)): words.map { "`\($0)`" }.joined(separator: ", ")
        case .text(.read(let pattern)): pattern.form
        case .bool: "truth value"
        case .number: "number"
        case .whole: "whole number"
        case .list(let kind, _, _): kind.alternatives.count > 1 ? "list of \(kind.plurals)" : "list"
        case .keys, .names: "mapping"
        case .either, .shared: forms
        }
    }

    private var plurals: String {
        var words: [String] = []
        for word in alternatives.map({ $0.form + "s" }) where !words.contains(word) { words.append(word) }
        return Diagnostics.either(words)
    }
}
