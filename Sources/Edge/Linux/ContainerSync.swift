import Glibc
package import Stack
import Syscalls

/// Files of the host in a container that runs, kept like theirs.
package struct ContainerSync {
    private let root: CopyRoot
    private let host = CopyRoot()

    package init(_ container: ObservedContainer, _ paths: ProjectPaths) throws {
        root = try CopyRoot(container, paths)
    }

    /// What is there on the host comes into the container, what is gone goes there, too. Links in the container lead
    /// nowhere but within it.
    package func update(_ source: String, to target: String) throws {
        guard Files.exists(source) else { return try Copying().remove(target, in: root) }
        try makeFolders(parent(of: target))
        do {
            try Copying().copy(source, in: host, to: target, in: root)
        } catch let error as SystemError where error.errno == ENOENT && !Files.exists(source) {
            // It went on the way, which is told as a change of its own.
        }
    }

    private func makeFolders(_ path: String) throws {
        if path == "/" || (try? root.folder(path)) != nil { return }
        try makeFolders(parent(of: path))
        let above = try root.folder(parent(of: path))
        let name = path.split(separator: "/").last.map(String.init) ?? "."
        if mkdirat(above.raw, name, 0o755) != 0 && errno != EEXIST {
            throw SystemError("mkdir", on: path, errno: errno)
        }
    }

    private func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
