import Diagnostics
import Glibc
import Images
import Linux
import Usage

let settleVersion = "0.1.0"
/// What a link named `docker-compose` says it is: the release whose command line it follows.
let composeVersion = "5.5.0"

/// A command. Its initializer asks the line for its options and operands, see `Line`.
protocol SettleCommand {
    static var about: About { get }
    init(_ line: inout Line)
    func run(_ options: StackOptions) throws
}

@main
enum Settle {
    /// Whether we were called by a link named `docker-compose`.
    static let isCompose = CommandLine.arguments.first?.split(separator: "/").last == "docker-compose"

    static let about = About(
        isCompose ? "docker-compose" : "settle", "Runs stacks of containers from a Compose file, without a daemon.",
        """
        A stack goes up, is compared with its file and comes down:

          settle up -d
          settle diff
          settle down

        Global options may stand before the command or after it: `settle -p shop ps` is `settle ps -p shop`.
        """)

    /// Every command. Which there are is said here only.
    static var program: Program {
        Program(
            about, version: isCompose ? composeVersion : settleVersion,
            groups: [
                Program.Group(
                    "Stack",
                    [
                        command(Config.self), command(Diff.self), command(Up.self), command(Create.self),
                        command(Scale.self),
                        command(Down.self),
                        command(WatchCommand.self),
                        command(Ls.self),
                        command(VolumesCommand.self), command(Graph.self), command(Explain.self),
                    ]),
                Program.Group(
                    "Containers",
                    [
                        command(Ps.self), command(Why.self), command(Logs.self), command(Events.self),
                        command(Top.self), command(Stats.self), command(Exec.self), command(Run.self),
                        command(Attach.self), command(Cp.self),
                        command(StartCommand.self),
                        command(Stop.self), command(Restart.self), command(Kill.self), command(Pause.self),
                        command(Unpause.self), command(Rm.self), command(Wait.self), command(Port.self),
                    ]),
                Program.Group("Volumes", [command(VolumeCommand.self)]),
                Program.Group(
                    "Images",
                    [
                        command(ImagesCommand.self), command(BuildCommand.self), command(Pull.self), command(Push.self),
                        command(Load.self),
                        command(Save.self), command(Rmi.self), command(ImageCommand.self),
                    ]),
                Program.Group(
                    "Machine",
                    [
                        command(Doctor.self), command(Enable.self), command(Disable.self), command(Schema.self),
                        command(Completion.self), command(Version.self),
                        command(Help.self),
                    ]),
            ],
            hidden: [command(Complete.self)], globals: { _ = StackOptions(&$0) })
    }

    private static func command<Command: SettleCommand>(_ type: Command.Type) -> Usage.Command {
        Usage.Command(type.about) { line in
            let command = type.init(&line)
            let options = line.everywhere { StackOptions(&$0) }
            return { attempt(options.output) { try command.run(options) } }
        }
    }

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch arguments.first {
        case "supervise": Glibc.exit(supervise(arguments))
        case UnpackRole.name: Glibc.exit(UnpackRole.run(arguments))
        case _: Glibc.exit(run(arguments))
        }
    }

    /// `settle supervise PROJECT`, as the keeper says: a word between Settle's processes, not one of its commands.
    private static func supervise(_ arguments: [String]) -> Int32 {
        guard arguments.count == 2 else { return Complaint.wrong }
        return attempt(Output()) { try Supervisor.run(arguments[1], roots: Roots(environment: environment)) }
    }

    /// - Returns: the exit status.
    private static func run(_ words: [String]) -> Int32 {
        switch program.read(words) {
        case .action(let action): return action()
        case .text(let text):
            Output().write(text)
            return 0
        case .wrong(let problems): return attempt(Output()) { throw Complaint(problems) }
        }
    }

    /// - Returns: the exit status.
    private static func attempt(_ output: Output, _ body: () throws -> Void) -> Int32 {
        do {
            try body()
            return 0
        } catch let complaint as Complaint {
            for diagnostic in complaint.diagnostics { output.show(diagnostic) }
            // Scripts that were written for Docker Compose know of no status 3.
            return isCompose && complaint.status == Complaint.notReached ? Complaint.wrong : complaint.status
        } catch {
            output.show(Diagnostic(.error, "\(error)"))
            return Complaint.wrong
        }
    }
}

/// Why a command did not do what it was asked for.
struct Complaint: Error {
    /// The file or the usage is wrong.
    static let wrong: Int32 = 1
    /// `up` did not reach its goal; the machine is as it was.
    static let notReached: Int32 = 3
    /// 128 + SIGINT.
    static let interrupted: Int32 = 130
    /// 128 + SIGPIPE.
    static let unread: Int32 = 141

    var diagnostics: [Diagnostic]
    var status: Int32

    init(_ diagnostics: [Diagnostic], status: Int32 = Complaint.wrong) {
        self.diagnostics = diagnostics
        self.status = status
    }

    init(_ message: String, hint: String? = nil, status: Int32 = Complaint.wrong) {
        self.init([Diagnostic(.error, message, hint: hint)], status: status)
    }
}
