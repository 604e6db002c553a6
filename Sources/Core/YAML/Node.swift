package import Diagnostics

/// A part of a YAML document, with the place where it stands. Aliases and merge keys are already resolved: what an
/// alias brings in keeps the place where it was written.
package struct Node: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        case scalar(Scalar)
        case sequence([Node])
        case mapping([Entry])
    }

    package struct Entry: Hashable, Sendable {
        package var key: String
        package var keyPlace: Place
        package var value: Node

        package init(_ key: String, at keyPlace: Place, _ value: Node) {
            self.key = key
            self.keyPlace = keyPlace
            self.value = value
        }
    }

    package var content: Content
    package var place: Place
    /// An explicit tag that is not one of YAML's own, `!reset` for example.
    package var tag: String?

    package init(_ content: Content, at place: Place, tag: String? = nil) {
        self.content = content
        self.place = place
        self.tag = tag
    }

    /// A text, as if written in quotes.
    package static func text(_ text: String, at place: Place) -> Node {
        Node(.scalar(Scalar(text, style: .quoted)), at: place)
    }

    /// A value that the core schema reads, `true` or `17`, as if written without quotes.
    package static func plain(_ text: String, at place: Place) -> Node {
        Node(.scalar(Scalar(text, style: .plain)), at: place)
    }

    package var isNull: Bool {
        guard case .scalar(let scalar) = content else { return false }
        return scalar.value == .null
    }

    package var entries: [Entry]? {
        guard case .mapping(let entries) = content else { return nil }
        return entries
    }

    package var items: [Node]? {
        guard case .sequence(let items) = content else { return nil }
        return items
    }

    package var scalar: Scalar? {
        guard case .scalar(let scalar) = content else { return nil }
        return scalar
    }

    package subscript(key: String) -> Node? { entries?.first { $0.key == key }?.value }
}

package struct Scalar: Hashable, Sendable {
    package enum Style: Hashable, Sendable {
        /// Without quotes: may be a number, a truth value or null.
        case plain
        case quoted
        /// A text that does not stand in the file letter by letter: `|` and `>`, texts over several lines, quotes with
        /// escapes.
        case block
    }

    package enum Value: Hashable, Sendable {
        case null
        case bool(Bool)
        case int(Int64)
        case double(Double)
        case string
    }

    package var text: String
    package var style: Style

    package init(_ text: String, style: Style) {
        self.text = text
        self.style = style
    }
}
