import CUnpack
import Glibc
import Syscalls

/// A folder of ours in `fetching`, removed with its last reference. While it lives its lock is held, flock(2): one that has
/// no holder is a leftover.
final class TemporaryFolder {
    let path: String
    private let lock: Descriptor

    init(in parent: String, _ name: String) throws(SystemError) {
        let path = "\(parent)/\(name).\(getpid())"
        Self.remove(path)
        try Files.makeFolders(path, mode: 0o700)
        let lock = try Descriptor(path, O_RDONLY | O_DIRECTORY)
        let raw = lock.raw
        try check("flock", on: path) { flock(raw, LOCK_EX | LOCK_NB) }
        self.lock = lock
        self.path = path
    }

    deinit { Self.remove(path) }

    /// Hard links to files of the store.
    func link(_ files: [(from: String, name: String)]) throws(SystemError) {
        for (from, name) in files where Glibc.link(from, "\(path)/\(name)") < 0 && errno != EEXIST {
            throw SystemError("link", on: from, errno: errno)
        }
    }

    /// With everything in it; a file as well.
    static func remove(_ path: String) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        guard let parent = try? Descriptor(folder, O_RDONLY | O_DIRECTORY) else { return }
        _ = settle_remove_at(parent.raw, String(path.dropFirst(folder.utf8.count + 1)))
    }

    /// Removes what processes left there that were killed.
    static func removeLeftovers(in parent: String) {
        for name in Files.names(in: parent) {
            let path = "\(parent)/\(name)"
            if Files.isFolder(path) != true {
                guard let file = try? LockedFile(path) else { continue }
                unlink(path)
                extendLifetime(file)
            } else if let folder = try? Descriptor(path, O_RDONLY | O_DIRECTORY) {
                if flock(folder.raw, LOCK_EX | LOCK_NB) == 0 { remove(path) }
            }
        }
    }
}
