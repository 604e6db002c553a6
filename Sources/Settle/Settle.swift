import ArgumentParser
import Diagnostics
import Glibc
import Linux

let settleVersion = "0.1.0"

@main
struct Settle: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settle",
        abstract: "Runs stacks of containers from a Compose file, without a daemon.",
        discussion: """
            A stack goes up, is compared with its file and comes down:

              settle up -d
              settle diff
              settle down

            Global options may stand before the command or after it: `settle -p shop ps` is `settle ps -p shop`.
            """,
        version: settleVersion,
        groupedSubcommands: [
            CommandGroup(name: "Stack", subcommands: [Config.self, Diff.self, Up.self, Down.self]),
            CommandGroup(
                name: "Containers",
                subcommands: [
                    Ps.self, Logs.self, Exec.self, StartCommand.self, Stop.self, Restart.self, Kill.self, Port.self,
                ]),
            CommandGroup(name: "Machine", subcommands: [Doctor.self, Schema.self, Version.self]),
        ])

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        Glibc.exit(arguments.first == "supervise" ? supervise(arguments) : run(arguments))
    }

    /// `settle supervise PROJECT`, as the keeper says: a word between Settle's processes, not one of its commands.
    private static func supervise(_ arguments: [String]) -> Int32 {
        guard arguments.count == 2 else { return Complaint.wrong }
        do {
            try Supervisor.run(arguments[1], roots: Roots(environment: environment))
            return 0
        } catch {
            return report(error, Output())
        }
    }

    /// - Returns: the exit status.
    static func run(_ arguments: [String]) -> Int32 {
        var output = Output()
        do {
            var command = try parseAsRoot(arranged(arguments))
            if let command = command as? any StackCommand { output = command.options.output }
            try command.run()
            return 0
        } catch let complaint as Complaint {
            for diagnostic in complaint.diagnostics { output.show(diagnostic) }
            return complaint.status
        } catch let code as ExitCode {
            return code.rawValue
        } catch {
            return report(error, output)
        }
    }

    /// Help and wrong usage, which ArgumentParser words; anything else is a failure of the machine.
    private static func report(_ error: any Error, _ output: Output) -> Int32 {
        let code = exitCode(for: error)
        if code.isSuccess {
            print(fullMessage(for: error))
            return 0
        }
        // ArgumentParser's own status for wrong usage is EX_USAGE, 64; Compose's is 1.
        if code == .validationFailure {
            output.complain(fullMessage(for: error))
        } else {
            output.show(Diagnostic(.error, "\(error)"))
        }
        return 1
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
