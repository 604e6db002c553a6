package import Diagnostics

/// What the files say once everything is resolved: variables replaced, defaults filled in, short forms spelled out,
/// relative paths made absolute, references checked. Lists of named things are in the order of their names.
///
/// Two projects are equal if they mean the same; where a value stood in a file (`places`) does not count.
package struct Project: Codable, Hashable, Sendable {
    /// Lower case letters, digits, `_` and `-`, starting with a letter or digit: never a dot.
    package var name: String
    /// Absolute; what relative paths were resolved against.
    package var directory: String
    package var services: [Service]
    /// Those that a service or a declared namespace joins, `default` included.
    package var networks: [Network]
    /// Those that a service mounts.
    package var volumes: [Volume]
    /// The secrets and configurations that a service or its build is given.
    package var files: [SharedFile]
    /// Declared under the top-level `namespaces:`.
    package var namespaces: [SharedNamespaces]
    /// The budget of the whole stack, top-level `resources:`.
    package var resources: Resources
    /// Key paths from the top: `name`, `resources`, `resources.mem_limit`.
    package var places: Places

    package init(name: String, directory: String) {
        self.name = name
        self.directory = directory
        services = []
        networks = []
        volumes = []
        files = []
        namespaces = []
        resources = Resources()
        places = Places()
    }

    package func service(_ name: String) -> Service? { services.first { $0.name == name } }
    package func network(_ key: String) -> Network? { networks.first { $0.key == key } }
    package func volume(_ key: String) -> Volume? { volumes.first { $0.key == key } }
    package func file(_ kind: SharedFile.Kind, _ key: String) -> SharedFile? {
        files.first { $0.kind == kind && $0.key == key }
    }
    package func namespaces(_ name: String) -> SharedNamespaces? { namespaces.first { $0.name == name } }

    /// The namespace that a service is in, `service:` followed to its end: never `.service` of one that shares in turn.
    /// A service that others share by `service:NAME` is itself `.private`, so its sharers get `.service(NAME)`.
    package func namespace(_ kind: NamespaceKind, of service: Service) -> NamespaceMode {
        var mode = service.namespaces[kind]
        // Bounded, since a value made by hand may hold the cycle that `load` refuses.
        for _ in services {
            guard case .service(let owner) = mode, let next = self.service(owner)?.namespaces[kind] else { return mode }
            if next == .private { return mode }
            mode = next
        }
        return mode
    }
}

/// Where values stood, by key path relative to what holds the table (`mem_limit`, `ports[0]`, `networks.front.aliases`).
/// Any two tables are equal: a line that moved changes nothing that runs.
package struct Places: Codable, Hashable, Sendable {
    private var table: [String: Place] = [:]

    package init() {}

    /// The place of the key path, or of the nearest one above it; the empty path is the whole.
    package subscript(path: String) -> Place? {
        get {
            var path = Substring(path)
            while true {
                if let place = table[String(path)] { return place }
                guard !path.isEmpty else { return nil }
                path = path.lastIndex { $0 == "." || $0 == "[" }.map { path[..<$0] } ?? ""
            }
        }
        set { table[path] = newValue }
    }

    /// The places of everything below a key path, as seen from there.
    func below(_ path: String) -> Places {
        var places = Places()
        places[""] = self[path]
        for (key, place) in table where key.hasPrefix(path + ".") {
            places[String(key.dropFirst(path.count + 1))] = place
        }
        return places
    }

    package static func == (_: Places, _: Places) -> Bool { true }
    package func hash(into _: inout Hasher) {}
}

/// Limits, of one container or of the whole stack. nil: not limited by the file.
package struct Resources: Codable, Hashable, Sendable {
    /// `cpus`, in billionths of a processor: 500_000_000 is half of one.
    package var nanoCPUs: Int64?
    /// `cpu_shares`, 2...262144; the kernel's default is 1024.
    package var cpuShares: Int64?
    /// `cpuset` as the kernel prints it: `0-2,5`.
    package var cpuset: String?
    /// `mem_limit`, bytes.
    package var memory: Int64?
    /// `memswap_limit`, bytes of memory and swap together; -1: as much swap as there is.
    package var memorySwap: Int64?
    /// `pids_limit`; -1: no limit.
    package var pids: Int64?

    package init() {}
}

package struct Network: Codable, Hashable, Sendable {
    /// The key under `networks:`.
    package var key: String
    /// `name:`, else `PROJECT_KEY`.
    package var name: String
    /// nil: one that clashes with none of the host's routes is picked.
    package var subnet: IPv4Subnet?
    /// Inside the subnet. nil: its first address.
    package var gateway: IPv4Address?
    /// No way out.
    package var `internal`: Bool
    package var labels: [String: String]
    /// Relative to `networks.KEY`; empty for a `default` that no file spells out.
    package var places: Places
}

extension Network {
    /// A network that says nothing but its key.
    package init(key: String, project: String) {
        self.key = key
        name = "\(project)_\(key)"
        self.internal = false
        labels = [:]
        places = Places()
    }
}

package struct Volume: Codable, Hashable, Sendable {
    /// The key under `volumes:`.
    package var key: String
    /// `name:`, else `PROJECT_KEY`.
    package var name: String
    package var labels: [String: String]
    /// Made by somebody else, and not this project's to remove.
    package var isExternal = false
    /// What is mounted as its content; nil: a folder of Settle's own.
    package var mount: VolumeMount?
    /// Relative to `volumes.KEY`.
    package var places: Places
}

extension Volume {
    /// Letters, digits, `.`, `_` and `-`, beginning with a letter or digit.
    package static func isName(_ text: String) -> Bool { Keys.isName(text) }
}

/// What the driver `local` mounts as a volume, in the words of mount(8).
package struct VolumeMount: Codable, Hashable, Sendable {
    /// `none` for a bind, `tmpfs`, `nfs`, …
    package var type: String
    /// `o`: `bind`, `size=64m,mode=1777`, …
    package var options: String
    package var device: String

    package init(type: String, options: String = "", device: String) {
        self.type = type
        self.options = options
        self.device = device
    }

    package var text: String { "\(type) \(device)" + (options.isEmpty ? "" : " (\(options))") }
}

extension Volume {
    /// A volume that says nothing but its key.
    package init(key: String, project: String) {
        self.key = key
        name = "\(project)_\(key)"
        labels = [:]
        places = Places()
    }
}

/// Namespaces that belong to the stack and that services join with `stack:NAME`.
package struct SharedNamespaces: Codable, Hashable, Sendable {
    package var name: String
    /// The kinds that the file lists, else those that services join; in the order of `NamespaceKind.allCases`.
    package var kinds: [NamespaceKind]
    /// The networks that the network namespace joins; empty if `kinds` lacks `net`.
    package var networks: [Attachment]
    /// Relative to `namespaces.NAME`.
    package var places: Places
}

extension SharedNamespaces {
    package init(name: String, kinds: [NamespaceKind] = [], networks: [Attachment] = []) {
        self.name = name
        self.kinds = kinds
        self.networks = networks
        places = Places()
    }
}
