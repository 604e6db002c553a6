import Compose
import Diagnostics
import Glibc
import Syscalls

/// The Compose files of a stack, as named or as found, and the variables that hold for them.
struct StackFiles {
    /// As they are called in messages; `-` is standard input. Absolute where they were found above the working folder.
    let paths: [String]
    /// The project directory, absolute.
    let directory: String
    /// The process's own variables, and those of `.env` or `--env-file`.
    let variables: [String: String]
    let warnings: [Diagnostic]

    static let missing = Complaint(
        "no Compose file in this folder or above it",
        hint: "write a settle.yaml or compose.yaml, or name a file with -f")

    /// `-f`, else `COMPOSE_FILE`, else the first of Compose's names in the working folder or in one above, with the file
    /// laid over it; nil where there is none.
    ///
    /// - Parameter known: the process's variables, or those that it would have elsewhere.
    static func find(_ options: StackOptions, known: [String: String] = environment) throws -> StackFiles? {
        let here = try workingFolder()
        let given = options.projectDirectory.map { absolute($0, from: here) }
        var variables = Variables(options.envFiles, known)
        func found(_ paths: [String]) throws -> StackFiles {
            let missing = paths.filter { $0 != "-" && !Files.exists($0) }
            if !missing.isEmpty {
                throw Complaint(missing.map { Diagnostic(.error, "\($0): no such file", hint: "name another with -f") })
            }
            let directory = given ?? paths.first { $0 != "-" }.map { parent(absolute($0, from: here)) } ?? here
            try variables.read(in: directory)
            return StackFiles(
                paths: paths, directory: directory, variables: variables.values, warnings: variables.warnings)
        }
        if !options.files.isEmpty { return try found(options.files) }
        // The variables that name files may themselves stand in a file.
        try variables.read(in: given ?? here)
        if let list = variables.values["COMPOSE_FILE"], !list.isEmpty {
            let separator = variables.values["COMPOSE_PATH_SEPARATOR"].flatMap(\.first) ?? ":"
            return try found(list.split(separator: separator).map(String.init))
        }
        return try discovered(from: given ?? here, here).map(found)
    }

    private static func discovered(from start: String, _ here: String) -> [String]? {
        var folder = start
        while true {
            func first(_ names: [String]) -> String? {
                names.first { Files.exists(join(folder, $0)) }.map { folder == here ? $0 : join(folder, $0) }
            }
            if let file = first(defaultFileNames) { return [file] + [first(overrideFileNames)].compactMap { $0 } }
            if folder == "/" { return nil }
            folder = parent(folder)
        }
    }

    /// - Parameters:
    ///   - services: Only these, with what they need; their profiles are enabled.
    ///   - enabling: Services whose profiles are enabled; the others stay.
    ///   - adjust: What is left out of loading.
    ///   - sources: The texts, where they have been read.
    func load(
        _ options: StackOptions, services: [String] = [], enabling: [String] = [], sources: [SourceFile]? = nil,
        adjust: (inout LoadOptions) -> Void = { _ in }
    ) throws -> (model: Model?, diagnostics: [Diagnostic]) {
        var how = try loadOptions(options)
        how.profiles = options.profiles.isEmpty ? profiles : options.profiles
        how.services = services
        how.enabledServices = enabling
        how.keepsUnused = options.allResources
        adjust(&how)
        let (model, diagnostics) = Compose.load(
            files: try sources ?? self.sources(), environment: variables, options: how, system: .machine)
        return (model, warnings + diagnostics)
    }

    /// Only the name: what is wrong with the rest is in nobody's way.
    func projectName(
        of sources: [SourceFile], _ options: StackOptions
    ) throws -> (name: String?, diagnostics: [Diagnostic]) {
        Compose.projectName(
            of: sources, environment: variables, options: try loadOptions(options), system: .machine)
    }

    /// The texts of the files.
    func sources() throws -> [SourceFile] {
        try paths.map { path in
            if path == "-" {
                return SourceFile(
                    path: "<stdin>", bytes: try Files.bytes(from: STDIN_FILENO, named: "standard input"))
            }
            return SourceFile(path: path, bytes: try Files.bytes(path))
        }
    }

    private func loadOptions(_ options: StackOptions) throws -> LoadOptions {
        LoadOptions(
            projectName: options.projectName, projectDirectory: directory, workingFolder: try Self.workingFolder())
    }

    private var profiles: [String] {
        (variables["COMPOSE_PROFILES"] ?? "").split(separator: ",").map { name in
            String(name.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
    }

    // MARK: Paths

    /// For whoever asks later, from another folder.
    func absolutePaths() throws -> [String] {
        let here = try Self.workingFolder()
        return paths.map { $0 == "-" ? $0 : Self.absolute($0, from: here) }
    }

    static func workingFolder() throws -> String {
        guard let path = getcwd(nil, 0) else { throw SystemError("getcwd", errno: errno) }
        defer { free(path) }
        return String(cString: path)
    }

    /// The links on the way stay.
    private static func absolute(_ path: String, from folder: String) -> String {
        Path.clean(path.hasPrefix("/") ? path : join(folder, path))
    }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    private static func join(_ folder: String, _ name: String) -> String {
        folder == "/" ? "/\(name)" : "\(folder)/\(name)"
    }
}

/// The variables of a project while it is still being found out which they are.
private struct Variables {
    private(set) var values: [String: String]
    private(set) var warnings: [Diagnostic] = []
    private let named: [String]
    private var done: Set<String> = []

    /// - Parameter named: `--env-file`, else `COMPOSE_ENV_FILES`, which take the place of `.env`.
    init(_ named: [String], _ known: [String: String]) {
        values = known
        let others = (known["COMPOSE_ENV_FILES"] ?? "").split(separator: ",").map(String.init)
        self.named = named.isEmpty ? others : named
    }

    /// What is known already wins.
    mutating func read(in folder: String) throws {
        let paths = named.isEmpty ? Self.usual(in: folder) : named
        if !done.insert(paths.joined(separator: "\n")).inserted || paths.isEmpty { return }
        let files = try paths.map { path in
            switch Files.isFolder(path) {
            case nil: throw Complaint("\(path): no such file", hint: "--env-file names a file of variables")
            case true?: throw Complaint("\(path) is a folder", hint: "--env-file names a file of variables")
            case false?: SourceFile(path: path, bytes: try Files.bytes(path))
            }
        }
        let (all, diagnostics) = Compose.environment(of: values, files: files)
        if diagnostics.contains(where: { $0.severity == .error }) { throw Complaint(diagnostics) }
        values = all
        warnings += diagnostics
    }

    private static func usual(in folder: String) -> [String] {
        if let word = environment["COMPOSE_DISABLE_ENV_FILE"], ["1", "t", "true"].contains(word.lowercased()) {
            return []
        }
        let path = folder == "/" ? "/.env" : "\(folder)/.env"
        return Files.isFolder(path) == false ? [path] : []
    }
}

extension FileSystem {
    /// The machine's own files.
    fileprivate static var machine: FileSystem {
        FileSystem(
            read: { path in
                do throws(SystemError) {
                    return .success(try Files.bytes(path))
                } catch {
                    return .failure(Unreadable(error.reason))
                }
            },
            kind: { path in Files.isFolder(path).map { $0 ? .folder : .file } },
            withoutLinks: { Files.withoutLinks($0) })
    }
}
