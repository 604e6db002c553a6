import ArgumentParser
import Glibc
import Linux
import Stack

struct Exec: StackCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Runs a command in a running container.",
        discussion: """
              settle exec web sh
              settle exec -T -e LANG=C web env

            The exit status is the command's; 126 where it cannot be executed, 127 where there is none of that name.
            """)

    @Flag(name: .shortAndLong, help: "Accepted: standard input is always passed on.") var interactive = false
    @Flag(name: .shortAndLong, help: "With a terminal (default: if there is one).") var tty = false
    @Flag(name: [.customShort("T"), .customLong("no-tty")], help: "Without a terminal.") var noTTY = false
    @Flag(name: .shortAndLong, help: "Do not wait for it.") var detach = false
    @Option(name: [.customShort("e", allowingJoined: true), .long], help: "A variable, K=V, or K for its value here.")
    var env: [String] = []
    @Option(name: [.customShort("u", allowingJoined: true), .long], help: "USER, UID, USER:GROUP or UID:GID.") var user:
        String?
    @Option(name: [.customShort("w", allowingJoined: true), .long], help: "The folder to run it in.") var workdir:
        String?
    @Option(help: "Which replica.") var index = 1
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: FileOption
    @Argument(help: "The service.") var service: String
    @Argument(parsing: .captureForPassthrough, help: "The command with its arguments.") var words: [String] = []

    var options: StackOptions { StackOptions(shared, files) }

    func validate() throws {
        if words.isEmpty { throw ValidationError("which command? settle exec SERVICE COMMAND [ARGUMENT…]") }
    }

    func run() throws {
        let scene = try Scene(naming: options)
        let observation = try scene.observe(.states)
        _ = try scene.containers(of: [service], in: observation.ledger)
        guard let container = observation.containers[ContainerID(service, index)] else {
            throw Complaint("\(service) has no replica \(index)")
        }
        guard let pid = container.pid, container.isRunning else {
            throw Complaint("\(service) is not running", hint: "settle start \(service)")
        }
        if container.isFrozen { throw Complaint("\(service) is frozen", hint: "settle up -d thaws it") }
        let hasTerminal = !detach && !noTTY && (tty || (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1))
        let execution = Execution(
            container: container, pid: pid, paths: scene.paths, words: words, hasTerminal: hasTerminal)
        let variables = env.map { $0.contains("=") ? $0 : "\($0)=\(environment[$0] ?? "")" }
        let status = try execution.run(variables: variables, user: user, folder: workdir, detached: detach)
        if status != 0 { throw ExitCode(status) }
    }
}
