package import Stack
import Syscalls

/// A control group that could not be made, changed or removed.
package struct CgroupError: Error, Hashable, CustomStringConvertible {
    /// The limit it is about, if it is about one.
    package let key: LimitKey?
    package let message: String
    package let fix: String?
    /// The kernel's reason, where a system call failed.
    package let errno: Int32?

    package init(_ message: String, key: LimitKey? = nil, fix: String? = nil, errno: Int32? = nil) {
        self.key = key
        self.message = message
        self.fix = fix
        self.errno = errno
    }

    package var description: String { fix.map { "\(message); \($0)" } ?? message }
}

/// Runs system calls; a failure is told as `step: call path: reason`.
func step<Result>(
    _ what: @autoclosure () -> String, key: LimitKey? = nil, _ body: () throws(SystemError) -> Result
) throws(CgroupError) -> Result {
    do {
        return try body()
    } catch {
        throw CgroupError("\(what()): \(error)", key: key, errno: error.errno)
    }
}
