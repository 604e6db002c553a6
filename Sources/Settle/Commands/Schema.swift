import Compose
import Diagnostics
import Usage

struct Schema: SettleCommand {
    static let about = About(
        "schema", "Prints the JSON schema of the file, for editors.",
        """
          settle schema > settle.schema.json

        In an editor, name it in the file's first line:

          # yaml-language-server: $schema=settle.schema.json
        """)

    private let table: Bool

    init(_ line: inout Line) {
        table = line.flag("table", "What Settle does with each key, as a table in Markdown.")
    }

    func run(_ options: StackOptions) { options.output.write(table ? Shape.table : Shape.schema.pretty + "\n") }
}
