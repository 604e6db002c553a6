import CLaunch
import Cgroups
import Glibc
import Processes
package import Stack
import Syscalls

/// A place that files are copied from or to: a path below a root, which no link on it leaves.
///
/// Security: what lies in a container is the container's to choose, and to change at any moment. Its root is held by a
/// descriptor, paths are resolved by the kernel below it (openat2(2), RESOLVE_IN_ROOT), and from there on every step is a
/// single name that is not followed if it is a link.
package final class CopyRoot {
    private let root: Descriptor
    private let isConfined: Bool
    /// Who holds the mounts of a container that does not run.
    private let still: StillRoot?

    /// The host's own files, by paths as everybody has them.
    package init() {
        root = Descriptor(AT_FDCWD)
        isConfined = false
        still = nil
    }

    /// Those of a container that runs.
    ///
    /// - Throws: ESRCH where it has just ended.
    package init(_ container: ObservedContainer, _ paths: ProjectPaths) throws {
        let instance = container.entry.instance
        guard let pid = container.pid else { throw SystemError("open", on: "\(instance.id)", errno: ESRCH) }
        root = try Descriptor("/proc/\(pid)/root", openPath | O_DIRECTORY)
        isConfined = true
        still = nil
        // The pid may be another process's by now: whoever has it is looked at after its root was opened.
        let groups = (try? Files.text("/proc/\(pid)/cgroup")) ?? ""
        guard groups.contains("/\(paths.project)/\(instance)") else {
            throw SystemError("open", on: "\(instance.id)", errno: ESRCH)
        }
    }

    /// Those of a container that does not run, and is not started meanwhile: its project's lock is held.
    package init(still entry: Ledger.Entry, _ paths: ProjectPaths, _ goal: Goal) throws {
        let still = try StillRoot(entry, paths, goal)
        root = try Descriptor("/proc/\(still.pid)/root", openPath | O_DIRECTORY)
        isConfined = true
        self.still = still
    }

    /// RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS of <linux/openat2.h>.
    private static let inRoot: UInt64 = 0x10 | 0x02

    func folder(_ path: String) throws(SystemError) -> OpenFolder {
        OpenFolder(try open(path, O_RDONLY | O_DIRECTORY))
    }

    /// Links are followed, but not out of the root.
    func open(_ path: String, _ flags: Int32) throws(SystemError) -> Descriptor {
        let path = path.isEmpty ? "." : path
        if !isConfined { return try Descriptor(path, flags) }
        return Descriptor(
            try check("open", on: path) {
                settle_openat2(root.raw, path, UInt64(flags | O_CLOEXEC), Self.inRoot)
            })
    }
}

/// A folder that is held open, for whoever shares it.
final class OpenFolder {
    private let descriptor: Descriptor
    var raw: Int32 { descriptor.raw }

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}

/// One file, folder or link on its way.
struct CopyItem {
    enum Kind {
        case folder
        case file(size: Int64)
        case link(String)
        case pipe
        /// The same file as the item of that path.
        case hardLink([String])
    }

    /// The names below the top; the first one is that of what is copied itself.
    var path: [String]
    var kind: Kind
    /// Permission bits.
    var mode: mode_t
    var uid: uid_t
    var gid: gid_t
    var modified: timespec
}

