import CCap
import CLaunch
import Glibc
package import Launch
import Syscalls

extension Launcher {
    /// Looks up what compiling needs. Reads only.
    /// - Throws: `LaunchError` with the key at fault: a bind source that is missing, a user that is unknown.
    package static func look(_ spec: LaunchSpec) throws(LaunchError) -> Facts {
        let paths: [String] =
            switch spec.source(of: .mnt) {
            case .new: [spec.root.upper] + spec.root.lowerPaths
            case .join: spec.root.lowerPaths
            case .host: ["/"]
            }
        var facts = Facts(identity: try identity(spec.user, spec.groups, in: paths), bounding: boundingCapabilities)
        guard spec.source(of: .mnt) == .new else { return facts }
        if spec.root.lower == .host { facts.hidden = hidden(spec.hiddenPaths) }
        facts.masked = spec.maskedPaths.compactMap { path in
            isFolder(path).map { KnownPath(path, isFolder: $0) }
        }
        facts.readOnly = spec.readOnlyPaths.filter { isFolder($0) != nil }
        facts.unifiedCgroups = Files.exists("/sys/fs/cgroup/cgroup.controllers")
        facts.targets = try targets(spec.mounts, in: paths)
        return facts
    }

    /// The same for one more process in the container that `process` belongs to.
    package static func look(_ spec: ExecSpec, process: Int32) throws(LaunchError) -> Facts {
        Facts(
            identity: try identity(spec.user, spec.groups, in: ["/proc/\(process)/root"]),
            bounding: boundingCapabilities)
    }

    private static func identity(
        _ user: String?, _ groups: [String], in paths: [String]
    ) throws(LaunchError) -> Identity {
        let passwd: String?
        let group: String?
        do {
            let layers = try Layers(paths)
            passwd = try layers.text("/etc/passwd")
            group = try layers.text("/etc/group")
        } catch {
            throw LaunchError("rootfs", "cannot read the container's users: \(error)", errno: error.errno)
        }
        return try resolve(user: user, groups: groups, passwd: passwd ?? "", group: group ?? "")
    }

    private static func targets(_ mounts: [Mount], in paths: [String]) throws(LaunchError) -> [KnownPath] {
        var result: [KnownPath] = []
        for mount in mounts {
            switch mount.content {
            case .tmpfs: result.append(KnownPath(normal(mount.target), isFolder: true))
            case .bind(let source, let part?, _):
                guard let folder = isFolder(part, in: source) else {
                    throw LaunchError(
                        "\(mount.key).volume.subpath",
                        "cannot mount \(part) on \(mount.target): there is no such file or folder in the volume")
                }
                result.append(try place(mount, isFolder: folder, in: paths))
            case .bind(let source, nil, _):
                guard let folder = isFolder(source) else {
                    throw LaunchError(mount.key, "cannot mount \(source) on \(mount.target): no such file or folder")
                }
                result.append(try place(mount, isFolder: folder, in: paths))
            }
        }
        return result
    }

    private static func place(
        _ mount: Mount, isFolder: Bool, in paths: [String]
    ) throws(LaunchError) -> KnownPath {
        let target = normal(mount.target)
        if isFolder { return KnownPath(target, isFolder: true) }
        guard let layers = try? Layers(paths) else {
            throw LaunchError("rootfs", "cannot read the root file system \(paths.last ?? "/")")
        }
        return KnownPath(layers.resolved(target), isFolder: false)
    }

    /// Of a path below a folder, as the child will look it up: see `Mount.Content.bind`.
    private static func isFolder(_ part: String, in folder: String) -> Bool? {
        // O_PATH, and RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS.
        guard let root = try? Descriptor(folder, 0x200000) else { return nil }
        let found = settle_openat2(root.raw, part, 0x200000 | UInt64(O_CLOEXEC), 0x12)
        if found < 0 { return nil }
        let descriptor = Descriptor(found)
        var status = stat()
        return fstat(descriptor.raw, &status) == 0 ? status.st_mode & S_IFMT == S_IFDIR : nil
    }

    /// Paths of the host that exist.
    private static func hidden(_ patterns: [String]) -> [HiddenPath] {
        let paths = Set(patterns.flatMap(expanded)).sorted()
        // What is below something hidden is hidden with it.
        return paths.filter { path in !paths.contains { path.hasPrefix($0 + "/") } }
            .map { HiddenPath($0, above: foldersAbove($0)) }
    }

    /// The existing paths that a pattern stands for, without links in the folders above.
    private static func expanded(_ pattern: String) -> [String] {
        guard let slash = pattern.lastIndex(of: "/") else { return [] }
        let name = String(pattern[pattern.index(after: slash)...])
        let folder = realpath(slash == pattern.startIndex ? "/" : String(pattern[..<slash]), nil)
        defer { free(folder) }
        guard let folder else { return [] }
        let above = String(cString: folder)
        let names = name.contains("*") ? Files.names(in: above).filter { fnmatch(name, $0, 0) == 0 } : [name]
        // Security: the lower layer is the host's root file system without what is mounted in it. Below another mount we
        // see what the container does not, and not what it does: there the path is hidden whether it exists or not.
        let isCovered = !name.contains("*") && device(of: above) != device(of: "/")
        return names.map { (above == "/" ? "" : above) + "/" + $0 }.filter { isCovered || Files.exists($0) }
    }

    private static func device(of path: String) -> dev_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_dev : nil
    }

    private static func foldersAbove(_ path: String) -> [HiddenPath.Folder] {
        var folders: [HiddenPath.Folder] = []
        var folder = ""
        for part in path.split(separator: "/").dropLast() {
            folder += "/" + part
            var status = stat()
            guard lstat(folder, &status) == 0 else { break }
            folders.append(
                HiddenPath.Folder(
                    path: folder, mode: Int(status.st_mode & 0o7777), uid: Int(status.st_uid), gid: Int(status.st_gid)))
        }
        return folders
    }

    private static func isFolder(_ path: String) -> Bool? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return status.st_mode & S_IFMT == S_IFDIR
    }

    /// What this process may hand on. Root need not be all-powerful: a container's root is not.
    package static let boundingCapabilities = heldCapabilities()

    private static func heldCapabilities() -> [String] {
        var names: [String] = []
        var value: cap_value_t = 0
        while true {
            let held = cap_get_bound(value)
            if held < 0 { return names }
            if held == 1, let name = cap_to_name(value) {
                names.append(canonicalCapability(String(cString: name)))
                cap_free(name)
            }
            value += 1
        }
    }
}
