package import Diagnostics
import YAML

/// The model as `config` prints it. Loading it again, in the same folder, gives the same model: so every dollar is doubled,
/// unless variables were left as they are.
extension Model {
    /// What the reference prints: some values in its own form, no keys of one's own below the top, no `models`.
    package func json() -> JSON {
        var root = root
        root.remove("models")
        root.edit(along: Self.oddities) { node, _, rename in rename(&node) }
        return printer.json(root, .project, name: name)
    }

    /// With a line end after the last line.
    package func yaml() -> String { YAMLText(printer.json(root, .any, name: name)).text }

    /// One service, with dollars as they are.
    func printed(_ service: Node) -> JSON {
        var service = service
        service.edit(along: Self.oddities.below("services", "*") ?? PathTable()) { node, _, rename in rename(&node) }
        return Printer(doublesDollars: false).json(service, .service)
    }

    private var printer: Printer { Printer(doublesDollars: untyped == nil) }

    /// Where the reference prints what it would not read.
    private static let oddities: PathTable<@Sendable (inout Node) -> Void> = {
        let limit: @Sendable (inout Node) -> Void = { node in
            node.editEntries { entries in entries.removeAll { $0.value.integer == 0 } }
        }
        let device: @Sendable (inout Node) -> Void = { node in
            node.editValues { entry in
                entry.key = entry.key.prefix(1).uppercased() + entry.key.dropFirst()
            }
        }
        var oddities = ["services.*.ulimits.*": limit, "services.*.build.ulimits.*": limit]
        for list in ["weight_device", "device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops"] {
            oddities["services.*.blkio_config.\(list).*"] = device
        }
        return PathTable(oddities)
    }()
}

private struct Printer {
    let doublesDollars: Bool

    func json(_ root: Node, _ form: Form, name: String) -> JSON {
        guard case .object(let members) = json(root, form, keepsOwn: true) else { return .object([]) }
        return .object([("name", .string(name))] + members)
    }

    func json(_ node: Node, _ form: Form, keepsOwn: Bool = false) -> JSON {
        switch node.content {
        case .scalar(let scalar): return value(scalar)
        case .sequence(let items):
            guard case .list(let inner) = form else { return .array(items.map { json($0, .any) }) }
            return .array(items.map { json($0, inner) })
        case .mapping(let entries): return .object(members(entries, form, keepsOwn: keepsOwn))
        }
    }

    private func members(_ entries: [Node.Entry], _ form: Form, keepsOwn: Bool) -> [(String, JSON)] {
        switch form {
        case .map(let inner), .names(let inner): return entries.map { (text($0.key), json($0.value, inner)) }
        case .keyed(let fields):
            return entries.compactMap { entry in
                if entry.key.hasPrefix("x-") && !keepsOwn { return nil }
                return (text(entry.key), json(entry.value, fields.forms[entry.key] ?? .any))
            }
        case .text, .flag, .optionalFlag, .optOut, .integer, .optionalInteger, .natural, .optionalNatural, .bareNatural,
            .fraction, .bytes, .duration, .optionalDuration, .mode, .command, .test, .texts, .textOrTexts, .variables,
            .table, .options, .manyOptions, .hosts, .ulimit, .keys, .count, .list, .any:
            return entries.map { (text($0.key), json($0.value, .any)) }
        }
    }

    private func value(_ scalar: Scalar) -> JSON {
        switch scalar.value {
        case .null: .null
        case .bool(let flag): .bool(flag)
        case .int(let number): .int(number)
        case .double(let number): .double(number)
        case .string: .string(scalar.timestamp?.json ?? text(scalar.text))
        }
    }

    private func text(_ text: String) -> String {
        guard doublesDollars, text.utf8.contains(0x24) else { return text }
        return text.split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$")
    }
}
