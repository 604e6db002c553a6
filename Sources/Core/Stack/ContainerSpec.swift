package import Compose
package import OCI

/// Everything one container is made from: final values only, nothing left to look up.
package struct ContainerSpec: Hashable, Codable, Sendable {
    package var id: ContainerID
    package var rootfs: Rootfs
    package var arguments: [String]
    /// `K=V`, sorted.
    package var environment: [String]
    package var workingDirectory: String?
    package var user: String?
    /// Further groups of the user: names of the container's `/etc/group`, or numbers.
    package var groups: [String]
    package var hostname: String
    package var namespaces: Namespaces
    /// Its place in each network, in the order of its interfaces. Empty where it has no network namespace of its own.
    package var attachments: [Attachment]
    package var ports: [PublishedPort]
    package var mounts: [Mount]
    /// Secrets and configurations.
    package var files: [GrantedFile]
    package var limits: ResourceLimits
    /// The size of its own `/dev/shm` in bytes; nil for the usual one, or where it has none of its own.
    package var sharedMemory: Int64?
    /// Names without `CAP_`, sorted.
    package var capabilities: [String]
    package var readOnly: Bool
    package var usesInit: Bool
    package var restart: RestartPolicy
    /// nil: as Docker does it, without a limit but the policy's.
    package var restartPace: RestartPace?
    /// nil where it has none.
    package var hooks: Hooks?
    /// The step of another service that it is: it is run again where all containers of that one begin anew.
    package var precedes: Step?
    /// How it is replaced; nil: at once with everything else, old before new.
    package var update: UpdatePolicy?
    /// How it comes back where its replacement has failed; nil: at once with everything else.
    package var rollback: UpdatePolicy?
    /// Whether its network namespace is the second one of the two that it has by turns, where the new life starts before
    /// the old one stops.
    package var hasSecondEndpoint: Bool?
    package var stopSignal: Int32
    package var stopGraceMilliseconds: Int
    package var labels: [String: String]
    package var logging: LogSettings
    package var dependencies: [Dependency]
    /// nil: it has none, or the file has disabled it.
    package var healthCheck: HealthCheck?
    /// It runs on a terminal of its own, at first of this size; nil: its output is a pipe.
    package var terminal: WindowSize?
    package var standardInput: StandardInput?
    /// nil for a replica of a service.
    package var oneOff: OneOff?

    package init(id: ContainerID, rootfs: Rootfs = .host, arguments: [String]) {
        self.id = id
        self.rootfs = rootfs
        self.arguments = arguments
        environment = []
        groups = []
        hostname = id.service
        namespaces = Namespaces()
        attachments = []
        ports = []
        mounts = []
        files = []
        limits = ResourceLimits()
        capabilities = []
        readOnly = false
        usesInit = false
        restart = .no
        stopSignal = 15
        stopGraceMilliseconds = 10_000
        labels = [:]
        logging = LogSettings()
        dependencies = []
    }
}

extension ContainerSpec {
    /// The name of the network namespace of its own: that of its id, or with a `+`, which no name of the file can have.
    package var endpoint: String { hasSecondEndpoint == true ? id.endpoint + "+" : id.endpoint }

    /// The name users see.
    package func name(in project: String) -> String { oneOff?.name ?? id.name(in: project) }

    /// Whether it goes by itself once it has ended.
    package var isTransient: Bool { oneOff?.isTransient == true }

    /// Whether its input is open whoever comes and goes.
    package var keepsInputOpen: Bool { standardInput == .open }

    package var terminalSize: (rows: UInt16, columns: UInt16)? { terminal.map { ($0.rows, $0.columns) } }

    /// The service of the file that it is of.
    package var serviceName: String { oneOff?.service ?? id.service }
}

