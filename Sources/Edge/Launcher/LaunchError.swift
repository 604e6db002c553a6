import Glibc

/// Why a container cannot be started.
package struct LaunchError: Error, Hashable, CustomStringConvertible {
    /// The key of the service at fault, `volumes[1]`.
    package let key: String
    package let message: String
    /// The kernel's reason, where a step of the program failed.
    package let errno: Int32?

    package init(_ key: String, _ message: String, errno: Int32? = nil) {
        self.key = key
        self.message = message
        self.errno = errno
    }

    /// What `exec` ends with, as Docker's: 127 where there is no such program, 126 where it cannot be run.
    package var exitStatus: Int32 { key == "command" && (errno == ENOENT || errno == ENOTDIR) ? 127 : 126 }

    package var description: String { "\(key): \(message)" }
}
