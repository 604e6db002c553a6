import ArgumentParser
import Engine
import Stack

struct Up: StackCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Makes the machine as the file says.",
        discussion: """
              settle up -d
              settle up --dry-run

            Whatever cannot be done is undone: the exit status is 3 and the machine is as it was. Without --detach the
            output of the containers follows; the first Ctrl-C stops them, the second kills them.
            """)

    @Flag(name: .shortAndLong, help: "Return when everything has started.") var detach = false
    @Flag(help: "The same as --detach: everything has started then.") var wait = false
    @Flag(help: "Only show the plan, and the system calls of each start.") var dryRun = false
    @Flag(help: "Remove containers whose service is no longer in the file.") var removeOrphans = false
    @Option(
        name: [.customShort("t", allowingJoined: true), .long],
        help: "Seconds before a container that has to stop is killed.") var timeout: Int?
    @Flag(help: "Refuse what would only be warned of.") var strict = false
    @Flag(help: "No names before the lines of output.") var noLogPrefix = false
    @Flag(help: "No colours in the output.") var noColor = false
    @Argument(help: "Services, with what they need; all where none is named.") var names: [String] = []
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: FileOption

    var options: StackOptions { StackOptions(shared, files) }

    func run() throws {
        let scene = try Scene(loading: options, services: names, isStrict: strict)
        if dryRun { return try rehearse(scene) }
        let palette = noColor ? .plain : scene.output.palette
        let printer = LogPrinter(scene.paths, LogPrinter.Style(hasPrefix: !noLogPrefix, palette: palette))
        // What was written before is for `logs`.
        for id in LogPrinter.kept(scene.paths) { printer.add(id, tail: 0) }
        let prospect = try scene.locked("settle up") {
            let prospect = try look(scene)
            try prospect.check(scene)
            if !prospect.isReached {
                try scene.change(.apply(prospect.goal, timeout: timeout), status: Complaint.notReached)
            }
            return prospect
        }
        if detach || wait { return }
        let chosen = names.isEmpty ? prospect.goal.containers.map { $0.id.service } : names
        try Foreground(
            scene, printer, services: chosen, started: prospect.plan.turnovers.map { $0.id }, timeout: timeout
        ).run()
    }

    private func look(_ scene: Scene) throws -> Prospect {
        try Prospect(scene, services: names, removesOrphans: removeOrphans, status: Complaint.notReached)
    }

    private func rehearse(_ scene: Scene) throws {
        let prospect = try look(scene)
        try prospect.check(scene)
        let plan = prospect.plan.text(scene.output.palette) { scene.project?.place(of: $0, path: $1) }
        scene.output.write(plan + (try prospect.programs(scene)))
    }
}

extension Prospect {
    /// Whether even the supervisor would have nothing to do or to note.
    fileprivate var isReached: Bool {
        let processes = observation.supervisor
        return plan.isEmpty && plan.ledger == observation.ledger && processes.keeper != nil
            && processes.supervisor != nil
    }
}
