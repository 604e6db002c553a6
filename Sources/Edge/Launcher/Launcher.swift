import CLaunch
import Glibc
package import Launch
package import Syscalls

/// Starts processes from programs.
package enum Launcher {
    /// Descriptors of the parent that a program uses. They stay the caller's.
    package struct Attachments {
        /// Standard input; without it a container's own start reads /dev/null.
        package var input: Int32?
        package var output: Int32
        package var errors: Int32
        /// A socket: the container's own terminal is sent there.
        package var terminals: Int32?
        /// For each kind whose source is `.join`.
        package var namespaces: [NamespaceKind: Int32]
        /// `exec`: pidfd of a process of the container.
        package var container: Int32?
        /// `init: true`: from `ownBinary()`.
        package var binary: Int32?
        /// Folder of cgroup v2 to be born in.
        package var cgroup: Int32?
        /// The parent of the caller becomes the parent: CLONE_PARENT.
        package var asSibling: Bool

        package init(
            input: Int32? = nil, output: Int32, errors: Int32, terminals: Int32? = nil,
            namespaces: [NamespaceKind: Int32] = [:],
            container: Int32? = nil, binary: Int32? = nil, cgroup: Int32? = nil, asSibling: Bool = false
        ) {
            self.input = input
            self.output = output
            self.errors = errors
            self.terminals = terminals
            self.namespaces = namespaces
            self.container = container
            self.binary = binary
            self.cgroup = cgroup
            self.asSibling = asSibling
        }
    }

    /// clone3(2). The child waits at its gate for `Start.release()`.
    package static func start(_ program: Program, _ attachments: Attachments) throws(SystemError) -> Start {
        let gate = try Pipe()
        let report = try Pipe()
        try check("fcntl") { fcntl(report.reader.raw, F_SETFL, O_NONBLOCK) }
        // High numbers: the program moves the report to 3 and the binary to 4, where neither may be in the way.
        var owned = try Owned()
        var descriptors: [Slot: Int32] = [
            .gate: gate.reader.raw, .gateKeeper: gate.writer.raw, .report: try owned.copy(report.writer.raw),
        ]
        // A container with a terminal has no others.
        if attachments.output >= 0 { descriptors[.output] = try owned.copy(attachments.output) }
        if attachments.errors >= 0 { descriptors[.errors] = try owned.copy(attachments.errors) }
        if let terminals = attachments.terminals { descriptors[.terminals] = try owned.copy(terminals) }
        if let input = attachments.input { descriptors[.input] = try owned.copy(input) }
        if let binary = attachments.binary { descriptors[.binary] = try owned.copy(binary) }
        if let container = attachments.container { descriptors[.container] = container }
        for (kind, descriptor) in attachments.namespaces { descriptors[.namespace(kind)] = descriptor }
        let lowered = Lowered(program, descriptors)
        let processes = attachments.namespaces[.pid] ?? attachments.container ?? -1
        let sibling: UInt64 = attachments.asSibling ? 0x8000 : 0
        let flags = program.new.reduce(sibling) { $0 | $1.cloneFlag }
        var pidfd: Int32 = -1
        let pid = try check("clone3") {
            lowered.with {
                settle_launch(
                    &$0, flags, attachments.cgroup ?? -1, program.joinsProcesses ? processes : -1, &pidfd)
            }
        }
        return Start(
            pid: pid, process: Descriptor(pidfd), program: program, gate: gate, report: report.takeReader())
    }

    /// This program's own file, on a detached mount that refuses writes: what a container runs from it cannot change
    /// it through /proc/PID/exe, not even as root. Good for any number of starts.
    package static func ownBinary(_ path: String = "/proc/self/exe") throws(SystemError) -> Descriptor {
        let tree: UInt32 = 0x80001
        let binary = Descriptor(try check("open_tree", on: path) { settle_open_tree(-100, path, tree) })
        try check("mount_setattr", on: path) { settle_mount_read_only(binary.raw) }
        return binary
    }
}

/// A process on its way to execve(2).
package struct Start: ~Copyable {
    package enum Outcome: Hashable {
        /// Not there yet.
        case waiting
        /// The program runs, or has run. A child that was killed on its way looks the same; its wait status tells.
        case running
        case failed(LaunchError)
    }

    package let pid: Int32
    /// pidfd.
    package let process: Descriptor
    private let program: Program
    /// Both ends: a write must not meet a pipe without a reader, and its SIGPIPE, where the child has been killed.
    private var gate: Pipe?
    private let report: Descriptor

    fileprivate init(
        pid: Int32, process: consuming Descriptor, program: Program, gate: consuming Pipe,
        report: consuming Descriptor
    ) {
        self.pid = pid
        self.process = process
        self.program = program
        self.gate = consume gate
        self.report = report
    }

    /// Readable once there is an outcome: poll(2) it for POLLIN|POLLHUP.
    package var readiness: Int32 { report.raw }

    /// Lets the child begin. Without it, the child ends when this value does.
    package mutating func release() throws(SystemError) {
        guard let gate = gate.take() else { return }
        var byte: UInt8 = 1
        try check("write") { write(gate.writer.raw, &byte, 1) }
    }

    /// Does not block.
    package func outcome() throws(SystemError) -> Outcome {
        var failure = settle_report()
        let size = MemoryLayout<settle_report>.size
        let count: Int
        do {
            count = try check("read") { read(report.raw, &failure, size) }
        } catch {
            if error.errno == EAGAIN { return .waiting }
            throw error
        }
        if count < size { return .running }
        let reason = SystemError("", errno: failure.error).reason
        let (key, message) = program.explain(step: Int(failure.step), errno: failure.error, reason: reason)
        return .failed(LaunchError(key, message, errno: failure.error))
    }

    /// Gives the pidfd away.
    package consuming func takeProcess() -> Descriptor { process }
}

/// pipe2(2) with O_CLOEXEC.
package struct Pipe: ~Copyable {
    package let reader: Descriptor
    package let writer: Descriptor

    package init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        try check("pipe2") { settle_pipe(&ends) }
        reader = Descriptor(ends[0])
        writer = Descriptor(ends[1])
    }

    package consuming func takeReader() -> Descriptor { reader }
}

/// Copies of descriptors with numbers from 10 on, closed together.
private struct Owned: ~Copyable {
    private var copies: [Int32] = []

    init() throws(SystemError) {}

    mutating func copy(_ descriptor: Int32) throws(SystemError) -> Int32 {
        let duplicate: Int32 = 1030
        let copy = try check("fcntl") { fcntl(descriptor, duplicate, 10) }
        copies.append(copy)
        return copy
    }

    deinit { for copy in copies { close(copy) } }
}
