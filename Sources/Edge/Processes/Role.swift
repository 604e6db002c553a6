import CProcesses
import Glibc
import Syscalls

/// The processes of a project beside the supervisor. Each is entered by a constructor in C, before any Swift code.
package enum Role: String, Sendable {
    /// Parent of the supervisor and of all containers. It ends when the supervisor ends with 0.
    case keep
    /// The store of descriptors. It ends when told.
    case hold
    /// Published ports.
    case proxy
    /// First process of a shared PID namespace, started by the launcher.
    case pause
    /// Parent of a program in namespaces of its own; it ends with who started it. See `ChildProcess`.
    case contain

    /// The environment variable, `NAME=value`, without which the role's command line is only a usage error.
    package var guardVariable: String { "\(SETTLE_ROLE)=\(rawValue)" }
}

/// What a process of a project is started with.
package struct RoleStart: Sendable {
    package let project: String
    /// The executable to enter: `/proc/self/exe` is this one, even if its file is gone.
    package var executable = "/proc/self/exe"
    /// `NAME=value`, nothing else is passed on.
    package var environment: [String] = []
    /// Takes the standard error of the process and of what it starts; made where it is missing, /dev/null without it.
    package var log: String?
    /// The folder of the v2 control group that it is born in, -1 for the caller's.
    package var birthplace: Int32 = -1

    package init(project: String) { self.project = project }

    /// Starts the keeper, which starts the supervisor (`settle supervise PROJECT`).
    /// - Parameters:
    ///   - exits: absolute path of the file of exits, see `ProcessEnd`.
    ///   - supervisor: another executable than the keeper's own.
    ///   - attach: called with the pid while the process stands still, to put it into its cgroup.
    package func keeper<Failure: Error>(
        exits: String, supervisor: String? = nil, attach: (Int32) throws(Failure) -> Void
    ) throws -> Int32 {
        var variables = ["\(SETTLE_EXITS)=\(exits)"]
        if let supervisor { variables.append("\(SETTLE_SUPERVISOR)=\(supervisor)") }
        return try start(.keep, variables: variables, attach: attach)
    }

    /// Starts the holder; `DescriptorStore(holder:)` talks to it.
    package func holder<Failure: Error>(attach: (Int32) throws(Failure) -> Void) throws -> Int32 {
        var pair: [Int32] = [0, 0]
        try check("socketpair") {
            socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair)
        }
        let inner = Descriptor(pair[0])
        let outer = Descriptor(pair[1])
        return try start(.hold, descriptors: [inner.raw, outer.raw], attach: attach)
    }

    /// Starts any role in a session of its own, with nothing inherited but `descriptors` (from number 3 on).
    /// - Returns: the pid; the process is nobody's child that has to be waited for.
    /// - Throws: what `attach` throws, or a `SystemError`; the process has then not begun.
    package func start<Failure: Error>(
        _ role: Role, arguments: [String] = [], variables: [String] = [], descriptors: [Int32] = [],
        attach: (Int32) throws(Failure) -> Void
    ) throws -> Int32 {
        let null = try Descriptor("/dev/null", O_RDWR)
        // Readable too: the keeper looks at its size and cuts it.
        let output = try Descriptor(log ?? "/dev/null", O_RDWR | O_APPEND | (log == nil ? 0 : O_CREAT))
        let all = [null.raw, output.raw, output.raw] + descriptors
        var gate: Int32 = -1
        var outcome: Int32 = -1
        let pid = try withCStrings(["settle", role.rawValue, project] + arguments) { arguments in
            try withCStrings(environment + variables + [role.guardVariable]) { environment in
                try all.withUnsafeBufferPointer { all in
                    try executable.withCString { executable in
                        var start = settle_start(
                            executable: executable, arguments: arguments, environment: environment,
                            descriptors: all.baseAddress, count: Int32(all.count), cgroup: birthplace)
                        return try check("fork") { settle_start(&start, &gate, &outcome) }
                    }
                }
            }
        }
        let door = Descriptor(gate)
        let result = Descriptor(outcome)
        try attach(pid)
        try Files.write([1], to: door.raw, named: "gate of settle \(role.rawValue)")
        let failure = try Files.bytes(from: result.raw, named: "outcome of settle \(role.rawValue)")
        if failure.count == MemoryLayout<Int32>.size {
            throw SystemError("execve", on: executable, errno: failure.withUnsafeBytes { $0.load(as: Int32.self) })
        }
        return pid
    }
}

/// The strings as execve(2) wants them, with a null at the end, for the time of the call.
package func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) throws -> Result
) rethrows -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    return try body(pointers)
}
