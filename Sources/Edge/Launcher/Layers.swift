import CSyscalls
import Glibc
package import Syscalls

/// Folders stacked as overlayfs stacks them, read from outside: what the container will see at a path, before there
/// is a container. Links are followed here, one after the other, so that none leads to the host's own files.
package struct Layers {
    private let root: Level

    /// - Parameter paths: top first. Folders that do not exist yet, a writable layer before the first start, are left out.
    package init(_ paths: [String]) throws(SystemError) {
        let root = Level()
        for path in paths {
            let folder = open(path, O_DIRECTORY | O_CLOEXEC)
            if folder >= 0 {
                root.folders.append(folder)
            } else if errno != ENOENT {
                throw SystemError("open", on: path, errno: errno)
            }
        }
        self.root = root
    }

    /// The text of a regular file; nil where there is none.
    func text(_ path: String) throws(SystemError) -> String? {
        guard case .file(let folder, let name) = walk(path).entry else { return nil }
        let raw = openat(folder.folders[0], name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)
        if raw < 0 { return nil }
        let file = Descriptor(raw)
        var status = stat()
        guard fstat(file.raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return String(decoding: try Files.bytes(from: file.raw, named: path), as: UTF8.self)
    }

    /// The path without links, as far as it leads to something; it may lead to nothing.
    package func resolved(_ path: String) -> String { walk(path).path }

    /// Whether there is a folder, at the end of links or not.
    package func hasFolder(_ path: String) -> Bool {
        switch walk(path).entry {
        case .folder: true
        case .file, .link, .nothing: false
        }
    }

    private enum Entry {
        case folder(Level)
        /// The first of the level's folders has it, under this name.
        case file(Level, String)
        case link(String)
        case nothing
    }

    private func walk(_ path: String) -> (path: String, entry: Entry) {
        var done: [(name: String, level: Level)] = []
        var open = Array(normal(path).split(separator: "/").map(String.init).reversed())
        var links = 0
        while let name = open.popLast() {
            if name == "." { continue }
            if name == ".." {
                _ = done.popLast()
                continue
            }
            let here = "/" + (done.map(\.name) + [name]).joined(separator: "/")
            let rest = open.reversed().map { "/" + $0 }.joined()
            switch entry(name, in: done.last?.level ?? root) {
            case .folder(let level): done.append((name, level))
            case .file(let level, let name):
                return (here + rest, open.isEmpty ? .file(level, name) : .nothing)
            case .nothing: return (normal(here + rest), .nothing)
            case .link(let target):
                links += 1
                // As many as the kernel follows, path_resolution(7).
                if links > 40 { return (here + rest, .nothing) }
                if target.hasPrefix("/") { done = [] }
                open += target.split(separator: "/").map(String.init).reversed()
            }
        }
        return ("/" + done.map(\.name).joined(separator: "/"), .folder(done.last?.level ?? root))
    }

    /// A name in the folders of a level, the topmost deciding: Documentation/filesystems/overlayfs.rst.
    private func entry(_ name: String, in level: Level) -> Entry {
        let merged = Level()
        for folder in level.folders {
            var status = stat()
            if fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 { continue }
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                let below = openat(folder, name, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                if below < 0 { continue }
                merged.folders.append(below)
                if Self.isOpaque(below) { return .folder(merged) }
            // Whatever is below a file, or below a whiteout, is hidden by it.
            case _ where !merged.folders.isEmpty: return .folder(merged)
            case S_IFCHR where status.st_rdev == 0: return .nothing
            case S_IFLNK: return Self.target(name, in: folder).map(Entry.link) ?? .nothing
            case _:
                merged.folders.append(fcntl(folder, F_DUPFD_CLOEXEC, 0))
                return .file(merged, name)
            }
        }
        return merged.folders.isEmpty ? .nothing : .folder(merged)
    }

    private static func isOpaque(_ folder: Int32) -> Bool {
        let names: [StaticString] = ["trusted.overlay.opaque", "user.overlay.opaque"]
        return names.contains { settle_attribute_is(folder, $0.description, CChar(UInt8(ascii: "y"))) == 1 }
    }

    private static func target(_ name: String, in folder: Int32) -> String? {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(folder, name, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    /// One folder as it is in each layer that has it, top first.
    private final class Level {
        var folders: [Int32] = []
        deinit { for folder in folders { close(folder) } }
    }
}

/// The path without `.`, `..` and doubled slashes, by its text alone.
func normal(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
        if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
}
