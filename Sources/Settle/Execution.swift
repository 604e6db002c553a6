import CSyscalls
import Cgroups
import Glibc
import Launch
import Launcher
import Linux
import Processes
import Stack
import Syscalls

/// One more process in a container.
struct Execution {
    let container: ObservedContainer
    /// Its first process.
    let pid: Int32
    let paths: ProjectPaths
    let words: [String]
    let hasTerminal: Bool

    private var instance: Instance { container.entry.instance }

    /// - Returns: the exit status, 128 + N for signal N.
    func run(
        variables: [String], user: String?, folder: String?, detached: Bool, privileged: Bool = false
    ) throws -> Int32 {
        let spec = container.entry.spec
        let process = Descriptor(try check("pidfd_open", on: "\(pid)") { settle_pidfd_open(pid, 0) })
        // Security: the pid may be another process's by now. The descriptor cannot change; what it names must be ours.
        guard let groups = try? Files.text("/proc/\(pid)/cgroup"), groups.contains("/\(paths.project)/\(instance)")
        else {
            throw Complaint("\(instance.id) has just ended")
        }
        let overridden = Set(variables.map { $0.prefix { $0 != "=" } })
        var execSpec = ExecSpec(
            arguments: words,
            environment: spec.environment.filter { !overridden.contains($0.prefix { $0 != "=" }) } + variables,
            workingDirectory: folder ?? spec.workingDirectory ?? "/", user: user ?? spec.user,
            capabilities: privileged ? ["ALL"] : spec.capabilities, terminal: hasTerminal)
        execSpec.groups = spec.groups
        let program = compile(execSpec, try Launcher.look(execSpec, process: pid))
        let terminal = hasTerminal ? try Terminal(in: pid) : nil
        let null = detached ? try Descriptor("/dev/null", O_RDWR) : Descriptor(-1)
        func stream(_ number: Int32) -> Int32 { terminal?.inner ?? (detached ? null.raw : number) }
        let group = try Cgroups.detect(root: paths.roots.cgroup).container("\(instance)", of: paths.project)
        let birthplace = try group.open()?.take()
        defer { if let birthplace { close(birthplace) } }
        var start = try Launcher.start(
            program,
            Launcher.Attachments(
                input: stream(STDIN_FILENO), output: stream(STDOUT_FILENO), errors: stream(STDERR_FILENO),
                container: process.raw, cgroup: birthplace))
        try group.attach(start.pid, isCloned: birthplace != nil)
        try start.release()
        if let failure = try begin(start) { return failure }
        return detached ? 0 : try wait(start, terminal)
    }

    /// - Returns: the exit status where the command could not be executed; told as Docker does.
    private func begin(_ start: borrowing Start) throws -> Int32? {
        while true {
            switch try start.outcome() {
            case .running: return nil
            case .failed(let error):
                guard error.key == "command" else { throw Complaint("\(error.key): \(error.message)") }
                try? Files.write("error: \(error.message)\n".utf8, to: STDERR_FILENO, named: "output")
                return error.errno == ENOENT ? 127 : 126
            case .waiting:
                var ready = pollfd(fd: start.readiness, events: Int16(POLLIN), revents: 0)
                try check("poll") { poll(&ready, 1, 10_000) }
            }
        }
    }

    private func wait(_ start: borrowing Start, _ terminal: Terminal?) throws -> Int32 {
        let loop = EventLoop()
        let pid = start.pid
        var hasEnded = false
        var interrupts = 0
        var departure: Int32?
        loop.watchProcess(start.process.raw) { hasEnded = true }
        try loop.watchSignals([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH]) { signal in
            if signal == SIGWINCH { return terminal?.resize() ?? () }
            kill(pid, signal)
            if signal == SIGINT { interrupts += 1 }
            // What ignores a signal goes on without the person at the keyboard.
            if interrupts == 3 || signal == SIGHUP { departure = signal }
        }
        try terminal?.connect(loop)
        while !hasEnded && departure == nil { try loop.turn() }
        terminal?.finish()
        if let departure { return 128 + departure }
        var status: Int32 = 0
        try check("waitpid") { waitpid(pid, &status, 0) }
        // wait(2): the low seven bits are the signal, the next byte is the exit code.
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }
}

/// A pseudoterminal (pty(7)) between ours and a command: its keys go in, its output comes out.
final class Terminal {
    /// The command's end.
    let inner: Int32
    private let outer: Descriptor
    private let own = OwnTerminal()

    /// - Parameter process: of the container, whose `/dev/pts` it shall be in: there the command finds its name.
    init(in process: Int32) throws(SystemError) {
        var inner: Int32 = -1
        outer = Descriptor(try check("posix_openpt") { settle_terminal("/proc/\(process)/root/dev/pts/ptmx", &inner) })
        self.inner = inner
        resize()
    }

    deinit {
        finish()
        close(inner)
    }

    /// Takes over the size of our terminal.
    func resize() {
        if var size = OwnTerminal.size { _ = ioctl(outer.raw, UInt(TIOCSWINSZ), &size) }
    }

    /// Passes keys and output on, key by key.
    func connect(_ loop: EventLoop) throws(SystemError) {
        try own.makeRaw()
        let outer = outer.raw
        var input: EventLoop.Watch?
        input = loop.watch(STDIN_FILENO) { _ in
            if !Self.pass(from: STDIN_FILENO, to: outer), let input { loop.forget(input) }
        }
        var output: EventLoop.Watch?
        output = loop.watch(outer) { _ in
            if !Self.pass(from: outer, to: STDOUT_FILENO), let output { loop.forget(output) }
        }
    }

    /// Gives out what is left, and gives our terminal back as it was.
    func finish() {
        var ready = pollfd(fd: outer.raw, events: Int16(POLLIN), revents: 0)
        while poll(&ready, 1, 0) > 0, ready.revents & Int16(POLLIN) != 0, Self.pass(from: outer.raw, to: STDOUT_FILENO)
        {}
        own.restore()
    }

    private static func pass(from: Int32, to: Int32) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = read(from, &bytes, bytes.count)
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return true }
        guard count > 0 else { return false }
        do {
            try Files.write(bytes[..<count], to: to, named: "terminal")
            return true
        } catch {
            return false
        }
    }
}
