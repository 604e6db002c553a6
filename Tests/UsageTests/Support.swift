import Diagnostics
import Testing
import Usage

/// What the commands below were asked to do.
final class Record {
    var words: [String] = []
    var options = Options()
}

/// What every command takes.
struct Options {
    var project: String?
    var files: [String] = []
    var colours: Colours = .auto

    enum Colours: String, Choosable { case auto, never }

    init() {}

    init(_ line: inout Line) {
        files = line.texts("file", short: "f", "FILE", "A file; may be repeated.", .files)
        project = line.text("project-name", short: "p", "NAME", "Name of the project.")
        colours = line.choice("ansi", "Colours.", default: .auto)
    }
}

enum Format: String, Choosable { case text, json }

/// A program like Settle, small.
func program(_ record: Record = Record()) -> Program {
    func command(_ about: About, _ read: @escaping (inout Line) -> [String]) -> Command {
        Command(about) { line in
            let words = read(&line)
            let options = line.everywhere(Options.init)
            return {
                record.words = words
                record.options = options
                return 7
            }
        }
    }
    let up = command(About("up", "Starts everything.", "  pilot up -d\n\nUndoes what\ncannot be done.")) { line in
        let detach = line.flag("detach", short: "d", "Return at once.")
        let timeout = line.number("timeout", short: "t", "SECONDS", "Before a container is killed.")
        let format: Format? = line.choice("format", "How it is printed.")
        let services = line.operands("SERVICE", "Services; all where none is named.", .services)
        return ["\(detach)", "\(timeout ?? -1)", format?.rawValue ?? "-"] + services
    }
    let logs = command(About("logs", "Shows output.")) { line in
        let follow = line.flag("follow", short: "f", "Go on.")
        return ["\(follow)"] + line.operands("SERVICE", "Services.", .services)
    }
    let exec = command(About("exec", "Runs a command.")) { line in
        let tty = line.flag("tty", short: "t", "With a terminal.")
        let quiet = line.flag("quiet", short: "q", "Say nothing.")
        let variables = line.texts("env", short: "e", "NAME=VALUE", "A variable.", also: "envs")
        let service = line.operand("SERVICE", "The service.", .services)
        let rest = line.commandLine("COMMAND", "What to run.", required: true)
        return ["\(tty)", "\(quiet)"] + variables + [service] + rest
    }
    let port = command(About("port", "Shows a port.")) { line in
        let service = line.operand("SERVICE", "The service.", .services)
        let port: UInt16? = line.operand("PORT", "The port.", expects: "a port's number") { UInt16($0) }
        return [service, "\(port ?? 0)"]
    }
    return Program(
        About("pilot", "Flies stacks.", "Read this."), version: "1.2",
        groups: [Program.Group("Stack", [up]), Program.Group("Containers", [logs, exec, port])], hidden: [],
        globals: { _ = Options(&$0) })
}

/// What the command is given by the words; fails where they are wrong.
func run(_ words: [String], sourceLocation: SourceLocation = #_sourceLocation) throws -> Record {
    let record = Record()
    switch program(record).read(words) {
    case .action(let action): #expect(action() == 7, sourceLocation: sourceLocation)
    case .text(let text): Issue.record("only a text: \(text)", sourceLocation: sourceLocation)
    case .wrong(let problems): Issue.record("\(problems)", sourceLocation: sourceLocation)
    }
    return record
}

func problems(_ words: [String]) -> [String] {
    switch program().read(words) {
    case .action, .text: []
    case .wrong(let problems): problems.map { "\($0)" }
    }
}

func text(_ words: [String]) -> String? {
    switch program().read(words) {
    case .text(let text): text
    case .action, .wrong: nil
    }
}
