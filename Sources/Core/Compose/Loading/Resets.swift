import Diagnostics
import YAML

/// Where a document takes values away (`!reset`) or replaces them whole (`!override`). What it is laid over loses them
/// first; the document itself keeps only what it sets.
struct Resets {
    private var isMarked = false
    private var members: [String: Resets] = [:]

    /// Takes the tags, and what `!reset` stands at, out of a document.
    static func take(from node: inout Node, _ report: Report) -> Resets {
        var resets = Resets()
        resets.collect(from: &node, report)
        return resets
    }

    private mutating func collect(from node: inout Node, _ report: Report) {
        node.editEntries { entries in
            entries.removeAll { entry in
                guard entry.value.tag == "!reset" else { return false }
                members[entry.key, default: Resets()].isMarked = true
                return true
            }
            for index in entries.indices {
                let key = entries[index].key
                var below = Resets()
                Self.strip(&entries[index].value, marking: &below, report)
                below.collect(from: &entries[index].value, report)
                if below.isMarked || !below.members.isEmpty { members[key] = below }
            }
        }
        // Items have no names by which those of another document could be found.
        node.editItems { items in
            items.removeAll { $0.tag == "!reset" }
            for index in items.indices {
                var unused = Resets()
                Self.strip(&items[index], marking: &unused, report)
                unused.collect(from: &items[index], report)
            }
        }
    }

    private static func strip(_ node: inout Node, marking resets: inout Resets, _ report: Report) {
        guard let tag = node.tag else { return }
        node.tag = nil
        if tag == "!override" {
            resets.isMarked = true
        } else {
            report.warn("the tag \(tag) means nothing here", at: node.place, hint: "!reset and !override do")
        }
    }

    /// Takes away what the document resets or replaces.
    func apply(to node: inout Node) {
        if members.isEmpty { return }
        node.editEntries { entries in
            entries.removeAll { members[$0.key]?.isMarked == true }
            for index in entries.indices {
                members[entries[index].key]?.apply(to: &entries[index].value)
            }
        }
    }

    /// What concerns one member.
    subscript(key: String) -> Resets? { members[key] }
}
