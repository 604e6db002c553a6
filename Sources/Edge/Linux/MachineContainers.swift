import CSyscalls
import Cgroups
package import Engine
import Glibc
package import Launch
import Launcher
import Network
import Processes
package import Stack
import Syscalls

/// Containers: their folders, their start, their end.
extension LinuxMachine {
    func prepare(_ instance: Instance, _ spec: ContainerSpec, in goal: Goal) throws {
        let folder = paths.folder(instance)
        try Files.makeFolders(folder, mode: 0o700)
        try Files.replace("\(folder)/hosts", hostsText(spec, in: goal).utf8, mode: 0o644)
        try Files.replace("\(folder)/hostname", "\(spec.hostname)\n".utf8, mode: 0o644)
        try Files.replace("\(folder)/resolv.conf", ResolverFile.ofHost().utf8, mode: 0o644)
        for mount in spec.mounts {
            switch mount.source {
            case .bind(let path, create: true): try Files.makeFolders(path)
            case .bind, .volume, .tmpfs: break
            }
        }
        try ensureVolumes(of: spec, in: goal)
        try fillVolumes(of: spec, in: goal)
    }

    /// Sets the first process of an instance off; `awaitStart` waits for its program. Born as the keeper's child, in
    /// cgroups that were made for this start: Linux 6.18 kills at birth what enters a v2 group that `cgroup.kill` was
    /// written to.
    func start(_ instance: Instance, in goal: Goal) throws {
        guard let spec = goal.container(instance.id) else { return }
        let group = group(instance)
        // A crash may have taken the files between a removal and its end.
        let hosts = "\(paths.folder(instance))/hosts"
        let names = hostsText(spec, in: goal)
        if !Files.exists(hosts) {
            try prepare(instance, spec, in: goal)
        } else if try Files.text(hosts) != names {
            try Files.rewrite(hosts, names)
        }
        try ensureVolumes(of: spec, in: goal)
        try finishVolumes(of: spec, in: goal)
        try GrantedFiles(paths).write(spec.files, for: instance)
        try group.create(spec.limits, fresh: true)
        didEnd(instance)
        do {
            let streams = try ContainerStreams(instance, spec, paths) { try holder.put($0, as: $1) }
            try launch(instance, spec, group, streams, in: goal)
        } catch {
            throw abandon(instance, because: error)
        }
    }

    package func awaitStart(_ instance: Instance) throws(Event.Failure) {
        guard let pending = starting.removeValue(forKey: instance) else { return }
        do {
            try awaitProgram(pending.start)
        } catch {
            let failure = abandon(instance, because: error)
            if let failure = failure as? Event.Failure { throw failure }
            throw Event.Failure(
                resource: ResourceID.container(instance.id).description, key: "", message: "\(failure)")
        }
        didStart(pending.run, pending.start.process.raw, pending.streams.reading.raw)
    }

    /// What a start that failed leaves behind goes; what is to be said of it stays.
    private func abandon(_ instance: Instance, because error: any Error) -> any Error {
        keepLastWords(of: instance)
        dropStreams(of: instance)
        try? group(instance).kill()
        if let process = processes.removeValue(forKey: instance) {
            try? store.append(Run.voidLine(instance, process))
        }
        guard let error = error as? LaunchError else { return error }
        var failure = Event.Failure(
            resource: ResourceID.container(instance.id).description, key: error.key, message: error.message)
        failure.exitStatus = error.exitStatus
        return failure
    }

    private func launch(
        _ instance: Instance, _ spec: ContainerSpec, _ group: Cgroup, _ streams: ContainerStreams, in goal: Goal
    ) throws {
        let launchSpec = try launchSpec(spec, instance, in: goal)
        let program = compile(launchSpec, try Launcher.look(launchSpec))
        let joined = try joinedNamespaces(spec, in: goal)
        defer { for descriptor in joined.values { close(descriptor) } }
        let binary = spec.usesInit ? try Launcher.ownBinary() : Descriptor(-1)
        let birthplace = try group.open()?.take()
        defer { if let birthplace { close(birthplace) } }
        var start = try Launcher.start(
            program,
            Launcher.Attachments(
                input: streams.input, output: streams.output.raw, errors: streams.errors.raw,
                terminals: streams.terminals, namespaces: joined, binary: spec.usesInit ? binary.raw : nil,
                cgroup: birthplace, asSibling: true))
        guard let status = ProcessStatus(pid: start.pid) else {
            throw SystemError("clone3", on: "\(instance)", errno: ESRCH)
        }
        // Noted before it runs: whatever happens from here on, a successor knows of it.
        try holder.put(start.process.raw, as: instance.processName)
        processes[instance] = status.identity
        let run = Run(
            instance: instance, process: status.identity, boot: Run.currentBoot, time: MachineClock.realtime,
            isByPolicy: isStartingByPolicy, hasHooks: spec.hooks?.postStart.isEmpty == false)
        try store.append(run.startLine)
        try finishFirewalls()
        try start.release()
        starting[instance] = PendingStart(start, run, streams)
    }

