package import Diagnostics

// The table as JSON Schema (draft 7, which every editor knows).
extension Shape {
    package static var schema: JSON {
        var writer = SchemaWriter()
        let root = writer.object(of: file)
        let definitions = writer.definitions.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        return .object(
            [
                ("$schema", .string("http://json-schema.org/draft-07/schema#")), ("title", .string("Settle")),
                (
                    "description",
                    .string(
                        "Stacks of containers: the Compose file format, and a few keys of Settle's own. docs/compose.md says more."
                    )
                ),
            ] + root + [("definitions", .object(definitions))])
    }

    private struct SchemaWriter {
        typealias Members = [(String, JSON)]

        /// Variables stand for anything, and are replaced before the check; an editor sees them.
        var definitions: [String: JSON] = [
            "variable": .object([
                ("description", .string("A text with a variable, ${NAME} or $NAME.")), ("type", .string("string")),
                ("pattern", .string("\\$(\\{|[A-Za-z_])")),
            ])
        ]

        mutating func members(of kind: Kind) -> Members {
            switch kind {
            case .any: return []
            case .null: return Self.type("null")
            case .bool(cast: false): return Self.type("boolean")
            case .bool(cast: true): return members(of: .flag)
            case .number(let range): return Self.type("number") + Self.bounds(range)
            case .whole(let range): return Self.type("integer") + Self.bounds(range)
            case .text(let text): return members(of: text)
            case .list(let kind, let repeats, let count):
                var members = Self.type("array") + [("items", JSON.object(self.members(of: kind)))]
                if count.lowerBound > 0 { members.append(("minItems", .int(Int64(count.lowerBound)))) }
                if count.upperBound < Int.max { members.append(("maxItems", .int(Int64(count.upperBound)))) }
                switch repeats {
                case .allowed: return members
                case .refused: return members + [("uniqueItems", .bool(true))]
                }
            case .keys(let keys): return object(of: keys)
            case .names(let names):
                return Self.type("object") + [
                    (
                        "patternProperties",
                        .object([(names.pattern.source, .object(members(of: names.value)))])
                    ), ("additionalProperties", .bool(names.others)),
                ]
            case .either(let kinds): return either(kinds)
            case .shared(let name, let kind):
                // Before going on, though no kind contains itself.
                if definitions[name] == nil { definitions[name] = .object(members(of: kind)) }
                return Self.reference(to: name)
            }
        }

        /// Types without conditions can be listed.
        private mutating func either(_ kinds: [Kind]) -> Members {
            let alternatives = kinds.map { members(of: $0) }
            let types = alternatives.map { $0.count == 1 && $0[0].0 == "type" ? $0[0].1 : nil }
            if types.allSatisfy({ $0 != nil }) { return [("type", .array(types.compactMap { $0 }))] }
            let flat = alternatives.flatMap { members -> [JSON] in
                guard members.count == 1, members[0].0 == "anyOf", case .array(let inner) = members[0].1 else {
                    return [.object(members)]
                }
                return inner
            }
            return [("anyOf", .array(flat))]
        }

        private func members(of text: Text) -> Members {
            let variable = JSON.object(Self.reference(to: "variable"))
            switch text {
            case .any: return Self.type("string")
            case .words(let words):
                return [("anyOf", .array([.object([("enum", .array(words.map { .string($0) }))]), variable]))]
            case .pattern(let pattern), .read(let pattern):
                let text = JSON.object(Self.type("string") + [("pattern", .string(pattern.source))])
                return [("anyOf", .array([text, variable]))]
            }
        }

        mutating func object(of keys: Keys) -> Members {
            var properties: Members = []
            for key in keys.keys {
                let member = member(key)
                for name in key.names { properties.append((name, member)) }
            }
            var members = Self.type("object") + [("properties", JSON.object(properties))]
            let required = keys.keys.filter { $0.traits.contains(.required) }
            if !required.isEmpty { members.append(("required", .array(required.map { .string($0.name) }))) }
            if keys.extensions { members.append(("patternProperties", .object([("^x-", .object([]))]))) }
            let others = keys.others.map { JSON.object(self.members(of: $0.kind)) } ?? .bool(false)
            return members + [("additionalProperties", others)]
        }

        private mutating func member(_ key: Key) -> JSON {
            var says = key.says
            if key.traits.contains(.own) { says += " A key of Settle's own." }
            if let note = key.support.note { says += "\n\n" + note }
            var members: Members = [("description", .string(says))]
            if key.traits.contains(.deprecated) { members.append(("deprecated", .bool(true))) }
            let kind = self.members(of: key.kind)
            // In draft 7 nothing counts beside a reference.
            let isReference = kind.first?.0 == "$ref"
            return .object(members + (isReference ? [("allOf", .array([.object(kind)]))] : kind))
        }

        private static func type(_ name: String) -> Members { [("type", .string(name))] }
        private static func reference(to name: String) -> Members { [("$ref", .string("#/definitions/\(name)"))] }

        private static func bounds(_ range: ClosedRange<Double>) -> Members {
            var members: Members = []
            if range.lowerBound.isFinite { members.append(("minimum", .double(range.lowerBound))) }
            if range.upperBound.isFinite { members.append(("maximum", .double(range.upperBound))) }
            return members
        }
    }
}

extension Shape.Support {
    /// For editors.
    fileprivate var note: String? {
        let words = (honoured ?? []).filter { !$0.isEmpty }
        let start =
            switch degree {
            case .honoured: ""
            case .partly: "Not honoured yet"
            case .refused: words.isEmpty ? "Settle refuses it for now" : "Settle takes \(either(words)) for now"
            case .meaningless: "Has no meaning on Linux"
            }
        return start.isEmpty
            ? nil : Self.sentence("\(start): \(why)") + (instead.map { Self.sentence(" Instead: \($0)") } ?? "")
    }

    /// A key at the end keeps its colon.
    private static func sentence(_ text: String) -> String { text.hasSuffix(":") ? text : text + "." }
}