package enum Rootfs: Hashable, Codable, Sendable, CustomStringConvertible {
    /// A copy-on-write view of the host's own root file system.
    case host
    /// A copy-on-write view of this folder, an absolute path.
    case directory(String)
    /// A copy-on-write view of a tar file, unpacked.
    case archive(LayeredRoot)
    case image(LayeredRoot)

    package var description: String {
        switch self {
        case .host: "host"
        case .directory(let path): path
        case .archive(let root), .image(let root): root.description
        }
    }

    /// The layers that it is unpacked to; nil where it has none.
    package var layered: LayeredRoot? {
        switch self {
        case .host, .directory: nil
        case .archive(let root), .image(let root): root
        }
    }
}

/// A root file system of unpacked layers.
package struct LayeredRoot: Hashable, Codable, Sendable, CustomStringConvertible {
    /// The image as the file names it, or the tar file's absolute path.
    package var name: String
    /// Of the image's configuration, or of the tar file; nil where it has not been fetched yet.
    package var id: Digest?
    /// By the digests of their uncompressed tar files, lowest first.
    package var layers: [Digest]

    package init(name: String, id: Digest? = nil, layers: [Digest] = []) {
        self.name = name
        self.id = id
        self.layers = layers
    }

    package var description: String { id.map { "\(name) (\($0.short))" } ?? "\(name) (not here yet)" }
}

package struct Namespaces: Hashable, Codable, Sendable {
    package var mnt: NamespaceMode = .own
    package var pid: NamespaceMode = .own
    package var net: NamespaceMode = .own
    package var ipc: NamespaceMode = .own
    package var uts: NamespaceMode = .own

    package init() {}

    package subscript(kind: NamespaceKind) -> NamespaceMode {
        get {
            switch kind {
            case .mnt: mnt
            case .pid: pid
            case .net: net
            case .ipc: ipc
            case .uts: uts
            }
        }
        set {
            switch kind {
            case .mnt: mnt = newValue
            case .pid: pid = newValue
            case .net: net = newValue
            case .ipc: ipc = newValue
            case .uts: uts = newValue
            }
        }
    }
}

/// A place in one network: an interface with an address.
package struct Attachment: Hashable, Codable, Sendable {
    /// The network's key in the file.
    package var network: String
    /// Names beside the service's own, sorted.
    package var aliases: [String]
    /// The address that the file asks for.
    package var fixedAddress: String?
    /// The address it has, IPv4 in dotted form.
    package var address: String
    /// Its name inside: `eth0`. It keeps it while other networks come and go.
    package var interface: String

    package init(
        network: String, aliases: [String] = [], fixedAddress: String? = nil, address: String = "",
        interface: String = "eth0"
    ) {
        self.interface = interface
        self.network = network
        self.aliases = aliases
        self.fixedAddress = fixedAddress
        self.address = address
    }
}

package struct PublishedPort: Hashable, Codable, Sendable, CustomStringConvertible {
    package enum TransportProtocol: String, CaseIterable, Codable, Sendable { case tcp, udp }

    package var transport: TransportProtocol
    /// The host's address to listen on; nil for every address, IPv4 and IPv6.
    package var hostAddress: String?
    /// nil where the file leaves the choice to us.
    package var hostPort: UInt16?
    package var containerPort: UInt16

    package init(
        _ transport: TransportProtocol = .tcp, hostAddress: String? = nil, hostPort: UInt16?, containerPort: UInt16
    ) {
        self.transport = transport
        self.hostAddress = hostAddress
        self.hostPort = hostPort
        self.containerPort = containerPort
    }

    package var description: String {
        let host = hostAddress.map { $0.contains(":") ? "[\($0)]:" : "\($0):" } ?? ""
        return "\(host)\(hostPort.map(String.init) ?? "")\(hostPort == nil ? "" : ":")\(containerPort)/\(transport)"
    }
}

