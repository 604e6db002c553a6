import Diagnostics
import YAML

// How the check words what it expects, what it finds, and what to write instead.
extension Shape.Kind {
    /// Of the kinds that a value may be, the one that it is, judged by nothing but list, mapping and type of scalar.
    func fitting(_ node: Node) -> Shape.Kind? {
        switch self {
        case .any: return self
        case .shared(_, let kind): return kind.fitting(node)
        case .either(let kinds):
            for kind in kinds {
                if let fitting = kind.fitting(node) { return fitting }
            }
            return nil
        case .list: return node.items == nil ? nil : self
        case .keys, .names: return node.entries == nil ? nil : self
        case .null, .text, .bool, .number, .whole:
            guard let scalar = node.scalar else { return nil }
            return fits(scalar.value) ? self : nil
        }
    }

    private func fits(_ value: Scalar.Value) -> Bool {
        switch (self, value) {
        case (.null, .null), (.text, .string), (.bool, .bool): true
        case (.number, .int), (.number, .double), (.whole, .int), (.whole, .double): true
        case (_, .null), (_, .string), (_, .bool), (_, .int), (_, .double): false
        }
    }

    /// Its kinds, one by one.
    var alternatives: [Shape.Kind] {
        switch self {
        case .shared(_, let kind): kind.alternatives
        case .either(let kinds): kinds.flatMap(\.alternatives)
        case .any, .null, .text, .bool, .number, .whole, .list, .keys, .names: [self]
        }
    }

    /// `a text, a list or a mapping`
    var says: String {
        var words: [String] = []
        for kind in alternatives {
            let word: String? =
                switch kind {
                case .any: "any value"
                case .null: nil
                case .text(.any): "a text"
                case .text(.words(let list)): Diagnostics.either(list)
                case .text(.pattern(let pattern)), .text(.read(let pattern)): pattern.says
                case .bool: "true or false"
                case .number(let range): Self.says(range, whole: false)
                case .whole(let range): Self.says(range, whole: true)
                case .list: "a list"
                case .keys, .names: "a mapping"
                case .either, .shared: kind.says
                }
            if let word, !words.contains(word) { words.append(word) }
        }
        // A text that is read as a number needs no word of its own, nor one that may say what the others do.
        if words.contains("a number") { words.removeAll { $0 == "a whole number" } }
        return Diagnostics.either(words)
    }

    static func says(_ range: ClosedRange<Double>, whole: Bool) -> String {
        let noun = whole ? "a whole number" : "a number"
        switch (range.lowerBound.isFinite, range.upperBound.isFinite) {
        case (true, true): return "\(noun) from \(Int64(range.lowerBound)) to \(Int64(range.upperBound))"
        case (true, false): return "\(noun) of at least \(Int64(range.lowerBound))"
        case (false, true): return "\(noun) of at most \(Int64(range.upperBound))"
        case (false, false): return noun
        }
    }

    var takesText: Bool { alternatives.contains { if case .text(.any) = $0 { true } else { false } } }
    var takesNull: Bool { alternatives.contains { if case .null = $0 { true } else { false } } }

    /// The first of the words that a missing value may be.
    var example: String {
        for case .text(.words(let words)) in alternatives { return words.first.map { " " + $0 } ?? "" }
        return ""
    }

    /// What to write in place of what was found.
    func hint(insteadOf node: Node) -> String? {
        let list = alternatives.contains { if case .list = $0 { true } else { false } }
        let names = alternatives.contains { if case .names = $0 { true } else { false } }
        let keys = alternatives.contains { if case .keys = $0 { true } else { false } }
        switch node.content {
        case .scalar(let scalar):
            switch scalar.value {
            case .null: return "remove the key, or give it a value"
            case .bool, .int, .double:
                if takesText { return "put it in quotes: \"\(scalar.text)\"" }
                return list ? "write it as a list: - \(scalar.text)" : nil
            case .string:
                if list { return "write it as a list: - \(scalar.text)" }
                let parts = scalar.text.split(separator: "=", maxSplits: 1).map { String($0) }
                if names, parts.count == 2 { return "write it as a mapping: \(parts[0]): \(parts[1])" }
                return names ? "write it as a mapping: \(scalar.text):" : nil
            }
        case .mapping(let entries):
            guard let first = entries.first else { return nil }
            if takesText, entries.count == 1, let value = first.value.scalar {
                return "write \(first.key)=\(value.text), or put all of it in quotes"
            }
            return list ? "begin each entry with a hyphen: - \(first.key)" : nil
        case .sequence(let items):
            if items.count == 1, takesText || !(names || keys), let text = items[0].scalar?.text {
                return "write the value alone: \(text)"
            }
            if names || keys, let text = items.first?.scalar?.text, !text.isEmpty {
                let name = text.prefix { $0 != "=" && $0 != ":" }
                return "write it as a mapping, without hyphens: \(name): …"
            }
            return nil
        }
    }
}

// Unknown keys.
extension Shape {
    /// The keys of the format, each with the one above it where that is the only place for it.
    private static let homes: [String: Set<String>] = {
        var homes: [String: Set<String>] = [:]
        for row in rows(of: file) { homes[row.key.name, default: []].insert(row.home) }
        return homes
    }()

    static func hint(for entry: Node.Entry, in keys: Keys, top: Bool) -> String? {
        let names = keys.keys.map(\.name)
        if let near = nearest(to: entry.key, in: names) { return "did you mean \(near)?" }
        let lowered = entry.key.lowercased()
        let spellings = [lowered.replacing("-", by: "_"), lowered.replacing("_", by: "")]
        for name in names where spellings.contains(name) || spellings.contains(name.replacing("_", by: "")) {
            return "did you mean \(name)?"
        }
        // `pids` for `pids_limit`, `memory` for `mem_limit`.
        let alike = names.filter { $0.split(separator: "_").contains { $0.count > 2 && lowered.hasPrefix($0) } }
        if names.count <= 12, let only = alike.first, alike.count == 1 { return "did you mean \(only)?" }
        if top, entry.value["image"] != nil || entry.value["build"] != nil || entry.value["command"] != nil {
            return "a service stands under services:"
        }
        if let homes = homes[entry.key], homes.count == 1, let home = homes.first {
            return "it belongs under \(home):"
        }
        var hints: [String] = []
        if keys.extensions { hints.append("keys of your own begin with x-") }
        if (1...12).contains(names.count) { hints.append("known here are \(either(names.sorted()))") }
        return hints.isEmpty ? nil : hints.joined(separator: "; ")
    }
}

extension String {
    fileprivate func replacing(_ character: Character, by other: String) -> String {
        reduce(into: "") { $0 += $1 == character ? other : String($1) }
    }
}
