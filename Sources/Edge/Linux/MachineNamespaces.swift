import CSyscalls
import Engine
import Glibc
import Network
import Processes
import Stack
import Syscalls

/// The stack's own namespaces: made, pinned below the runtime folder, and held by the holder, so that neither a dead
/// process nor an unmounted pin ends one.
extension LinuxMachine {
    func ensureStackNamespace() throws {
        try ensure(.net, pin: paths.stackPin, name: paths.name(of: nil), held: stackHolderName, residents: [])
    }

    func ensureNamespace(_ endpoint: String, _ kind: NamespaceKind, in goal: Goal) throws {
        if kind == .pid { return try ensureProcessNamespace(endpoint) }
        let residents = processes.keys.sorted().filter { instance in
            guard let container = goal.container(instance.id) else { return false }
            switch goal.resolved(kind, of: container) {
            case .own(let id): return (kind == .net ? goal.endpoint(of: id) : id.endpoint) == endpoint
            case .stack(let name): return name == endpoint
            case .host: return false
            }
        }
        try ensure(
            kind, pin: paths.pin(endpoint, kind), name: kind == .net ? paths.name(of: endpoint) : nil,
            held: holderName(endpoint, kind), residents: residents)
        if kind == .ipc { try ensureSharedMemory(endpoint, in: goal) }
    }

    /// `/dev/shm` belongs to the ipc namespace: who shares the one shares the other.
    private func ensureSharedMemory(_ endpoint: String, in goal: Goal) throws {
        let folder = paths.sharedMemory(endpoint)
        if Mounts.isMountPoint(folder) { return }
        try Files.makeFolders(folder)
        let owner = goal.containers.first { $0.id.endpoint == endpoint }
        let size = owner?.sharedMemorySize ?? ContainerSpec.usualSharedMemory
        try check("mount", on: folder) {
            mount("shm", folder, "tmpfs", UInt(MS_NOSUID | MS_NODEV | MS_NOEXEC), "mode=1777,size=\(size)")
        }
    }

    /// The namespace that a pin, the holder or a process of the stack still has, else a new one.
    private func ensure(
        _ kind: NamespaceKind, pin: String, name: String?, held: String, residents: [Instance]
    ) throws {
        try Surroundings(paths).ensureRuntimeFolder()
        if NamespaceFiles.isPinned(pin) {
            try linkName(name, to: pin)
            return
        }
        let namespace: Descriptor
        if let kept = try holder.get(held) {
            namespace = kept
        } else {
            namespace = try inhabited(kind, by: residents) ?? NamespaceFiles.create(kind)
            try holder.put(namespace.raw, as: held)
        }
        try NamespaceFiles.pin(namespace.raw, at: pin)
        try linkName(name, to: pin)
    }

    private func inhabited(_ kind: NamespaceKind, by residents: [Instance]) -> Descriptor? {
        for instance in residents {
            guard let process = processes[instance] else { continue }
            let path = "/proc/\(process.pid)/ns/\(kind.rawValue)"
            // The other one of the two that a container has by turns is not this one.
            let pins = Files.names(in: "\(paths.pins)/\(kind.rawValue)").map { paths.pin($0, kind) }
            let inode = NamespaceFiles.inode(path)
            if pins.contains(where: { NamespaceFiles.inode($0) == inode }) { continue }
            // The descriptor comes first, then the look whose it is: who is noted as running may have ended.
            guard let namespace = try? Descriptor(path, O_RDONLY),
                ProcessStatus(pid: process.pid)?.identity == process
            else { continue }
            return namespace
        }
        return nil
    }

    private func linkName(_ name: String?, to pin: String) throws {
        guard let name else { return }
        try Files.makeFolders(ProjectPaths.namedNamespaces)
        if NamespaceFiles.link(name) == pin { return }
        unlink(name)
        try check("symlink", on: name) { symlink(pin, name) }
    }

    /// A namespace of the stack, opened by its pin.
    func open(_ endpoint: String, _ kind: NamespaceKind) throws -> Descriptor {
        try Descriptor(paths.pin(endpoint, kind), O_RDONLY)
    }

    func removeEndpoint(_ endpoint: String) throws {
        for kind in [NamespaceKind.net, .ipc, .uts] {
            holder.drop(holderName(endpoint, kind))
            try NamespaceFiles.unpin(paths.pin(endpoint, kind))
        }
        try endProcessNamespace(endpoint)
        unlink(paths.name(of: endpoint))
        umount2(paths.sharedMemory(endpoint), Int32(MNT_DETACH))
        rmdir(paths.sharedMemory(endpoint))
    }
}

/// Pins: bind mounts of namespaces on files.
enum NamespaceFiles {
    static func isPinned(_ path: String) -> Bool { settle_is_pinned(path) == 1 }

    /// The inode of the namespace behind a path; nil where there is none.
    static func inode(_ path: String) -> UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    static func create(_ kind: NamespaceKind) throws -> Descriptor {
        if kind == .net { return try NetworkNamespace.create() }
        return Descriptor(try check("unshare", on: kind.rawValue) { settle_new_namespace(kind.rawValue) })
    }

    static func pin(_ namespace: Int32, at path: String) throws {
        try Files.makeFolders(String(path[..<path.lastIndex(of: "/")!]), mode: 0o700)
        try NetworkNamespace.pin(namespace, at: path)
    }

    static func unpin(_ path: String) throws {
        if Files.exists(path) { try NetworkNamespace.unpin(path) }
    }

    /// What a symbolic link says; nil for anything else.
    static func link(_ path: String) -> String? {
        var text = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = text.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
        return count < 0 ? nil : String(decoding: text[..<count], as: UTF8.self)
    }
}
