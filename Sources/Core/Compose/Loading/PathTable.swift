import Diagnostics
import YAML

/// Values by key path, where `*` stands for any key and for any item of a list. A walk along it meets only what some path
/// leads to: the cost is that of the part of a tree which a table speaks of.
struct PathTable<Value: Sendable>: Sendable {
    private(set) var value: Value?
    private var children: [String: PathTable] = [:]

    init() {}

    init(_ paths: [String: Value]) {
        for (path, value) in paths { insert(path.split(separator: "."), value) }
    }

    private mutating func insert(_ path: ArraySlice<Substring>, _ value: Value) {
        guard let first = path.first else {
            self.value = value
            return
        }
        children[String(first), default: PathTable()].insert(path.dropFirst(), value)
    }

    private mutating func insert(_ path: [Substring], _ value: Value) { insert(path[...], value) }

    /// What is known of a member.
    func member(_ key: String) -> PathTable? { children[key] ?? children["*"] }

    /// What is known of the items of a list.
    var item: PathTable? { children["*"] }

    /// The table below a path.
    func below(_ path: String...) -> PathTable? {
        path.reduce(self) { table, key in table?.member(key) }
    }
}

extension Node {
    /// Gives each part of a tree that a table has a value for to `body`, with its key path; what is below such a part is
    /// not looked at.
    mutating func edit<Value>(
        along table: PathTable<Value>, _ path: String = "", _ body: (inout Node, String, Value) -> Void
    ) {
        if let value = table.value { return body(&self, path, value) }
        switch content {
        case .scalar: return
        case .mapping:
            editValues { entry in
                guard let below = table.member(entry.key) else { return }
                entry.value.edit(along: below, path.key(entry.key), body)
            }
        case .sequence:
            guard let below = table.item else { return }
            editItems { items in
                for index in items.indices { items[index].edit(along: below, path.item(index), body) }
            }
        }
    }

    /// The same without changing anything.
    func visit<Value>(along table: PathTable<Value>, _ path: String = "", _ body: (Node, String, Value) -> Void) {
        if let value = table.value { return body(self, path, value) }
        for entry in entries ?? [] {
            guard let below = table.member(entry.key) else { continue }
            entry.value.visit(along: below, path.key(entry.key), body)
        }
        guard let items, let below = table.item else { return }
        for (index, item) in items.enumerated() { item.visit(along: below, path.item(index), body) }
    }
}
