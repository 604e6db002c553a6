import Compose
import Diagnostics
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
        output of the containers follows; the first Ctrl-C stops them, the second kills them, the third leaves them. With --wait the exit
        status is 1 where not everything is ready at the end; nothing is undone then.
        """)

    private let create: CreateOptions
    private let detach: Bool
    private let wait: Bool
    private let waitTimeout: Int?
    private let dryRun: Bool
    private let rerun: Bool
    private let timeout: Int?
    private let strict: Bool
    private let noStart: Bool
    private let watch: Bool
    private let noDeps: Bool
    private let alwaysRecreateDeps: Bool
    private let renewsVolumes: Bool
    private let output: OutputOptions
    private var foreground = Foreground.Manner()
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
        rerun = line.flag("rerun", "Run jobs that are done again: those named, or all.")
        timeout = line.timeout()
        create = CreateOptions(&line)
        strict = line.flag("strict", "Refuse what would only be warned of.")
        noStart = line.flag("no-start", "Make the containers, but do not start them.")
        noDeps = line.flag("no-deps", "Leave what the services depend on alone.")
        alwaysRecreateDeps = line.flag("always-recreate-deps", "Make anew what the services depend on.")
        renewsVolumes = line.flag(
            "renew-anon-volumes", short: "V", "Make containers anew, with empty anonymous volumes.")
        output = OutputOptions(&line)
        watch = line.flag(
            "watch", short: "w", "Copy, restart and build while files are edited, as `settle watch` does.")
        foreground.hasMenu =
            line.flag(
                "menu", "Keys at the terminal: d leaves the stack running, w watches its files.",
                default: isTrue(environment["COMPOSE_MENU"])) && OwnTerminal.isThere
        foreground.timeout = timeout
        foreground.abortsOnExit = line.flag("abort-on-container-exit", "Stop everything when a container has ended.")
        foreground.abortsOnFailure = line.flag(
            "abort-on-container-failure", "Stop everything when a container has ended with another status than 0.")
        foreground.exitCodeFrom = line.text(
            "exit-code-from", "SERVICE", "End with its exit status; implies --abort-on-container-exit.", .services)
        names = line.operands("SERVICE", "Services, with what they need; all where none is named.", .services)
        if foreground.exitCodeFrom != nil && !foreground.abortsOnFailure { foreground.abortsOnExit = true }
        check(&line)
    }

    private func check(_ line: inout Line) {
        func exclude(_ one: (String, Bool), _ others: (String, Bool)...) {
            for other in others where one.1 && other.1 {
                line.refuse("--\(one.0) and --\(other.0) cannot both be given")
            }
        }
        let onExit = ("abort-on-container-exit", foreground.abortsOnExit)
        let onFailure = ("abort-on-container-failure", foreground.abortsOnFailure)
        exclude(onExit, onFailure)
        let attached = [
            onExit, onFailure, ("attach", !output.attach.isEmpty), ("attach-dependencies", output.withDependencies),
            ("watch", watch),
        ]
        for option in attached { exclude((wait ? "wait" : "detach", wait || detach), option) }
        exclude(("no-start", noStart), ("watch", watch))
        exclude(("attach", !output.attach.isEmpty), ("attach-dependencies", output.withDependencies))
        exclude(
            ("no-recreate", create.noRecreate), ("always-recreate-deps", alwaysRecreateDeps),
            ("renew-anon-volumes", renewsVolumes))
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(loading: options, services: names, isStrict: strict) { try $0.scaled(create.replicas) }
        if let name = foreground.exitCodeFrom, scene.project?.service(name) == nil {
            throw Complaint("no such service: \(name)")
        }
        if dryRun { return try rehearse(scene) }
        let watching = try WatchSwitch(isWanted: watch) {
            try Watching(scene, options, services: names, Watching.Wishes(), on: $0)
        }
        let apply = Apply(
            scene: scene, wish: wish(scene), wishes: create.wishes, timeout: timeout, named: options.projectName,
            command: "settle up")
        let use = try apply.provide()
        defer { extendLifetime(use) }
        let shown = try output.shown(scene, names)
        let printer = detach || wait || noStart ? nil : output.printer(scene, shown)
        let prospect = try scene.locked("settle up") { try apply.runLocked() }
        let chosen = names.isEmpty ? (scene.project?.services.map(\.name) ?? []) : names
        if wait && !noStart {
            let ids = prospect.goal.containers.map(\.id).filter { chosen.contains($0.service) }
            return try scene.awaitReadiness(of: ids, timeout: waitTimeout)
        }
        guard let printer else { return }
        var manner = foreground
        manner.services = chosen
        manner.shown = shown
        try Foreground(scene, printer, manner, watching, started: prospect.plan.turnovers.map { $0.id }).run()
    }

    private func wish(_ scene: Scene) -> Prospect.Wish {
        var wish = create.wish(names, in: scene)
        wish.withDependencies = !noDeps
        wish.starts = !noStart
        wish.recreatesDependencies = alwaysRecreateDeps
        wish.reruns = rerun
        wish.renewsVolumes = renewsVolumes
        return wish
    }

    private func rehearse(_ scene: Scene) throws {
        let prospect = try Prospect(scene, wish(scene), status: Complaint.notReached)
        try prospect.check(scene, isReal: false)
        let plan = prospect.plan.text(scene.output.palette) { scene.project?.place(of: $0, path: $1) }
        scene.output.write(plan + (try prospect.programs(scene)))
    }
}

/// What `up` shows while it stays.
struct OutputOptions {
    let attach: [String]
    let withDependencies: Bool
    private let noAttach: [String]
    private let timestamps: Bool
    private let noLogPrefix: Bool
    private let noColor: Bool

    init(_ line: inout Line) {
        attach = line.texts("attach", "SERVICE", "Show only the output of these.", .services)
        noAttach = line.texts("no-attach", "SERVICE", "Do not show the output of these.", .services)
        withDependencies = line.flag("attach-dependencies", "Show the output of what the services depend on, too.")
        timestamps = line.flag("timestamps", "When each line came.")
        noLogPrefix = line.flag("no-log-prefix", "No names before the lines of output.")
        noColor = line.flag("no-color", "No colours in the output.")
    }

    /// The services whose output is shown: those that are named, unless the file has `attach: false`.
    func shown(_ scene: Scene, _ names: [String]) throws -> Set<String> {
        guard let project = scene.project else { return [] }
        let unknown = (attach + noAttach).filter { project.service($0) == nil }
        if !unknown.isEmpty { throw Complaint(unknown.map { Diagnostic(.error, "no such service: \($0)") }) }
        let services =
            withDependencies
            ? project.closure(of: names) : project.services.filter { names.isEmpty || names.contains($0.name) }
        let shown = attach.isEmpty ? services.filter(\.attach).map(\.name) : attach
        return Set(shown).subtracting(noAttach)
    }

    /// Of what is written from now on; what was written before is for `logs`.
    func printer(_ scene: Scene, _ shown: Set<String>) -> LogPrinter {
        let palette = noColor ? .plain : scene.output.palette
        let printer = LogPrinter(
            scene.paths, LogPrinter.Style(hasPrefix: !noLogPrefix, hasTime: timestamps, palette: palette))
        for id in LogPrinter.kept(scene.paths) where shown.contains(id.service) { printer.add(id, tail: 0) }
        return printer
    }
}