/// Gives the bytes of a file, piece by piece.
typealias CopyContent = (_ take: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
/// Is given everything, folders before what is in them.
typealias CopySink = (CopyItem, CopyContent) throws -> Void

/// A file or a folder with all that is in it.
struct FolderSource {
    /// The folder that it lies in, and its name there.
    let folder: OpenFolder
    let name: String
    /// What the copy is called.
    let title: String
    /// Called for what cannot be copied: sockets and devices.
    let skipped: (String) -> Void

    func walk(_ sink: CopySink) throws { try walk(folder.raw, name, [title], sink) }

    private func walk(_ folder: Int32, _ name: String, _ path: [String], _ sink: CopySink) throws {
        var status = stat()
        try check("stat", on: name) { fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) }
        var item = CopyItem(
            path: path, kind: .folder, mode: status.st_mode & 0o7777, uid: status.st_uid, gid: status.st_gid,
            modified: status.st_mtim)
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
            let inner = Descriptor(
                try check("open", on: name) {
                    openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                })
            try sink(item) { _ in }
            for name in try Files.names(inFolder: inner.raw) { try walk(inner.raw, name, path + [name], sink) }
        case S_IFREG:
            let file = Descriptor(
                try check("open", on: name) { openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) })
            item.kind = .file(size: Int64(status.st_size))
            try sink(item) { take in
                while true {
                    let bytes = try Files.read(1 << 18, from: file.raw, named: name)
                    if bytes.isEmpty { return }
                    try bytes.withUnsafeBytes(take)
                }
            }
        case S_IFLNK:
            item.kind = .link(try Self.target(of: name, in: folder))
            try sink(item) { _ in }
        case S_IFIFO:
            item.kind = .pipe
            try sink(item) { _ in }
        case _: skipped(path.joined(separator: "/"))
        }
    }

    static func target(of name: String, in folder: Int32) throws(SystemError) -> String {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = try check("readlink", on: name) { readlinkat(folder, name, &bytes, bytes.count) }
        return String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Makes copies below a folder.
final class FolderSink {
    private let folder: OpenFolder
    /// Of the top, in place of the source's.
    private let title: String?
    /// Whether owners are kept; else everything is root's.
    private let keepsOwners: Bool
    /// Folders get their times last: what is put into them changes these.
    private var times: [(path: [String], time: timespec)] = []

    init(_ folder: OpenFolder, title: String? = nil, keepsOwners: Bool) {
        self.folder = folder
        self.title = title
        self.keepsOwners = keepsOwners
    }

    func take(_ item: CopyItem, _ content: CopyContent) throws {
        let path = try place(item.path)
        if path == ["."] { return }
        let name = path[path.count - 1]
        let parent = try open(Array(path.dropLast()))
        switch item.kind {
        case .folder:
            if mkdirat(parent.raw, name, 0o700) != 0 && !(errno == EEXIST && isFolder(name, in: parent.raw)) {
                throw SystemError("mkdir", on: path.joined(separator: "/"), errno: errno)
            }
            times.append((path, item.modified))
        case .file:
            let file = try make(name, in: parent.raw)
            try content { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let piece = UnsafeRawBufferPointer(rebasing: rest)
                    rest = rest.dropFirst(
                        try check("write", on: name) { write(file.raw, piece.baseAddress, piece.count) })
                }
            }
        case .link(let target):
            try clear(name, in: parent.raw)
            try check("symlink", on: name) { symlinkat(target, parent.raw, name) }
        case .pipe:
            try clear(name, in: parent.raw)
            try check("mkfifo", on: name) { mkfifoat(parent.raw, name, 0o600) }
        case .hardLink(let other):
            let old = try place(other)
            let oldParent = try open(Array(old.dropLast()))
            try clear(name, in: parent.raw)
            try check("link", on: name) { linkat(oldParent.raw, old[old.count - 1], parent.raw, name, 0) }
            return
        }
        try mark(name, in: parent.raw, item)
    }

    func finish() throws {
        for (path, time) in times.reversed() {
            guard let name = path.last else { continue }
            let parent = try open(Array(path.dropLast()))
            _ = withUnsafeTimes(time) { utimensat(parent.raw, name, $0, AT_SYMLINK_NOFOLLOW) }
        }
    }

    /// Security: an archive may have any names, and the way up is none that a copy takes.
    private func place(_ path: [String]) throws(SystemError) -> [String] {
        let place = (title ?? path.first).map { [$0] + path.dropFirst() } ?? []
        if place.isEmpty || place.contains(where: { $0 == ".." || $0.isEmpty || $0.contains("/") }) {
            throw SystemError("copy", on: path.joined(separator: "/"), errno: EINVAL)
        }
        return place
    }

    /// Name by name, and through no link: what is in the way was there before, or is somebody's trap.
    private func open(_ path: [String]) throws(SystemError) -> Descriptor {
        var reached = try Descriptor(copyOf: folder.raw)
        for name in path where name != "." {
            let above = reached.raw
            reached = Descriptor(
                try check("open", on: name) {
                    openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                })
        }
        return reached
    }

    private func isFolder(_ name: String, in parent: Int32) -> Bool {
        var status = stat()
        return fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// A new file in the place of what was there, so that nobody who has the old one open sees it change; where that is
    /// a mount, which cannot be removed, the file itself is written.
    private func make(_ name: String, in parent: Int32) throws(SystemError) -> Descriptor {
        var flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        do {
            try clear(name, in: parent)
        } catch {
            guard error.errno == EBUSY else { throw error }
            flags = O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC
        }
        let all = flags
        return Descriptor(try check("open", on: name) { openat(parent, name, all, 0o600) })
    }

    private func clear(_ name: String, in parent: Int32) throws(SystemError) {
        if unlinkat(parent, name, 0) != 0 && errno != ENOENT { throw SystemError("unlink", on: name, errno: errno) }
    }

    private func mark(_ name: String, in parent: Int32, _ item: CopyItem) throws(SystemError) {
        let (uid, gid) = keepsOwners ? (item.uid, item.gid) : (0, 0)
        try check("chown", on: name) { fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) }
        if case .link = item.kind {
        } else {
            // By a descriptor that follows nothing: fchmodat(2) cannot be told not to.
            let file = Descriptor(
                try check("open", on: name) { openat(parent, name, openPath | O_NOFOLLOW | O_CLOEXEC) })
            try check("chmod", on: name) { chmod("/proc/self/fd/\(file.raw)", item.mode) }
        }
        _ = withUnsafeTimes(item.modified) { utimensat(parent, name, $0, AT_SYMLINK_NOFOLLOW) }
    }

    private func withUnsafeTimes(_ time: timespec, _ body: (UnsafePointer<timespec>) -> Int32) -> Int32 {
        [time, time].withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}

/// O_PATH of <fcntl.h>, which Swift's Glibc lacks.
let openPath: Int32 = 0o1000_0000
