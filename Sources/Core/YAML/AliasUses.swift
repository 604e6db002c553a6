package import Diagnostics

/// Where anchored values are used. A node that an alias brought in keeps the place where it was written; this tells of a
/// problem in it which alias brought it to the key that the problem is about. It costs nothing until it is asked.
package struct AliasUses: Hashable, Sendable {
    /// From the beginning of an anchored value to where its last part begins.
    struct Span: Hashable, Sendable {
        var from: Place
        var to: Place

        func contains(_ place: Place) -> Bool {
            place.file == from.file && (from.line, from.column) <= (place.line, place.column)
                && (place.line, place.column) <= (to.line, to.column)
        }
    }

    enum Step {
        case key(String)
        case item(Int)
    }

    private struct Use: Hashable {
        var name: String
        var place: Place
        var path: String
        var anchor: Span
    }

    /// More than a person follows; a file with so many has its first ones told.
    private static let limit = 1000

    private var uses: [Use] = []

    package init() {}

    mutating func add(_ name: String, at place: Place, _ path: [Step], _ anchor: Span) {
        guard uses.count < Self.limit else { return }
        var text = ""
        for step in path {
            switch step {
            case .key(let key): text += text.isEmpty ? key : ".\(key)"
            case .item(let index): text += "[\(index)]"
            }
        }
        uses.append(Use(name: name, place: place, path: text, anchor: anchor))
    }

    package mutating func add(_ other: AliasUses) { uses += other.uses }

    /// The diagnostic with a note for each alias on the way from its key path to its place, the outermost last.
    package func annotated(_ diagnostic: Diagnostic) -> Diagnostic {
        guard let place = diagnostic.place else { return diagnostic }
        var result = diagnostic
        for use in way(to: place, for: diagnostic.path) {
            result.notes.append(.init("*\(use.name) brings it to \(use.path) here", at: use.place))
        }
        return result
    }

    /// A use leads to the path if what it brings in stands there; else it may itself stand in what another brings in.
    private func way(to place: Place, for path: String) -> [Use] {
        var seen: Set<Place> = []
        func way(to place: Place) -> [Use]? {
            guard seen.insert(place).inserted else { return nil }
            let near = uses.filter { $0.anchor.contains(place) }
            if let use = near.filter({ Self.leads(to: path, $0.path) }).max(by: {
                $0.path.utf8.count < $1.path.utf8.count
            }) {
                return [use]
            }
            for use in near {
                if let rest = way(to: use.place) { return [use] + rest }
            }
            return nil
        }
        return way(to: place) ?? []
    }

    private static func leads(to path: String, _ use: String) -> Bool {
        guard !use.isEmpty, path.hasPrefix(use) else { return use.isEmpty }
        let next = path.dropFirst(use.count).first
        return next == nil || next == "." || next == "["
    }
}
