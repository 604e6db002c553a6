import Foundation
import Glibc
import Testing

/// All tests of the whole program, one after the other: the machine has two cores, and only one of everything.
@Suite(.serialized) struct MachineTests {}

/// Everything waits so many times longer where the machine is known to be slow: `SETTLE_TEST_SLOWNESS`.
let slowness = Double(ProcessInfo.processInfo.environment["SETTLE_TEST_SLOWNESS"] ?? "") ?? (isVirtual ? 4 : 1)
/// Whether this is the virtual machine of `Tests/cgroup2-vm.sh`.
let isVirtual = ProcessInfo.processInfo.environment["CG2VM"] == "1"

/// A stack of one test: a Compose file, and folders and control groups that nobody else uses.
///
/// Use it by `withStack`, which takes everything away afterwards and asserts that nothing is left.
final class Stack {
    let id: String
    /// The project's name; `name` in `compose.yaml`.
    let project: String
    /// Where `compose.yaml` lies.
    let folder: String
    let runtime: String
    let state: String
    let cgroup: String
    private var background: [Running] = []

    init(_ yaml: String) throws {
        id = String(UInt64.random(in: 1 << 40..<1 << 44), radix: 36)
        project = "t\(id)"
        folder = "/tmp/settle-test-\(id)"
        runtime = "/run/settle-test/\(id)"
        state = Stack.disk + "/" + id
        cgroup = "settle-test/\(id)"
        for path in [folder, runtime, state] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        try write(yaml)
    }

    /// A real disk: the writable layers must not lie on another overlay.
    private static var disk: String {
        (ProcessInfo.processInfo.environment["CG2VM_SCRATCH"] ?? "/var/lib") + "/settle-test"
    }

    var environment: [String: String] {
        [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": "dumb",
            "NO_COLOR": "1", "SETTLE_RUNTIME_DIR": runtime, "SETTLE_STATE_DIR": state, "SETTLE_CGROUP": cgroup,
        ]
    }

    // MARK: Files

    /// Replaces the Compose file.
    func write(_ yaml: String) throws { try file("compose.yaml", "name: \(project)\n" + yaml) }

    /// Edits the Compose file; a text that is not in it is a mistake of the test.
    func edit(_ old: String, _ new: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let text = try String(contentsOfFile: folder + "/compose.yaml", encoding: .utf8)
        try #require(text.contains(old), "\(old) is not in the file", sourceLocation: sourceLocation)
        try file("compose.yaml", text.replacingOccurrences(of: old, with: new))
    }

    /// Makes a file beside the Compose file; gives its whole path.
    @discardableResult
    func file(_ name: String, _ text: String) throws -> String {
        let path = "\(folder)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    // MARK: Running the program

    /// The program under test.
    static let binary: String = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        return ProcessInfo.processInfo.environment["SETTLE"] ?? root + "/.build/debug/settle"
    }()

    /// Starts `settle ARGUMENTS…` in the stack's folder, without waiting for it. The teardown kills it, if need be.
    func start(_ arguments: [String], _ variables: [String: String] = [:], input: String? = nil) throws -> Running {
        let running = try Running(
            Stack.binary, arguments, environment.merging(variables) { $1 }, in: folder, input: input)
        background.append(running)
        return running
    }

