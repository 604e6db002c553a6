package import Diagnostics
package import YAML

extension Shape {
    /// Checks a whole file: interpolated, merged, its short forms still allowed. Reports every problem. Values that an
    /// earlier stage could not read (`report.unreadable`) are not judged again.
    static func check(_ root: Node, report: Report) {
        guard root.entries != nil else {
            return report.error("expected a mapping at the top", at: root.place, hint: "begin with services:")
        }
        var check = Check(report: report)
        check.node(root, .keys(file), at: root.place)
    }

    /// Checks a part of a file, `kind` being what it should be.
    static func check(_ node: Node, as kind: Kind, path: String, report: Report) {
        var check = Check(report: report, base: path)
        check.node(node, kind, at: node.place)
    }

    /// For tests and editors' tools: the problems of a tree.
    package static func problems(in root: Node) -> [Diagnostic] {
        let report = Report()
        check(root, report: report)
        return report.diagnostics
    }

    /// Each node is looked at once, so it takes as long as the tree is large.
    fileprivate struct Check {
        enum Step {
            case key(String)
            case item(Int)
        }

        let report: Report
        var base = ""
        /// Where the walk is; made into text only for a problem.
        var trail: [Step] = []

        var path: String {
            trail.reduce(base) { path, step in
                switch step {
                case .key(let key): path.key(key)
                case .item(let index): path.item(index)
                }
            }
        }

        func error(_ message: String, at place: Place, notes: [Diagnostic.Note] = [], hint: String? = nil) {
            report.error(message, at: place, path: path, notes: notes, hint: hint)
        }
    }
}

extension Shape.Check {
    /// - Parameter place: where to point at: at the key, where the value is nothing.
    mutating func node(_ node: Node, _ kind: Shape.Kind, at place: Place) {
        guard let fitting = kind.fitting(node) else {
            if report.unreadable.isEmpty || !report.unreadable.contains(path) {
                error("expected \(kind.says), found \(node.found)", at: place, hint: kind.hint(insteadOf: node))
            }
            return
        }
        switch (fitting, node.content) {
        case (.any, _): anything(node)
        case (.text(let text), .scalar(let scalar)): self.text(scalar, text, at: place)
        case (.number(let range), .scalar(let scalar)): number(scalar, range, whole: false, at: place)
        case (.whole(let range), .scalar(let scalar)): number(scalar, range, whole: true, at: place)
        case (.list(let kind, let repeats, let count), .sequence(let items)):
            list(items, kind, repeats, count, at: place)
        case (.keys(let keys), .mapping(let entries)): self.keys(entries, keys, at: place)
        case (.names(let names), .mapping(let entries)): self.names(entries, names)
        case (_, .scalar), (_, .sequence), (_, .mapping): return
        }
    }

    private mutating func inside(_ step: Step, _ body: (inout Self) -> Void) {
        trail.append(step)
        body(&self)
        trail.removeLast()
    }

    private mutating func member(_ entry: Node.Entry, _ kind: Shape.Kind) {
        // A value that is left out has no place of its own worth pointing at.
        let place = entry.value.scalar.map(\.text.isEmpty) ?? false ? entry.keyPlace : entry.value.place
        inside(.key(entry.key)) { $0.node(entry.value, kind, at: place) }
    }

    /// Keys of the writer's own hold anything that JSON can say, as in the reference.
    private mutating func anything(_ node: Node) {
        switch node.content {
        case .scalar(let scalar):
            if case .double(let number) = scalar.value, !number.isFinite {
                error("expected a finite number, found \(scalar.text)", at: node.place, hint: "put it in quotes")
            }
        case .sequence(let items):
            for (index, item) in items.enumerated() { inside(.item(index)) { $0.anything(item) } }
        case .mapping(let entries):
            for entry in entries { inside(.key(entry.key)) { $0.anything(entry.value) } }
        }
    }
}

// Scalars and lists.
extension Shape.Check {
    private func text(_ scalar: Scalar, _ text: Shape.Text, at place: Place) {
        switch text {
        case .any, .read: return
        case .words(let words):
            if words.contains(scalar.text) { return }
            error(
                "expected \(either(words)), found \"\(scalar.text)\"", at: place,
                hint: nearest(to: scalar.text, in: words).map { "did you mean \($0)?" })
        case .pattern(let pattern):
            if pattern.matches(scalar.text) { return }
            error("expected \(pattern.says), found \"\(scalar.text)\"", at: place)
        }
    }

