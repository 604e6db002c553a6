extension Composer {
    /// From the host's mounts to the container's.
    mutating func composeRoot(_ spec: LaunchSpec, _ facts: Facts) {
        // What is to have mounts in common with the host is taken before the two part.
        let common = openBinds(spec) { $0.isCommon }
        key = "rootfs"
        mount(nil, on: "/", type: nil, [.recursive, .isPrivate], to: "separate from the host's mounts")
        let own = openBinds(spec) { !$0.isCommon }
        let binds = zip(common, own).map { $0 ?? $1 }
        let shared = openSharedMemory(spec.sharedMemory)
        key = "rootfs"
        mountRoot(spec.root, facts)
        enterRoot(spec.root.upper)
        for path in facts.hidden.map(\.path) where LaunchSpec.emptiedPaths.contains(path) {
            makeFolders(path, mode: 0o700)
        }
        mountKernelFileSystems(facts)
        mountDevices(spec.sharedMemory, shared)
        mountOthers(spec.mounts, binds, facts.targets)
        protect(facts)
    }

    private mutating func openBinds(_ spec: LaunchSpec, where fits: (Mount) -> Bool) -> [Slot?] {
        spec.mounts.map { mount in
            switch mount.content {
            case .bind(let source, let part, let propagation):
                guard fits(mount) else { return nil }
                key = mount.key
                var attributes: Kernel.MountAttributes = mount.readOnly ? [.readOnly] : []
                // CAP_MKNOD is among the default capabilities. It gives nothing away as long as no writable mount
                // honours device nodes; only who mounts a part of /dev asks for devices.
                if source != "/dev" && !source.hasPrefix("/dev/") { attributes.insert(.noDevices) }
                let purpose = "mount \(source)\(part.map { "/" + $0 } ?? "") on \(mount.target)"
                let slot = openTree(source, below: part, attributes, to: purpose)
                if let propagation { setPropagation(of: slot, propagation, to: purpose) }
                return slot
            case .tmpfs: return nil
            }
        }
    }

    private mutating func openSharedMemory(_ memory: SharedMemory) -> Slot? {
        key = "ipc"
        switch memory {
        case .size: return nil
        case .folder(let path): return openTree(path, [.noDevices], to: "mount \(path) on /dev/shm")
        }
    }

    private mutating func mountRoot(_ root: RootFileSystem, _ facts: Facts) {
        for folder in [root.upper, root.work] {
            add(
                .mkdirat, [.here, .string(folder), .octal(0o755)], tolerated: [.exists], to: "make the folder \(folder)"
            )
        }
        var layers = lowerLayers(root.lower)
        if !facts.hidden.isEmpty {
            layers = Self.hidingLayer + ":" + layers
            hide(facts.hidden)
        }
        let options = [
            "lowerdir=" + layers, "upperdir=" + escaped(root.upper),
            // Folders of the lower layer can be renamed. A restart may use the layer while its last mount is still
            // going away, which an index would forbid. The file system is one device whatever its layers are on.
            "workdir=" + escaped(root.work), "redirect_dir=on", "index=off", "xino=on",
        ]
        mount(
            "overlay", on: root.upper, type: "overlay", [.noDevices], options.joined(separator: ","),
            to: "mount the root file system on \(root.lowerPaths.last ?? "nothing")")
    }

    /// `lowerdir` as overlayfs reads it.
    private mutating func lowerLayers(_ lower: RootFileSystem.Lower) -> String {
        switch lower {
        case .host: return "/"
        case .directory(let path): return escaped(path, colons: true)
        case .layers(let names, let folder):
            add(.chdir, [.string(folder)], to: "enter \(folder)")
            return names.map { escaped($0, colons: true) }.joined(separator: ":")
        }
    }

    /// Where the layer that hides things is put together: a place that every host has, and that the new root covers.
    private static let hidingLayer = "/proc"

    /// A layer of its own above the host's, in memory and out of everybody's reach once the root has changed: a whiteout
    /// cannot be seen, opened or removed from inside; at most something new takes its place. Not in the writable layer:
    /// making inodes would be most of what a start asks of the disk.
    private mutating func hide(_ hidden: [HiddenPath]) {
        let layer = Self.hidingLayer
        mount("tmpfs", on: layer, type: "tmpfs", .inert, "mode=755", to: "make a layer that hides the host's secrets")
        var made: Set<String> = []
        for path in hidden {
            let purpose = "hide \(path.path)"
            for folder in path.above where made.insert(folder.path).inserted {
                let target = Argument.string(layer + folder.path)
                add(.mkdirat, [.here, target, .octal(folder.mode)], to: purpose)
                if (folder.uid, folder.gid) == (0, 0) { continue }
                add(
                    .fchownat, [.here, target, .number(folder.uid), .number(folder.gid), Kernel.noFollow], to: purpose)
            }
            add(
                .mknodat, [.here, .string(layer + path.path), Kernel.whiteout, Kernel.device(0, 0)], to: purpose)
        }
    }

    /// The old root is stacked on the new one, then lazily unmounted with all that the host has below it.
    private mutating func enterRoot(_ path: String) {
        add(.chdir, [.string(path)], to: "enter the root file system")
        add(.pivot_root, [.string("."), .string(".")], to: "change the root")
        add(.umount2, [.string("."), Kernel.detach], to: "unmount the host's root")
        add(.chdir, [.string("/")], to: "enter the root file system")
    }

    private mutating func mountKernelFileSystems(_ facts: Facts) {
        makeFolders("/proc")
        mount("proc", on: "/proc", type: "proc", .inert, to: "mount /proc")
        makeFolders("/sys")
        mount("sysfs", on: "/sys", type: "sysfs", .inert, to: "mount /sys")
        // The mount, not the file system: that one is shared with others in the same network namespace.
        setAttributes(of: "/sys", .readOnly, to: "make /sys read-only")
        guard facts.unifiedCgroups else { return }
        // Programs look up their own limits there. The root of what they see is their own group.
        mount("cgroup2", on: "/sys/fs/cgroup", type: "cgroup2", .inert, to: "mount /sys/fs/cgroup")
        setAttributes(of: "/sys/fs/cgroup", .readOnly, to: "make /sys/fs/cgroup read-only")
    }

    private mutating func mountDevices(_ memory: SharedMemory, _ shared: Slot?) {
        makeFolders("/dev")
        mount("tmpfs", on: "/dev", type: "tmpfs", [.noSetUserID], "mode=755,size=65536k", to: "mount /dev")
        for (name, minor) in [("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)] {
            makeDevice("/dev/" + name, Kernel.device(1, minor))
        }
        makeDevice("/dev/tty", Kernel.device(5, 0))
        // The nodes above are mounts of their own, so they go on working; nodes made later, with CAP_MKNOD, do not.
        setAttributes(of: "/dev", .noDevices, to: "seal /dev")
        link("/dev/fd", to: "/proc/self/fd")
        for (number, name) in ["stdin", "stdout", "stderr"].enumerated() {
            link("/dev/" + name, to: "/proc/self/fd/\(number)")
        }
        link("/dev/ptmx", to: "pts/ptmx")
        makeFolders("/dev/pts")
        mount(
            "devpts", on: "/dev/pts", type: "devpts", [.noSetUserID, .noExecution],
            "newinstance,ptmxmode=0666,mode=0620,gid=5", to: "mount /dev/pts")
        makeFolders("/dev/mqueue")
        mount("mqueue", on: "/dev/mqueue", type: "mqueue", .inert, to: "mount /dev/mqueue")
        makeFolders("/dev/shm")
        key = "shm_size"
        switch (memory, shared) {
        case (.folder, let slot?): attach(slot, on: "/dev/shm", to: "mount the shared /dev/shm")
        case (.size(let size), _):
            mount("shm", on: "/dev/shm", type: "tmpfs", .inert, "mode=1777,size=\(size)", to: "mount /dev/shm")
        case (.folder, nil): break
        }
    }

    private mutating func makeDevice(_ path: String, _ number: Argument) {
        add(.mknodat, [.here, .string(path), Kernel.device, number], to: "make \(path)")
        mount(path, on: path, type: nil, [.bind], to: "make \(path)")
    }

    /// Outer targets before inner ones, otherwise in the order of the file.
    private mutating func mountOthers(_ mounts: [Mount], _ binds: [Slot?], _ targets: [KnownPath]) {
        func depth(_ index: Int) -> Int { targets[index].path.split(separator: "/").count }
        let order = mounts.indices.sorted { (depth($0), $0) < (depth($1), $1) }
        for index in order {
            let mount = mounts[index]
            let target = targets[index].path
            key = mount.key
            if targets[index].isFolder { makeFolders(target) } else { makeFile(target) }
            switch mount.content {
            case .bind(let source, _, _):
                if let slot = binds[index] { attach(slot, on: target, to: "mount \(source) on \(mount.target)") }
            case .tmpfs(let size, let mode, let uid, let gid):
                let options = [
                    "mode=" + String(mode ?? 0o1777, radix: 8), size.map { "size=\($0)" }, uid.map { "uid=\($0)" },
                    gid.map { "gid=\($0)" },
                ]
                self.mount(
                    "tmpfs", on: target, type: "tmpfs", mount.readOnly ? .inert.union(.readOnly) : .inert,
                    options.compactMap(\.self).joined(separator: ","), to: "mount a tmpfs on \(target)")
            }
        }
    }

    private mutating func protect(_ facts: Facts) {
        key = "rootfs"
        for path in facts.readOnly {
            mount(path, on: path, type: nil, [.bind, .recursive], to: "make \(path) read-only")
            setAttributes(of: path, .readOnly, to: "make \(path) read-only")
        }
        for masked in facts.masked {
            if masked.isFolder {
                mount(
                    "tmpfs", on: masked.path, type: "tmpfs", .inert.union(.readOnly), "size=0k",
                    to: "mask \(masked.path)")
            } else {
                mount("/dev/null", on: masked.path, type: nil, [.bind], to: "mask \(masked.path)")
            }
        }
    }
}

extension Mount {
    /// Whether what is mounted below it on the host later shall be seen in the container.
    fileprivate var isCommon: Bool {
        guard case .bind(_, _, let propagation?) = content else { return false }
        switch propagation {
        case .private, .rprivate: return false
        case .slave, .rslave, .shared, .rshared: return true
        }
    }
}

extension Kernel.MountFlags {
    fileprivate static let inert: Self = [.noSetUserID, .noDevices, .noExecution]
}

/// overlayfs separates options by commas and layers by colons.
func escaped(_ path: String, colons: Bool = false) -> String {
    var result = ""
    for character in path {
        if character == "\\" || character == "," || (colons && character == ":") { result += "\\" }
        result.append(character)
    }
    return result
}
