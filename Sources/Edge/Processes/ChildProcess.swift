import CSyscalls
import Glibc
package import Syscalls

/// A program that runs beside us. It ends with its last reference.
package final class ChildProcess {
    private let pid: pid_t
    /// Readable when it has ended.
    package let process: Descriptor
    private var status: Int32?

    /// - Parameters:
    ///   - program: a path.
    ///   - input: what becomes its standard input; `/dev/null` where there is none.
    package init(
        _ program: String, _ arguments: [String], input: Int32? = nil, output: Int32? = nil, errors: Int32
    ) throws(SystemError) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in [(Int32(0), input), (1, output), (2, errors)] {
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
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, program, &actions, &attributes, &words, environ)
        if failure != 0 { throw SystemError("posix_spawn", on: program, errno: failure) }
        self.pid = pid
        process = Descriptor(try check("pidfd_open", on: program) { settle_pidfd_open(pid, 0) })
    }

    deinit {
        if status != nil { return }
        kill()
        wait()
    }

    package func kill() {
        if status == nil { _ = settle_pidfd_send_signal(process.raw, SIGKILL) }
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
}

/// What a program wrote: a file in memory, so that nobody has to serve a pipe while it runs.
package final class MemoryFile {
    private let file: Descriptor
    package var raw: Int32 { file.raw }

    package init(_ name: String) throws(SystemError) {
        file = Descriptor(try check("memfd_create", on: name) { settle_memfd_create(name) })
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
