import Compose
import Diagnostics
import Engine
import Glibc
import Images
import Linux
import Processes
import Stack
import Syscalls
import Usage

struct Run: SettleCommand {
    static let about = About(
        "run", "Runs a command in a new container of a service.",
        """
          settle run --rm web sh
          settle run --rm -T db pg_dump shop > shop.sql

        What the service depends on is started first. The container has the service's settings, but neither its
        published ports, unless --service-ports or --publish asks for them, nor its names in the networks. It stays until
        `settle down`, unless --rm is given. Ctrl-P Ctrl-Q leaves it running.

        The exit status is the command's, 128 + N for signal N; 126 where it cannot be executed, 127 where there is none
        of that name, 125 where the container cannot be made.
        """)

    private let detach: Bool
    private let isTransient: Bool
    private let noTTY: Bool
    private let tty: Bool
    private let interactive: Bool
    private let name: String?
    private let noDeps: Bool
    private let removeOrphans: Bool
    private let quiet: Bool
    private let useAliases: Bool
    private let variables: [String]
    private let variableFiles: [String]
    private let wishes: StackRoots.Wishes
    private let service: String
    private var wish: OneOffWish

    init(_ line: inout Line) {
        detach = line.flag("detach", short: "d", "Return once it has started; print its name.")
        isTransient = line.flag("rm", "Remove the container once it has ended.")
        noTTY = line.flag("no-tty", short: "T", "Without a terminal.")
        tty = line.flag("tty", short: "t", "With a terminal (default: if there is one).")
        interactive = line.flag(
            "interactive", short: "i", "Pass standard input on (the default; --interactive=false).", default: true)
        name = line.option(
            "name", "NAME", "What the container is called.", expects: "letters, digits, `_`, `.` and `-`"
        ) { OneOff.isName($0) ? $0 : nil }
        noDeps = line.flag("no-deps", "Do not start what the service depends on.")
        removeOrphans = line.flag("remove-orphans", "Remove containers whose service is no longer in the file.")
        quiet = line.flag("quiet", short: "q", "Nothing of what is being done.")
        useAliases = line.flag("use-aliases", "With the service's names in its networks.")
        variables = line.texts("env", short: "e", "NAME[=VALUE]", "A variable, with its value here if none is given.")
        variableFiles = line.texts("env-from-file", "FILE", "A file of variables; may be repeated.", .files)
        wishes = StackRoots.Wishes(
            policy: line.pullPolicy(), builds: line.flag("build", "Build the image first, also one that is here."),
            isQuiet: line.flag("quiet-pull", "Nothing of how images come."))
        let entrypoint = line.text("entrypoint", "WORDS", "In place of the entrypoint; empty: without one.")
        let user = line.text("user", short: "u", "USER[:GROUP]", "Names or numbers.")
        let folder = line.text("workdir", short: "w", "DIR", "The folder to run it in.")
        let labels = line.texts("label", short: "l", "NAME=VALUE", "A label; may be repeated.", also: "labels")
        let volumes = line.texts(
            "volume", short: "v", "VOLUME", "A mount as in the file; may be repeated.", also: "volumes")
        let ports = line.texts("publish", short: "p", "PORT", "A port to publish as in the file; may be repeated.")
        let keepsPorts = line.flag("service-ports", short: "P", "Publish the ports of the service.")
        let added = line.texts("cap-add", "CAPABILITY", "A capability to add; may be repeated.")
        let dropped = line.texts("cap-drop", "CAPABILITY", "A capability to drop; may be repeated.")
        service = line.operand("SERVICE", "The service.", .services)
        let words = line.commandLine("COMMAND", "In place of the service's command.", required: false)

        wish = OneOffWish(service: service)
        wish.command = words.isEmpty ? nil : words
        wish.entrypoint = entrypoint
        wish.user = user
        wish.workingDirectory = folder
        wish.labels = labels
        wish.volumes = volumes
        wish.ports = ports
        wish.keepsPorts = keepsPorts
        wish.addedCapabilities = added
        wish.droppedCapabilities = dropped
        if let wrong = labels.first(where: { !$0.contains("=") }) {
            line.refuse("--label takes NAME=VALUE, not \"\(wrong)\"")
        }
        if keepsPorts && !ports.isEmpty { line.refuse("--service-ports and --publish cannot both be given") }
        if tty && noTTY { line.refuse("--tty and --no-tty cannot both be given") }
    }

    /// Without a word about it a terminal is given where there is one. Who asks for one must have one.
    private var hasTerminal: Bool {
        if noTTY { return false }
        return tty || (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1)
    }

    func run(_ options: StackOptions) throws {
        if tty && !detach && isatty(STDIN_FILENO) == 0 {
            throw Complaint("standard input is no terminal", hint: "leave --tty out, or give -T")
        }
        let options = quiet ? options.quiet : options
        guard let files = try StackFiles.find(options) else { throw StackFiles.missing }
        let sources = try files.sources()
        let known = try files.load(options, enabling: [service], sources: sources).model?.project().project
        // Where the files cannot be read, that is told below.
        if let known, known.service(service) == nil { throw Complaint("no such service: \(service)") }
        let key = "\(service)-run-\(Self.identifier())"
        let id = ContainerID(key)
        let extra = try complete(files.variables).file
        let scene = try Scene(loading: options, services: [service], sources: sources + [extra]) { project in
            let oneOff = OneOff(
                service: service, name: name ?? "\(project.name)-\(key)", isTransient: isTransient)
            return project.adding(
                oneOff, key: key, terminal: terminal, input: input, isAlone: noDeps, keepsNames: useAliases)
        }
        let streams = try detach ? nil : Streams(scene.paths, id, hasErrors: terminal == nil)
        try start(scene, id, streams, named: options.projectName)
        guard let streams else {
            return scene.output.write("\(scene.project?.service(key)?.oneOff?.name ?? key)\n")
        }
        try attend(scene, id, streams)
    }

