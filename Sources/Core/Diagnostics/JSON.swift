/// A JSON value whose members keep their order (RFC 8259).
package enum JSON: Sendable {
    case object([(String, JSON)])
    case array([JSON])
    case string(String)
    case int(Int64)
    /// Not a number and the infinities, which JSON lacks, are written as null.
    case double(Double)
    case bool(Bool)
    case null

    /// On one line, without blanks.
    package var compact: String {
        var text = ""
        write(to: &text, indent: nil)
        return text
    }

    /// Over several lines, two blanks per level; no line end after the last.
    package var pretty: String {
        var text = ""
        write(to: &text, indent: 0)
        return text
    }

    /// The member of an object.
    package subscript(key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.0 == key }?.1
    }

    private func write(to text: inout String, indent: Int?) {
        switch self {
        case .object(let members):
            Self.list(members, "{", "}", to: &text, indent) { member, text, indent in
                Self.quote(member.0, to: &text)
                text += indent == nil ? ":" : ": "
                member.1.write(to: &text, indent: indent)
            }
        case .array(let items):
            Self.list(items, "[", "]", to: &text, indent) { item, text, indent in
                item.write(to: &text, indent: indent)
            }
        case .string(let string): Self.quote(string, to: &text)
        case .int(let number): text += String(number)
        case .double(let number): text += Self.number(number)
        case .bool(let flag): text += flag ? "true" : "false"
        case .null: text += "null"
        }
    }

    private static func list<Element>(
        _ items: [Element], _ open: String, _ close: String, to text: inout String, _ indent: Int?,
        _ write: (Element, inout String, Int?) -> Void
    ) {
        text += open
        for (index, item) in items.enumerated() {
            if index > 0 { text += "," }
            if let indent { text += "\n" + String(repeating: "  ", count: indent + 1) }
            write(item, &text, indent.map { $0 + 1 })
        }
        if let indent, !items.isEmpty { text += "\n" + String(repeating: "  ", count: indent) }
        text += close
    }

    private static func number(_ number: Double) -> String {
        guard number.isFinite else { return "null" }
        return Int64(exactly: number).map { String($0) } ?? "\(number)"
    }

    /// Control characters and line ends beyond ASCII, and the byte order mark: JavaScript and YAML read them otherwise.
    private static let hidden = Set(
        (UInt8(0x7F)...0x9F).map { Unicode.Scalar($0) } + ["\u{2028}", "\u{2029}", "\u{FEFF}"])

    /// With what RFC 8259, section 7, asks to be escaped.
    private static func quote(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20 || hidden.contains(scalar):
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            case _: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

extension JSON: Equatable {
    package static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.object(let left), .object(let right)): left.elementsEqual(right, by: ==)
        case (.array(let left), .array(let right)): left == right
        case (.string(let left), .string(let right)): left == right
        case (.int(let left), .int(let right)): left == right
        case (.double(let left), .double(let right)): left == right
        case (.bool(let left), .bool(let right)): left == right
        case (.null, .null): true
        case (.object, _), (.array, _), (.string, _), (.int, _), (.double, _), (.bool, _), (.null, _): false
        }
    }
}
