import CProcesses
import CSyscalls
import Glibc
package import Syscalls

/// A program that runs beside us. It ends with its last reference.
package final class ChildProcess {
    private let pid: pid_t
    /// Readable when it has ended.
    package let process: Descriptor
    private let isContained: Bool
    private var status: Int32?

    /// - Parameters:
    ///   - program: a path.
    ///   - input: what becomes its standard input; `/dev/null` where there is none.
    ///   - environment: `NAME=value`; ours without it.
    ///   - containment: for Settle's own program only, one of whose roles that is.
    package init(
        _ program: String, _ arguments: [String], input: Int32? = nil, output: Int32? = nil, errors: Int32,
        environment: [String]? = nil, containment: Containment? = nil
    ) throws(SystemError) {
        let role = containment.map(\.words) ?? []
        let pid = try Self.spawn(
            role.isEmpty ? program : "/proc/self/exe", role + [program] + arguments,
            (environment ?? Self.ownEnvironment) + (role.isEmpty ? [] : [Role.contain.guardVariable]),
            [(0, input), (1, output), (2, errors)])
        let process = settle_pidfd_open(pid, 0)
        if process < 0 {
            let failure = errno
            Glibc.kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
            throw SystemError("pidfd_open", on: program, errno: failure)
        }
        self.pid = pid
        self.process = Descriptor(process)
        isContained = containment != nil
    }

    /// PID and mount namespaces of its own: what the program starts and mounts ends with it, and it ends with us, whatever
    /// becomes of us.
    package struct Containment {
        /// The size of its `/dev/shm`, in bytes.
        package var sharedMemory: Int64

        package init(sharedMemory: Int64) { self.sharedMemory = sharedMemory }

        fileprivate var words: [String] {
            ["settle", Role.contain.rawValue, "\(getpid())", "mode=1777,size=\(sharedMemory)"]
        }
    }

    deinit {
        if status != nil { return }
        kill()
        wait()
    }

    /// Where a program of this name is: in the folders of `path`, which is as in `PATH`.
    package static func find(_ name: String, path: String? = getenv("PATH").map { String(cString: $0) }) -> String? {
        (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map { "\($0)/\(name)" }
            .first { access($0, X_OK) == 0 }
    }

    package func kill() {
        // What contains a program ends all of that when it is asked to, and itself then.
        if status == nil { _ = settle_pidfd_send_signal(process.raw, isContained ? SIGTERM : SIGKILL) }
    }

    /// Waits for its end. wait(2): the low seven bits are the signal, the next byte is the exit code.
    @discardableResult
    package func wait() -> Int32 {
        if let status { return status }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        self.status = status
        return status
    }

    /// `NAME=value`.
    package static var ownEnvironment: [String] {
        var variables: [String] = []
        var next = environ
        while let variable = next.pointee {
            variables.append(String(cString: variable))
            next += 1
        }
        return variables
    }

    private static func spawn(
        _ path: String, _ words: [String], _ variables: [String], _ streams: [(number: Int32, descriptor: Int32?)]
    ) throws(SystemError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in streams {
            if let descriptor {
                posix_spawn_file_actions_adddup2(&actions, descriptor, number)
            } else {
                posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0)
            }
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // A process group of its own: the terminal's Ctrl-C is for us, who end it in order.
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(flags))
        posix_spawnattr_setpgroup(&attributes, 0)
        var pid: pid_t = 0
        let failure = withCStrings(words) { words in
            withCStrings(variables) { variables in posix_spawn(&pid, path, &actions, &attributes, words, variables) }
        }
        if failure != 0 { throw SystemError("posix_spawn", on: path, errno: failure) }
        return pid
    }
}

/// A file in memory, for what a program reads or writes: nobody has to serve a pipe while it runs.
package final class MemoryFile {
    private let file: Descriptor
    private let name: String
    package var raw: Int32 { file.raw }

    package init(_ name: String) throws(SystemError) {
        self.name = name
        file = Descriptor(try check("memfd_create", on: name) { settle_memfd_create(name) })
    }

    /// One to be read from its beginning.
    package convenience init(_ name: String, holding text: String) throws(SystemError) {
        try self.init(name)
        try file.write(text, named: name)
        lseek(file.raw, 0, SEEK_SET)
    }

    /// - Parameter most: what is longer is cut.
    package func bytes(most: Int = 1 << 24) -> [UInt8] {
        var status = stat()
        guard fstat(file.raw, &status) == 0 else { return [] }
        let size = min(Int(status.st_size), most)
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = max(0, pread(file.raw, buffer.baseAddress, size, 0))
        }
    }

    package var text: String { String(decoding: bytes(most: 65536), as: UTF8.self) }
}