    /// Runs `settle ARGUMENTS…` to its end.
    ///
    /// - Parameter limit: seconds; it is killed after that, and the test fails.
    @discardableResult
    func run(
        _ arguments: String..., variables: [String: String] = [:], input: String? = nil, limit: Double = 60,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Ended {
        try start(arguments, variables, input: input).wait(limit, sourceLocation: sourceLocation)
    }

    /// Runs it and asserts that it ended with this status.
    @discardableResult
    func expect(
        _ status: Int32 = 0, _ arguments: String..., variables: [String: String] = [:], limit: Double = 60,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Ended {
        let ended = try start(arguments, variables).wait(limit, sourceLocation: sourceLocation)
        try #require(
            ended.status == status, "settle \(arguments.joined(separator: " ")): \(ended)",
            sourceLocation: sourceLocation)
        return ended
    }

    func up(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
        let ended = try start(["up", "-d"] + arguments).wait(60, sourceLocation: sourceLocation)
        try #require(ended.status == 0, "settle up: \(ended)", sourceLocation: sourceLocation)
    }

    /// The output of a shell's script in a container, which must succeed.
    @discardableResult
    func shell(_ service: String, _ script: String, sourceLocation: SourceLocation = #_sourceLocation) throws
        -> String
    {
        let ended = try start(["exec", "-T", service, "sh", "-c", script]).wait(60, sourceLocation: sourceLocation)
        try #require(ended.status == 0, "exec \(service) \(script): \(ended)", sourceLocation: sourceLocation)
        return ended.out.trimmingCharacters(in: .newlines)
    }

    // MARK: What it says

    struct Row: Decodable {
        struct Probe: Decodable {
            let ExitCode: Int32
            let Output: String
        }
        let Name, Service, Project, State, Status, Health, Cgroup: String
        let ExitCode, Pid: Int32
        let Namespaces: [String: UInt64]
        let HealthLog: [Probe]?
    }

    /// All containers, ended ones too.
    func ps(sourceLocation: SourceLocation = #_sourceLocation) throws -> [Row] {
        let text = try expect(0, "ps", "-a", "--format", "json", sourceLocation: sourceLocation).out
        return try text.split(separator: "\n").map { try JSONDecoder().decode(Row.self, from: Data($0.utf8)) }
    }

    func row(_ service: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Row {
        try #require(
            try ps(sourceLocation: sourceLocation).first { $0.Service == service }, "no \(service) in ps",
            sourceLocation: sourceLocation)
    }

    /// Of a container that runs.
    func pid(of service: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Int32 {
        let pid = try row(service, sourceLocation: sourceLocation).Pid
        try #require(pid > 0, "\(service) does not run", sourceLocation: sourceLocation)
        return pid
    }

    /// By name of the container; 0 where it does not run.
    func pids(sourceLocation: SourceLocation = #_sourceLocation) throws -> [String: Int32] {
        Dictionary(uniqueKeysWithValues: try ps(sourceLocation: sourceLocation).map { ($0.Name, $0.Pid) })
    }

    struct Difference: Decodable {
        struct Change: Decodable {
            struct Field: Decodable {
                let path: String
                let observed, desired: String?
            }
            let resource, action: String
            let drift: Bool
            let reason: String
            let fields: [Field]
        }
        let project: String
        let changes: [Change]
        let summary: [String: Int]
    }

    func diff(sourceLocation: SourceLocation = #_sourceLocation) throws -> [Difference.Change] {
        let text = try expect(0, "diff", "--format", "json", sourceLocation: sourceLocation).out
        return try JSONDecoder().decode(Difference.self, from: Data(text.utf8)).changes
    }

    /// Asserts that the machine is as the file says.
    func expectSettled(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let ended = try run("diff", "--exit-code", sourceLocation: sourceLocation)
        #expect(ended.status == 0, "diff is not empty: \(ended)", sourceLocation: sourceLocation)
    }

    /// What the project's own processes are, by role: `keep`, `supervise`, `hold`, `proxy`.
    func helper(_ role: String) -> Int32? {
        Machine.processes { $0.count > 2 && $0[1] == role && $0[2] == project }.first
    }

    // MARK: The end

    /// Takes the stack down and asserts that nothing is left; then takes away by force whatever is.
    func tearDown(sourceLocation: SourceLocation) {
        for running in background { running.kill() }
        do {
            // A file that a test broke is no hindrance: everything is found by name.
            try run("-p", project, "down", "-v", "-t", "0", sourceLocation: sourceLocation).expectSuccess(
                sourceLocation)
            try run("-p", project, "down", "--verify", sourceLocation: sourceLocation).expectSuccess(sourceLocation)
        } catch { Issue.record(error, "teardown", sourceLocation: sourceLocation) }
        let limit = Date() + 10 * slowness
        var left = leftovers
        while !left.isEmpty && Date() < limit {
            usleep(20000)
            left = leftovers
        }
        if !left.isEmpty {
            Issue.record("left over: \(left.joined(separator: ", "))", sourceLocation: sourceLocation)
            Machine.remove(self)
        }
        for path in [folder, runtime, state] { try? FileManager.default.removeItem(atPath: path) }
        for hierarchy in Machine.hierarchies {
            rmdir("\(hierarchy)/\(cgroup)")
            rmdir("\(hierarchy)/settle-test")
        }
    }

    /// What the kernel shows of this stack.
    var leftovers: [String] {
        Machine.processes { $0.contains(project) }.map { "process \($0)" }
            + Machine.groups(of: self).map { "cgroup \($0)" }
            + (Machine.mounts(below: runtime) + Machine.mounts(below: state)).map { "mount \($0)" }
            + Machine.namedNamespaces(of: self).map { "name \($0)" } + Machine.links(of: self).map { "link \($0)" }
    }
}

/// Runs a test on a stack of its own and takes it away afterwards, whatever happened.
///
/// - Parameter yaml: the Compose file without its `name`.
func withStack(
    _ yaml: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: (Stack) throws -> Void
) throws {
    let stack = try Stack(yaml)
    defer { stack.tearDown(sourceLocation: sourceLocation) }
    try body(stack)
}

/// Waits until the condition holds; the test fails where it does not come true.
///
/// - Parameter limit: seconds on a quick machine.
func waitUntil(
    _ what: String = "the condition", limit: Double = 10, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
) throws {
    let end = Date() + limit * slowness
    while Date() < end {
        if try condition() { return }
        usleep(10000)
    }
    try #require(Bool(false), "waited in vain for \(what)", sourceLocation: sourceLocation)
}
