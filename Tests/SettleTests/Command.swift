import Glibc
import Testing

/// A run of the built `settle` in a folder of its own, with roots of its own.
struct Command {
    let status: Int32
    let output: String
    let errors: String

    /// The program beside the test bundle.
    static let binary: String = {
        var path = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &path, path.count)
        let own = String(decoding: path.prefix(max(length, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let beside = own.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/settle"
        return access(beside, X_OK) == 0 ? beside : ".build/debug/settle"
    }()

    /// - Parameters:
    ///   - input: for standard input.
    ///   - isOnTerminal: whether it writes to a terminal of its own; all of it is `output` then.
    init(
        _ arguments: [String], in folder: Folder, variables: [String: String] = [:], input: String = "",
        isOnTerminal: Bool = false
    ) throws {
        var command = Self.quoted([Self.binary] + arguments)
        if isOnTerminal { command = Self.quoted(["script", "-qec", command, "/dev/null"]) }
        try self.init(shell: command, in: folder, variables: variables, input: input)
    }

    /// - Parameter command: in the shell's language.
    init(shell command: String, in folder: Folder, variables: [String: String] = [:], input: String = "") throws {
        try folder.write("stdin", input)
        let settings = folder.variables.merging(variables) { $1 }.map { "\($0.key)='\($0.value)'" }.joined(
            separator: " ")
        // A shell, since it redirects: system(3) is one call where posix_spawn(3) is thirty.
        let line =
            "cd '\(folder.path)' && env -u COMPOSE_FILE -u COMPOSE_PROJECT_NAME \(settings) "
            + "\(command) <stdin >stdout 2>stderr"
        let ended = system(line)
        status = (ended >> 8) & 0xff
        output = try folder.read("stdout")
        errors = try folder.read("stderr")
    }

    /// For a shell.
    private static func quoted(_ words: [String]) -> String {
        words.map { "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'" }
            .joined(separator: " ")
    }
}

/// A temporary folder, removed with its last reference.
final class Folder {
    let path: String

    init() throws {
        var template = Array("/tmp/settle-command-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Trouble(text: "mkdtemp: \(errno)") }
        path = String(cString: made)
    }

    deinit { _ = system("rm -rf '\(path)'") }

    var variables: [String: String] {
        [
            "SETTLE_RUNTIME_DIR": "\(path)/run", "SETTLE_STATE_DIR": "\(path)/state",
            "SETTLE_CGROUP": "settle-test/command",
        ]
    }

    func write(_ name: String, _ text: String) throws {
        if let slash = name.lastIndex(of: "/") { _ = system("mkdir -p '\(path)/\(name[..<slash])'") }
        guard let file = fopen("\(path)/\(name)", "w") else { throw Trouble(text: "cannot write \(name): \(errno)") }
        defer { fclose(file) }
        fputs(text, file)
    }

    func read(_ name: String) throws -> String {
        guard let file = fopen("\(path)/\(name)", "r") else { throw Trouble(text: "cannot read \(name): \(errno)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = getc(file), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

struct Trouble: Error {
    let text: String
}
