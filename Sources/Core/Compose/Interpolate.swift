import Diagnostics
import YAML

/// Replaces variables in values, never in keys, and then gives values whose key path asks for a number or a truth value
/// that form (Compose Specification, 12-interpolation.md).
///
/// A value that a variable went into is a text from then on, unless its path asks for another form; so is `"3"`. Values
/// under `!reset` are about to vanish and stay as they are.
struct Interpolation {
    let environment: [String: String]
    let report: Report
    private var warned: Set<String> = []
    private var path: [Step] = []
    /// What variables may still add to the files: a value of the environment may be used any number of times.
    private var budget = 64 << 20

    private enum Step {
        case key(String)
        case item(Int)
    }

    init(environment: [String: String], report: Report) {
        self.environment = environment
        self.report = report
    }

    mutating func file(_ node: Node) -> Node {
        var node = node
        value(&node, Casts.root)
        return node
    }

    private mutating func value(_ node: inout Node, _ casts: Casts?) {
        if node.tag == "!reset" { return }
        switch node.content {
        case .scalar(let scalar): self.scalar(&node, scalar, casts?.cast)
        case .sequence(var items):
            let casts = casts?["[]"]
            node.content = .sequence([])
            for index in items.indices {
                path.append(.item(index))
                value(&items[index], casts)
                path.removeLast()
            }
            node.content = .sequence(items)
        case .mapping(var entries):
            node.content = .mapping([])
            for index in entries.indices {
                path.append(.key(entries[index].key))
                value(&entries[index].value, casts?[entries[index].key])
                path.removeLast()
            }
            node.content = .mapping(entries)
        }
    }

    private mutating func scalar(_ node: inout Node, _ scalar: Scalar, _ cast: Cast?) {
        let hasVariable = scalar.text.utf8.contains(0x24) && scalar.value == .string
        guard hasVariable || cast != nil && scalar.value == .string && scalar.timestamp == nil else { return }
        var text = scalar.text
        var names: Set<String> = []
        if hasVariable {
            guard let (replaced, used) = self.text(scalar, node.place) else { return }
            (text, names) = (replaced, used)
            let style: Scalar.Style = scalar.style == .block ? .block : .quoted
            node.content = .scalar(Scalar(text, style: style))
        }
        guard let cast else { return }
        switch cast.apply(to: text) {
        case .value(let text): node.content = .scalar(Scalar(text, style: .plain))
        case .oldTruth(let text):
            report.warn(
                "\"\(scalar.text)\" is no truth value in YAML 1.2, it is read as \(text)", at: node.place,
                path: pathText, hint: "write \(text)")
            node.content = .scalar(Scalar(text, style: .plain))
        case .none: failed(cast, text, names.sorted(), node.place)
        }
    }

    private func failed(_ cast: Cast, _ text: String, _ names: [String], _ place: Place) {
        let unset = names.filter { environment[$0] == nil }
        let hint =
            if let name = unset.first {
                "\(name) is not set: set it to \(cast.expected), or give it a default with ${\(name):-…}"
            } else if names.isEmpty {
                "write \(cast.expected)"
            } else {
                "it comes from \(either(names)): set it to \(cast.expected)"
            }
        report.error(
            "expected \(cast.expected), found \"\(text.prefix(80))\"", at: place, path: pathText, hint: hint)
        report.unreadable.insert(pathText)
    }

    /// - Returns: nil if the text could not be understood; that has been reported then.
    private mutating func text(_ scalar: Scalar, _ place: Place) -> (text: String, names: Set<String>)? {
        let environment = environment
        var template = Template(scalar.text, limit: scalar.text.utf8.count + budget) { environment[$0] }
        let text = template.run()
        budget -= max(0, text.utf8.count - scalar.text.utf8.count)
        for (offset, name) in template.unset where warned.insert(name).inserted {
            report.warn(
                "the variable \(name) is not set, an empty text stands for it",
                at: Self.place(place, offset, scalar), path: pathText,
                hint: "set \(name), give it a default with ${\(name):-…}, or write $$ for a dollar sign")
        }
        if template.problems.isEmpty { return (text, template.names) }
        report.unreadable.insert(pathText)
        for problem in template.problems {
            report.error(
                problem.message, at: Self.place(place, problem.offset, scalar), path: pathText, hint: problem.hint)
        }
        return nil
    }

    private var pathText: String {
        path.reduce("") { path, step in
            switch step {
            case .key(let key): path.key(key)
            case .item(let index): path.item(index)
            }
        }
    }

    /// Where a character of a value stands; that of the value itself unless its letters are those of the file.
    private static func place(_ start: Place, _ offset: Int, _ scalar: Scalar) -> Place {
        switch scalar.style {
        case .block: start
        case .plain: Place(file: start.file, line: start.line, column: start.column + offset)
        case .quoted: Place(file: start.file, line: start.line, column: start.column + 1 + offset)
        }
    }
}
