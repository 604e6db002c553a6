import Diagnostics
import YAML

// Tables of names, and single values.
extension Typing {
    func table(_ node: Node, _ form: Form, _ path: String) -> Node? {
        if node.isNull { return nil }
        guard var entries = entries(of: node, form, path) else { return nil }
        for index in entries.indices {
            if let value = value(entries[index], form, path) { entries[index].value = value }
        }
        if entries.isEmpty { return nil }
        return .mapping(entries.sorted { $0.key < $1.key }, at: node.place)
    }

    /// Of a mapping, or of a list of `NAME=value`, where the last of equal names counts.
    private func entries(of node: Node, _ form: Form, _ path: String) -> [Node.Entry]? {
        if let entries = node.entries { return entries }
        let isMapping: Bool
        switch form {
        case .options, .manyOptions: isMapping = true
        case _: isMapping = false
        }
        guard let items = node.items, !isMapping else {
            _ = wrong(node, isMapping ? "a mapping" : "a mapping or a list", path)
            return nil
        }
        var entries: [Node.Entry] = []
        var places: [String: Int] = [:]
        for (index, item) in items.enumerated() {
            let text = item.scalar?.printed ?? ""
            let name = String(text.prefix { $0 != "=" })
            if case .variables = form, name.last?.isWhitespace == true {
                report.followUp(
                    Diagnostic(
                        .error, "the variable's name \"\(name)\" ends with a blank", at: item.place,
                        path: path.item(index), hint: "write no blanks around ="))
            }
            let isAlone = name.utf8.count == text.utf8.count
            let value: Node =
                isAlone ? .null(at: item.place) : .text(String(text.dropFirst(name.count + 1)), at: item.place)
            if let place = places[name] {
                entries[place].value = value
            } else {
                places[name] = entries.count
                entries.append(.init(name, at: item.place, value))
            }
        }
        return entries
    }

    private func value(_ entry: Node.Entry, _ form: Form, _ path: String) -> Node? {
        let value = entry.value
        if case .manyOptions = form {
            return .sequence(
                (value.items ?? [value]).map { .text($0.scalar?.printed ?? "", at: $0.place) }, at: value.place)
        }
        guard let scalar = value.scalar else {
            return wrong(value, "a text or a number", path.key(entry.key))
        }
        if case .variables = form, scalar.value == .null { return nil }
        return scalar.value == .string && scalar.style != .plain ? nil : .text(scalar.printed, at: value.place)
    }

    /// One limit, or a soft and a hard one.
    func ulimit(_ node: Node, _ path: String) -> Node? {
        func limits(_ soft: Int64, _ hard: Int64) -> Node {
            .mapping(
                [
                    .init("soft", at: node.place, .plain("\(soft)", at: node.place)),
                    .init("hard", at: node.place, .plain("\(hard)", at: node.place)),
                ], at: node.place)
        }
        func number(_ node: Node?, _ path: String) -> Int64? {
            guard let node else { return 0 }
            guard let scalar = node.scalar, let number = Self.integer(scalar) else {
                _ = wrong(node, "a whole number", path)
                return nil
            }
            return number
        }
        if node.entries != nil {
            guard let soft = number(node["soft"], path.key("soft")), let hard = number(node["hard"], path.key("hard"))
            else { return nil }
            return limits(soft, hard)
        }
        guard let single = number(node, path) else { return nil }
        return single == 0 ? limits(0, 0) : .plain("\(single)", at: node.place)
    }

    func scalar(_ scalar: Scalar, _ form: Form, _ node: Node, _ path: String) -> Node? {
        switch form {
        case .text:
            switch scalar.value {
            case .string: return scalar.text.isEmpty ? nil : node
            case .int: return .text(scalar.printed, at: node.place)
            case .null, .bool, .double:
                return wrong(node, "a text", path, hint: "put it in quotes: \"\(scalar.text)\"")
            }
        case .flag, .optionalFlag, .optOut: return flag(scalar, form, node, path)
        case .integer, .optionalInteger, .natural, .optionalNatural, .bareNatural:
            return integer(scalar, form, node, path)
        case .fraction: return fraction(scalar, node, path)
        case .bytes: return bytes(scalar, node, path)
        case .duration, .optionalDuration:
            guard let duration = Units.duration(scalar.printed) else {
                return wrong(node, "a time", path, hint: "write 10s, 1m30s or 500ms")
            }
            if case .duration = form, duration == .zero { return nil }
            return .text(Units.text(duration), at: node.place)
        case .mode: return mode(scalar, node, path)
        case .count: return count(scalar, node, path)
        case .command, .test, .texts, .textOrTexts, .variables, .table, .options, .manyOptions, .hosts, .ulimit, .keys,
            .list, .map, .names, .keyed, .any:
            return node
        }
    }