    private func number(_ scalar: Scalar, _ range: ClosedRange<Double>, whole: Bool, at place: Place) {
        let value: Double
        switch scalar.value {
        case .int(let number): value = Double(number)
        case .double(let number): value = number
        case .null, .bool, .string: return
        }
        guard !value.isFinite || whole && value != value.rounded() || !range.contains(value) else { return }
        error("expected \(Shape.Kind.says(range, whole: whole)), found \(scalar.text)", at: place)
    }

    private mutating func list(
        _ items: [Node], _ kind: Shape.Kind, _ repeats: Shape.Repeats, _ count: ClosedRange<Int>, at place: Place
    ) {
        for (index, item) in items.enumerated() {
            inside(.item(index)) { $0.node(item, kind, at: item.place) }
        }
        if !count.contains(items.count) {
            let wanted = count.lowerBound == count.upperBound ? "\(count.lowerBound)" : "at least \(count.lowerBound)"
            error("expected a list of \(wanted), found \(items.count)", at: place)
        }
        switch repeats {
        case .allowed: return
        case .refused: if items.count > 1 { self.repeats(items) }
        }
    }

    private mutating func repeats(_ items: [Node]) {
        var seen: [Shape.Value: Place] = [:]
        for (index, item) in items.enumerated() {
            guard let first = seen.updateValue(item.place, forKey: Shape.Value(item)) else { continue }
            seen[Shape.Value(item)] = first
            let what = item.scalar.map { "\"\($0.text)\" is listed" } ?? "the same is listed"
            inside(.item(index)) {
                $0.error(
                    "\(what) twice", at: item.place, notes: [.init("it stands here first", at: first)],
                    hint: "remove one of the two")
            }
        }
    }
}

// Mappings.
extension Shape.Check {
    private mutating func keys(_ entries: [Node.Entry], _ keys: Shape.Keys, at place: Place) {
        for entry in entries {
            if let key = keys[entry.key] {
                member(entry, key.kind)
            } else if keys.extensions && entry.key.hasPrefix("x-") {
                member(entry, .any)
            } else if let other = keys.others {
                member(entry, other.kind)
            } else {
                inside(.key(entry.key)) { check in
                    check.error(
                        "unknown key", at: entry.keyPlace,
                        hint: Shape.hint(for: entry, in: keys, top: check.trail.count == 1))
                }
            }
        }
        for key in keys.keys where key.traits.contains(.required) && !entries.contains(where: { $0.key == key.name }) {
            error("the key \(key.name) is missing", at: place, hint: "add \(key.name):" + key.kind.example)
        }
    }

    private mutating func names(_ entries: [Node.Entry], _ names: Shape.Names) {
        for entry in entries {
            if names.pattern.matches(entry.key) {
                member(entry, names.value)
            } else if names.others {
                member(entry, .any)
            } else {
                inside(.key(entry.key)) {
                    $0.error("\"\(entry.key)\" is no name", at: entry.keyPlace, hint: names.pattern.says)
                }
            }
        }
    }
}

extension Shape {
    /// What a value means, places and spelling aside.
    fileprivate enum Value: Hashable {
        case null
        case bool(Bool)
        case number(Double)
        case text(String)
        case list([Value])
        case mapping([String: Value])

        init(_ node: Node) {
            switch node.content {
            case .scalar(let scalar):
                switch scalar.value {
                case .null: self = .null
                case .bool(let flag): self = .bool(flag)
                case .int(let number): self = .number(Double(number))
                case .double(let number): self = .number(number)
                case .string: self = .text(scalar.text)
                }
            case .sequence(let items): self = .list(items.map { Value($0) })
            case .mapping(let entries):
                self = .mapping(Dictionary(entries.map { ($0.key, Value($0.value)) }) { _, last in last })
            }
        }
    }
}

extension Node {
    /// What stands there, for messages that expected something else.
    var found: String {
        switch content {
        case .mapping: return "a mapping"
        case .sequence: return "a list"
        case .scalar(let scalar):
            switch scalar.value {
            case .null: return "nothing"
            case .bool: return scalar.text
            case .int, .double: return "the number \(scalar.text)"
            case .string: return "\"\(scalar.text)\""
            }
        }
    }
}
