import Compose
import Engine
import Glibc
import Launch
import Processes
import Stack
import Syscalls

/// Volumes: their folders, what is mounted as them, what is known of them.
extension LinuxMachine {
    /// Makes sure of what a container mounts: after a reboot, or something like it, mounts are gone.
    func ensureVolumes(of spec: ContainerSpec, in goal: Goal) throws {
        for mount in spec.mounts {
            guard case .volume(let key) = mount.source, let volume = goal.volumes.first(where: { $0.key == key }) else {
                continue
            }
            try ensureVolume(volume, in: goal)
        }
    }

    func ensureVolume(_ volume: VolumeSpec, in goal: Goal) throws {
        let folder = paths.volume(volume.name)
        if volume.isExternal {
            // Refused before the change, where it is missing; this is for who removed it meanwhile.
            if !Files.exists(folder) {
                throw failure(
                    volume, "external", "there is no volume \(volume.name): settle volume create \(volume.name)")
            }
        } else {
            try Files.makeFolders(folder)
            try Volumes(paths.roots).note(volume, of: paths.project, in: goal.directory)
        }
        try mountVolume(volume)
    }

    private func failure(_ volume: VolumeSpec, _ key: String, _ message: String) -> Event.Failure {
        Event.Failure(resource: ResourceID.volume(volume.key).description, key: key, message: message)
    }

    /// By mount(8), which knows helpers for networks and resolves names. A server that does not answer must not keep the
    /// supervisor for ever, so it is given up after a while.
    private func mountVolume(_ volume: VolumeSpec) throws {
        guard let mount = volume.mount else { return }
        let place = paths.source(of: volume)
        if isMounted(place) { return }
        try Files.makeFolders(place, mode: 0o700)
        guard let program = ["/usr/bin/mount", "/bin/mount"].first(where: Files.exists) else {
            throw failure(volume, "driver_opts", "there is no program mount; install the package mount")
        }
        let words = try MemoryFile("mount")
        let options = mount.options.isEmpty ? [] : ["-o", mount.options]
        let child = try ChildProcess(
            program, ["-n", "-t", mount.type] + options + ["--", mount.device, place], errors: words.raw)
        var ready = pollfd(fd: child.process.raw, events: Int16(POLLIN), revents: 0)
        if poll(&ready, 1, Self.mountTimeout) == 0 {
            child.kill()
            throw failure(volume, "driver_opts", "cannot mount \(mount.text): nothing has come of it for a minute")
        }
        if child.wait() == 0 && isMounted(place) { return }
        let said = words.text.split(separator: "\n").first.map(String.init) ?? "mount has said nothing"
        throw failure(volume, "driver_opts", "cannot mount \(mount.text): \(said)")
    }

    private static let mountTimeout: Int32 = 60_000

    /// A device tells nothing: what is mounted may come from the same file system.
    private func isMounted(_ place: String) -> Bool {
        MountEntry.names(in: paths.mountedVolumes).contains { "\(paths.mountedVolumes)/\($0)" == place }
    }

    func unmountVolume(_ name: String) throws {
        let place = "\(paths.mountedVolumes)/\(name)"
        while isMounted(place) {
            try check("umount", on: place) { umount2(place, Int32(MNT_DETACH)) }
        }
        rmdir(place)
        rmdir(paths.mountedVolumes)
        rmdir(paths.roots.mounts)
    }

    /// At the end of a project. Nothing is ever removed below a mount: folders go only if they are empty.
    func unmountVolumes() throws {
        for name in Files.names(in: paths.mountedVolumes) { try unmountVolume(name) }
    }
}

extension Launch.Mount.Propagation {
    init(_ mode: Compose.Mount.Propagation) {
        switch mode {
        case .private: self = .private
        case .rprivate: self = .rprivate
        case .slave: self = .slave
        case .rslave: self = .rslave
        case .shared: self = .shared
        case .rshared: self = .rshared
        }
    }
}