    func awaitProgram(_ start: borrowing Start) throws {
        while true {
            switch try start.outcome() {
            case .running: return
            case .failed(let error): throw error
            case .waiting:
                var wait = pollfd(fd: start.readiness, events: Int16(POLLIN), revents: 0)
                try check("poll") { poll(&wait, 1, 10_000) }
            }
        }
    }

    /// Descriptors of the namespaces that exist already; the caller closes them.
    private func joinedNamespaces(_ spec: ContainerSpec, in goal: Goal) throws -> [Launch.NamespaceKind: Int32] {
        var joined: [Launch.NamespaceKind: Int32] = [:]
        for kind in Stack.NamespaceKind.allCases {
            guard let path = namespacePath(kind, of: spec, in: goal) else { continue }
            joined[Launch.NamespaceKind(kind)] = try Descriptor(path, O_RDONLY).take()
        }
        return joined
    }

    /// Where the namespace that a container joins can be opened; nil for one of its own or the host's.
    private func namespacePath(_ kind: Stack.NamespaceKind, of spec: ContainerSpec, in goal: Goal) -> String? {
        switch goal.resolved(kind, of: spec) {
        case .host: return nil
        case .stack(let name): return paths.pin(name, kind)
        case .own(let id):
            switch kind {
            case .net: return paths.pin(goal.endpoint(of: id), kind)
            case .ipc, .uts: return goal.isShared(kind, of: id) ? paths.pin(id.endpoint, kind) : nil
            case .mnt, .pid:
                guard id != spec.id, let process = process(of: id) else { return nil }
                return "/proc/\(process.pid)/ns/\(kind.rawValue)"
            }
        }
    }

    /// Ends what is left of an instance and removes it: cgroups, writable layer. Its log stays.
    func discard(_ instance: Instance, in goal: Goal) throws {
        if goal.isEmpty {
            // Its control groups go with all others, at the end: now the kernel would keep each of them waiting.
            try group(instance).kill()
            try beginRemoval()
            didEnd(instance)
            processes[instance] = nil
            return
        }
        try group(instance).remove()
        didEnd(instance)
        dropStreams(of: instance)
        try removeTree(paths.files(of: instance))
        try removeBeside(paths.folder(instance))
        processes[instance] = nil
    }

    /// The start of a container as a plain value.
    func launchSpec(_ spec: ContainerSpec, _ instance: Instance, in goal: Goal) throws -> LaunchSpec {
        var root: String?
        if case .own(let owner) = goal.resolved(.mnt, of: spec), owner != spec.id, let process = process(of: owner) {
            root = "/proc/\(process.pid)/root"
        }
        // What was found for a change says nothing of later.
        let folders = isStartingByPolicy ? nil : rootFolders
        var launch = try LaunchSpec(
            spec, instance, paths: paths, goal: goal, folders: folders, joinedRoot: root)
        launch.doors = group(instance).doors
        return launch
    }
}

/// A container on its way to its program.
final class PendingStart {
    let start: Start
    let run: Run
    let streams: ContainerStreams

    init(_ start: consuming Start, _ run: Run, _ streams: ContainerStreams) {
        self.start = start
        self.run = run
        self.streams = streams
    }
}

