import CProcesses
import Glibc
import Syscalls

/// How a process ended.
package enum ExitStatus: Hashable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case killed(signal: Int32)
    /// Nobody can say: the keeper was dead too, and the kernel keeps no record. Never taken for success.
    case unknown

    /// A status as of waitpid(2).
    package init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .exited((waitStatus >> 8) & 0xff) : .killed(signal: signal)
    }

    /// As a shell shows it: the exit code, or 128 + signal; nil where unknown.
    package var code: Int32? {
        switch self {
        case .exited(let code): code
        case .killed(let signal): 128 + signal
        case .unknown: nil
        }
    }

    package var isSuccess: Bool { self == .exited(0) }

    package var description: String {
        switch self {
        case .exited(let code): "exited with \(code)"
        case .killed(let signal): "killed by signal \(signal)"
        case .unknown: "ended, nobody knows how"
        }
    }
}

/// The end of a process, as far as it is known.
package struct ProcessEnd: Hashable, Sendable {
    package let status: ExitStatus
    /// Nanoseconds since 1970; only the keeper's record has it.
    package let time: Int64?

    /// How the process ended; nil while it runs.
    ///
    /// Asked in this order: whether it lives, the keeper's record (written before it is reaped), the zombie itself, and
    /// the kernel by a pidfd that was opened while the process lived. A later process with the same pid is told apart by
    /// its start time.
    /// - Parameters:
    ///   - exits: the path of the keeper's file of exits.
    ///   - pidfd: one that is known to be of this process.
    package static func of(_ process: ProcessIdentity, exits: String, pidfd: Int32? = nil) -> ProcessEnd? {
        let now = ProcessStatus(pid: process.pid).flatMap { $0.identity == process ? $0 : nil }
        if let now, !now.isZombie { return nil }
        if let end = recorded(process, in: exits) { return end }
        if let now { return ProcessEnd(status: ExitStatus(waitStatus: now.waitStatus), time: nil) }
        var waitStatus: Int32 = 0
        if let pidfd, settle_pidfd_exit(pidfd, &waitStatus) == 0 {
            return ProcessEnd(status: ExitStatus(waitStatus: waitStatus), time: nil)
        }
        return ProcessEnd(status: .unknown, time: nil)
    }

    private static func recorded(_ process: ProcessIdentity, in exits: String) -> ProcessEnd? {
        guard let file = try? Descriptor(exits, O_RDONLY) else { return nil }
        var record = settle_exit()
        let size = MemoryLayout<settle_exit>.size
        let slot = Int(process.pid) % Int(settle_exit_slots)
        guard pread(file.raw, &record, size, off_t(slot * size)) == size,
            record.pid == process.pid, record.start_time == process.startTime
        else { return nil }
        let status: ExitStatus = record.code == 1 ? .exited(record.status) : .killed(signal: record.status)
        return ProcessEnd(status: status, time: record.time)
    }
}
