/// Collects steps. One function per meaning, so that the compiler below reads as a story.
struct Composer {
    private(set) var steps: [Step] = []
    /// The key that the next steps belong to.
    var key = "command"
    /// Folders that are known to be there, so that they are made once.
    private var made: Set<String> = ["", "/"]
    private var mounts = 0

    mutating func add(
        _ call: SystemCall, _ arguments: [Argument], result: Slot? = nil, tolerated: [Reason] = [], least: Int = 0,
        to purpose: String
    ) {
        steps.append(
            Step(call, arguments, result: result, tolerated: tolerated, least: least, key: key, purpose: purpose))
    }

    mutating func mount(
        _ source: String?, on target: String?, type: String?, _ flags: Kernel.MountFlags, _ data: String? = nil,
        to purpose: String
    ) {
        func optional(_ text: String?) -> Argument { text.map(Argument.string) ?? .null }
        add(
            .mount, [optional(source), optional(target), optional(type), flags.argument, optional(data)], to: purpose)
        if let target { forget(below: target) }
    }

    /// A mount of something in the host's tree, free to be attached after the root has changed.
    ///
    /// - Parameter part: a path below it; no link on it leads out of the source.
    mutating func openTree(
        _ source: String, below part: String? = nil, _ attributes: Kernel.MountAttributes, to purpose: String
    ) -> Slot {
        let slot = Slot.mount(mounts)
        mounts += 1
        if let part {
            add(.openat, [.here, .string(source), Kernel.pathOnly, .number(0)], result: .volume, to: purpose)
            add(
                .openat2, [.slot(.volume), .string(part), Kernel.inRoot, .number(24)], result: .part, to: purpose)
            add(.open_tree, [.slot(.part), .string(""), Kernel.cloneTreeOf], result: slot, to: purpose)
            for slot in [Slot.volume, .part] { add(.close, [.slot(slot)], to: purpose) }
        } else {
            add(.open_tree, [.here, .string(source), Kernel.cloneTree], result: slot, to: purpose)
        }
        if !attributes.isEmpty {
            add(
                .mount_setattr, [.slot(slot), .string(""), Kernel.treeEmptyPath] + attributes.arguments, to: purpose)
        }
        return slot
    }

    mutating func setPropagation(of slot: Slot, _ propagation: Mount.Propagation, to purpose: String) {
        let (mode, isWhole) = Kernel.propagation(propagation)
        add(
            .mount_setattr,
            [.slot(slot), .string(""), isWhole ? Kernel.treeEmptyPath : Kernel.emptyPath, mode, .number(32)],
            to: purpose)
    }

    mutating func attach(_ slot: Slot, on target: String, to purpose: String) {
        add(
            .move_mount, [.slot(slot), .string(""), .here, .string(target), Kernel.moveEmptyPath], to: purpose)
        add(.close, [.slot(slot)], to: purpose)
        forget(below: target)
    }

    mutating func setAttributes(of path: String, _ attributes: Kernel.MountAttributes, to purpose: String) {
        add(.mount_setattr, [.here, .string(path), .number(0)] + attributes.arguments, to: purpose)
    }

    /// The folder and those above it, as far as they are missing.
    mutating func makeFolders(_ path: String, mode: Int = 0o755) {
        var folder = ""
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            folder += "/" + part
            guard made.insert(folder).inserted else { continue }
            let mode = index == parts.count - 1 ? mode : 0o755
            add(
                .mkdirat, [.here, .string(folder), .octal(mode)], tolerated: [.exists], to: "make the folder \(folder)")
        }
    }

    /// An empty file for something to be mounted on.
    mutating func makeFile(_ path: String) {
        makeFolders(parent(of: path))
        add(
            .mknodat, [.here, .string(path), Kernel.regularFile, .number(0)], tolerated: [.exists],
            to: "make the mount point \(path)")
    }

    mutating func link(_ path: String, to content: String) {
        add(.symlinkat, [.string(content), .here, .string(path)], to: "make the link \(path)")
    }

    /// What was made below is covered by a mount.
    private mutating func forget(below path: String) {
        made = made.filter { !$0.hasPrefix(path == "/" ? "/" : path + "/") || $0 == "/" }
    }
}

func parent(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
}
