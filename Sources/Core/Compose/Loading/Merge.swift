import Diagnostics
import YAML

/// Lays one tree over another (Compose Specification, 13-merge.md): mappings are merged deep, lists are appended, scalars
/// of the later one win, and some keys have rules of their own.
struct Merge {
    enum Rule {
        /// The later value wins whole.
        case replace
        /// Both become lists of `NAME=value`.
        case pairs
        /// The same, without lines that are there already.
        case hosts
        /// A text is the context.
        case build
        /// A list becomes a mapping with the defaults of a dependency.
        case dependencies
        /// A list becomes a mapping with nulls.
        case names
        /// Options belong to their driver.
        case logging
        /// Pools of addresses are the same where their subnet is.
        case pools
    }

    static let rules: PathTable<Rule> = {
        var rules: [String: Rule] = [
            "networks.*.ipam.config": .pools, "networks.*.labels": .pairs, "volumes.*.labels": .pairs,
        ]
        let service: [String: Rule] = [
            "annotations": .pairs, "build": .build, "command": .replace, "depends_on": .dependencies,
            "deploy.labels": .pairs, "dns": .pairs, "dns_opt": .pairs, "dns_search": .pairs, "entrypoint": .replace,
            "env_file": .pairs, "label_file": .pairs, "environment": .pairs, "extra_hosts": .hosts,
            "healthcheck.test": .replace, "labels": .pairs, "logging": .logging, "models": .names, "networks": .names,
            "sysctls": .pairs, "tmpfs": .pairs, "ulimits.*": .replace,
        ]
        for (path, rule) in service { rules["services.*." + path] = rule }
        return PathTable(rules)
    }()

    /// Below `build`, which has a rule itself.
    private static let build = PathTable<Rule>([
        "args": .pairs, "additional_contexts": .pairs, "extra_hosts": .hosts, "labels": .pairs,
    ])

    let report: Report

    func merge(_ base: inout Node, _ over: Node, at rules: PathTable<Rule>? = Merge.rules, _ path: String = "") {
        if let rule = rules?.value { return apply(rule, &base, over, path) }
        if over.isNull { return }
        switch (base.content, over.content) {
        case (.mapping, .mapping(let entries)): mergeMembers(&base, entries, rules, path)
        case (.sequence, .sequence(let items)): base.editItems { $0 += items }
        case (.scalar, _): base = over
        case (.mapping, _), (.sequence, _):
            report.error(
                "\(over.described) cannot be laid over \(base.described)", at: over.place, path: path,
                notes: [.init("what is there", at: base.place)], hint: "write both in one form, or put !override here")
        }
    }

    private func mergeMembers(
        _ base: inout Node, _ over: [Node.Entry], _ rules: PathTable<Rule>?, _ path: String
    ) {
        base.editEntries { entries in
            var known = Index(entries)
            for entry in over {
                if let index = known[entry.key, in: entries] {
                    let before = entries[index].value.place
                    merge(&entries[index].value, entry.value, at: rules?.member(entry.key), path.key(entry.key))
                    if entries[index].value.place != before { entries[index].keyPlace = entry.keyPlace }
                } else {
                    known.add(entry.key, at: entries.count)
                    entries.append(entry)
                }
            }
        }
    }

    private func apply(_ rule: Rule, _ base: inout Node, _ over: Node, _ path: String) {
        switch rule {
        case .replace: base = over
        case .pairs: base = .sequence(Self.pairs(base) + Self.pairs(over), at: base.place)
        case .hosts:
            let known = Self.pairs(base)
            let texts = Set(known.compactMap { $0.scalar?.text })
            base = .sequence(
                known + Self.pairs(over).filter { !texts.contains($0.scalar?.text ?? "") }, at: base.place)
        case .build:
            mergeConverted(&base, over, Self.build, path) { node in
                node.string.map { _ in .mapping([.init("context", at: node.place, node)], at: node.place) } ?? node
            }
        case .dependencies: mergeConverted(&base, over, nil, path, Canonical.dependencies)
        case .names: mergeConverted(&base, over, nil, path, Canonical.names)
        case .logging:
            if over.isNull { return }
            let drivers = (base.string("driver"), over.string("driver"))
            if let old = drivers.0, let new = drivers.1, old != new {
                base = over
            } else {
                mergeConverted(&base, over, nil, path) { $0 }
            }
        case .pools: mergePools(&base, over, path)
        }
    }

    private func mergeConverted(
        _ base: inout Node, _ over: Node, _ rules: PathTable<Rule>?, _ path: String, _ convert: (Node) -> Node
    ) {
        base = convert(base)
        let over = convert(over)
        if base.isNull {
            base = over
        } else {
            merge(&base, over, at: rules, path)
        }
    }

    /// `NAME=value` of each member, a name alone where the value is null, in the order of the texts; lists as they are.
    private static func pairs(_ node: Node) -> [Node] {
        switch node.content {
        case .sequence(let items): return items
        case .scalar(let scalar): return scalar.value == .string ? [node] : []
        case .mapping(let entries):
            var pairs: [Node] = []
            for entry in entries {
                if let values = entry.value.items {
                    pairs += values.map { .text("\(entry.key)=\($0.scalar?.printed ?? "")", at: $0.place) }
                } else if let scalar = entry.value.scalar {
                    let text = scalar.value == .null ? entry.key : "\(entry.key)=\(scalar.printed)"
                    pairs.append(.text(text, at: scalar.value == .null ? entry.keyPlace : entry.value.place))
                } else {
                    pairs.append(entry.value)
                }
            }
            return pairs.sorted { ($0.scalar?.text ?? "") < ($1.scalar?.text ?? "") }
        }
    }

    /// Each pool of one meets each of the other: those of one subnet become one.
    private func mergePools(_ base: inout Node, _ over: Node, _ path: String) {
        guard let pools = base.items, let others = over.items else {
            if !over.isNull { base = over }
            return
        }
        func subnet(_ node: Node) -> String { node["subnet"]?.scalar?.text ?? "" }
        var merged: [Node] = []
        for pool in pools {
            var pool = pool
            for other in others {
                if subnet(pool) != subnet(other), !merged.contains(where: { subnet($0) == subnet(other) }) {
                    merged.append(other)
                    continue
                }
                merge(&pool, other, at: nil, path)
                if let index = merged.firstIndex(where: { subnet($0) == subnet(pool) }) {
                    merged[index] = pool
                } else {
                    merged.append(pool)
                }
            }
        }
        base = .sequence(merged, at: base.place)
    }
}

/// Where keys stand among entries; small mappings are searched, large ones have a table.
struct Index {
    private var table: [String: Int]?

    init(_ entries: [Node.Entry]) {
        guard entries.count > 16 else { return }
        var table: [String: Int] = [:]
        for (index, entry) in entries.enumerated() { table[entry.key] = index }
        self.table = table
    }

    subscript(key: String, in entries: [Node.Entry]) -> Int? {
        if let table { return table[key] }
        return entries.firstIndex { $0.key == key }
    }

    mutating func add(_ key: String, at index: Int) { table?[key] = index }
}