extension LaunchSpec {
    /// - Throws: `LayerError` where the layers of its image are not there, or make no image.
    /// - Parameters:
    ///   - instance: whose folder has the writable layer and the files made for it.
    ///   - folders: where many are made, so that layers are looked for once.
    ///   - joinedRoot: where the root can be seen of a container whose mount namespace is joined: its users count.
    package init(
        _ spec: ContainerSpec, _ instance: Instance, paths: ProjectPaths, goal: Goal, folders: RootFolders? = nil,
        joinedRoot: String? = nil
    ) throws {
        let folder = paths.folder(instance)
        let lower: RootFileSystem.Lower =
            switch spec.rootfs {
            case _ where joinedRoot != nil: .directory(joinedRoot!)
            case .host: .host
            case .directory(let path): .directory(path)
            case .archive(let root), .image(let root):
                .layers(try (folders ?? RootFolders(paths.roots)).of(root), in: paths.roots.layers)
            }
        let isOwnIPC = goal.resolved(.ipc, of: spec)
        let memory: SharedMemory =
            switch isOwnIPC {
            case .host: .folder("/dev/shm")
            case .stack(let name): .folder(paths.sharedMemory(name))
            case .own(let id):
                goal.isShared(.ipc, of: id)
                    ? .folder(paths.sharedMemory(id.endpoint)) : .size(Int(spec.sharedMemorySize))
            }
        // The container's own settings come after what is made for it, so that the file may replace /etc/hosts.
        let made = ["hosts", "hostname", "resolv.conf"].map { name in
            Launch.Mount(.bind(source: "\(folder)/\(name)"), on: "/etc/\(name)", key: "rootfs")
        }
        let files = spec.files.map { file in
            Launch.Mount(.bind(source: paths.file(file, of: instance)), on: file.target, readOnly: true, key: file.key)
        }
        let hides = LaunchSpec.defaultHiddenPaths + [paths.roots.state, paths.roots.runtime]
        self.init(
            arguments: spec.arguments, environment: spec.environment, workingDirectory: spec.workingDirectory ?? "/",
            user: spec.user, hostname: spec.namespaces.uts == .own ? spec.hostname : nil,
            root: RootFileSystem(lower: lower, upper: "\(folder)/upper", work: "\(folder)/work"),
            readOnly: spec.readOnly,
            mounts: made + spec.mounts.map { Launch.Mount($0, paths: paths, goal: goal) } + files,
            sharedMemory: memory, capabilities: spec.capabilities, initProcess: spec.usesInit,
            namespaces: Dictionary(
                uniqueKeysWithValues: Stack.NamespaceKind.allCases.map {
                    (Launch.NamespaceKind($0), NamespaceSource($0, of: spec, in: goal))
                }),
            hiddenPaths: hides)
        groups = spec.groups
        terminal = spec.terminalSize.map { TerminalSize(rows: $0.rows, columns: $0.columns) }
        hasInput = spec.standardInput != nil
    }
}

extension NamespaceSource {
    fileprivate init(_ kind: Stack.NamespaceKind, of spec: ContainerSpec, in goal: Goal) {
        switch goal.resolved(kind, of: spec) {
        case .host: self = .host
        case .stack: self = .join
        case .own(let id):
            let isPinned = kind == .net || ((kind == .ipc || kind == .uts) && goal.isShared(kind, of: id))
            self = isPinned || id != spec.id ? .join : .new
        }
    }
}

extension Launch.NamespaceKind {
    init(_ kind: Stack.NamespaceKind) {
        switch kind {
        case .mnt: self = .mnt
        case .pid: self = .pid
        case .net: self = .net
        case .ipc: self = .ipc
        case .uts: self = .uts
        }
    }
}

extension Launch.Mount {
    fileprivate init(_ mount: Stack.Mount, paths: ProjectPaths, goal: Goal) {
        let content: Content =
            switch mount.source {
            case .bind(let path, _):
                .bind(source: path, propagation: mount.propagation.map { Propagation($0) })
            case .volume(let key):
                .bind(
                    source: goal.volumes.first { $0.key == key }.map { paths.source(of: $0) } ?? paths.volume(key),
                    below: mount.subpath)
            case .tmpfs(let size, let mode, let user, let group):
                .tmpfs(
                    size: size.map(Int.init), mode: mode.map(Int.init), uid: user.map(Int.init),
                    gid: group.map(Int.init))
            }
        self.init(content, on: mount.target, readOnly: mount.readOnly, key: mount.key)
    }
}
