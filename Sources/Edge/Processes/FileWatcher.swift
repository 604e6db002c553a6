import Glibc
package import Syscalls

/// Tells which files come, change and go in some folders and everything below them. inotify(7)
///
/// A file counts as changed when whoever wrote it has closed it. A single file is watched through its folder, since
/// editors put a new file in the place of the old one.
package final class FileWatcher {
    private let queue: Descriptor
    /// To be waited for.
    package var raw: Int32 { queue.raw }
    private var roots: Set<String> = []
    private var watches: [Int32: String] = [:]
    private var numbers: [String: Int32] = [:]
    private let ignores: (String) -> Bool

    /// - Parameter ignores: whether nothing in a folder is of interest.
    package init(ignores: @escaping (String) -> Bool) throws(SystemError) {
        queue = Descriptor(try check("inotify_init1") { inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC)) })
        self.ignores = ignores
    }

    private static let interest = UInt32(
        IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF
    )

    /// Absolute paths without links. What is not there is waited for, as long as the folder above it is there.
    package func add(_ path: String) throws(SystemError) {
        roots.insert(path)
        // Through the folder above it is seen to come again, for example when a branch is changed.
        try watch(Self.parent(path))
        if Self.isRealFolder(path) { _ = try watchTree(path) }
    }

    private func watch(_ folder: String) throws(SystemError) {
        if numbers[folder] != nil { return }
        let flags = Self.interest | UInt32(IN_ONLYDIR) | UInt32(IN_DONT_FOLLOW) | UInt32(IN_EXCL_UNLINK)
        let number = inotify_add_watch(queue.raw, folder, flags)
        if number < 0 {
            // It went meanwhile: whoever watches the folder above is told.
            if errno == ENOENT || errno == ENOTDIR { return }
            throw SystemError(
                errno == ENOSPC
                    ? "inotify_add_watch (sysctl fs.inotify.max_user_watches says how many there may be)"
                    : "inotify_add_watch", on: folder, errno: errno)
        }
        watches[number] = folder
        numbers[folder] = number
    }

    /// - Returns: the files in it.
    private func watchTree(_ folder: String) throws(SystemError) -> [String] {
        if folder != "/", !roots.contains(folder), ignores(folder) { return [] }
        // The watch comes first: what is made after the look is told by it.
        try watch(folder)
        var files: [String] = []
        for name in Files.names(in: folder) {
            let path = Self.join(folder, name)
            if Self.isRealFolder(path) { files += try watchTree(path) } else { files.append(path) }
        }
        return files
    }

    private func forget(_ folder: String) {
        for (path, number) in numbers where path == folder || path.hasPrefix(folder + "/") {
            inotify_rm_watch(queue.raw, number)
            numbers[path] = nil
            watches[number] = nil
        }
    }

    /// What is of interest and has happened since it was last asked: paths of files that came, changed or went, and of
    /// folders that went.
    package func changes() throws(SystemError) -> Set<String> {
        var found: Set<String> = []
        var bytes = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = bytes.withUnsafeMutableBytes { read(queue.raw, $0.baseAddress, $0.count) }
            if count <= 0 {
                if count < 0 && errno == EINTR { continue }
                return found.filter { path in roots.contains { Self.isWithin(path, $0) } }
            }
            var offset = 0
            while offset < count {
                let (event, name) = bytes.withUnsafeBytes { buffer in
                    let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    let start = offset + MemoryLayout<inotify_event>.size
                    let name = buffer[start..<start + Int(event.len)].prefix { $0 != 0 }
                    return (event, String(decoding: name, as: UTF8.self))
                }
                offset += MemoryLayout<inotify_event>.size + Int(event.len)
                try take(event, name, &found)
            }
        }
    }

    private func take(_ event: inotify_event, _ name: String, _ found: inout Set<String>) throws(SystemError) {
        if event.mask & UInt32(IN_Q_OVERFLOW) != 0 {
            // The kernel has lost count: everything may have changed.
            for root in roots { try found.formUnion(Self.isRealFolder(root) ? watchTree(root) : [root]) }
            return
        }
        guard let folder = watches[event.wd] else { return }
        if event.mask & UInt32(IN_IGNORED) != 0 {
            watches[event.wd] = nil
            if numbers[folder] == event.wd { numbers[folder] = nil }
            return
        }
        if name.isEmpty { return }
        let path = Self.join(folder, name)
        let came = event.mask & UInt32(IN_CREATE | IN_MOVED_TO) != 0
        if event.mask & UInt32(IN_ISDIR) != 0 {
            if event.mask & UInt32(IN_MOVED_FROM | IN_DELETE) != 0 {
                forget(path)
                found.insert(path)
            } else if came, roots.contains(where: { Self.isWithin(path, $0) }) {
                found.formUnion(try watchTree(path))
            }
        } else if event.mask & UInt32(IN_CREATE) != 0 {
            // A file that is being written is told when it is closed; links and the like are whole at once.
            var status = stat()
            if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG || status.st_nlink > 1 {
                found.insert(path)
            }
        } else {
            found.insert(path)
        }
    }

    /// All files that are there now.
    package func files() -> [String] {
        func walk(_ path: String) -> [String] {
            if !Self.isRealFolder(path) { return Files.exists(path) ? [path] : [] }
            if !roots.contains(path), ignores(path) { return [] }
            return Files.names(in: path).flatMap { walk(Self.join(path, $0)) }
        }
        return Set(roots.flatMap(walk)).sorted()
    }

    private static func isRealFolder(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func isWithin(_ path: String, _ root: String) -> Bool {
        path == root || path.hasPrefix(root == "/" ? "/" : root + "/")
    }

    private static func join(_ folder: String, _ name: String) -> String {
        folder == "/" ? "/\(name)" : "\(folder)/\(name)"
    }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
