/// What a person is shown, 80 columns wide.
private let width = 80

extension Program {
    /// Of the whole program.
    package var help: String {
        let lists = groups.map { group in
            section(group.title, group.commands.map { ("  \($0.about.name)", $0.about.summary) })
        }
        return sections(
            [
                wrapped(about.summary), "USAGE: \(about.name) [OPTION…] COMMAND [OPTION…] [SERVICE…]",
                reflowed(about.text),
            ] + lists + [
                section("Global options", rows(globalOptions + Self.ownOptions + [.help])),
                "`\(about.name) COMMAND --help` shows a command's options and examples.",
            ])
    }

    package func help(of command: Command) -> String {
        let line = command.declarations
        let own = line.options.filter { !$0.isGlobal } + [.help]
        return sections([
            wrapped(command.about.summary), "USAGE: \(usage(of: command, line))", reflowed(command.about.text),
            section("Arguments", line.operands.map { ("  \($0.name)", $0.help) }),
            section("Options", rows(own)), section("Global options", rows(line.options.filter { $0.isGlobal })),
        ])
    }

    /// `settle logs [OPTION…] [SERVICE…]`
    func usage(of command: Command, _ line: Line) -> String {
        ([about.name, command.about.name, "[OPTION…]"] + line.operands.map { $0.text }).joined(separator: " ")
    }

    private func rows(_ options: [Option]) -> [(String, String)] { options.map { ("  " + $0.text, $0.help) } }
}

private func sections(_ texts: [String]) -> String {
    texts.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
}

/// A list of names and what they mean, the meanings in one column. Empty where there are none.
private func section(_ title: String, _ rows: [(name: String, text: String)]) -> String {
    if rows.isEmpty { return "" }
    let column = 26
    let lines = rows.map { name, text in
        let text = wrapped(text, indent: column)
        if name.count + 2 > column { return name + "\n" + text }
        return name + text.dropFirst(name.count)
    }
    return (["\(title.uppercased()):"] + lines).joined(separator: "\n")
}

/// Paragraphs filled; what is indented stays as it is.
private func reflowed(_ text: String) -> String {
    let paragraphs = text.split(separator: "\n\n", omittingEmptySubsequences: true)
    return paragraphs.map { $0.hasPrefix(" ") ? String($0) : wrapped(String($0)) }.joined(separator: "\n\n")
}

private func wrapped(_ text: String, indent: Int = 0) -> String {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
        if let line = lines.last, line.count + 1 + word.count <= width {
            lines[lines.count - 1] = "\(line) \(word)"
        } else {
            lines.append(margin + word)
        }
    }
    return lines.joined(separator: "\n")
}
