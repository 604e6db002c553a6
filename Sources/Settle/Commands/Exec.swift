import Glibc
import Linux
import Stack
import Usage

struct Exec: SettleCommand {
    static let about = About(
        "exec", "Runs a command in a running container.",
        """
          settle exec web sh
          settle exec -T -e LANG=C web env

        The exit status is the command's; 126 where it cannot be executed, 127 where there is none of that name.
        """)

    private let tty: Bool
    private let noTTY: Bool
    private let detach: Bool
    private let variables: [String]
    private let user: String?
    private let folder: String?
    private let privileged: Bool
    private let index: Int?
    private let service: String
    private let words: [String]

    init(_ line: inout Line) {
        _ = line.flag("interactive", short: "i", "Accepted: standard input is always passed on.")
        tty = line.flag("tty", short: "t", "With a terminal (default: if there is one).")
        noTTY = line.flag("no-tty", short: "T", "Without a terminal.")
        detach = line.flag("detach", short: "d", "Do not wait for it.")
        variables = line.texts("env", short: "e", "NAME[=VALUE]", "A variable, with its value here if none is given.")
        user = line.text("user", short: "u", "USER[:GROUP]", "Names or numbers.")
        folder = line.text("workdir", short: "w", "DIR", "The folder to run it in.")
        privileged = line.flag("privileged", "With every capability.")
        index = line.givenReplica()
        service = line.operand("SERVICE", "The service.", .services)
        words = line.commandLine("COMMAND", "The command with its arguments.", required: true)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        let container = try scene.running(service, index)
        guard let pid = container.pid else { throw Complaint("\(service) has just ended") }
        if container.isPaused { throw Complaint("\(service) is paused", hint: "settle unpause \(service)") }
        if container.isFrozen { throw Complaint("\(service) is frozen", hint: "settle up -d thaws it") }
        let hasTerminal = !detach && !noTTY && (tty || (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1))
        let execution = Execution(
            container: container, pid: pid, paths: scene.paths, words: words, hasTerminal: hasTerminal)
        // What has no value here has none there.
        let variables = variables.compactMap { text in
            text.contains("=") ? text : environment[text].map { "\(text)=\($0)" }
        }
        let events = EventLog(scene.paths)
        let name = ["execID": String(UInt64.random(in: 1 << 60...UInt64.max), radix: 16)]
        func tell(_ action: ContainerEvent.Action, _ key: String, _ value: String) {
            let entry = container.entry
            events.note(action, entry.instance, entry.spec, name.merging([key: value]) { $1 })
        }
        for action in [ContainerEvent.Action.execCreate, .execStart] {
            tell(action, "command", words.joined(separator: " "))
        }
        let status = try execution.run(
            variables: variables, user: user, folder: folder, detached: detach,
            privileged: privileged)
        // Nobody is there to see the end of one that goes on by itself.
        if !detach { tell(.execDie, "exitCode", "\(status)") }
        if status != 0 { throw Complaint([], status: status) }
    }
}
