import CLaunch
import CUnpack
import Glibc
import Syscalls

/// The folder that an archive is unpacked into. Every path is looked up from its root without following a link and without
/// leaving it, and every call names one component in an open folder.
final class UnpackTree {
    private let root: Int32
    /// Whether owners and devices can be made.
    let isPrivileged: Bool
    /// The folder of the entry before, open: most entries share theirs.
    private var latest: (path: EntryPath, folder: Int32)?

    private struct FolderNote {
        var permissions: mode_t
        var owner: Owner
        var modified: timespec
        var attributes: [(name: String, value: [UInt8])]
    }

    /// What folders get at the end: until then they must be open to us, and every entry in them changes their times.
    private var notes: [EntryPath: FolderNote] = [:]
    /// Folders that were written into before, or without, being listed.
    private(set) var implied: Set<EntryPath> = [.root]
    private var whiteouts: Set<EntryPath> = []

    init(root: Int32, isPrivileged: Bool) {
        self.root = root
        self.isPrivileged = isPrivileged
    }

    deinit {
        forgetLatest()
    }

    // MARK: Entries

    func makeFolder(_ path: EntryPath, _ meta: EntryMeta) throws {
        if !path.isRoot {
            let hidesLower = try takeAwayWhiteout(path)
            try replacing(path) { folder, name in
                if mkdirat(folder, name, 0o700) == 0 || errno == EEXIST && Self.isFolder(folder, name) { return 0 }
                return -1
            }
            if hidesLower { try makeOpaque(path) }
        }
        implied.remove(path)
        notes[path] = FolderNote(
            permissions: meta.permissions, owner: meta.owner, modified: meta.modified, attributes: meta.attributes)
    }

    /// - Parameter write: fills the file.
    func makeFile(_ path: EntryPath, _ meta: EntryMeta, write: (Int32) throws -> Void) throws {
        _ = try takeAwayWhiteout(path)
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = Descriptor(
            try replacing(path) { folder, name in openat(folder, name, flags, meta.permissions) })
        try write(file.raw)
        // Writing and another owner take setuid and file capabilities away: so these come last.
        let changesOwner = isPrivileged && meta.owner != Owner(user: 0, group: 0)
        if changesOwner {
            try check("fchown") { fchown(file.raw, meta.owner.user, meta.owner.group) }
        }
        if changesOwner || meta.permissions & 0o7000 != 0 || !isPrivileged {
            try check("fchmod") { fchmod(file.raw, meta.permissions) }
        }
        for (name, value) in meta.attributes {
            try setAttribute(name, isSpecial: false) { settle_set_attribute(file.raw, name, value, UInt(value.count)) }
        }
        try check("utimensat") { futimens(file.raw, [meta.modified, meta.modified]) }
    }

    func makeSymbolicLink(_ path: EntryPath, to target: [UInt8], _ meta: EntryMeta) throws {
        _ = try takeAwayWhiteout(path)
        try replacing(path) { folder, name in withCString(target[...]) { symlinkat($0, folder, name) } }
        try finishSpecial(path, meta, permissions: nil)
    }

    func makeNode(_ path: EntryPath, _ kind: mode_t, _ device: dev_t, _ meta: EntryMeta) throws {
        _ = try takeAwayWhiteout(path)
        try replacing(path) { folder, name in mknodat(folder, name, kind | meta.permissions, device) }
        try finishSpecial(path, meta, permissions: meta.permissions)
    }

