/// One service, every value in its canonical form.
package struct Service: Codable, Hashable, Sendable {
    /// Letters, digits, `.`, `_` and `-`.
    package var name: String
    package var root: RootFileSystem
    /// What `.image` is made from; may be there with another root, which wins.
    package var image: ImageSource?
    /// Words, never a shell line. nil: the file does not say; empty: cleared.
    package var command: [String]?
    /// Words that stand before `command`.
    package var entrypoint: [String]?
    package var environment: [String: String]
    /// Absolute.
    package var workingDirectory: String?
    /// `NAME`, `UID`, `NAME:GROUP` or `UID:GID`, looked up in the container's own files.
    package var user: String?
    /// Names and numbers of `group_add:`.
    package var groups: [String]
    package var hostname: String?
    /// In the order of the services' names; sharing a namespace is not listed here.
    package var dependencies: [Dependency]
    package var namespaces: Namespaces
    /// Empty with `network_mode: none`, and where the network namespace is not the service's own.
    package var networks: [Attachment]
    package var ports: [Port]
    package var volumes: [Mount]
    package var volumesFrom: [VolumesFrom]
    /// What happens when files are edited.
    package var watch: [WatchRule]
    /// Configurations and secrets.
    package var files: [FileGrant]
    package var tmpfs: [Tmpfs]
    package var resources: Resources
    /// The size of `/dev/shm` in bytes; nil for the usual one.
    package var sharedMemory: Int64?
    /// `deploy.replicas` or `scale`.
    package var replicas: Int
    /// Canonical names without `CAP_`, sorted, or `ALL`.
    package var addedCapabilities: [String]
    package var droppedCapabilities: [String]
    /// The root file system cannot be written to.
    package var readOnly: Bool
    package var restart: RestartPolicy
    /// What `deploy.restart_policy` says besides.
    package var restartPace: RestartPace?
    /// A reaper as the container's first process.
    package var `init`: Bool
    /// nil: the image's, else SIGTERM.
    package var stopSignal: Signal?
    package var stopGracePeriod: Duration
    /// How its containers are replaced; nil: all at once, old before new.
    package var update: UpdateSettings?
    /// How they come back where an update has failed; nil: all at once.
    package var rollback: UpdateSettings?
    /// Run before it, one after the other, each in a container of its own.
    package var preStart: [Hook]
    /// The service that this is a step of: `Project.unfolded`.
    package var precedes: Step?
    /// Run inside when it has started, one after the other.
    package var postStart: [Hook]
    /// Run inside before it is stopped.
    package var preStop: [Hook]
    package var labels: [String: String]
    package var logging: LogSettings
    /// nil: the image's.
    package var healthCheck: HealthSettings?
    package var onUnhealthy: UnhealthyReaction
    /// The command runs on a terminal of its own: `tty`.
    package var terminal: WindowSize?
    /// `stdin_open`
    package var standardInput: StandardInput?
    /// Whether `up` shows its output.
    package var attach: Bool
    /// In no file: see `Project.adding`.
    package var oneOff: OneOff?
    /// Relative to `services.NAME`; the empty path is the service's own key.
    package var places: Places

    /// A service that says nothing but its name.
    package init(name: String) {
        self.name = name
        root = .host
        environment = [:]
        groups = []
        dependencies = []
        namespaces = Namespaces()
        networks = []
        ports = []
        volumes = []
        volumesFrom = []
        watch = []
        files = []
        tmpfs = []
        resources = Resources()
        replicas = 1
        addedCapabilities = []
        droppedCapabilities = []
        readOnly = false
        restart = .no
        self.`init` = false
        stopGracePeriod = .seconds(10)
        preStart = []
        postStart = []
        preStop = []
        labels = [:]
        logging = LogSettings()
        onUnhealthy = .none
        attach = true
        places = Places()
    }
}

/// What is run before a service, in a container of its own.
package struct Step: Codable, Hashable, Sendable {
    package var service: String
    /// Where the service says so: `pre_start[0]`.
    package var key: String

    package init(of service: String, key: String) {
        self.service = service
        self.key = key
    }
}

package enum RootFileSystem: Codable, Hashable, Sendable {
    /// A copy-on-write view of the host's own root file system.
    case host
    /// An absolute path of a folder on the host.
    case directory(String)
    /// An absolute path of a tar file on the host, compressed or not.
    case archive(String)
    /// `Service.image`
    case image
}

package struct Dependency: Codable, Hashable, Sendable {
    package enum Condition: String, Codable, Hashable, Sendable, CaseIterable {
        case started = "service_started"
        case healthy = "service_healthy"
        case completed = "service_completed_successfully"
    }

    package var service: String
    package var condition: Condition
    /// Whether a failure of the other stops this one from being started.
    package var required: Bool
    /// Whether this one is restarted when `settle` restarts or replaces the other.
    package var restart: Bool

    package init(service: String, condition: Condition = .started, required: Bool = true, restart: Bool = false) {
        self.service = service
        self.condition = condition
        self.required = required
        self.restart = restart
    }
}

/// The kinds of namespaces, by the kernel's names under /proc/PID/ns.
package enum NamespaceKind: String, Codable, Hashable, Sendable, CaseIterable {
    case mnt, pid, net, ipc, uts
}

package enum NamespaceMode: Codable, Hashable, Sendable {
    case `private`
    case host
    /// That of another service's first container.
    case service(String)
    /// Declared under the top-level `namespaces:`.
    case stack(String)

    /// As written in the file: `private`, `host`, `service:NAME`, `stack:NAME`.
    package var text: String {
        switch self {
        case .private: "private"
        case .host: "host"
        case .service(let name): "service:\(name)"
        case .stack(let name): "stack:\(name)"
        }
    }
}

