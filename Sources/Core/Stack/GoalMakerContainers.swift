package import Compose
package import OCI

/// What a service's image, or tar file, is now.
package struct FoundRoot: Hashable, Sendable {
    package var root: LayeredRoot
    /// nil for a tar file, which says nothing beside its content.
    package var config: ImageConfig?

    package init(_ root: LayeredRoot, _ config: ImageConfig? = nil) {
        self.root = root
        self.config = config
    }
}

extension ContainerSpec {
    /// One replica of a service in final values, its addresses and host ports aside. What the file leaves open, its image
    /// says.
    ///
    /// Where the file names no host name it is the service's name, not the container's id as in Docker: ids change with
    /// every replacement, and a host name that changes with them is of no use.
    /// - Parameters:
    ///   - found: nil also where the image is not here yet.
    ///   - contents: of secrets and configurations, by their key paths in the file.
    init(
        _ service: Service, id: ContainerID, in project: Project, _ found: FoundRoot? = nil,
        contents: [String: Digest] = [:]
    ) {
        let image = service.root == .image ? found?.config : nil
        self.init(id: id, arguments: Self.arguments(service, image))
        switch service.root {
        case .host: rootfs = .host
        case .directory(let path): rootfs = .directory(path)
        case .archive(let path): rootfs = .archive(found?.root ?? LayeredRoot(name: path))
        case .image: rootfs = .image(found?.root ?? LayeredRoot(name: project.image(of: service)?.description ?? ""))
        }
        environment = Self.environment(service.environment, image?.environment ?? [])
        workingDirectory = service.workingDirectory ?? image.flatMap { $0.workingDirectory.filled }
        user = service.user ?? image.flatMap { $0.user.filled }
        groups = service.groups
        hostname = service.hostname ?? service.name
        for kind in Compose.NamespaceKind.allCases {
            namespaces[NamespaceKind(kind)] = NamespaceMode(project.namespace(kind, of: service))
        }
        ports = service.ports.map(PublishedPort.init)
        mounts = service.volumes.enumerated().map { Mount($0.element, key: "volumes[\($0.offset)]", of: id) }
        mounts += service.tmpfs.enumerated().map { entry in
            Mount(
                .tmpfs(entry.element.options), target: entry.element.target, readOnly: entry.element.readOnly,
                key: "tmpfs[\(entry.offset)]")
        }
        files = service.files.compactMap { grant in
            guard let file = project.file(grant.kind, grant.source), let content = contents[file.path] else {
                return nil
            }
            return GrantedFile(
                file.path, target: grant.target, uid: grant.uid, gid: grant.gid, mode: grant.mode, content: content,
                key: grant.key)
        }
        // A volume of the container, unless the file has something for that place.
        mounts += (image?.volumes ?? []).filter { target in !mounts.contains { $0.target == target } }
            .map { Mount(.volume("\(id.fileName):\($0)"), target: $0, key: "image", copiesImage: true) }
        limits = ResourceLimits(service.resources)
        // Who joins an IPC namespace has its /dev/shm; what the file mounts there has a size of its own.
        if hasSharedMemory { sharedMemory = service.sharedMemory }
        capabilities = Capability.effective(added: service.addedCapabilities, dropped: service.droppedCapabilities)
            .sorted()
        readOnly = service.readOnly
        usesInit = service.`init`
        restart = RestartPolicy(service.restart)
        restartPace = service.restartPace.map(RestartPace.init)
        if !service.preStart.isEmpty || !service.postStart.isEmpty || !service.preStop.isEmpty {
            hooks = Hooks(
                preStart: service.preStart.isEmpty ? nil : service.preStart.map(Hook.init),
                postStart: service.postStart.map(Hook.init), preStop: service.preStop.map(Hook.init))
        }
        precedes = service.precedes
        update = service.update.map { UpdatePolicy($0) }
        rollback = service.rollback.map { UpdatePolicy(wayBack: $0) }
        stopSignal = service.stopSignal?.number ?? image?.stopSignal.flatMap(Signal.number(named:)) ?? 15
        stopGraceMilliseconds = Int(service.stopGracePeriod.milliseconds)
        labels = (image?.labels ?? [:]).merging(service.labels) { _, own in own }
        logging = LogSettings(service.logging)
        dependencies = service.dependencies.map(Dependency.init)
        healthCheck = HealthCheck(
            service.healthCheck, over: image.flatMap(HealthCheck.init), reaction: service.onUnhealthy,
            shell: image?.shell ?? HealthCheck.shell)
        terminal = service.terminal
        standardInput = service.standardInput
        oneOff = service.oneOff
    }