    func makeHardLink(_ path: EntryPath, to target: EntryPath) throws {
        if target == path { throw Refusal("it is a hard link to itself") }
        if target.isRoot || target.isBelow(path) { throw Refusal("it is a hard link to a folder") }
        let source = try Descriptor(copyOf: openFolder(target.parent, makes: false))
        var status = stat()
        guard withCString(target.name, { fstatat(source.raw, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0,
            !whiteouts.contains(target)
        else { throw Refusal("it is a hard link to '\(target.text)', which the archive does not have before it") }
        if status.st_mode & S_IFMT == S_IFDIR {
            throw Refusal("it is a hard link to '\(target.text)', which is a folder")
        }
        _ = try takeAwayWhiteout(path)
        try replacing(path) { folder, name in
            withCString(target.name) { linkat(source.raw, $0, folder, name, 0) }
        }
    }

    /// What the layers below have by this name is hidden; what this layer has by it is not.
    func hide(_ path: EntryPath) throws {
        let folder: Int32
        do {
            folder = try openFolder(path.parent, makes: true)
        } catch let refusal as Refusal {
            // umoci says of a folder that became a file also that what was in it is gone.
            if isHiddenByFile(path.parent) { return }
            throw refusal
        }
        let result = withCString(path.name) { mknodat(folder, $0, S_IFCHR, 0) }
        if result == 0 {
            whiteouts.insert(path)
        } else if errno != EEXIST {
            throw SystemError("mknod", errno: errno)
        } else if !whiteouts.contains(path), withCString(path.name, { Self.isFolder(folder, $0) }) {
            try makeOpaque(path)
        }
    }

    /// Whether a file of this archive, and no link, stands where a folder would have to: it hides the layers below.
    private func isHiddenByFile(_ path: EntryPath) -> Bool {
        for step in path.ancestors + [path] {
            guard let folder = try? Descriptor(open(step.parent, Self.pathOnly | O_DIRECTORY)) else { return false }
            var status = stat()
            let isThere = withCString(step.name) { fstatat(folder.raw, $0, &status, AT_SYMLINK_NOFOLLOW) == 0 }
            if !isThere || status.st_mode & S_IFMT == S_IFLNK { return false }
            if status.st_mode & S_IFMT != S_IFDIR { return true }
        }
        return false
    }

    func makeOpaque(_ path: EntryPath) throws {
        try markOpaque(openFolder(path, makes: true))
    }

    private func markOpaque(_ folder: Int32) throws(SystemError) {
        try check("fchdir") { fchdir(folder) }
        let name = isPrivileged ? "trusted.overlay.opaque" : "user.overlay.opaque"
        try check("lsetxattr", on: name) { settle_set_attribute_of(".", name, "y", 1) }
    }

    /// Folders get what they are to have, the inner ones first.
    func finish() throws {
        forgetLatest()
        for path in implied {
            notes[path] = FolderNote(
                permissions: 0o755, owner: Owner(user: 0, group: 0), modified: .epoch, attributes: [])
        }
        for (path, note) in notes.sorted(by: { $1.key.bytes.lexicographicallyPrecedes($0.key.bytes) }) {
            do {
                try finish(path, note)
            } catch {
                throw EntryRefusal(name: path.bytes, Refusal(error))
            }
        }
    }

    private func finish(_ path: EntryPath, _ note: FolderNote) throws(SystemError) {
        let folder = Descriptor(try open(path, O_RDONLY | O_DIRECTORY))
        if isPrivileged { try check("fchown") { fchown(folder.raw, note.owner.user, note.owner.group) } }
        try check("fchmod") { fchmod(folder.raw, note.permissions) }
        for (name, value) in note.attributes {
            try setAttribute(name, isSpecial: false) {
                settle_set_attribute(folder.raw, name, value, UInt(value.count))
            }
        }
        try check("utimensat") { futimens(folder.raw, [note.modified, note.modified]) }
    }

    // MARK: Places

    /// Makes an entry; where there is one already, it makes way, a folder with all that is in it.
    @discardableResult
    private func replacing(_ path: EntryPath, _ make: (Int32, UnsafePointer<CChar>) -> Int32) throws -> Int32 {
        if path.isRoot { throw Refusal("it would replace the root folder") }
        let folder = try openFolder(path.parent, makes: true)
        return try withCString(path.name) { name in
            let made = make(folder, name)
            if made != -1 { return made }
            if errno != EEXIST { throw SystemError("create", errno: errno) }
            try check("unlink") { settle_remove_at(folder, name) }
            forget(path)
            return try check("create") { make(folder, name) }
        }
    }

    /// Whether the entry takes the place of a whiteout, which is removed.
    private func takeAwayWhiteout(_ path: EntryPath) throws -> Bool {
        if whiteouts.isEmpty || whiteouts.remove(path) == nil { return false }
        let folder = try openFolder(path.parent, makes: false)
        try check("unlink") { withCString(path.name) { unlinkat(folder, $0, 0) } }
        return true
    }

    private func forget(_ path: EntryPath) {
        forgetLatest()
        if notes[path] == nil && !implied.contains(path) { return }
        notes = notes.filter { $0.key != path && !$0.key.isBelow(path) }
        implied = implied.filter { $0 != path && !$0.isBelow(path) }
        whiteouts = whiteouts.filter { !$0.isBelow(path) }
    }

    private func forgetLatest() {
        if let latest { close(latest.folder) }
        latest = nil
    }

    /// The folder, open until the next call, made where it is missing.
    private func openFolder(_ path: EntryPath, makes: Bool) throws -> Int32 {
        if path.isRoot { return root }
        if let latest, latest.path == path { return latest.folder }
        let opened = try reach(path, makes: makes)
        forgetLatest()
        latest = (path, opened)
        return opened
    }

    private func reach(_ path: EntryPath, makes: Bool) throws -> Int32 {
        do {
            return try open(path, Self.pathOnly | O_DIRECTORY)
        } catch {
            guard [ENOENT, ELOOP, ENOTDIR].contains(error.errno) else { throw error }
        }
        // The highest folder that stands in the way is the one to speak of.
        let above = path.parent.isRoot ? root : try reach(path.parent, makes: makes)
        defer { if above != root { close(above) } }
        try withCString(path.name) { name in
            var status = stat()
            let isThere = fstatat(above, name, &status, AT_SYMLINK_NOFOLLOW) == 0
            if isThere && whiteouts.contains(path) {
                if !makes { throw Refusal("it refers to '\(path.text)', which the archive removes") }
                try check("unlink") { unlinkat(above, name, 0) }
            } else if isThere {
                let isLink = status.st_mode & S_IFMT == S_IFLNK
                throw Refusal(
                    "it lies behind '\(path.text)', which is \(isLink ? "a symbolic link" : "no folder") in the archive"
                )
            } else if !makes {
                throw Refusal("it refers to '\(path.text)', which the archive does not have before it")
            }
            try check("mkdir") { mkdirat(above, name, 0o700) }
            implied.insert(path)
        }
        let opened = try open(path, Self.pathOnly | O_DIRECTORY)
        if whiteouts.remove(path) != nil { try markOpaque(opened) }
        return opened
    }

    private static let pathOnly: Int32 = 0o10000000

    private func open(_ path: EntryPath, _ flags: Int32) throws(SystemError) -> Int32 {
        let beneathWithoutLinksAndMounts: UInt64 = 0x08 | 0x04 | 0x01
        return try check("open") {
            withCString(path.isRoot ? [UInt8(ascii: ".")] : path.bytes[...]) {
                settle_openat2(root, $0, UInt64(flags | O_CLOEXEC), beneathWithoutLinksAndMounts)
            }
        }
    }

    private static func isFolder(_ folder: Int32, _ name: UnsafePointer<CChar>) -> Bool {
        var status = stat()
        return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    // MARK: What entries are like

    /// For what cannot be opened: by its name, in its folder.
    private func finishSpecial(_ path: EntryPath, _ meta: EntryMeta, permissions: mode_t?) throws {
        let folder = try openFolder(path.parent, makes: false)
        try withCString(path.name) { name in
            if isPrivileged && meta.owner != Owner(user: 0, group: 0) {
                try check("fchownat") {
                    fchownat(folder, name, meta.owner.user, meta.owner.group, AT_SYMLINK_NOFOLLOW)
                }
            }
            if let permissions { try check("fchmodat") { fchmodat(folder, name, permissions, 0) } }
            if !meta.attributes.isEmpty { try check("fchdir") { fchdir(folder) } }
            for (attribute, value) in meta.attributes {
                try setAttribute(attribute, isSpecial: true) {
                    settle_set_attribute_of(name, attribute, value, UInt(value.count))
                }
            }
            try check("utimensat") {
                utimensat(folder, name, [meta.modified, meta.modified], AT_SYMLINK_NOFOLLOW)
            }
        }
    }

    private func setAttribute(_ name: String, isSpecial: Bool, _ set: () -> Int32) throws(SystemError) {
        // The host's policy labels its files itself.
        if name == "security.selinux" || !isPrivileged && !name.hasPrefix("user.") { return }
        do {
            try check("setxattr", on: name, set)
        } catch {
            // `user.` is for files and folders only.
            if isSpecial && error.errno == EPERM { return }
            throw error
        }
    }
}

/// What an entry is like, whatever its kind.
struct EntryMeta {
    let permissions: mode_t
    let owner: Owner
    let modified: timespec
    let attributes: [(name: String, value: [UInt8])]
}

/// The bytes with a null behind them, for the time of the call.
func withCString<Result, Failure: Error>(
    _ bytes: ArraySlice<UInt8>, _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
) throws(Failure) -> Result {
    let text = bytes.map { CChar(bitPattern: $0) } + [0]
    // Not withUnsafeBufferPointer, which knows of no typed errors here.
    return try body(text)
}
