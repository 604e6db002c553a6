import CSyscalls
package import Engine
import Glibc
import Launch
import Launcher
import Processes
package import Stack
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
    private var stage = Stage.copying

    private enum Stage {
        case copying
        /// It is brought to the disk, by a program: that may take long.
        case syncing(ChildProcess)
        case done
    }

    /// Begins; nil where there is nothing to copy.
    ///
    /// - Parameter layers: the root's lower directories, the topmost first.
    init?(_ mount: Stack.Mount, to volume: String, from layers: [String], _ roots: Roots) throws {
        guard Files.names(in: volume).isEmpty else { return nil }
        let image = try Layers(layers.map { "\(roots.layers)/\($0)" })
        let source = image.resolved(mount.target)
        guard image.hasFolder(source) else { return nil }
        self.volume = volume
        copy = Self.place(beside: volume)
        try removeTree(copy)
        try Files.makeFolders(copy)
        words = Descriptor(try check("memfd_create") { settle_memfd_create("cp") })
        var start = try Launcher.start(
            compile(CopySpec(layers: layers, in: roots.layers, from: source, to: copy)),
            Launcher.Attachments(output: words.raw, errors: words.raw))
        try start.release()
        self.start = start
    }

    deinit {
        guard case .copying = stage else { return }
        settle_pidfd_send_signal(start.process.raw, SIGKILL)
        waitpid(start.pid, nil, 0)
    }

    /// Where an interrupted copy is left, to be removed by the next, or with the volume.
    static func place(beside volume: String) -> String {
        let slash = volume.lastIndex(of: "/") ?? volume.startIndex
        return volume[..<slash] + "/.new." + volume[volume.index(after: slash)...]
    }

    /// Goes on as far as it can without waiting.
    ///
    /// - Returns: the pidfd of the process that is to be waited for; nil once all is there.
    func advance() throws -> Int32? {
        switch stage {
        case .copying:
            if !hasEnded(start.process.raw) { return start.process.raw }
            try checkCopy()
            guard let sync = ChildProcess.find("sync") else {
                try syncHere()
                return try keep()
            }
            stage = .syncing(try ChildProcess(sync, ["-f", copy], errors: words.raw))
            return try advance()
        case .syncing(let sync):
            if !hasEnded(sync.process.raw) { return sync.process.raw }
            if sync.wait() != 0 { throw Failure(description: "sync: \(try said())") }
            return try keep()
        case .done: return nil
        }
    }

    func finish() throws {
        while let process = try advance() {
            var ready = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
            poll(&ready, 1, -1)
        }
    }

    private func hasEnded(_ process: Int32) -> Bool {
        var ready = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
        return poll(&ready, 1, 0) > 0
    }

    private func checkCopy() throws {
        var status: Int32 = 0
        stage = .done
        try check("waitpid", on: "cp") { waitpid(start.pid, &status, 0) }
        if case .failed(let error) = try start.outcome() { throw error }
        if status == 0 { return }
        let said = try said()
        try? removeTree(copy)
        throw Failure(description: "cp: \(said.isEmpty ? "ended with wait status \(status)" : said)")
    }

    private func said() throws -> String {
        lseek(words.raw, 0, SEEK_SET)
        return String(decoding: try Files.bytes(from: words.raw, named: "words").dropLast(), as: UTF8.self)
    }

    private func syncHere() throws {
        let folder = try Descriptor(copy, O_RDONLY | O_DIRECTORY)
        try check("syncfs", on: copy) { settle_sync_file_system(folder.raw) }
    }

    private func keep() throws -> Int32? {
        try check("rename", on: volume) { rename(copy, volume) }
        stage = .done
        return nil
    }

    struct Failure: Error, CustomStringConvertible { var description: String }
}

extension LinuxMachine {
    /// Sets off what volumes get from an image.
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
                copies[path] = try VolumeCopy(mount, to: path, from: rootFolders.of(root), paths.roots)
                    .map { ($0, mount.key) }
            }
        }
    }

    /// A volume that is being filled is nobody's to use before that is done.
    package func isReady(_ instance: Instance, in goal: Goal) throws(Event.Failure) -> Bool {
        guard let spec = goal.container(instance.id) else { return true }
        var process: Int32?
        try eachCopy(of: spec, in: goal) { copy in process = try copy.advance() ?? process }
        if let process { waitFor(process) }
        return process == nil
    }

    /// Waits for what `isReady` did not: a start by a restart policy whose files were gone.
    func finishVolumes(of spec: ContainerSpec, in goal: Goal) throws {
        try eachCopy(of: spec, in: goal) { copy in try copy.finish() }
        for path in volumes(of: spec, in: goal).map(\.path) { copies[path] = nil }
    }

    private func volumes(of spec: ContainerSpec, in goal: Goal) -> [(key: String, path: String)] {
        goal.volumes.filter { volume in spec.mounts.contains { $0.source == .volume(volume.key) } }
            .map { ($0.key, paths.volume($0.name)) }
    }

    private func eachCopy(
        of spec: ContainerSpec, in goal: Goal, _ body: (VolumeCopy) throws -> Void
    ) throws(Event.Failure) {
        for (volume, path) in volumes(of: spec, in: goal) {
            guard let (copy, key) = copies[path] else { continue }
            do {
                try body(copy)
            } catch {
                copies[path] = nil
                throw Event.Failure(
                    resource: ResourceID.container(spec.id).description, key: key,
                    message: "the volume \(volume) cannot be given the image's content: \(error)")
            }
        }
    }
}
