import ArgumentParser
import Compose
import Diagnostics

struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints the JSON schema of the file, for editors.",
        discussion: """
              settle schema > settle.schema.json

            In an editor, name it in the file's first line:

              # yaml-language-server: $schema=settle.schema.json
            """)

    @Flag(help: "What Settle does with each key, as a table in Markdown.") var table = false

    func run() { Output().write(table ? Shape.table : Shape.schema.pretty + "\n") }
}