package struct Mount: Hashable, Codable, Sendable {
    package enum Source: Hashable, Codable, Sendable {
        /// An absolute path of the host; made as a folder when missing if `create`.
        case bind(path: String, create: Bool)
        /// The volume's key in the file.
        case volume(String)
        /// Size in bytes, mode bits, owner.
        case tmpfs(size: Int64?, mode: UInt32?, user: UInt32?, group: UInt32?)
    }

    package var source: Source
    package var target: String
    package var readOnly: Bool
    /// Where the file says so: `volumes[1]`, `tmpfs[0]`.
    package var key: String
    /// Whether a volume that is empty gets what the image has at the target.
    package var copiesImage: Bool
    /// A folder or file within the volume.
    package var subpath: String?
    /// nil: what is mounted below it later is not passed on.
    package var propagation: Compose.Mount.Propagation?
    /// Which volume the key stands for; nil in ledgers of before it was noted.
    package var volume: String?

    package init(_ source: Source, target: String, readOnly: Bool = false, key: String, copiesImage: Bool = false) {
        self.source = source
        self.target = target
        self.readOnly = readOnly
        self.key = key
        self.copiesImage = copiesImage
    }
}

/// A secret or configuration that a container sees as a file. Its content is nobody's business: only in memory, never in
/// a specification.
package struct GrantedFile: Hashable, Codable, Sendable {
    /// Its key path in the file: `secrets.db_password`.
    package var source: String
    package var target: String
    package var uid: UInt32
    package var gid: UInt32
    /// Permission bits.
    package var mode: UInt32
    /// What names the content.
    package var content: Digest
    /// Where the service asks for it: `secrets[0]`.
    package var key: String

    package init(
        _ source: String, target: String, uid: UInt32 = 0, gid: UInt32 = 0, mode: UInt32 = 0o444, content: Digest,
        key: String
    ) {
        self.source = source
        self.target = target
        self.uid = uid
        self.gid = gid
        self.mode = mode
        self.content = content
        self.key = key
    }
}

package enum RestartPolicy: Hashable, Codable, Sendable, CustomStringConvertible {
    case no
    case always
    case onFailure(limit: Int?)
    case unlessStopped

    package var description: String {
        switch self {
        case .no: "no"
        case .always: "always"
        case .onFailure(let limit): limit.map { "on-failure:\($0)" } ?? "on-failure"
        case .unlessStopped: "unless-stopped"
        }
    }
}

/// How a container is started again. Times are milliseconds.
package struct RestartPace: Hashable, Codable, Sendable {
    /// How often at most, within `window`.
    package var attempts: Int?
    /// From an end to the next start; nil: longer and longer.
    package var delay: Int64?
    /// nil: since somebody last asked for the container.
    package var window: Int64?

    package init(attempts: Int? = nil, delay: Int64? = nil, window: Int64? = nil) {
        self.attempts = attempts
        self.delay = delay
        self.window = window
    }
}

extension RestartPace: CustomStringConvertible {
    package var description: String {
        [
            attempts.map { "at most \($0) times" }, window.map { "within \(HealthCheck.text($0))" },
            delay.map { "after \(HealthCheck.text($0))" },
        ].compactMap { $0 }.joined(separator: " ")
    }
}

package struct Dependency: Hashable, Codable, Sendable {
    package enum Condition: String, Hashable, Codable, Sendable {
        case started = "service_started"
        case healthy = "service_healthy"
        case completed = "service_completed_successfully"
    }

    package var service: String
    package var condition: Condition
    /// Whether the dependent fails with it.
    package var required: Bool
    /// Whether the dependent is restarted after Settle has restarted or replaced it.
    package var restarts: Bool

    package init(_ service: String, _ condition: Condition = .started, required: Bool = true, restarts: Bool = false) {
        self.service = service
        self.condition = condition
        self.required = required
        self.restarts = restarts
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        service = try container.decode(String.self, forKey: .service)
        condition = try container.decode(Condition.self, forKey: .condition)
        required = try container.decode(Bool.self, forKey: .required)
        // Ledgers of stacks that were up before there was such a thing do not speak of it.
        restarts = try container.decodeIfPresent(Bool.self, forKey: .restarts) ?? false
    }
}
