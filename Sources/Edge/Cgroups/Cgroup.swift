import Glibc
package import Stack
package import Syscalls

/// One control group: the folder `path` in every hierarchy that Settle uses.
package struct Cgroup: Hashable, Sendable {
    package let mode: CgroupMode
    /// Relative to the hierarchies' roots, without slashes at its ends: `settle/shop/web.1.1`.
    package let path: String
    /// How many components of `path` are Settle's root folder.
    let rootDepth: Int

    package var name: String { String(path.split(separator: "/").last ?? "") }

    package func child(_ name: String) -> Cgroup { Cgroup(mode: mode, path: "\(path)/\(name)", rootDepth: rootDepth) }

    var parent: Cgroup {
        Cgroup(
            mode: mode, path: path.split(separator: "/").dropLast().joined(separator: "/"), rootDepth: rootDepth)
    }

    private var depth: Int { path.split(separator: "/").count }

    func folder(_ mount: String) -> String { path.isEmpty ? mount : "\(mount)/\(path)" }

    /// The absolute path of a control file; nil where its controller is not on this machine.
    package func file(_ controller: String, _ name: String) -> String? {
        mode.controllers[controller].map { "\(folder($0.mount))/\(name)" }
    }

    func unifiedFile(_ name: String) -> String? { mode.unified.map { "\(folder($0))/\(name)" } }

    /// The absolute paths of the group's folders, the v2 one last.
    package var folders: [String] { mode.mounts.map(folder) }

    package var exists: Bool { folders.contains(where: Files.exists) }

    /// The groups inside this one.
    package var children: [Cgroup] {
        Set(folders.flatMap { Files.folders(in: $0) }).sorted().map(child)
    }

    // MARK: - Making

    /// Makes the folders in all hierarchies, those above included, and applies the limits.
    ///
    /// - Parameter fresh: a folder that is there already is removed first, what runs in it killed. A container wants
    ///   that: Linux 6.18 kills at birth what is cloned into a v2 group whose `cgroup.kill` was ever written.
    package func create(_ limits: ResourceLimits = ResourceLimits(), fresh: Bool = false) throws(CgroupError) {
        if fresh, exists { try remove() }
        var isNew = true
        for mount in mode.mounts where !(try make(mount)) { isNew = false }
        try apply(limits, over: isNew ? untouched(for: limits) : self.limits)
    }

    /// One folder. The folders above may vanish meanwhile, when the last other project goes: try again.
    ///
    /// - Returns: false where it was there.
    private func make(_ mount: String) throws(CgroupError) -> Bool {
        var attempts = 1
        while true {
            do {
                return try makeOnce(mount)
            } catch {
                if error.errno != ENOENT || attempts == 10 { throw error }
                attempts += 1
            }
        }
    }

    @discardableResult
    private func makeOnce(_ mount: String) throws(CgroupError) -> Bool {
        let folder = folder(mount)
        var isNew = mkdir(folder, 0o755) == 0
        if !isNew, errno == ENOENT, depth > 1 {
            try parent.makeOnce(mount)
            isNew = mkdir(folder, 0o755) == 0
        }
        if !isNew, errno != EEXIST {
            let reason = SystemError("mkdir", on: folder, errno: errno)
            throw CgroupError(
                "cannot make a control group: \(reason)",
                fix: "run as root, or set SETTLE_CGROUP to a folder delegated to you", errno: reason.errno)
        }
        if mount == mode.unified, isNew || depth >= rootDepth { parent.enableControllers() }
        if mode.controllers["cpuset"] == CgroupMode.Controller(version: .v1, mount: mount) {
            try copyProcessors(mount, isNew: isNew)
        }
        return isNew
    }

    /// Lets children have the controllers (cgroup-v2, "Enabling and Disabling"). What cannot be enabled (processes live
    /// in this group, or it is not ours) only matters to who asks for such a limit; `apply` and `check` tell them.
    private func enableControllers() {
        guard let unified = mode.unified else { return }
        let wanted =
            mode.controllers.filter { $0.value.version == .v2 }.keys.sorted() + (mode.countsBlocks ? ["io"] : [])
        let control = folder(unified) + "/cgroup.subtree_control"
        guard !wanted.isEmpty, let enabled = try? Control.words(control) else { return }
        for name in wanted where !enabled.contains(name) { try? Files.poke(control, "+\(name)") }
    }

    /// A new v1 cpuset is empty, and no process may enter it so. Nor may the parent be, which another project's start
    /// may have made this moment.
    private func copyProcessors(_ mount: String, isNew: Bool) throws(CgroupError) {
        for name in ["cpuset.mems", "cpuset.cpus"] {
            if !isNew, !(try processors(name, mount).isEmpty) { continue }
            var text = try parent.processors(name, mount)
            if text.isEmpty, depth > 1 {
                try parent.copyProcessors(mount, isNew: false)
                text = try parent.processors(name, mount)
            }
            try step("filling a cpuset") { () throws(SystemError) in try Files.poke("\(folder(mount))/\(name)", text) }
        }
    }

    private func processors(_ name: String, _ mount: String) throws(CgroupError) -> String {
        try step("reading a cpuset") { () throws(SystemError) in try Control.line("\(folder(mount))/\(name)") }
    }

    // MARK: - Members

    /// The v2 folder, for CLONE_INTO_CGROUP; nil where there is no v2 tree.
    package func open() throws(CgroupError) -> Descriptor? {
        guard let unified = mode.unified else { return nil }
        do {
            return try Descriptor(folder(unified), O_RDONLY | O_DIRECTORY)
        } catch {
            throw CgroupError("opening a control group: \(error)", errno: error.errno)
        }
    }

    /// The files that take in a process which was cloned into the v2 tree's folder, where there is one: write its pid, or
    /// 0 for the writer.
    package var doors: [String] { mode.mounts.filter { $0 != mode.unified }.map(door) }

    private func door(_ mount: String) -> String { folder(mount) + "/cgroup.procs" }

    /// Whether the calling process is in this group, in every hierarchy: then its children are as well.
    package var holdsCaller: Bool {
        let own = mode.ownPaths
        return mode.mounts.allSatisfy { own[$0] == "/" + path }
    }

    /// Whether the children of the calling process are born in this group, as far as `pids` shows it.
    package var isBirthplace: Bool {
        guard let unified = mode.unified else { return holdsCaller }
        return mode.ownPaths[unified] == "/" + path
    }

    /// Moves a process in. On v1 the first move after a pause waits 5-15 ms for the kernel, those after it hardly: move
    /// all that is to be moved in one go.
    package func attach(_ pid: Int32, isCloned: Bool = false) throws(CgroupError) {
        for door in isCloned ? doors : mode.mounts.map(door) {
            try step("moving process \(pid) into its control group") { () throws(SystemError) in
                try Files.poke(door, String(pid))
            }
        }
    }

    /// The processes in this very group, in order.
    package var pids: [Int32] {
        guard let mount = mode.unified ?? mode.controllers["pids"]?.mount ?? mode.mounts.first,
            let text = try? Files.text(folder(mount) + "/cgroup.procs")
        else { return [] }
        return text.lines.compactMap { Int32($0) }.sorted()
    }

    /// The processes in this group and those below.
    package var allPids: [Int32] { (pids + children.flatMap(\.allPids)).sorted() }
}

/// Control files: short, and whole in one read(2).
enum Control {
    static func line(_ path: String) throws(SystemError) -> String {
        let file = try Descriptor(path, O_RDONLY)
        let bytes = try Files.read(4096, from: file.raw, named: path)
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    static func text(_ path: String) throws(SystemError) -> String {
        let file = try Descriptor(path, O_RDONLY)
        return String(decoding: try Files.read(4096, from: file.raw, named: path), as: UTF8.self)
    }

    static func words(_ path: String) throws(SystemError) -> [String] {
        try line(path).words.map(String.init)
    }

    /// A file of `name number` lines.
    static func number(_ name: String, in path: String) -> Int? {
        guard let text = try? Control.text(path) else { return nil }
        for line in text.lines {
            let words = line.words
            if words.count == 2, words[0] == name { return Int(words[1]) }
        }
        return nil
    }
}