/// A mode for every kind, `private` unless set.
package struct Namespaces: Codable, Hashable, Sendable {
    package var mnt = NamespaceMode.private
    package var pid = NamespaceMode.private
    package var net = NamespaceMode.private
    package var ipc = NamespaceMode.private
    package var uts = NamespaceMode.private

    package init() {}

    package subscript(kind: NamespaceKind) -> NamespaceMode {
        get { self[keyPath: Self.path(kind)] }
        set { self[keyPath: Self.path(kind)] = newValue }
    }

    private static func path(_ kind: NamespaceKind) -> WritableKeyPath<Namespaces, NamespaceMode> {
        switch kind {
        case .mnt: \.mnt
        case .pid: \.pid
        case .net: \.net
        case .ipc: \.ipc
        case .uts: \.uts
        }
    }
}

/// Membership of a network.
package struct Attachment: Codable, Hashable, Sendable {
    /// A key of the project's networks.
    package var network: String
    /// Further names, besides the service's own.
    package var aliases: [String]
    /// nil: the next free one.
    package var address: IPv4Address?

    package init(network: String, aliases: [String] = [], address: IPv4Address? = nil) {
        self.network = network
        self.aliases = aliases
        self.address = address
    }
}

/// A published port.
package struct Port: Codable, Hashable, Sendable {
    package enum Transport: String, Codable, Hashable, Sendable, CaseIterable {
        case tcp, udp
    }

    /// Inside the container.
    package var target: UInt16
    /// On the host: the first free one of these. nil: any free one.
    package var published: ClosedRange<UInt16>?
    /// The host's address to listen on, IPv4, or IPv6 without brackets. nil: all of them, IPv4 and IPv6.
    package var address: String?
    package var transport: Transport

    package init(
        target: UInt16, published: ClosedRange<UInt16>? = nil, address: String? = nil, transport: Transport = .tcp
    ) {
        self.target = target
        self.published = published
        self.address = address
        self.transport = transport
    }
}

package struct Mount: Codable, Hashable, Sendable {
    package enum Source: Codable, Hashable, Sendable {
        /// An absolute path on the host. `create`: make it a folder if it is missing (as the short form asks).
        case bind(String, create: Bool)
        /// A key of the project's volumes.
        case volume(String)
        /// A volume that belongs to the container, found again by its target.
        case anonymous
        case tmpfs(TmpfsOptions)
    }

    package var source: Source
    /// Absolute and clean: no `//`, `.`, `..` nor final slash.
    package var target: String
    package var readOnly: Bool
    /// Whether a volume that is empty gets what the image has at the target: not with `nocopy`.
    package var copiesImage: Bool
    /// A folder or file within the volume, relative to it.
    package var subpath: String?
    /// Of a path on the host. nil: what is mounted below it later is not passed on, in neither direction.
    package var propagation: Propagation?

    package enum Propagation: String, Codable, Hashable, Sendable, CaseIterable {
        case `private`, rprivate, slave, rslave, shared, rshared
    }

    package init(source: Source, target: String, readOnly: Bool = false, copiesImage: Bool = true) {
        self.source = source
        self.target = target
        self.readOnly = readOnly
        self.copiesImage = copiesImage
    }
}

/// An entry of `volumes_from`: all mounts of another service's first container.
package struct VolumesFrom: Codable, Hashable, Sendable {
    package var service: String
    package var readOnly: Bool

    package init(service: String, readOnly: Bool = false) {
        self.service = service
        self.readOnly = readOnly
    }
}

/// An entry of `tmpfs:`.
package struct Tmpfs: Codable, Hashable, Sendable {
    package var target: String
    package var readOnly: Bool
    package var options: TmpfsOptions

    package init(target: String, readOnly: Bool = false, options: TmpfsOptions = TmpfsOptions()) {
        self.target = target
        self.readOnly = readOnly
        self.options = options
    }
}

package struct TmpfsOptions: Codable, Hashable, Sendable {
    /// Bytes. nil: the kernel's default, half of the memory.
    package var size: Int64?
    /// Permission bits. nil: 0o1777.
    package var mode: UInt32?
    package var uid: UInt32?
    package var gid: UInt32?

    package init() {}
}

package enum RestartPolicy: Codable, Hashable, Sendable {
    case no
    case always
    /// maximum: how often at most; nil: for ever.
    case onFailure(maximum: Int?)
    case unlessStopped

    /// As written in the file.
    package var text: String {
        switch self {
        case .no: "no"
        case .always: "always"
        case .onFailure(let maximum): maximum.map { "on-failure:\($0)" } ?? "on-failure"
        case .unlessStopped: "unless-stopped"
        }
    }
}

/// How a container is started again. What is nil is without a limit, or as the runtime has it.
package struct RestartPace: Codable, Hashable, Sendable {
    /// How often at most, within `window`.
    package var attempts: Int?
    package var delay: Duration?
    /// nil: since somebody last asked for the container.
    package var window: Duration?

    package init(attempts: Int? = nil, delay: Duration? = nil, window: Duration? = nil) {
        self.attempts = attempts
        self.delay = delay
        self.window = window
    }
}

/// `deploy.update_config`
package struct UpdateSettings: Codable, Hashable, Sendable {
    package enum Order: String, Codable, Hashable, Sendable, CaseIterable {
        case stopFirst = "stop-first"
        case startFirst = "start-first"
    }

    package enum FailureAction: String, Codable, Hashable, Sendable, CaseIterable {
        case pause, rollback, `continue`
    }

    /// How many at once; 0: all.
    package var parallelism = 1
    package var delay = Duration.zero
    package var monitor = Duration.zero
    package var order = Order.stopFirst
    package var failureAction = FailureAction.pause
    package var maxFailureRatio = 0.0

    package init() {}
}
