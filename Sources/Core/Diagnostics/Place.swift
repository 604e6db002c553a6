/// A spot in a file that a person wrote.
package struct Place: Codable, Hashable, Sendable, CustomStringConvertible {
    /// As the file was named on the command line.
    package let file: String
    /// From 1.
    package let line: Int
    /// From 1, in characters.
    package let column: Int

    package init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    package var description: String { "\(file):\(line):\(column)" }
}
