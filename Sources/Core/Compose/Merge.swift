import Diagnostics
import YAML

/// Lays one file over another (Compose Specification, 13-merge.md), both in their canonical form: mappings are merged
/// deep, lists are appended, scalars of the later file win. `!reset` takes a key away, `!override` replaces a value whole.
enum Merge {
    /// What is replaced rather than appended to, at the end of a service's key path.
    private static let replaced: Set<String> = ["command", "entrypoint"]
    /// Lists in which equal values count once.
    private static let sets: Set<String> = ["cap_add", "cap_drop", "tmpfs", "aliases", "ports"]

    static func merge(_ base: Node, _ over: Node, key: String = "") -> Node {
        if over.tag == "!override" { return stripped(over) }
        if over.isNull { return base }
        switch (base.content, over.content) {
        case (.mapping(let left), .mapping(let right)):
            if key == "logging", let new = over["driver"]?.scalar, let old = base["driver"]?.scalar, new != old {
                return stripped(over)
            }
            return Node(.mapping(merge(left, right)), at: base.place)
        case (.sequence(let left), .sequence(let right)) where !replaced.contains(key):
            return Node(.sequence(append(left, right.map(stripped), key)), at: base.place)
        case (.scalar, _), (.sequence, _), (.mapping, _): return stripped(over)
        }
    }

    private static func merge(_ left: [Node.Entry], _ right: [Node.Entry]) -> [Node.Entry] {
        var entries = left
        for entry in right {
            let index = entries.firstIndex { $0.key == entry.key }
            if entry.value.tag == "!reset" {
                if let index { entries.remove(at: index) }
            } else if let index {
                entries[index].value = merge(entries[index].value, entry.value, key: entry.key)
                if entries[index].value.place == entry.value.place { entries[index].keyPlace = entry.keyPlace }
            } else {
                entries.append(Node.Entry(entry.key, at: entry.keyPlace, stripped(entry.value)))
            }
        }
        return entries
    }

    private static func append(_ left: [Node], _ right: [Node], _ key: String) -> [Node] {
        if key == "volumes" {
            let targets = Set(right.compactMap(target))
            return left.filter { target($0).map { !targets.contains($0) } ?? true } + right
        }
        guard sets.contains(key) else { return left + right }
        return left + right.filter { new in !left.contains { same($0, new) } }
    }

    private static func target(_ mount: Node) -> String? { mount["target"]?.scalar.map { Units.clean($0.text) } }

    /// Whether two values are equal, wherever they stand.
    static func same(_ left: Node, _ right: Node) -> Bool {
        switch (left.content, right.content) {
        case (.scalar(let left), .scalar(let right)): left.text == right.text
        case (.sequence(let left), .sequence(let right)): left.elementsEqual(right, by: same)
        case (.mapping(let left), .mapping(let right)):
            left.count == right.count
                && left.allSatisfy { entry in
                    right.first { $0.key == entry.key }.map { same(entry.value, $0.value) } ?? false
                }
        case (.scalar, _), (.sequence, _), (.mapping, _): false
        }
    }

    /// Without what the merge tags take away, and without the tags, once there is nothing to lay it over.
    static func stripped(_ node: Node) -> Node {
        let tag = node.tag == "!override" || node.tag == "!reset" ? nil : node.tag
        switch node.content {
        case .scalar: return Node(node.content, at: node.place, tag: tag)
        case .sequence(let items): return Node(.sequence(items.map(stripped)), at: node.place, tag: tag)
        case .mapping(let entries):
            let kept = entries.filter { $0.value.tag != "!reset" }
            return Node(
                .mapping(kept.map { Node.Entry($0.key, at: $0.keyPlace, stripped($0.value)) }), at: node.place, tag: tag
            )
        }
    }
}
