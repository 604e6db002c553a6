import Diagnostics
import YAML

/// Reads the units, numbers and lines of words inside of values: the last change of the tree, which then is what `config`
/// prints. What is empty is left out, names are in order.
struct Typing {
    let report: Report
    /// Without interpolation, what holds a variable stays as it is.
    let keepsVariables: Bool

    func typed(_ root: Node) -> Node {
        var root = typed(root, .project, "") ?? root
        root.editEntries { entries in entries.removeAll { $0.key == "name" } }
        return root
    }

    /// nil: not printed.
    func typed(_ node: Node, _ form: Form, _ path: String) -> Node? {
        switch form {
        case .any: return node
        case .keyed(let fields): return object(node, fields, path)
        case .map(let form): return map(node, form, path, keepsNull: false)
        case .names(let form): return map(node, form, path, keepsNull: true)
        case .list(let form): return list(node, form, path)
        case .command: return command(node, path)
        case .test, .texts, .textOrTexts, .hosts, .keys: return texts(node, form, path)
        case .variables, .table, .options, .manyOptions: return table(node, form, path)
        case .ulimit: return ulimit(node, path)
        case .text, .flag, .optionalFlag, .optOut, .integer, .optionalInteger, .natural, .optionalNatural, .bareNatural,
            .fraction, .bytes, .duration, .optionalDuration, .mode, .count:
            if node.isNull { return nil }
            guard let scalar = node.scalar else { return wrong(node, Self.expectation(form), path) }
            return self.scalar(scalar, form, node, path)
        }
    }

    // MARK: Problems

    /// Returns nil for the caller's convenience, or the node where it may still mean something.
    func wrong(_ node: Node, _ expected: String, _ path: String, hint: String? = nil) -> Node? {
        if keepsVariables, let text = node.scalar?.text, text.contains("$") { return node }
        if report.unreadable.contains(path) { return nil }
        report.followUp(
            Diagnostic(
                .error, "expected \(expected), found \(node.described)", at: node.place, path: path, hint: hint))
        return nil
    }

    private static func expectation(_ form: Form) -> String {
        switch form {
        case .text: "a text"
        case .flag, .optionalFlag, .optOut: "true or false"
        case .integer, .optionalInteger: "a whole number"
        case .natural, .optionalNatural, .bareNatural: "a whole number of zero or more"
        case .fraction: "a number"
        case .bytes: "a size"
        case .duration, .optionalDuration: "a time"
        case .mode: "octal permissions"
        case .count: "a number of devices, or all"
        case .command, .test: "words"
        case .texts, .textOrTexts, .hosts, .keys, .list: "a list"
        case .variables, .table: "a mapping or a list"
        case .options, .manyOptions, .map, .names, .keyed: "a mapping"
        case .ulimit: "a number, or a mapping with soft and hard"
        case .any: "anything"
        }
    }

    // MARK: Collections

    private func object(_ node: Node, _ fields: Fields, _ path: String) -> Node? {
        if node.isNull { return nil }
        guard let entries = node.entries else { return wrong(node, "a mapping", path) }
        return mapping(entries, fields, node.place, path)
    }

    private func mapping(_ entries: [Node.Entry], _ fields: Fields, _ place: Place, _ path: String) -> Node {
        var known: [String: Node.Entry] = [:]
        for entry in entries { known[entry.key] = entry }
        var result: [Node.Entry] = []
        for field in fields.list {
            if let entry = known[field.key], let value = typed(entry.value, field.form, path.key(field.key)) {
                result.append(.init(field.key, at: entry.keyPlace, value))
            } else if field.always {
                result.append(.init(field.key, at: place, nothing(field.form, place, path.key(field.key))))
            }
        }
        return .mapping(result + entries.filter { $0.key.hasPrefix("x-") }, at: place)
    }

    /// What is printed where there is nothing.
    private func nothing(_ form: Form, _ place: Place, _ path: String) -> Node {
        switch form {
        case .keyed(let fields): mapping([], fields, place, path)
        case .map, .names: .mapping([], at: place)
        case .flag, .optionalFlag, .optOut: .plain("false", at: place)
        case .integer, .optionalInteger, .natural, .optionalNatural, .bareNatural, .fraction: .plain("0", at: place)
        case .bytes: .text("0", at: place)
        case .text: .text("", at: place)
        case .command, .duration, .optionalDuration, .mode, .count, .test, .texts, .textOrTexts, .hosts, .keys, .list,
            .variables, .table, .options, .manyOptions, .ulimit, .any:
            .null(at: place)
        }
    }

