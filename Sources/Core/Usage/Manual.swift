extension Program {
    /// The manual page, in the macros of man(7).
    package var manual: String {
        let head = [
            ".TH \(about.name.uppercased()) 8 \"\" \"\(about.name) \(version)\"", ".SH NAME",
            "\(about.name) \\- \(escaped(about.summary))", ".SH SYNOPSIS",
            "\\fB\(about.name)\\fR [OPTION...] COMMAND [OPTION...] [SERVICE...]", ".SH DESCRIPTION",
            paragraphs(about.text), ".SH GLOBAL OPTIONS", items(rows(globalOptions + Self.ownOptions + [.help])),
        ]
        let parts = groups.map { group in
            ".SH \(group.title.uppercased()) COMMANDS\n" + group.commands.map(entry).joined(separator: "\n")
        }
        return (head + parts).filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
    }

    private func entry(_ command: Command) -> String {
        let line = command.declarations
        let operands = line.operands.map { (name: $0.name, text: $0.help) }
        return [
            ".SS \(escaped(usage(of: command, line)))", escaped(command.about.summary),
            paragraphs(command.about.text), items(operands), items(rows(line.options.filter { !$0.isGlobal })),
        ].filter { !$0.isEmpty }.joined(separator: "\n")
    }

    private func rows(_ options: [Option]) -> [(name: String, text: String)] {
        options.map { (name: String($0.text.drop { $0 == " " }), text: $0.help) }
    }
}

private func items(_ rows: [(name: String, text: String)]) -> String {
    rows.map { ".TP\n\\fB\(escaped($0.name))\\fR\n\(escaped($0.text))" }.joined(separator: "\n")
}

/// What is indented stays as it is.
private func paragraphs(_ text: String) -> String {
    text.split(separator: "\n\n").map { paragraph in
        paragraph.hasPrefix(" ")
            ? ".PP\n.nf\n\(escaped(String(paragraph)))\n.fi" : ".PP\n\(escaped(String(paragraph)))"
    }.joined(separator: "\n")
}

/// Nothing in it is a request or an escape of roff(7).
private func escaped(_ text: String) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        let plain = line.reduce(into: "") { result, letter in
            switch letter {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case let letter: result.append(letter)
            }
        }
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
    }
    return lines.joined(separator: "\n")
}
