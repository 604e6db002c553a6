package import YAML

/// A variable that files speak of: what `settle config --variables` lists.
package struct Variable: Hashable, Sendable {
    package var name: String
    /// Of `${NAME:-default}`, as written.
    package var defaultValue = ""
    /// Of `${NAME:+alternative}`, as written.
    package var alternative = ""
    /// By `${NAME:?}`.
    package var isRequired = false
}

/// The variables in the values of trees that are not interpolated yet, those in defaults included, by name. Where a
/// variable occurs more than once, the last occurrence counts.
package func variables(in trees: [Node]) -> [Variable] {
    var found: [String: Variable] = [:]
    func visit(_ node: Node) {
        switch node.content {
        case .scalar(let scalar):
            guard scalar.text.utf8.contains(0x24), scalar.value == .string else { return }
            let template = Template(scalar.text)
            for variable in template.variables(in: 0..<template.bytes.count) { found[variable.name] = variable }
        case .sequence(let items): for item in items { visit(item) }
        case .mapping(let entries): for entry in entries { visit(entry.value) }
        }
    }
    for tree in trees { visit(tree) }
    return found.values.sorted { $0.name < $1.name }
}

extension Template {
    /// In Docker Compose's order, which decides where one name occurs twice: an operation comes behind the rest of its
    /// line, and before what its operand holds.
    fileprivate func variables(in range: Range<Int>, depth: Int = 0) -> [Variable] {
        guard depth <= Self.depthLimit else { return [] }
        var found: [Variable] = []
        var waiting: [[Variable]] = []
        var reach = range.lowerBound
        var scan = Scan(range)
        while let part = scan.next(in: bytes).part {
            if scan.at > reach {
                found += waiting.reversed().joined()
                waiting = []
            }
            switch part {
            case .dollar, .invalid: continue
            case .variable(let name, _): found.append(Variable(name: text(name)))
            case .operation(let operation, let name, let operand, _, let end):
                reach = max(reach, end)
                let inner = variables(in: operand, depth: depth + 1)
                var variable = Variable(name: text(name))
                switch operation {
                case .default: variable.defaultValue = text(operand)
                case .alternative: variable.alternative = text(operand)
                case .required: variable.isRequired = true
                }
                waiting.append([variable] + (variable.isRequired ? [] : inner))
            }
        }
        return found + waiting.reversed().joined()
    }
}
