package import Diagnostics

/// What is said of a command beside its options.
package struct About: Sendable {
    package let name: String
    /// One line.
    package let summary: String
    /// Examples and what must be known; paragraphs, of which those that are indented stay as they are.
    package let text: String

    package init(_ name: String, _ summary: String, _ text: String = "") {
        self.name = name
        self.summary = summary
        self.text = text
    }
}

/// A command: what is said of it, and what it does with its words.
package struct Command {
    /// - Returns: the exit status.
    package typealias Action = () -> Int32

    package let about: About
    let read: (inout Line) -> Action

    package init(_ about: About, read: @escaping (inout Line) -> Action) {
        self.about = about
        self.read = read
    }

    /// What it asks for.
    var declarations: Line {
        var line = Line()
        _ = read(&line)
        return line
    }
}

/// The commands of a program: the one table that parsing, help, the manual and the shells' completion are made of.
package struct Program {
    package struct Group {
        package let title: String
        package let commands: [Command]

        package init(_ title: String, _ commands: [Command]) {
            self.title = title
            self.commands = commands
        }
    }

    /// What is to be done with the words.
    package enum Outcome {
        case action(Command.Action)
        /// Help or the version is asked for.
        case text(String)
        case wrong([Diagnostic])
    }

    package let about: About
    let version: String
    let groups: [Group]
    /// For the program itself; in no list.
    let hidden: [Command]
    /// Asks for what every command takes.
    let globals: (inout Line) -> Void

    package init(
        _ about: About, version: String, groups: [Group], hidden: [Command], globals: @escaping (inout Line) -> Void
    ) {
        self.about = about
        self.version = version
        self.groups = groups
        self.hidden = hidden
        self.globals = globals
    }

    var commands: [Command] { groups.flatMap { $0.commands } }

    package func command(_ name: String) -> Command? {
        for group in groups {
            for command in group.commands where command.about.name == name { return command }
        }
        return hidden.first { $0.about.name == name }
    }

    var globalOptions: [Option] {
        var line = Line()
        line.everywhere(globals)
        return line.options
    }

    /// Those that stand before the command only.
    static let ownOptions = [Option("version", short: "v", "Show the version.")]

    // MARK: Reading

    package func read(_ words: [String]) -> Outcome {
        let leading = Given(words, globalOptions + Self.ownOptions, limit: 0)
        if leading.wantsHelp { return .text(help) }
        if !leading.problems.isEmpty {
            return wrong(
                leading.problems, "a command's own options stand after it; `\(about.name) --help` lists the others")
        }
        if leading.options.contains(where: { $0.long == "version" }) {
            return .text("\(about.name) version \(version)\n")
        }
        guard let name = leading.operands.first else { return .text(help) }
        guard let command = command(name) else { return .wrong([stranger(name)]) }
        return read(command, leading)
    }

    private func read(_ command: Command, _ leading: Given) -> Outcome {
        let declared = command.declarations
        var given = Given(leading.operands.dropFirst(), declared.options, limit: declared.limit)
        if given.wantsHelp { return .text(help(of: command)) }
        given.options = leading.options + given.options
        var line = Line(given)
        let action = command.read(&line)
        line.finish()
        if line.problems.isEmpty { return .action(action) }
        return wrong(line.problems, "usage: \(usage(of: command, declared))")
    }

    /// - Parameter hint: for the last problem, unless it has one.
    private func wrong(_ problems: [Diagnostic], _ hint: String) -> Outcome {
        var problems = problems
        if let last = problems.indices.last { problems[last].hint = problems[last].hint ?? hint }
        return .wrong(problems)
    }

    package func stranger(_ name: String) -> Diagnostic {
        let near = nearest(to: name, in: commands.map { $0.about.name })
        return Diagnostic(
            .error, "there is no command \(name)",
            hint: near.map { "did you mean \($0)?" } ?? "`\(about.name) --help` lists them")
    }
}

extension Line {
    /// After so many operands every word is one; nil where options may stand everywhere.
    var limit: Int? {
        if case .rest? = operands.last?.count { return operands.count - 1 }
        return nil
    }
}
