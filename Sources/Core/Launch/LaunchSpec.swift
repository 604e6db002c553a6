/// Everything that decides how one container starts: a plain value, made from the specification of its service.
package struct LaunchSpec: Codable, Hashable, Sendable {
    /// The program and its arguments. A name without a slash is looked for in `PATH`, inside the container.
    package var arguments: [String]
    /// `NAME=value`, in order. `PATH`, `HOSTNAME` and `HOME` are added where they are missing, as Docker does.
    package var environment: [String]
    /// Absolute; made where it does not exist.
    package var workingDirectory: String
    /// `1000`, `name`, `1000:1000`, `name:group`; nil is root. Names are those of the container's own files.
    package var user: String?
    /// Further groups, names or numbers.
    package var groups: [String] = []
    /// nil where the UTS namespace is not this container's to name.
    package var hostname: String?
    package var root: RootFileSystem
    /// The root file system, not the mounts, refuses writes.
    package var readOnly: Bool
    package var mounts: [Mount]
    package var sharedMemory: SharedMemory
    /// Names as in the file format, without `CAP_`, in any case: `NET_BIND_SERVICE`.
    package var capabilities: [String]
    /// A first process that reaps orphans and passes signals on.
    package var initProcess: Bool
    package var noNewPrivileges: Bool
    /// nil: the standard streams are what the parent hands over. Else a terminal of the container's own, which comes back
    /// through a socket.
    package var terminal: TerminalSize?
    /// Standard input is what the parent hands over, not /dev/null.
    package var hasInput = false
    /// Kinds that are not named are `.new`.
    package var namespaces: [NamespaceKind: NamespaceSource]
    /// Absolute paths of the host that a view of its root must not show. `*` is a wildcard in the last part.
    package var hiddenPaths: [String]
    package var maskedPaths: [String]
    package var readOnlyPaths: [String]
    /// Files of control groups, `cgroup.procs`, by which the child enters them. None for a group that it is born in.
    package var doors: [String] = []

    package init(
        arguments: [String], environment: [String] = [], workingDirectory: String = "/", user: String? = nil,
        hostname: String? = nil, root: RootFileSystem, readOnly: Bool = false, mounts: [Mount] = [],
        sharedMemory: SharedMemory = .size(64 << 20), capabilities: [String] = LaunchSpec.defaultCapabilities,
        initProcess: Bool = false, noNewPrivileges: Bool = false,
        namespaces: [NamespaceKind: NamespaceSource] = [:],
        hiddenPaths: [String] = LaunchSpec.defaultHiddenPaths,
        maskedPaths: [String] = LaunchSpec.defaultMaskedPaths,
        readOnlyPaths: [String] = LaunchSpec.defaultReadOnlyPaths
    ) {
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.user = user
        self.hostname = hostname
        self.root = root
        self.readOnly = readOnly
        self.mounts = mounts
        self.sharedMemory = sharedMemory
        self.capabilities = capabilities
        self.initProcess = initProcess
        self.noNewPrivileges = noNewPrivileges
        self.namespaces = namespaces
        self.hiddenPaths = hiddenPaths
        self.maskedPaths = maskedPaths
        self.readOnlyPaths = readOnlyPaths
    }

    package func source(of kind: NamespaceKind) -> NamespaceSource { namespaces[kind] ?? .new }
}

/// In characters.
package struct TerminalSize: Codable, Hashable, Sendable {
    package var rows: UInt16
    package var columns: UInt16

    package init(rows: UInt16 = 0, columns: UInt16 = 0) {
        self.rows = rows
        self.columns = columns
    }
}

/// The kinds of namespace that a container has, or shares.
package enum NamespaceKind: String, Codable, Hashable, Sendable, CaseIterable, CodingKeyRepresentable {
    case mnt, pid, net, ipc, uts
}

package enum NamespaceSource: String, Codable, Hashable, Sendable {
    /// Made by clone3(2) for this container.
    case new
    /// The launching process's own.
    case host
    /// One that exists; its descriptor is handed over at the start. With a mount namespace, the specification's lower
    /// layer says where its root can be read: `/proc/PID/root`.
    case join
}

/// What the container's `/` is made from. Nothing is ever written below: writes go to `upper`.
package struct RootFileSystem: Codable, Hashable, Sendable {
    package enum Lower: Codable, Hashable, Sendable {
        /// The host's own root file system, without the other mounts of the host.
        case host
        case directory(String)
        /// Folders stacked, the uppermost first, relative to one that holds them all: the kernel takes one page of
        /// options, and an image may have a hundred layers.
        case layers([String], in: String)
    }

    package var lower: Lower
    /// Folder of the writable layer. Its parent exists; the folder is made at the first start.
    package var upper: String
    /// Folder that overlayfs works in, on the file system of `upper`.
    package var work: String

    package init(lower: Lower, upper: String, work: String) {
        self.lower = lower
        self.upper = upper
        self.work = work
    }

    /// Where the lower layers can be read from outside, the uppermost first.
    package var lowerPaths: [String] {
        switch lower {
        case .host: ["/"]
        case .directory(let path): [path]
        case .layers(let names, let folder): names.map { "\(folder)/\($0)" }
        }
    }
}

/// `/dev/shm`.
package enum SharedMemory: Codable, Hashable, Sendable {
    /// A new one, in bytes.
    case size(Int)
    /// That of the group that shares the IPC namespace, or the host's: a folder on the host.
    case folder(String)
}

/// Something mounted below the root.
package struct Mount: Codable, Hashable, Sendable {
    package enum Content: Codable, Hashable, Sendable {
        /// A folder or file of the host, with what is mounted below it. Of a volume perhaps only a part: what is below
        /// it under that path, links taken as if the volume were the root, so that none leads out of it.
        case bind(source: String, below: String? = nil, propagation: Propagation? = nil)
        /// Size in bytes; nil is the kernel's choice, half of the memory.
        case tmpfs(size: Int?, mode: Int?, uid: Int?, gid: Int?)
    }

    /// How far what is mounted below a mount later is passed on, between the host and the container.
    package enum Propagation: String, Codable, Hashable, Sendable {
        case `private`, rprivate, slave, rslave, shared, rshared
    }

    package var content: Content
    package var target: String
    package var readOnly: Bool
    /// The key that asked for it, relative to the service: `volumes[1]`.
    package var key: String

    package init(_ content: Content, on target: String, readOnly: Bool = false, key: String) {
        self.content = content
        self.target = target
        self.readOnly = readOnly
        self.key = key
    }
}

/// One more process in a running container.
package struct ExecSpec: Codable, Hashable, Sendable {
    package var arguments: [String]
    package var environment: [String]
    package var workingDirectory: String
    package var user: String?
    /// Further groups, names or numbers.
    package var groups: [String] = []
    package var capabilities: [String]
    package var noNewPrivileges: Bool
    /// Standard input is a terminal, which becomes the controlling one.
    package var terminal: Bool
    /// As for a container. None where the parent moves the process.
    package var doors: [String] = []

    package init(
        arguments: [String], environment: [String] = [], workingDirectory: String = "/", user: String? = nil,
        capabilities: [String] = LaunchSpec.defaultCapabilities, noNewPrivileges: Bool = false, terminal: Bool = false
    ) {
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.user = user
        self.capabilities = capabilities
        self.noNewPrivileges = noNewPrivileges
        self.terminal = terminal
    }
}
