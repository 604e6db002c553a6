import Glibc
package import Syscalls

/// The lock around changes of one project: flock(2) on a file of its state folder. Released when the value ends, or its
/// process. No child inherits it past execve; one that does not execute must close it.
package struct ProjectLock: ~Copyable {
    private let file: Descriptor

    package enum Failure: Error, Hashable, CustomStringConvertible {
        /// `holder` is what the other wrote: ``settle up` (pid 123)`; nil if it has not had the time.
        case held(by: String?)
        case system(SystemError)

        package var description: String {
            switch self {
            case .held(let holder): "held by \(holder ?? "another settle command")"
            case .system(let error): error.description
            }
        }
    }

    /// Takes the lock, waiting for it at most as long as told.
    /// - Parameter command: for the eyes of those who wait, `settle up`.
    package init(_ path: String, command: String, wait: Duration = .zero) throws(Failure) {
        let end = MachineClock.monotonic + wait.nanoseconds
        while true {
            do {
                if let file = try Self.attempt(path) {
                    let text = "`\(command)` (pid \(getpid()))"
                    try check("ftruncate", on: path) { ftruncate(file.raw, 0) }
                    try Files.write(Array(text.utf8), to: file.raw, named: path)
                    self.file = file
                    return
                }
            } catch {
                throw .system(error)
            }
            if MachineClock.monotonic >= end {
                let holder = (try? Files.text(path)) ?? ""
                throw .held(by: holder.isEmpty ? nil : holder)
            }
            usleep(20_000)
        }
    }

    /// Whether somebody holds the lock now.
    package static func isHeld(_ path: String) -> Bool {
        guard let file = try? Descriptor(path, O_RDONLY) else { return false }
        return flock(file.raw, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK
    }

    deinit {
        // Emptied while it is still held, so that nobody is named who holds it no more.
        ftruncate(file.raw, 0)
    }

    /// nil where the folder was missing, which is made: the last project to go takes it with it.
    private static func open(_ path: String) throws(SystemError) -> Descriptor? {
        do {
            return try Descriptor(path, O_RDWR | O_CREAT)
        } catch {
            guard error.errno == ENOENT, let slash = path.lastIndex(of: "/") else { throw error }
            try Files.makeFolders(String(path[..<slash]), mode: 0o700)
            return nil
        }
    }

    /// nil where somebody else holds it. A file that was replaced between open and flock guards nothing: once more then.
    private static func attempt(_ path: String) throws(SystemError) -> Descriptor? {
        while true {
            guard let file = try open(path) else { continue }
            do {
                try check("flock", on: path) { flock(file.raw, LOCK_EX | LOCK_NB) }
            } catch {
                if error.errno == EWOULDBLOCK { return nil }
                throw error
            }
            var held = stat()
            var named = stat()
            try check("fstat", on: path) { fstat(file.raw, &held) }
            if stat(path, &named) == 0 && held.st_dev == named.st_dev && held.st_ino == named.st_ino { return file }
        }
    }
}

/// A lock as an object: it ends with its last reference.
package final class HeldLock {
    private let lock: ProjectLock

    /// - Throws: `ProjectLock.Failure`.
    package init(_ path: String, command: String, wait: Duration = .zero) throws {
        lock = try ProjectLock(path, command: command, wait: wait)
    }
}
