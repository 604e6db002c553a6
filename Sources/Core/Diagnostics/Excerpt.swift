extension Place {
    /// The line that the place is in, below it a caret at the column:
    ///
    ///       3 |     imag: nginx
    ///         |     ^
    ///
    /// - Parameter source: the whole file.
    /// - Returns: nil where the file has no such line or column. A long line is cut, the column kept in sight.
    package func excerpt(of source: String) -> String? {
        let lines = source.utf8.split(separator: 0x0A, maxSplits: line, omittingEmptySubsequences: false)
        guard line >= 1, line <= lines.count else { return nil }
        // A tab is as wide as a blank here, so that the caret stands where the editor's column is; other control
        // characters would be the terminal's to obey.
        let shown = String(decoding: lines[line - 1], as: UTF8.self).unicodeScalars.map { scalar in
            scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? " " : Character(scalar)
        }
        guard column >= 1, column <= shown.count + 1 else { return nil }
        let first = max(0, column - Self.widest)
        let number = "\(line)"
        let margin = String(repeating: " ", count: number.count)
        return """
              \(number) | \(String(shown[first...].prefix(Self.widest)))
              \(margin) | \(String(repeating: " ", count: column - 1 - first))^
            """
    }

    /// Characters of a line that are shown.
    private static let widest = 100
}