    private var terminal: WindowSize? { hasTerminal ? OwnTerminal.size.map { WindowSize($0) } ?? WindowSize() : nil }

    private var input: StandardInput? { interactive ? (detach ? .open : .once) : nil }

    private func complete(_ known: [String: String]) throws -> OneOffWish {
        var wish = wish
        let files = try variableFiles.map { SourceFile(path: $0, bytes: try Files.bytes($0)) }
        let (fromFiles, problems) = Compose.environment(of: [:], files: files)
        if problems.contains(where: { $0.severity == .error }) { throw Complaint(problems) }
        wish.environment = fromFiles.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        wish.environment += variables.compactMap { text in
            text.contains("=") ? text : known[text].map { "\(text)=\($0)" }
        }
        let here = try StackFiles.workingFolder()
        wish.volumes = wish.volumes.map { $0.hasPrefix(".") ? "\(here)/\($0)" : $0 }
        return wish
    }

    /// Twelve hexadecimal digits.
    private static func identifier() -> String {
        let text = String(UInt64.random(in: 0..<1 << 48), radix: 16)
        return String(repeating: "0", count: 12 - text.count) + text
    }

    // MARK: Its life

    /// What it writes, from its first byte on: asked for before it is there.
    private struct Streams {
        let output: LogFollower
        let errors: LogFollower?

        init(_ paths: ProjectPaths, _ id: ContainerID, hasErrors: Bool) throws {
            try Surroundings(paths).ensureStateFolders()
            output = try LogFollower(holding: paths.log(id))
            errors = try hasErrors ? LogFollower(holding: paths.errors(id)) : nil
        }
    }

    private func start(_ scene: Scene, _ id: ContainerID, _ streams: Streams?, named: String?) throws {
        guard let project = scene.project else { throw StackFiles.missing }
        let roots = StackRoots(scene, project, project.closure(of: [id.service]))
        let use = try roots.use()
        defer { extendLifetime(use) }
        do {
            try roots.provide(wishes)
            try scene.locked("settle run") {
                try checkName(scene)
                let wish = Prospect.Wish(
                    services: [id.service], withDependencies: !noDeps, removesOrphans: removeOrphans, oneOff: id)
                let prospect = try Prospect(scene, wish, status: Complaint.wrong)
                try prospect.check(scene)
                try scene.offerFormerVolumes(prospect, named: named)
                try scene.change(
                    .apply(prospect.goal, timeout: nil, contents: prospect.contents, manner: prospect.manner)
                ) { failure in
                    failure.resource == "container/\(id)" && !failure.key.hasPrefix("depends_on")
                        ? failure.exitStatus ?? 125 : nil
                }
            }
        } catch {
            if streams != nil { try? scene.locked("settle run") { try scene.paths.removeOutput(of: id) } }
            guard let complaint = error as? Complaint else { throw error }
            // There is no goal of a stack that was not reached.
            throw Complaint(
                complaint.diagnostics.map { told($0, id) },
                status: complaint.status == Complaint.notReached ? Complaint.wrong : complaint.status)
        }
    }

    /// The file knows the service by its own name.
    private func told(_ diagnostic: Diagnostic, _ id: ContainerID) -> Diagnostic {
        var diagnostic = diagnostic
        let path = "services.\(id.service)"
        if diagnostic.path == path || diagnostic.path.hasPrefix(path + ".") {
            diagnostic.path = "services.\(service)\(diagnostic.path.dropFirst(path.count))"
        }
        return diagnostic
    }

    private func checkName(_ scene: Scene) throws {
        guard let name else { return }
        for entry in try scene.store.read().entries where entry.spec.name(in: scene.name) == name {
            throw Complaint("there is a container \(name) already", hint: "settle rm \(name), or take another name")
        }
    }

    private func attend(_ scene: Scene, _ id: ContainerID, _ streams: Streams) throws {
        let ledger = try scene.store.read()
        guard let entry = ledger.entry(id), let life = try ContainerLife(entry.instance, scene.store) else {
            throw Complaint("\(id.service) is gone")
        }
        let manner = Attachment.Manner(passesInput: interactive, takesInput: terminal == nil)
        let attachment = Attachment(life, entry.spec, streams.output, streams.errors, manner)
        switch try attachment.run(scene.paths) {
        case .detached: return
        case .interrupted(let signal): throw Complaint([], status: 128 + signal)
        case .unread:
            // In a pipeline the command itself would have been killed by SIGPIPE.
            try scene.locked("settle run") {
                try scene.change(isTransient ? .remove([id], volumes: true) : .stop([id], timeout: 0))
            }
            throw Complaint([], status: Complaint.unread)
        case .ended(let status):
            if isTransient {
                try scene.locked("settle run") { try scene.change(.remove([id], volumes: true)) }
            }
            if !status.isSuccess { throw Complaint([], status: status.shellCode) }
        }
    }
}