    private func map(_ node: Node, _ form: Form, _ path: String, keepsNull: Bool) -> Node? {
        if node.isNull { return nil }
        guard let entries = node.entries else { return wrong(node, "a mapping", path) }
        if entries.isEmpty { return nil }
        let typed = entries.sorted { $0.key < $1.key }.map { entry -> Node.Entry in
            let value = self.typed(entry.value, form, path.key(entry.key))
            let empty = { keepsNull ? Node.null(at: entry.value.place) : nothing(form, entry.value.place, path) }
            return .init(entry.key, at: entry.keyPlace, value ?? empty())
        }
        return .mapping(typed, at: node.place)
    }

    private func list(_ node: Node, _ form: Form, _ path: String) -> Node? {
        if node.isNull { return nil }
        guard let items = node.items else { return wrong(node, "a list", path) }
        if items.isEmpty { return nil }
        let typed = items.enumerated().map { index, item in
            self.typed(item, form, path.item(index)) ?? nothing(form, item.place, path)
        }
        return .sequence(typed, at: node.place)
    }

    private func command(_ node: Node, _ path: String) -> Node? {
        if node.isNull { return nil }
        if let items = node.items {
            for (index, item) in items.enumerated() where item.string == nil {
                _ = wrong(
                    item, "a text", path.item(index),
                    hint: item.scalar.map { "put it in quotes: \"\($0.text)\"" })
            }
            return node
        }
        guard let line = node.string else { return wrong(node, "a line or a list of words", path) }
        do throws(ShellWords.Problem) {
            return .sequence(try ShellWords.split(line).map { .text($0, at: node.place) }, at: node.place)
        } catch {
            report.followUp(Diagnostic(.error, error.message, at: node.place, path: path, hint: error.hint))
            return nil
        }
    }

    private func texts(_ node: Node, _ form: Form, _ path: String) -> Node? {
        if node.isNull { return nil }
        switch form {
        case .hosts: return hosts(node, path)
        case .keys: return keys(node, path)
        case .test:
            guard let line = node.string else { break }
            return .sequence([.text("CMD-SHELL", at: node.place), .text(line, at: node.place)], at: node.place)
        case .textOrTexts: if node.string != nil { return .sequence([node], at: node.place) }
        case _: break
        }
        guard let items = node.items else { return wrong(node, Self.expectation(form), path) }
        if items.isEmpty { return nil }
        let typed = items.enumerated().compactMap { index, item -> Node? in
            switch item.scalar?.value {
            case .string: item
            case .int, .double: .text(item.scalar?.printed ?? "", at: item.place)
            case .null, .bool, nil: wrong(item, "a text", path.item(index))
            }
        }
        return .sequence(typed, at: node.place)
    }

    /// `HOST=ADDRESS` in order, from a list with `=` or `:`, or from a mapping.
    private func hosts(_ node: Node, _ path: String) -> Node? {
        var lines: [(host: String, address: String, node: Node)] = []
        for entry in node.entries ?? [] {
            for value in entry.value.items ?? [entry.value] {
                lines.append((entry.key, value.scalar?.printed ?? "", value))
            }
        }
        for (index, item) in (node.items ?? []).enumerated() {
            let text = item.scalar?.printed ?? ""
            guard let at = text.firstIndex(of: "=") ?? text.firstIndex(of: ":") else {
                _ = wrong(item, "HOST=ADDRESS", path.item(index), hint: "write \"\(text)=10.0.0.1\"")
                continue
            }
            let addresses = text[at...].dropFirst().split(separator: ",", omittingEmptySubsequences: false)
            for address in addresses { lines.append((String(text[..<at]), String(address), item)) }
        }
        if node.scalar != nil { return wrong(node, "a list or a mapping", path) }
        for line in lines where line.host.isEmpty || line.host.contains(where: { $0 == ":" || $0 == "=" }) {
            report.followUp(
                Diagnostic(
                    .error, "\"\(line.host)\" is no host's name", at: line.node.place, path: path,
                    hint: "write HOST=ADDRESS"))
        }
        let typed = lines.map { line -> (text: String, place: Place) in
            let isBracketed = line.address.utf8.count > 2 && line.address.hasPrefix("[") && line.address.hasSuffix("]")
            let address = isBracketed ? String(line.address.dropFirst().dropLast()) : line.address
            return ("\(line.host)=\(address)", line.node.place)
        }.sorted { $0.text < $1.text }
        return typed.isEmpty ? nil : .sequence(typed.map { .text($0.text, at: $0.place) }, at: node.place)
    }

    /// Keys and agents of ssh: `ID` or `ID=PATH`.
    private func keys(_ node: Node, _ path: String) -> Node? {
        guard let entries = node.entries else { return wrong(node, "a mapping or a list", path) }
        let lines = entries.sorted { $0.key < $1.key }.map { entry -> Node in
            let path = entry.value.scalar?.printed ?? ""
            return .text(path.isEmpty ? entry.key : "\(entry.key)=\(path)", at: entry.keyPlace)
        }
        return lines.isEmpty ? nil : .sequence(lines, at: node.place)
    }
}
