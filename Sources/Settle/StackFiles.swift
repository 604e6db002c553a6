import Compose
import Diagnostics
import Glibc
import Syscalls

/// The Compose files of a stack, as named or as found.
struct StackFiles {
    /// As they are called in messages; `-` is standard input. Absolute where they were found above the working folder.
    let paths: [String]
    /// The project directory, absolute.
    let directory: String

    /// `-f`, else `COMPOSE_FILE`, else the first of Compose's names in the working folder or in one above; nil where
    /// there is none.
    static func find(_ options: StackOptions) throws -> StackFiles? {
        let here = try workingFolder()
        let directory = options.shared.projectDirectory.map { absolute($0, from: here) }
        let named = options.files.isEmpty ? fromEnvironment : options.files
        if let first = named.first {
            let missing = named.filter { $0 != "-" && !Files.exists($0) }
            if !missing.isEmpty {
                throw Complaint(missing.map { Diagnostic(.error, "\($0): no such file", hint: "name another with -f") })
            }
            let folder = first == "-" ? here : parent(absolute(first, from: here))
            return StackFiles(paths: named, directory: directory ?? folder)
        }
        var folder = directory ?? here
        while true {
            if let name = defaultFileNames.first(where: { Files.exists(join(folder, $0)) }) {
                return StackFiles(paths: [folder == here ? name : join(folder, name)], directory: directory ?? folder)
            }
            if folder == "/" { return nil }
            folder = parent(folder)
        }
    }

    static let missing = Complaint(
        "no Compose file in this folder or above it",
        hint: "write a settle.yaml or compose.yaml, or name a file with -f")

    func load(_ options: StackOptions) throws -> (project: Project?, diagnostics: [Diagnostic]) {
        let files = try paths.map { path in
            SourceFile(
                path: path == "-" ? "<stdin>" : path,
                text: path == "-"
                    ? String(decoding: try Files.bytes(from: STDIN_FILENO, named: "standard input"), as: UTF8.self)
                    : try Files.text(path))
        }
        let dotenv = Self.join(directory, ".env")
        return Compose.load(
            files: files, environment: environment,
            dotenv: Files.exists(dotenv) ? SourceFile(path: dotenv, text: try Files.text(dotenv)) : nil,
            options: LoadOptions(projectName: options.shared.projectName, projectDirectory: directory))
    }

    private static var fromEnvironment: [String] {
        guard let list = environment["COMPOSE_FILE"], !list.isEmpty else { return [] }
        let separator = environment["COMPOSE_PATH_SEPARATOR"].flatMap(\.first) ?? ":"
        return list.split(separator: separator).map(String.init)
    }

    // MARK: Paths

    static func workingFolder() throws -> String {
        guard let path = getcwd(nil, 0) else { throw SystemError("getcwd", errno: errno) }
        defer { free(path) }
        return String(cString: path)
    }

    private static func absolute(_ path: String, from folder: String) -> String {
        let joined = path.hasPrefix("/") ? path : join(folder, path)
        guard let real = realpath(joined, nil) else { return joined }
        defer { free(real) }
        return String(cString: real)
    }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    private static func join(_ folder: String, _ name: String) -> String {
        folder == "/" ? "/\(name)" : "\(folder)/\(name)"
    }
}
