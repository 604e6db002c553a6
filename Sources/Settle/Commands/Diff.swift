import ArgumentParser
import Diagnostics
import Stack

struct Diff: StackCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Shows what `up` would do, and why.",
        discussion: """
              settle diff
              settle diff --format json --exit-code

            One line per field, with the reason and its place in the file:

              + create   ~ update in place   > start again   -/+ replace   - remove
              ! drift: changed on the machine, not in the file

            With --exit-code the status is 0 where nothing differs, 2 where something does, 1 on errors.
            """)

    enum DiffFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(help: "text or json.") var format: DiffFormat = .text
    @Flag(help: "Say by the exit status whether anything differs.") var exitCode = false
    @Flag(help: "As `up --remove-orphans` would.") var removeOrphans = false
    @Argument(help: "Services, with what they need; all where none is named.") var names: [String] = []
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: FileOption

    var options: StackOptions { StackOptions(shared, files) }

    func run() throws {
        let scene = try Scene(loading: options, services: names)
        let prospect = try Prospect(
            scene, services: names, removesOrphans: removeOrphans, status: Complaint.wrong)
        switch format {
        case .text:
            scene.output.write(
                prospect.plan.text(scene.output.palette) { scene.project?.place(of: $0, path: $1) })
        case .json: scene.output.write(prospect.plan.json(project: scene.name).compact + "\n")
        }
        if exitCode && !prospect.plan.isEmpty { throw ExitCode(2) }
    }
}
