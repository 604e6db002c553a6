import CLaunch
import Glibc
import Syscalls

/// Folders stacked as overlayfs stacks them, read from outside: what the container will see at a path, before there
/// is a container.
struct Layers: ~Copyable {
    /// Top first.
    private let folders: [Int32]

    /// Folders that do not exist yet, a writable layer before the first start, are left out.
    init(_ paths: [String]) throws(SystemError) {
        var folders: [Int32] = []
        for path in paths {
            let folder = open(path, O_DIRECTORY | O_CLOEXEC)
            if folder >= 0 {
                folders.append(folder)
            } else if errno != ENOENT {
                throw SystemError("open", on: path, errno: errno)
            }
        }
        self.folders = folders
    }

    deinit { for folder in folders { close(folder) } }

    /// The text of a regular file; nil where there is none.
    func text(_ path: String) throws(SystemError) -> String? {
        guard let file = find(path, flags: O_RDONLY | O_NONBLOCK) else { return nil }
        var status = stat()
        guard fstat(file.raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return String(decoding: try Files.bytes(from: file.raw, named: path), as: UTF8.self)
    }

    /// The path with the links in its last part followed, as far as they lead; they may lead to nothing.
    func resolved(_ path: String) -> String {
        var path = path
        for _ in 0..<8 {
            guard let link = find(path, flags: 0o10000000 | O_NOFOLLOW) else { return path }
            var target = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlinkat(link.raw, "", &target, target.count - 1)
            if count <= 0 { return path }
            let content = String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            path = normal(content.hasPrefix("/") ? content : path + "/../" + content)
        }
        return path
    }

    /// Looked up with each layer as the root, so that no link in it leads to the host's own files.
    private func find(_ path: String, flags: Int32) -> Descriptor? {
        let resolveInRoot: UInt64 = 0x10
        for folder in folders {
            let file = settle_openat2(folder, path, UInt64(flags | O_CLOEXEC), resolveInRoot)
            if file >= 0 { return Descriptor(file) }
        }
        return nil
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
