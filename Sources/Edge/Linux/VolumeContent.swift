import CSyscalls
import Engine
import Glibc
import Launch
import Launcher
import Stack
import Syscalls

/// What a volume that is empty gets from the image that is the first to use it: the content of the folder that it is
/// mounted on, its owner and its mode.
///
/// It is copied beside the volume and put in its place as a whole, so that a volume is empty or complete, whoever dies.
final class VolumeCopy {
    private let volume: String
    private let copy: String
    private let start: Start
    private let words: Descriptor

    /// Begins; nil where there is nothing to copy.
    init?(_ mount: Stack.Mount, to volume: String, of root: LayeredRoot, _ roots: Roots) throws {
        guard Files.names(in: volume).isEmpty else { return nil }
        let names = try roots.lowerFolders(of: root)
        let layers = try Layers(names.map { "\(roots.layers)/\($0)" })
        let source = layers.resolved(mount.target)
        guard layers.hasFolder(source) else { return nil }
        self.volume = volume
        copy = Self.place(beside: volume)
        try removeTree(copy)
        try Files.makeFolders(copy)
        words = Descriptor(try check("memfd_create") { settle_memfd_create("cp") })
        var start = try Launcher.start(
            compile(CopySpec(layers: names, in: roots.layers, from: source, to: copy)),
            Launcher.Attachments(output: words.raw, errors: words.raw))
        try start.release()
        self.start = start
    }

    /// Where an interrupted copy is left, to be removed by the next, or with the volume.
    static func place(beside volume: String) -> String {
        let slash = volume.lastIndex(of: "/") ?? volume.startIndex
        return volume[..<slash] + "/.new." + volume[volume.index(after: slash)...]
    }

    func finish() throws {
        var status: Int32 = 0
        try check("waitpid", on: "cp") { waitpid(start.pid, &status, 0) }
        if case .failed(let error) = try start.outcome() { throw error }
        if status != 0 {
            lseek(words.raw, 0, SEEK_SET)
            let said = String(decoding: try Files.bytes(from: words.raw, named: "cp"), as: UTF8.self)
            try? removeTree(copy)
            throw Failure(
                description: "cp: \(said.isEmpty ? "ended with wait status \(status)" : String(said.dropLast()))")
        }
        let folder = try Descriptor(copy, O_RDONLY | O_DIRECTORY)
        try check("syncfs", on: copy) { settle_sync_file_system(folder.raw) }
        try check("rename", on: volume) { rename(copy, volume) }
    }

    struct Failure: Error, CustomStringConvertible { var description: String }
}

extension LinuxMachine {
    /// Sets off what volumes get from an image; `finishVolumes` waits for it.
    func fillVolumes(of spec: ContainerSpec, in goal: Goal) throws {
        guard let root = spec.rootfs.layered else { return }
        for mount in spec.mounts where mount.copiesImage {
            guard case .volume(let key) = mount.source, let volume = goal.volumes.first(where: { $0.key == key }) else {
                continue
            }
            // What is mounted as a volume has the content that it has.
            if volume.mount != nil { continue }
            let path = paths.volume(volume.name)
            if copies[path] == nil {
                copies[path] = try VolumeCopy(mount, to: path, of: root, paths.roots).map { ($0, mount.key) }
            }
        }
    }

    func finishVolumes(of spec: ContainerSpec, in goal: Goal) throws {
        for volume in goal.volumes {
            guard let (copy, key) = copies.removeValue(forKey: paths.volume(volume.name)) else { continue }
            do {
                try copy.finish()
            } catch {
                throw Event.Failure(
                    resource: ResourceID.container(spec.id).description, key: key,
                    message: "the volume \(volume.key) cannot be given the image's content: \(error)")
            }
        }
    }
}
