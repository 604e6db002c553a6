import Compose
import Diagnostics
import Usage

struct Help: SettleCommand {
    static let about = About(
        "help", "Says what a command does and takes.",
        """
          settle help up
          settle help --man | man -l -
        """)

    private let man: Bool
    private let name: String?

    init(_ line: inout Line) {
        man = line.flag("man", "The whole manual, as a page for man(1).")
        name = line.optionalOperand("COMMAND", "The command; all where none is named.", .commands)
    }

    func run(_ options: StackOptions) throws {
        let program = Settle.program
        guard let name else { return options.output.write(man ? program.manual : program.help) }
        guard let command = program.command(name) else { throw Complaint([program.stranger(name)]) }
        options.output.write(program.help(of: command))
    }
}

struct Completion: SettleCommand {
    static let about = About(
        "completion", "Prints a script that has a shell complete Settle's words.",
        """
        For this session:

          source <(settle completion bash)
          source <(settle completion zsh)
          settle completion fish | source

        `make install` puts the scripts where the shells look for them.
        """)

    private let shell: Shell

    init(_ line: inout Line) {
        let words = Shell.allCases.map { $0.rawValue }
        let shell = line.operand("SHELL", "bash, zsh or fish.", .words(words), expects: either(words)) {
            Shell(rawValue: $0)
        }
        self.shell = shell ?? .bash
    }

    func run(_ options: StackOptions) { options.output.write(shell.script(Settle.about.name)) }
}

/// What those scripts ask: one line for each word that may stand where the last one does.
struct Complete: SettleCommand {
    static let about = About("complete", "Says what the last of the words may be, for a shell's script.")

    private let words: [String]

    init(_ line: inout Line) { words = line.commandLine("WORD", "Those after the program's name.", required: false) }

    func run(_ options: StackOptions) throws {
        var completion = Settle.program.completion(words)
        // The files that the line itself names are asked for names.
        let meant = StackOptions(&completion.line)
        var lines = completion.candidates.map { "\($0.word)\t\($0.says)" }
        switch completion.others {
        case .files: lines.append(":files")
        case .services: lines += try names(meant) { $0.serviceNames }.map { completion.prefix + $0 }
        case .profiles: lines += try names(meant) { $0.profileNames }.map { completion.prefix + $0 }
        case .nothing, .words, .commands: break
        }
        let begun = words.last == "=" ? "" : words.last ?? ""
        options.output.write(lines.filter { $0 == ":files" || $0.hasPrefix(begun) }.map { $0 + "\n" }.joined())
    }

    /// Nothing where the file is broken.
    private func names(_ options: StackOptions, _ part: (Model) -> [String]) throws -> [String] {
        let (model, _) = try StackFiles.find(options)?.load(options) ?? (nil, [])
        return model.map(part) ?? []
    }
}
