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
        /// `|` or `>`
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

    /// What the scalar means. As Docker Compose reads it: YAML 1.2's core schema (`yes` and `on` are texts, no base 60),
    /// besides `017` = 15, `0b11` and `1_000`.
    package var value: Value {
        guard style == .plain else { return .string }
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .double(.infinity)
        case "-.inf", "-.Inf", "-.INF": return .double(-.infinity)
        case ".nan", ".NaN", ".NAN": return .double(.nan)
        case _: return Self.number(text) ?? .string
        }
    }

    private static func number(_ text: String) -> Value? {
        guard let first = text.utf8.first, "+-.0123456789".utf8.contains(first) else { return nil }
        let plain = text.filter { $0 != "_" }
        if let integer = integer(plain) { return .int(integer) }
        // `Double` also reads hexadecimal fractions, `inf` and `nan`, which YAML does not.
        guard plain.utf8.allSatisfy({ "+-.0123456789eE".utf8.contains($0) }),
            let double = Double(plain.hasSuffix(".") ? plain + "0" : plain)
        else { return nil }
        return .double(double)
    }

    private static func integer(_ text: String) -> Int64? {
        var digits = Substring(text)
        let negative = digits.first == "-"
        if negative || digits.first == "+" { digits.removeFirst() }
        let radix: Int
        switch (digits.first, digits.dropFirst().first) {
        case ("0", "x"): (radix, digits) = (16, digits.dropFirst(2))
        case ("0", "o"): (radix, digits) = (8, digits.dropFirst(2))
        case ("0", "b"): (radix, digits) = (2, digits.dropFirst(2))
        case ("0", .some): (radix, digits) = (8, digits.dropFirst())
        case _: radix = 10
        }
        guard let first = digits.first, first != "-", first != "+" else { return nil }
        return Int64((negative ? "-" : "") + digits, radix: radix)
    }
}
