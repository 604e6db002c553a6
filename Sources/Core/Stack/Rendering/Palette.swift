/// Colours of a terminal (ECMA-48 SGR), or none.
package struct Palette: Sendable {
    package enum Colour: Int, Sendable {
        case red = 31
        case green, yellow, blue, magenta, cyan
        case bold = 1
        case dim = 2
    }

    package var isOn: Bool

    package init(isOn: Bool) { self.isOn = isOn }

    package static let plain = Palette(isOn: false)

    package func paint(_ text: String, _ colour: Colour?) -> String {
        guard isOn, let colour, !text.isEmpty else { return text }
        return "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m"
    }
}

/// The text on one line: control characters, which could drive the reader's terminal, stand as escapes.
package func printable(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\n": result += "\\n".unicodeScalars
        case "\t": result += "\\t".unicodeScalars
        case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}":
            result += "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars
        default: result.append(scalar)
        }
    }
    return String(result)
}

/// Rows of cells as aligned columns, no spaces at the ends of lines.
///
/// - Parameter limit: cells longer than that run over, rather than pushing everybody's next column away.
package func aligned(_ rows: [[String]], gap: Int = 2, limit: Int = 48) -> [String] {
    var widths: [Int] = []
    for row in rows {
        for (column, cell) in row.enumerated() {
            if column == widths.count { widths.append(0) }
            if cell.width <= limit { widths[column] = max(widths[column], cell.width) }
        }
    }
    return rows.map { row in
        var line = ""
        for (column, cell) in row.enumerated() {
            line += cell
            // A column that is empty in every row takes no room.
            if widths[column] > 0 || !cell.isEmpty {
                line += String(repeating: " ", count: max(widths[column] - cell.width, 0) + gap)
            }
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}

extension String {
    /// In characters; by bytes where each is one, which is quicker.
    fileprivate var width: Int { utf8.allSatisfy { $0 < 0x80 } ? utf8.count : count }
}
