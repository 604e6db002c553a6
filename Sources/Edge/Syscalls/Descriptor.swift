package import Glibc

/// An open file descriptor with one owner, closed at the end of its life.
package struct Descriptor: ~Copyable {
    package let raw: Int32

    /// Takes over an open descriptor.
    package init(_ raw: Int32) { self.raw = raw }

    /// open(2), always with O_CLOEXEC.
    package init(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(SystemError) {
        raw = try check("open", on: path) { open(path, flags | O_CLOEXEC, mode) }
    }

    /// Another number for the same open file. fcntl(2), F_DUPFD_CLOEXEC.
    package init(copyOf other: Int32) throws(SystemError) {
        raw = try check("fcntl") { fcntl(other, F_DUPFD_CLOEXEC, 0) }
    }

    deinit { close(raw) }

    /// Gives the descriptor away; whoever takes the number closes it.
    package consuming func take() -> Int32 {
        let raw = raw
        discard self
        return raw
    }
}
