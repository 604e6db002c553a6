import Glibc
import Processes
import Syscalls

/// `cp` between two places, with Docker's meaning of what exists and what does not.
package struct Copying {
    /// Whether owners are kept; else everything becomes root's.
    package var keepsOwners = false
    /// Whether what a link leads to is copied in its place.
    package var followsLink = false
    /// Told of what is left out.
    package var skipped: (String) -> Void = { _ in }

    package init() {}

    /// Why something cannot be copied there.
    package struct Misfit: Error, CustomStringConvertible {
        package let description: String
    }

    package func copy(_ source: String, in from: CopyRoot, to target: String, in to: CopyRoot) throws {
        let (folder, name, isFolder) = try locate(source, in: from)
        // Only what is in the folder, if it says so: `SRC/.`.
        let isContent = isFolder && (source.hasSuffix("/.") || source == ".")
        let title = isContent ? "." : Self.lastName(source)
        let kind = try kind(of: target, in: to)
        let sink: FolderSink
        switch (kind, isFolder) {
        case (.file, true): throw Misfit(description: "\(target) is a file: a folder cannot be copied onto it")
        case (.folder, _):
            sink = FolderSink(try to.folder(target), keepsOwners: keepsOwners)
        case (.file, false), (.absent, _):
            if !isFolder && target.hasSuffix("/") {
                throw Misfit(description: "\(target) is no folder that is there")
            }
            let place = try landing(target, in: to)
            sink = FolderSink(place.folder, title: place.name, keepsOwners: keepsOwners)
        }
        let walked = FolderSource(folder: folder, name: name, title: title, skipped: skipped)
        try walked.walk(sink.take)
        try sink.finish()
    }

    /// As a tar archive.
    package func write(_ source: String, in from: CopyRoot, to descriptor: Int32) throws {
        let (folder, name, isFolder) = try locate(source, in: from)
        let isContent = isFolder && (source.hasSuffix("/.") || source == ".")
        let title = isContent ? "." : Self.lastName(source)
        let archive = try TarWriter(descriptor)
        try FolderSource(folder: folder, name: name, title: title, skipped: skipped).walk(archive.take)
        try archive.finish()
    }

    /// From a tar archive, into a folder that is there.
    package func read(_ descriptor: Int32, to target: String, in to: CopyRoot) throws {
        guard try kind(of: target, in: to) == .folder else {
            throw Misfit(description: "\(target) is no folder that is there")
        }
        let sink = FolderSink(try to.folder(target), keepsOwners: keepsOwners)
        try TarSource(descriptor, skipped: skipped).walk(sink.take)
        try sink.finish()
    }

    /// Removes what is there with all that is in it; nothing there is no error. A link is removed itself.
    package func remove(_ path: String, in root: CopyRoot) throws {
        do {
            let found = try end(of: path, in: root, follows: false)
            if found.name != "." { try remove(found.name, from: found.folder.raw) }
        } catch let error as SystemError where error.errno == ENOENT {
            return
        }
    }

    private func remove(_ name: String, from folder: Int32) throws(SystemError) {
        if unlinkat(folder, name, 0) == 0 || errno == ENOENT { return }
        guard errno == EISDIR else { throw SystemError("unlink", on: name, errno: errno) }
        let inner = OpenFolder(
            Descriptor(
                try check("open", on: name) {
                    openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                }))
        for name in try Files.names(inFolder: inner.raw) { try remove(name, from: inner.raw) }
        try check("rmdir", on: name) { unlinkat(folder, name, AT_REMOVEDIR) }
    }

    private enum Kind { case absent, file, folder }

    private func kind(of path: String, in root: CopyRoot) throws(SystemError) -> Kind {
        let found: OpenFolder
        do throws(SystemError) {
            found = OpenFolder(try root.open(path, openPath))
        } catch {
            if error.errno == ENOENT { return .absent }
            throw error
        }
        var status = stat()
        if fstat(found.raw, &status) != 0 { throw SystemError("stat", on: path, errno: errno) }
        return status.st_mode & S_IFMT == S_IFDIR ? .folder : .file
    }

    /// What is to be copied.
    private func locate(_ path: String, in root: CopyRoot) throws -> (OpenFolder, String, isFolder: Bool) {
        let found = try end(of: path, in: root, follows: followsLink || path.hasSuffix("/"))
        guard let format = found.format else { throw SystemError("open", on: path, errno: ENOENT) }
        return (found.folder, found.name, format == S_IFDIR)
    }

    /// Where a copy goes that is no member of a folder: through links, as a program that writes there would go.
    private func landing(_ path: String, in root: CopyRoot) throws -> (folder: OpenFolder, name: String) {
        do {
            let found = try end(of: path, in: root, follows: true)
            return (found.folder, found.name)
        } catch let error as SystemError where error.errno == ENOENT {
            throw Misfit(description: "the folder of \(path) is not there")
        }
    }

    /// The folder that a path leads into, the name there, and what that is; nil where there is nothing yet.
    private func end(
        of path: String, in root: CopyRoot, follows: Bool
    ) throws -> (folder: OpenFolder, name: String, format: mode_t?) {
        var path = Self.trimmed(path)
        for _ in 0..<40 {
            let (above, name) = Self.split(path)
            if name.isEmpty || name == "." || name == ".." {
                return (try root.folder(path.isEmpty ? "/" : path), ".", S_IFDIR)
            }
            let folder = try root.folder(above)
            var status = stat()
            if fstatat(folder.raw, name, &status, AT_SYMLINK_NOFOLLOW) != 0 {
                if errno == ENOENT { return (folder, name, nil) }
                throw SystemError("stat", on: path, errno: errno)
            }
            let format = status.st_mode & S_IFMT
            if format != S_IFLNK || !follows { return (folder, name, format) }
            let target = try FolderSource.target(of: name, in: folder.raw)
            path = Self.trimmed(target.hasPrefix("/") ? target : "\(above)/\(target)")
        }
        throw SystemError("open", on: path, errno: ELOOP)
    }

    private static func trimmed(_ path: String) -> String {
        var path = path
        while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
        return path == "/" ? "" : path
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = String(path[..<slash])
        return (folder.isEmpty ? "/" : folder, String(path[path.index(after: slash)...]))
    }

    private static func lastName(_ path: String) -> String {
        let name = trimmed(path).split(separator: "/").last.map(String.init) ?? "."
        return name == ".." ? "." : name
    }
}
