import Glibc
import Processes
import Syscalls
import Testing

/// A folder of its own under /tmp, removed with what is in it.
final class TemporaryFolder {
    let path: String

    init() {
        var template = Array("/tmp/settle-processes-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            for name in Files.names(in: path) { remove("\(path)/\(name)") }
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    func script(_ name: String, _ text: String) throws -> String {
        let file = "\(path)/\(name)"
        try Files.replace(file, Array("#!/bin/sh\n\(text)\n".utf8), mode: 0o755)
        return file
    }

    /// The numbers in a file that a script writes into, one a line.
    func numbers(_ name: String) -> [Int32] {
        ((try? Files.text("\(path)/\(name)")) ?? "").split(separator: "\n").compactMap { Int32($0) }
    }
}

/// Waits for a condition, for half a minute at most.
func eventually(_ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool) throws {
    let end = MachineClock.monotonic + 30_000_000_000
    while !condition() {
        try #require(MachineClock.monotonic < end, "waited in vain: \(what)", sourceLocation: sourceLocation)
        usleep(2_000)
    }
}

/// A child of the test that runs Swift code and ends; fork(2) is kept from Swift, and these tests need real processes
/// to kill. Tests run one after another, so no other thread holds a lock.
func child(_ body: () throws -> Void) -> Int32 {
    typealias Fork = @convention(c) () -> Int32
    let fork = unsafeBitCast(dlsym(nil, "fork")!, to: Fork.self)
    let pid = fork()
    if pid != 0 { return pid }
    do {
        try body()
        _exit(0)
    } catch {
        _exit(1)
    }
}

/// unshare(CLONE_NEWNS), which Swift's Glibc does not offer.
func unshareMounts() -> Int32 {
    typealias Unshare = @convention(c) (Int32) -> Int32
    return unsafeBitCast(dlsym(nil, "unshare")!, to: Unshare.self)(0x20000)
}

@discardableResult
func reap(_ pid: Int32) -> Int32 {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    return status
}

func runs(_ pid: Int32) -> Bool {
    ProcessStatus(pid: pid).map { !$0.isZombie } ?? false
}

/// Kills the processes whose environment has the word, a folder of the test's own, until none is left: not children of
/// the test, and some perhaps just being born.
func endAll(with word: String) throws {
    try eventually("the end of all with \(word)") {
        let found = Files.names(in: "/proc").compactMap { Int32($0) }.filter { pid in
            pid != getpid() && runs(pid) && ((try? Files.text("/proc/\(pid)/environ")) ?? "").contains(word)
        }
        for pid in found { kill(pid, SIGKILL) }
        return found.isEmpty
    }
}
