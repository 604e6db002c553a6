package import Compose

extension ContainerSpec {
    /// One replica of a service in final values, its addresses and host ports aside.
    ///
    /// Where the file names no host name it is the service's name, not the container's id as in Docker: ids change with
    /// every replacement, and a host name that changes with them is of no use.
    init(_ service: Service, id: ContainerID, in project: Project) {
        self.init(id: id, arguments: (service.entrypoint ?? []) + (service.command ?? []))
        switch service.root {
        case .host: rootfs = .host
        case .directory(let path): rootfs = .directory(path)
        }
        environment = Self.environment(service.environment)
        workingDirectory = service.workingDirectory
        user = service.user
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
        limits = ResourceLimits(service.resources)
        capabilities = Capability.effective(added: service.addedCapabilities, dropped: service.droppedCapabilities)
            .sorted()
        readOnly = service.readOnly
        usesInit = service.`init`
        restart = RestartPolicy(service.restart)
        stopSignal = service.stopSignal.number
        let (seconds, attoseconds) = service.stopGracePeriod.components
        stopGraceMilliseconds = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
        labels = service.labels
        logging = LogSettings(maxSize: service.logging.maxSize, maxFiles: service.logging.maxFile)
        dependencies = service.dependencies.map(Dependency.init)
        healthcheck = HealthCheck(service)
    }

    /// Docker's default; the host's root has programs in each of these folders.
    private static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    private static func environment(_ values: [String: String]) -> [String] {
        values.merging(["PATH": path]) { own, _ in own }.map { "\($0.key)=\($0.value)" }.sorted()
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
        self.init(source, target: mount.target, readOnly: mount.readOnly, key: key)
    }
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