    private func flag(_ scalar: Scalar, _ form: Form, _ node: Node, _ path: String) -> Node? {
        let flag: Bool
        switch (scalar.value, scalar.text.lowercased()) {
        case (.bool(let value), _): flag = value
        case (.string, "true"): flag = true
        case (.string, "false"): flag = false
        case (.string, "y"), (.string, "yes"), (.string, "on"), (.string, "n"), (.string, "no"), (.string, "off"):
            flag = ["y", "yes", "on"].contains(scalar.text.lowercased())
            report.warn(
                "\(scalar.text) is no truth value in YAML 1.2", at: node.place, path: path,
                hint: "write \(flag ? "true" : "false")")
        case _: return wrong(node, "true or false", path)
        }
        switch form {
        case .flag: if !flag { return nil }
        case .optOut: if flag { return nil }
        case _: break
        }
        return .plain(flag ? "true" : "false", at: node.place)
    }

    private static func integer(_ scalar: Scalar) -> Int64? {
        switch scalar.value {
        case .int(let number): number
        case .double(let number): Int64(exactly: number.rounded(.towardZero))
        case .string: Int64(scalar.text)
        case .null, .bool: nil
        }
    }

    private func integer(_ scalar: Scalar, _ form: Form, _ node: Node, _ path: String) -> Node? {
        guard let number = Self.integer(scalar) else { return wrong(node, "a whole number", path) }
        switch form {
        case .integer: if number == 0 { return nil }
        case .natural, .optionalNatural, .bareNatural:
            if number < 0 { return wrong(node, "a whole number of zero or more", path) }
            if case .bareNatural = form, scalar.value == .string {
                return wrong(node, "a whole number", path, hint: "write it without quotes: \(scalar.text)")
            }
            if case .optionalNatural = form { break }
            if number == 0 { return nil }
        case _: break
        }
        return .plain("\(number)", at: node.place)
    }

    private func fraction(_ scalar: Scalar, _ node: Node, _ path: String) -> Node? {
        let number: Float?
        switch scalar.value {
        case .int(let value): number = Float(value)
        case .double(let value): number = Float(value)
        case .string: number = Float(scalar.text)
        case .null, .bool: number = nil
        }
        guard let number, number.isFinite else { return wrong(node, "a number", path, hint: "write 0.5 or 2") }
        if number == 0 { return nil }
        let whole = Int64(exactly: number).map { "\($0)" }
        return .plain(whole ?? "\(number)", at: node.place)
    }

    private func bytes(_ scalar: Scalar, _ node: Node, _ path: String) -> Node? {
        let bytes: Int64?
        switch scalar.value {
        case .int(let number): bytes = number
        case .string: bytes = Int64(scalar.text) ?? Units.bytes(scalar.text)
        case .null, .bool, .double: bytes = nil
        }
        guard let bytes else { return wrong(node, "a size", path, hint: "write 512k, 64m, 1.5g or bytes") }
        return bytes == 0 ? nil : .text("\(bytes)", at: node.place)
    }

    /// Printed in octal, as a text.
    private func mode(_ scalar: Scalar, _ node: Node, _ path: String) -> Node? {
        let mode: Int64?
        switch scalar.value {
        case .int(let number): mode = number
        case .string: mode = Int64(scalar.text, radix: 8)
        case .null, .bool, .double: mode = nil
        }
        guard let mode else { return wrong(node, "octal permissions", path, hint: "write 0440") }
        return .text("0" + String(mode, radix: 8), at: node.place)
    }

    private func count(_ scalar: Scalar, _ node: Node, _ path: String) -> Node? {
        let isAll = scalar.value == .string && scalar.text.lowercased() == "all"
        guard let count = isAll ? -1 : Self.integer(scalar) else {
            return wrong(node, "a number of devices, or all", path)
        }
        return count == 0 ? nil : .plain("\(count)", at: node.place)
    }
}
