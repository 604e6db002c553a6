import CLaunch
import Glibc
import Launch
import Launcher
import Syscalls
import Testing

/// A folder of the test's own, with a writable layer for one container; removed at the end.
final class Sandbox {
    let path: String

    init() throws {
        // Not every file system takes a writable layer: another overlay does not.
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
        var template = Array("\(parent)/settle-launch-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit { removeTree(path) }

    func root(_ lower: RootFileSystem.Lower = .host, layer: String = "a") -> RootFileSystem {
        RootFileSystem(lower: lower, upper: "\(path)/\(layer)-upper", work: "\(path)/\(layer)-work")
    }

    /// A root file system of busybox alone, without any of the usual folders but /bin.
    func busybox() throws -> String {
        let root = path + "/busybox"
        try Files.makeFolders(root + "/bin")
        try Files.replace(root + "/bin/busybox", try Files.bytes("/bin/busybox"), mode: 0o755)
        for applet in ["sh", "cat", "ls", "mkdir", "id", "echo"] { symlink("busybox", root + "/bin/" + applet) }
        return root
    }

    func file(_ name: String, _ text: String, mode: mode_t = 0o644) throws -> String {
        let file = "\(path)/\(name)"
        try Files.replace(file, Array(text.utf8), mode: mode)
        chmod(file, mode)
        return file
    }

    func folder(_ name: String) throws -> String {
        try Files.makeFolders("\(path)/\(name)")
        return "\(path)/\(name)"
    }
}

private func removeTree(_ path: String) {
    for name in Files.names(in: path) {
        let child = path + "/" + name
        if unlink(child) != 0 { removeTree(child) }
    }
    rmdir(path)
}

struct Ended: Equatable {
    /// As a shell tells it: 128 + the signal.
    var status: Int32
    var output: String
}

/// A container that runs, and the file that its output goes to.
struct Running: ~Copyable {
    let pid: Int32
    let process: Descriptor
    let output: Descriptor

    func wait() throws -> Ended {
        try waitReadable(process.raw)
        var status: Int32 = 0
        try check("waitpid") { waitpid(pid, &status, 0) }
        let signal = status & 0x7F
        return Ended(status: signal == 0 ? status >> 8 & 0xFF : 128 + signal, output: try text())
    }

    func text() throws -> String {
        lseek(output.raw, 0, SEEK_SET)
        return String(decoding: try Files.bytes(from: output.raw, named: "output"), as: UTF8.self)
    }

    /// Waits until the output contains the text.
    func expect(_ words: String) throws {
        for _ in 0..<1000 {
            // Its own open file: the descriptor above shares its position with the container.
            let file = try Files.text("/proc/self/fd/\(output.raw)")
            if file.contains(words) { return }
            usleep(10_000)
        }
        Issue.record("no '\(words)' in the output: \(try Files.text("/proc/self/fd/\(output.raw)"))")
    }

    func kill() throws {
        Glibc.kill(pid, SIGKILL)
        _ = try wait()
    }
}

private func waitReadable(_ descriptor: Int32) throws {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let ready = try check("poll") { poll(&entry, 1, 20_000) }
    #expect(ready == 1, "nothing happened within 20 seconds")
}

private func outputFile() throws -> Descriptor {
    var template = Array("/tmp/settle-launch-output-XXXXXX".utf8CString)
    let file = Descriptor(try check("mkstemp") { mkstemp(&template) })
    try check("fcntl") { fcntl(file.raw, F_SETFD, FD_CLOEXEC) }
    try check("fcntl") { fcntl(file.raw, F_SETFL, O_APPEND) }
    unlink(template)
    return file
}

/// The executable that the package builds, for `init: true`.
func settleBinary() throws -> Descriptor {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return try Launcher.ownBinary("/\(root)/.build/debug/settle")
}

func begin(_ program: Program, _ change: (inout Launcher.Attachments) -> Void = { _ in }) throws -> Running {
    #expect(program.validate() == [])
    let output = try outputFile()
    var attachments = Launcher.Attachments(output: output.raw, errors: output.raw)
    change(&attachments)
    var start = try Launcher.start(program, attachments)
    #expect(try start.outcome() == .waiting)
    try start.release()
    try waitReadable(start.readiness)
    let pid = start.pid
    switch try start.outcome() {
    case .running: return Running(pid: pid, process: start.takeProcess(), output: output)
    case .failed(let error):
        waitpid(pid, nil, 0)
        throw error
    case .waiting:
        Issue.record("no outcome")
        throw LaunchError("test", "no outcome")
    }
}

func begin(_ spec: LaunchSpec, _ change: (inout Launcher.Attachments) -> Void = { _ in }) throws -> Running {
    try begin(compile(spec, try Launcher.look(spec)), change)
}

func run(_ spec: LaunchSpec, _ change: (inout Launcher.Attachments) -> Void = { _ in }) throws -> Ended {
    try begin(spec, change).wait()
}

/// `sh -c script` on a view of the host.
func shell(_ script: String, in sandbox: Sandbox) -> LaunchSpec {
    LaunchSpec(arguments: ["sh", "-c", script], root: sandbox.root())
}
