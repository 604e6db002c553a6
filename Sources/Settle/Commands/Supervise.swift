import ArgumentParser
import Linux

/// The entry of the supervisor: its keeper runs it.
struct Supervise: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Looks after the containers of a project.", shouldDisplay: false)

    @Argument(help: "The project.") var project: String

    func run() throws {
        try Supervisor.run(project, roots: Roots(environment: environment))
    }
}
