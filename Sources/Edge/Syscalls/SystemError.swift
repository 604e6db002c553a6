import Glibc

/// A system call that failed: which one, on what, and the kernel's reason.
package struct SystemError: Error, Hashable, CustomStringConvertible {
    /// The call's name as in its manual page, `mount` for example.
    package let call: String
    /// What it was called on, a path for example.
    package let subject: String?
    package let errno: Int32

    package init(_ call: String, on subject: String? = nil, errno: Int32) {
        self.call = call
        self.subject = subject
        self.errno = errno
    }

    /// The kernel's reason in words, `permission denied` for example.
    package var reason: String {
        let text = String(cString: strerror(errno))
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    package var description: String {
        subject.map { "\(call) \($0): \(reason)" } ?? "\(call): \(reason)"
    }
}

/// Calls the kernel, again after each EINTR; -1 becomes a `SystemError`.
@discardableResult
package func check<Result: FixedWidthInteger>(
    _ call: String, on subject: @autoclosure () -> String? = nil, _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let number = Glibc.errno
        if number != EINTR { throw SystemError(call, on: subject(), errno: number) }
    }
}
