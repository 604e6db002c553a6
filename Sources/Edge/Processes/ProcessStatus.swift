import Glibc
import Syscalls

/// A process that cannot be mistaken for a later one with the same pid, within one boot.
package struct ProcessIdentity: Hashable, Sendable {
    package let pid: Int32
    /// Field 22 of /proc/PID/stat, in clock ticks since boot.
    package let startTime: UInt64

    package init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }
}

/// What /proc/PID/stat (proc(5)) says that Settle asks for.
package struct ProcessStatus: Hashable, Sendable {
    package let identity: ProcessIdentity
    package let parent: Int32
    /// Ended, and not reaped yet.
    package let isZombie: Bool
    /// By a signal, SIGSTOP for example.
    package let isStopped: Bool
    /// As waitpid(2) gives it; meaningful for a zombie. Readable by root.
    package let waitStatus: Int32

    /// nil where there is no such process.
    package init?(pid: Int32) {
        guard let text = try? Files.text("/proc/\(pid)/stat") else { return nil }
        self.init(pid: pid, text: text)
    }

    /// The second field may hold any byte: the fields are counted from its end, the last parenthesis.
    package init?(pid: Int32, text: String) {
        guard let parenthesis = text.utf8.lastIndex(of: UInt8(ascii: ")")),
            let fields = text[text.utf8.index(after: parenthesis)...].lines.first?.words
        else { return nil }
        // Field n of proc(5) is fields[n - 3].
        guard fields.count >= 50, let parent = Int32(fields[1]), let threads = Int(fields[17]),
            let startTime = UInt64(fields[19]), let status = Int32(fields[49])
        else { return nil }
        self.identity = ProcessIdentity(pid: pid, startTime: startTime)
        self.parent = parent
        // A first thread may end before the others; the process has then not ended.
        self.isStopped = fields[0] == "T"
        self.isZombie = (fields[0] == "Z" || fields[0] == "X") && threads <= 1
        self.waitStatus = status
    }
}
