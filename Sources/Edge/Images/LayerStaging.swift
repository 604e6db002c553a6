import CSyscalls
import CUnpack
import Glibc
import Syscalls

/// A folder of the store in which something is being made or removed. Whoever holds its lock, flock(2), is at it; without a
/// holder it is a leftover. It becomes a layer by being renamed, lock and all.
struct StagingFolder: ~Copyable {
    let store: LayerStore
    let name: String
    private let lock: Descriptor

    var path: String { "\(store.folder)/\(name)" }

    /// Waits for the lock, or fails with EWOULDBLOCK.
    init(store: LayerStore, name: String, waits: Bool) throws(SystemError) {
        self.store = store
        self.name = name
        lock = try Self.locked("\(store.folder)/\(name)", waits: waits)
    }

    private static func locked(_ path: String, waits: Bool) throws(SystemError) -> Descriptor {
        while true {
            if waits { try Files.makeFolders(path, mode: 0o700) }
            let opened = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            if opened < 0 {
                // Its maker was faster, and it has become a layer, or nothing.
                if waits && errno == ENOENT { continue }
                throw SystemError("open", on: path, errno: errno)
            }
            let folder = Descriptor(opened)
            try check("flock", on: path) { flock(folder.raw, LOCK_EX | (waits ? 0 : LOCK_NB)) }
            if isStill(folder.raw, path) { return folder }
            if !waits { throw SystemError("flock", on: path, errno: ENOENT) }
        }
    }

    /// Whether the name still leads to what was opened: the one who held the lock before may have renamed or removed it.
    private static func isStill(_ descriptor: Int32, _ path: String) -> Bool {
        var held = stat()
        var named = stat()
        return fstat(descriptor, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev
            && held.st_ino == named.st_ino
    }

    /// An empty folder for the layer's files; what somebody left there before is removed.
    func makeTree() throws(SystemError) -> String {
        for name in Files.names(in: path) {
            try check("unlink", on: "\(path)/\(name)") { settle_remove_at(lock.raw, name) }
        }
        let tree = "\(path)/tree"
        try check("mkdir", on: tree) { mkdir(tree, 0o755) }
        return tree
    }

    /// Makes a layer of it.
    func commit(as name: String) throws(SystemError) {
        let layer = "\(store.folder)/\(name)"
        try check("rename", on: layer) { rename(path, layer) }
    }

    func remove() {
        let folder = open(store.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        settle_remove_at(folder, name)
        close(folder)
    }
}

extension LayerStore {
    /// Sees to it that the layers are on the disk, and notes it. One process does it for all, and not while they are still
    /// being unpacked: the disk would do nothing else.
    func makeLast() {
        guard let lock = try? Descriptor("\(folder)/.sync", O_RDONLY | O_CREAT),
            flock(lock.raw, LOCK_EX | LOCK_NB) == 0
        else { return }
        while true {
            repeat {
                sleep(2)
                removeLeftovers()
            } while Files.names(in: folder).contains { $0.hasPrefix(Self.staging) }
            let names = Files.folders(in: folder).filter { name in
                LayerKey.isName(name) && layer(named: name) != nil && !Files.exists("\(folder)/\(name)/synced")
            }
            if names.isEmpty || settle_sync_file_system(lock.raw) != 0 { return }
            for name in names { _ = try? Descriptor("\(folder)/\(name)/synced", O_WRONLY | O_CREAT) }
        }
    }
}
