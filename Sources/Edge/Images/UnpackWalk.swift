import Glibc
import Syscalls

/// The way through an archive: each entry is looked at, then made.
struct UnpackWalk {
    let tar: TarReader
    let tree: UnpackTree
    let limit: UnpackLimit

    private(set) var bytes: Int64 = 0
    private(set) var entries = 0
    private(set) var isOpaque = false

    init(_ tar: TarReader, _ tree: UnpackTree, _ limit: UnpackLimit) {
        self.tar = tar
        self.tree = tree
        self.limit = limit
    }

    mutating func run() throws {
        while let entry = try tar.next() {
            let name = entry.name
            do {
                try unpack(entry, EntryPath(name))
            } catch let refusal as Refusal {
                throw EntryRefusal(name: name, refusal)
            } catch let error as SystemError {
                throw EntryRefusal(name: name, Refusal(error))
            }
        }
        try tree.finish()
    }

    private mutating func unpack(_ entry: TarEntry, _ path: EntryPath) throws {
        // What an entry takes beside its content: so many empty ones are a bomb, too.
        try count(4096)
        entries += 1
        switch try Whiteout(path) {
        case .none: try make(entry, path)
        case .hides(let hidden): try tree.hide(hidden)
        case .opaque(let folder):
            if folder.isRoot { isOpaque = true } else { try tree.makeOpaque(folder) }
        case .bookkeeping: break
        }
    }

    private mutating func make(_ entry: TarEntry, _ path: EntryPath) throws {
        let meta = EntryMeta(
            permissions: entry.permissions, owner: try entry.owner(), modified: entry.modified,
            attributes: entry.attributes())
        for (name, _) in meta.attributes where name.hasPrefix("trusted.overlay.") || name.hasPrefix("user.overlay.") {
            throw Refusal("it has the extended attribute '\(name)', which is for the overlay file system to set")
        }
        switch try entry.kind() {
        case .folder: try tree.makeFolder(path, meta)
        case .file:
            let size = entry.size
            try count(size)
            try tree.makeFile(path, meta) { file in try fill(file, size) }
        case .symbolicLink(let target):
            if target.isEmpty { throw Refusal("it is a symbolic link to nothing") }
            if path.leadsOut(target) {
                throw Refusal(
                    "it is a symbolic link to '\(String(decoding: target, as: UTF8.self))', which leads out of the root"
                )
            }
            try tree.makeSymbolicLink(path, to: target, meta)
        case .hardLink(let target):
            let inside: EntryPath
            do {
                inside = try EntryPath(target)
            } catch {
                throw Refusal(
                    "it is a hard link to '\(String(decoding: target, as: UTF8.self))', which is outside the root")
            }
            try tree.makeHardLink(path, to: inside)
        case .fifo: try tree.makeNode(path, S_IFIFO, 0, meta)
        case .device(let kind, let number):
            if !tree.isPrivileged {
                throw Refusal(
                    "it is a device node, which only root can make",
                    hint: "run settle as root, or use an image without device nodes")
            }
            try tree.makeNode(path, kind, number, meta)
        }
    }

    private mutating func count(_ more: Int64) throws(Refusal) {
        let (sum, overflow) = bytes.addingReportingOverflow(more)
        if more < 0 || overflow || sum > limit.bytes { throw limit.refusal }
        bytes = sum
    }

    /// The content; holes stay holes.
    private func fill(_ file: Int32, _ size: Int64) throws {
        var end: Int64 = 0
        while let (bytes, offset) = try tar.data() {
            guard offset >= end, offset <= size, Int64(bytes.count) <= size - offset else {
                throw Refusal("its content does not fit its size")
            }
            try write(bytes, at: offset, to: file)
            end = offset + Int64(bytes.count)
        }
        if end < size { try check("ftruncate") { ftruncate(file, Int(size)) } }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64, to file: Int32) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            done += try check("write") {
                pwrite(file, bytes.baseAddress! + done, bytes.count - done, Int(offset) + done)
            }
        }
    }
}

/// Which entry is the one that is not taken.
struct EntryRefusal: Error {
    let name: String
    let refusal: Refusal

    init(name: [UInt8], _ refusal: Refusal) {
        self.name = String(decoding: name, as: UTF8.self)
        self.refusal = refusal
    }
}

extension Refusal {
    init(_ error: SystemError) {
        switch error.errno {
        case ENAMETOOLONG: self.init("its name is longer than the file system takes")
        case EFBIG: self.init("it is larger than the file system, or the limit of this unpacking, allows")
        case ENOTSUP:
            self.init(
                "the file system of the state folder does not keep \(error.subject ?? "this")",
                hint: "have SETTLE_STATE_DIR on ext4, XFS or Btrfs")
        case _: self.init("\(error)", hint: error.wayOut)
        }
    }
}
