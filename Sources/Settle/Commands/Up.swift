import Compose
import Engine
import Images
import Stack
import Usage

struct Up: SettleCommand {
    static let about = About(
        "up", "Makes the machine as the file says.",
        """
          settle up -d
          settle up --dry-run

        Whatever cannot be done is undone: the exit status is 3 and the machine is as it was. Without --detach the
        output of the containers follows; the first Ctrl-C stops them, the second kills them. With --wait the exit
        status is 1 where not everything is ready at the end; nothing is undone then.
        """)

    private let detach: Bool
    private let wait: Bool
    private let waitTimeout: Int?
    private let dryRun: Bool
    private let removeOrphans: Bool
    private let rerun: Bool
    private let timeout: Int?
    private let wishes: StackRoots.Wishes
    private let strict: Bool
    private let noLogPrefix: Bool
    private let noColor: Bool
    private let names: [String]

    init(_ line: inout Line) {
        detach = line.flag("detach", short: "d", "Return when everything has started.")
        wait = line.flag(
            "wait", "Return when everything is healthy, or runs where it has no health check, or is done.")
        // 0 is no limit, as in Docker.
        waitTimeout = line.number("wait-timeout", "SECONDS", "How long --wait waits at most.").flatMap {
            $0 == 0 ? nil : $0
        }
        dryRun = line.flag("dry-run", "Only show the plan, and the system calls of each start.")
        removeOrphans = line.flag("remove-orphans", "Remove containers whose service is no longer in the file.")
        rerun = line.flag("rerun", "Run jobs that are done again: those named, or all.")
        timeout = line.timeout()
        wishes = StackRoots.Wishes(
            policy: line.pullPolicy(), builds: line.flag("build", "Build images first, also those that are here."),
            refusesBuilds: line.flag("no-build", "Build no image, even one that is missing."),
            isQuiet: line.flag("quiet-pull", "Nothing of how images come."))
        strict = line.flag("strict", "Refuse what would only be warned of.")
        noLogPrefix = line.flag("no-log-prefix", "No names before the lines of output.")
        noColor = line.flag("no-color", "No colours in the output.")
        names = line.operands("SERVICE", "Services, with what they need; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(loading: options, services: names, isStrict: strict)
        if dryRun { return try rehearse(scene) }
        let use = try provide(scene)
        defer { extendLifetime(use) }
        let printer = detach || wait ? nil : printer(scene)
        let prospect = try scene.locked("settle up") {
            let prospect = try look(scene)
            try prospect.check(scene)
            try scene.offerFormerVolumes(prospect, named: options.projectName)
            if !prospect.isReached {
                try scene.change(
                    .apply(
                        prospect.goal, timeout: timeout, contents: prospect.contents, again: prospect.again.sorted()),
                    status: Complaint.notReached)
            }
            return prospect
        }
        let chosen = names.isEmpty ? prospect.goal.containers.map { $0.id.service } : names
        if wait {
            let ids = prospect.goal.containers.map(\.id).filter { id in
                chosen.contains(id.service) && scene.project?.service(id.service) != nil
            }
            return try scene.awaitReadiness(of: ids, timeout: waitTimeout)
        }
        guard let printer else { return }
        try Foreground(
            scene, printer, services: chosen, started: prospect.plan.turnovers.map { $0.id }, timeout: timeout
        ).run()
    }

    /// Of what is written from now on; what was written before is for `logs`.
    private func printer(_ scene: Scene) -> LogPrinter {
        let palette = noColor ? .plain : scene.output.palette
        let printer = LogPrinter(scene.paths, LogPrinter.Style(hasPrefix: !noLogPrefix, palette: palette))
        for id in LogPrinter.kept(scene.paths) { printer.add(id, tail: 0) }
        return printer
    }

    /// Before the project is locked: it may take its time. What came stays until it is used.
    private func provide(_ scene: Scene) throws -> StoreLock? {
        guard let project = scene.project else { return nil }
        let roots = StackRoots(scene, project, project.closure(of: names))
        let use = try roots.use()
        try roots.provide(wishes)
        return use
    }

    private func look(_ scene: Scene) throws -> Prospect {
        try Prospect(
            scene, services: names, removesOrphans: removeOrphans, again: again, status: Complaint.notReached)
    }

    private func again(_ observation: Observation) -> Set<Instance> {
        if !rerun { return [] }
        let jobs = observation.containers.values.filter(\.isDone).map(\.entry.instance)
        return Set(jobs.filter { names.isEmpty || names.contains($0.id.service) })
    }

    private func rehearse(_ scene: Scene) throws {
        let prospect = try look(scene)
        try prospect.check(scene, isReal: false)
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