    /// Docker's default; the host's root has programs in each of these folders.
    private static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// As the runtime of Docker joins them: words in place of the image's entrypoint leave its command out; clearing the
    /// entrypoint, by an empty list, does not.
    private static func arguments(_ service: Service, _ image: ImageConfig?) -> [String] {
        let entrypoint = service.entrypoint ?? image?.entrypoint ?? []
        let isReplaced = !(service.entrypoint ?? []).isEmpty
        return entrypoint + (service.command ?? (isReplaced ? nil : image?.command) ?? [])
    }

    private static func environment(_ values: [String: String], _ image: [String]) -> [String] {
        var all = ["PATH": path]
        for entry in image {
            guard let sign = entry.firstIndex(of: "=") else { continue }
            all[String(entry[..<sign])] = String(entry[entry.index(after: sign)...])
        }
        return all.merging(values) { _, own in own }.map { "\($0.key)=\($0.value)" }.sorted()
    }
}

/// The name of a volume that no key names: the target in it is a hash (64-bit FNV-1a), since a target holds slashes.
func anonymousVolumeName(_ key: String, project: String) -> String {
    let owner = key.prefix { $0 != ":" }
    let digits = String(fnv1a(key), radix: 16)
    return "\(project)_\(owner)_" + String(repeating: "0", count: 16 - digits.count) + digits
}

func fnv1a(_ text: String) -> UInt64 {
    text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

extension Mount {
    fileprivate init(_ mount: Compose.Mount, key: String, of id: ContainerID) {
        let source: Source =
            switch mount.source {
            case .bind(let path, let create): .bind(path: path, create: create)
            case .volume(let key): .volume(key)
            // No key of the file holds a colon.
            case .anonymous: .volume("\(id.fileName):\(mount.target)")
            case .tmpfs(let options): .tmpfs(options)
            }
        self.init(
            source, target: mount.target, readOnly: mount.readOnly, key: key, copiesImage: mount.copiesImage)
        subpath = mount.subpath
        propagation = mount.propagation
    }
}

extension String {
    fileprivate var filled: String? { isEmpty ? nil : self }
}

extension Mount.Source {
    fileprivate static func tmpfs(_ options: TmpfsOptions) -> Self {
        .tmpfs(size: options.size, mode: options.mode, user: options.uid, group: options.gid)
    }
}

extension NamespaceKind {
    init(_ kind: Compose.NamespaceKind) {
        switch kind {
        case .mnt: self = .mnt
        case .pid: self = .pid
        case .net: self = .net
        case .ipc: self = .ipc
        case .uts: self = .uts
        }
    }
}

extension NamespaceMode {
    fileprivate init(_ mode: Compose.NamespaceMode) {
        switch mode {
        case .private: self = .own
        case .host: self = .host
        case .service(let name): self = .service(name)
        case .stack(let name): self = .stack(name)
        }
    }
}

extension PublishedPort {
    /// A port that the file fixes; one of several is decided later.
    fileprivate init(_ port: Compose.Port) {
        let transport: TransportProtocol =
            switch port.transport {
            case .tcp: .tcp
            case .udp: .udp
            }
        self.init(transport, hostAddress: port.address, hostPort: nil, containerPort: port.target)
    }
}

extension RestartPolicy {
    fileprivate init(_ policy: Compose.RestartPolicy) {
        switch policy {
        case .no: self = .no
        case .always: self = .always
        case .onFailure(let maximum): self = .onFailure(limit: maximum)
        case .unlessStopped: self = .unlessStopped
        }
    }
}

extension RestartPace {
    fileprivate init(_ pace: Compose.RestartPace) {
        self.init(attempts: pace.attempts, delay: pace.delay?.milliseconds, window: pace.window?.milliseconds)
    }
}

extension Dependency {
    fileprivate init(_ dependency: Compose.Dependency) {
        let condition: Condition =
            switch dependency.condition {
            case .started: .started
            case .healthy: .healthy
            case .completed: .completed
            }
        self.init(
            dependency.service, condition, required: dependency.required, restarts: dependency.restart)
    }
}

extension ResourceLimits {
    package init(_ resources: Resources) {
        self.init(
            cpus: resources.nanoCPUs, cpuShares: resources.cpuShares, cpuset: resources.cpuset.flatMap { CPUSet($0) },
            memory: resources.memory, memorySwap: resources.memorySwap, pids: resources.pids)
    }
}
