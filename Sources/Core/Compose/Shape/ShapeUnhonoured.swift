package import Diagnostics
package import YAML

extension Shape {
    /// What a file asks for and does not get, in the order of the file: an error where the stack would not be what the file
    /// says, a warning where that can be done without. `root` may be as written or in its canonical form.
    package static func unhonoured(in root: Node) -> [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        unhonoured(root, .keys(file), "", &diagnostics)
        return diagnostics
    }

    private static func unhonoured(_ node: Node, _ kind: Kind, _ path: String, _ found: inout [Diagnostic]) {
        switch (kind.fitting(node), node.content) {
        case (.list(let kind, _, _), .sequence(let items)):
            for (index, item) in items.enumerated() { unhonoured(item, kind, path.item(index), &found) }
        case (.names(let names), .mapping(let entries)):
            for entry in entries { unhonoured(entry.value, names.value, path.key(entry.key), &found) }
        case (.keys(let keys), .mapping(let entries)):
            for entry in entries {
                let isExtension = keys.extensions && entry.key.hasPrefix("x-")
                guard let key = keys[entry.key] ?? (isExtension ? nil : keys.others) else { continue }
                let path = path.key(entry.key)
                if let diagnostic = key.support.diagnostic(of: entry, path: path) {
                    found.append(diagnostic)
                } else {
                    unhonoured(entry.value, key.kind, path, &found)
                }
            }
        case (_, .scalar), (_, .sequence), (_, .mapping): return
        }
    }
}

extension Shape.Support {
    fileprivate func diagnostic(of entry: Node.Entry, path: String) -> Diagnostic? {
        if degree == .honoured || isGranted(entry.value) { return nil }
        var what = degree == .meaningless ? "has no meaning here" : "cannot be honoured"
        var place = entry.keyPlace
        // Other values of the key would do, so this one is to blame.
        if honoured?.contains(where: { !$0.isEmpty }) ?? false, let text = entry.value.scalar?.text {
            what = "\"\(text)\" \(what)"
            if !text.isEmpty { place = entry.value.place }
        }
        return Diagnostic(
            degree == .refused ? .error : .warning, "\(what): \(why)", at: place, path: path, hint: instead)
    }

    /// Whether the value is one that Settle does honour.
    private func isGranted(_ value: Node) -> Bool {
        switch value.content {
        case .sequence(let items): return items.isEmpty
        case .mapping(let entries): return entries.isEmpty
        case .scalar(let scalar):
            if scalar.value == .null { return true }
            guard let honoured else { return scalar.value == .bool(false) || scalar.text.isEmpty }
            let text = scalar.text
            return honoured.contains { $0.hasSuffix(":") ? text.hasPrefix($0) : $0 == text }
        }
    }
}
