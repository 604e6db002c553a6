import Compose
import Diagnostics
import Linux
import Processes
import Stack
import Syscalls

/// One stack as a command finds it.
struct Scene {
    let output: Output
    let name: String
    private let described: Described
    let paths: ProjectPaths
    let store: Store
    /// Those of the process and of `.env`.
    let variables: [String: String]
    /// Absolute, `-` for standard input; empty where no file was read.
    private(set) var files: [String] = []

    /// What the file says. Commands that need only the name have it read when they ask, so that neither a large file
    /// nor a broken one is in their way; nil where it is broken or there is none.
    var project: Project? { described.project }

    private init(
        _ options: StackOptions, name: String, variables: [String: String] = environment,
        project: @escaping () -> Project?
    ) {
        self.variables = variables
        output = options.output
        self.name = name
        described = Described(read: project)
        paths = Roots(environment: environment).paths(of: name)
        store = Store(paths)
    }

    /// With its file, of which all problems are told at once.
    ///
    /// - Parameters:
    ///   - services: what the command is about; their profiles are enabled.
    ///   - isStrict: whether what is only worth a warning is refused, too.
    ///   - sources: the texts of the files, and of what is laid over them; nil where they are still to be read.
    ///   - adjust: what the command line wants otherwise than the files say.
    init(
        loading options: StackOptions, services: [String] = [], isStrict: Bool = false, sources: [SourceFile]? = nil,
        adjust: (Project) throws -> Project = { $0 }
    ) throws {
        guard let files = try StackFiles.find(options) else { throw StackFiles.missing }
        let (model, diagnostics) = try files.load(options, enabling: services, sources: sources)
        guard let model else { throw Complaint(diagnostics) }
        let (typed, more) = model.project()
        let all = diagnostics + more
        guard let typed else { throw Complaint(all) }
        let project = try adjust(typed)
        if isStrict && !all.isEmpty {
            throw Complaint(
                all.map { diagnostic in
                    var diagnostic = diagnostic
                    diagnostic.severity = .error
                    return diagnostic
                })
        }
        self.init(options, name: project.name, variables: files.variables, project: { project })
        self.files = try files.absolutePaths()
        for diagnostic in all { output.show(diagnostic) }
    }

    /// Only which stack it is. No file is needed where the name is given, or where the folder's name is that of a stack
    /// that was up.
    init(naming options: StackOptions) throws {
        if let name = options.projectName ?? environment["COMPOSE_PROJECT_NAME"], !name.isEmpty {
            // It becomes a part of paths.
            guard Self.isProjectName(name) else {
                throw Complaint(
                    "\"\(name)\" is no project name",
                    hint: "up to 63 lower case letters, digits, _ and -, the first a letter or digit")
            }
            self.init(options, name: name, project: { nil })
            return
        }
        guard let files = try StackFiles.find(options) else {
            let folder = try StackFiles.workingFolder().split(separator: "/").last.map { $0.lowercased() } ?? ""
            self.init(options, name: folder, project: { nil })
            guard Self.isProjectName(folder), Files.exists(paths.state) else { throw StackFiles.missing }
            return
        }
        let sources = try files.sources()
        let (name, diagnostics) = try files.projectName(of: sources, options)
        guard let name, Self.isProjectName(name) else {
            throw Complaint(
                diagnostics + [Diagnostic(.error, "the project's name is not known", hint: "give it with -p")])
        }
        self.init(options, name: name) { (try? files.load(options, sources: sources))?.model?.project().project }
    }

    private static func isProjectName(_ name: String) -> Bool {
        func isPlain(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard let first = name.utf8.first, isPlain(first), name.utf8.count <= 63 else { return false }
        return name.utf8.allSatisfy { isPlain($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    /// What the machine says now. Reads only, waits for nobody.
    func observe(_ scope: Observer.Scope = .everything) throws -> Observation {
        try Observer(paths).observe(try store.read(), scope)
    }

    /// Runs the body while no other command changes the project; says who is waited for.
    func locked<Result>(_ command: String, _ body: () throws -> Result) throws -> Result {
        try Files.makeFolders("\(paths.roots.state)/locks")
        let lock = try takeLock(command)
        defer {
            // A change that was refused, or a project that is gone, leaves no folder behind.
            Surroundings(paths).removeEmptyFolders()
            extendLifetime(lock)
        }
        return try body()
    }

    private final class Described {
        private let read: () -> Project?
        private(set) lazy var project = read()

        init(read: @escaping () -> Project?) { self.read = read }
    }

    private func takeLock(_ command: String) throws -> HeldLock {
        do {
            return try HeldLock(paths.lock, command: command, wait: .zero)
        } catch ProjectLock.Failure.held(let holder) {
            output.warn("waiting for \(holder ?? "another settle command"), which is changing \(name)")
        }
        return try HeldLock(paths.lock, command: command, wait: .seconds(3600))
    }

    /// A replica that runs, the first unless a number is given. Where none of the service runs, that is a one-off of it.
    func running(_ service: String, _ index: Int?) throws -> ObservedContainer {
        let observation = try observe(.states)
        let key = observation.ledger.keys(of: [service])[0]
        let oneOffs = observation.containers.values.filter { $0.entry.spec.oneOff?.service == service && $0.isRunning }
            .sorted { $0.entry.instance.id < $1.entry.instance.id }
        let isUp = observation.containers.contains { $0.key.service == key && $0.value.isRunning }
        if index == nil, !isUp, let oneOff = oneOffs.first { return oneOff }
        if oneOffs.isEmpty { _ = try containers(of: [service], in: observation.ledger) }
        let index = index ?? 1
        guard let container = observation.containers[ContainerID(key, index)] else {
            throw Complaint("\(service) has no replica \(index)")
        }
        if !container.isRunning { throw Complaint("\(service) is not running", hint: "settle start \(service)") }
        return container
    }

    /// Refuses what is no service of the file.
    func expectKnown(_ services: [String]) throws {
        let unknown = services.filter { project?.service($0) == nil }
        if !unknown.isEmpty { throw Complaint(unknown.map { Diagnostic(.error, "no such service: \($0)") }) }
    }

    /// The containers of the services, of all where none is named.
    func containers(of services: [String], in ledger: Ledger) throws -> [ContainerID] {
        // A one-off is no container of a service: it goes by its own name.
        let all = ledger.entries.filter { !services.isEmpty || $0.spec.oneOff == nil }
        let ids = all.map(\.instance.id).sorted()
        let keys = ledger.keys(of: services)
        let unknown = keys.filter { service in !ids.contains { $0.service == service } }
        if !unknown.isEmpty {
            throw Complaint(
                unknown.map { service in
                    if project?.service(service) != nil { return Diagnostic(.error, "\(service) has no container") }
                    return Diagnostic(.error, "no such service: \(service)")
                })
        }
        return services.isEmpty ? ids : ids.filter { keys.contains($0.service) }
    }
}
