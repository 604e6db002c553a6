import Diagnostics
import YAML

/// A value as a YAML document in block style.
struct YAMLText {
    private(set) var text = ""

    init(_ value: JSON) {
        switch value {
        case .object(let members) where !members.isEmpty: write(members, 0)
        case .array(let items) where !items.isEmpty: write(items, 0)
        case .object, .array, .string, .int, .double, .bool, .null: text = Self.flow(value) + "\n"
        }
    }

    private mutating func write(_ members: [(String, JSON)], _ indent: Int, afterDash: Bool = false) {
        for (index, (key, value)) in members.enumerated() {
            if !(afterDash && index == 0) { text += String(repeating: " ", count: indent) }
            text += Self.scalar(key) + ":"
            switch value {
            case .object(let members) where !members.isEmpty:
                text += "\n"
                write(members, indent + 2)
            case .array(let items) where !items.isEmpty:
                text += "\n"
                write(items, indent + 2)
            case .object, .array, .string, .int, .double, .bool, .null: text += " " + Self.flow(value) + "\n"
            }
        }
    }

    private mutating func write(_ items: [JSON], _ indent: Int) {
        for item in items {
            text += String(repeating: " ", count: indent) + "- "
            switch item {
            case .object(let members) where !members.isEmpty: write(members, indent + 2, afterDash: true)
            case .object, .array, .string, .int, .double, .bool, .null: text += Self.flow(item) + "\n"
            }
        }
    }

    private static func flow(_ value: JSON) -> String {
        switch value {
        case .string(let string): scalar(string)
        // JSON is YAML.
        case .object, .array, .int, .double, .bool, .null: value.compact
        }
    }

    /// Without quotes only what no reader of YAML 1.1 or 1.2 takes for something else than this text.
    private static func scalar(_ string: String) -> String {
        let isWord = string.utf8.allSatisfy { byte in
            Keys.isLetterOrDigit(byte) || "_-./=+, $".utf8.contains(byte) || byte == 0x3A
        }
        let first = string.utf8.first.map { Keys.isLetterOrDigit($0) && !(0x30...0x39).contains($0) || $0 == 0x2F }
        let isPlain =
            isWord && first == true && string.utf8.last != 0x20 && string.utf8.last != 0x3A && !string.contains(": ")
            && !words.contains(string.lowercased()) && Scalar(string, style: .plain).value == .string
        return isPlain ? string : JSON.string(string).compact
    }

    /// Truth values and null in YAML 1.1.
    private static let words: Set<String> = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
}
