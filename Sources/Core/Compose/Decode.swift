import Diagnostics
import YAML

/// The whole file while it is being read.
struct ProjectDraft {
    var project: Project
    /// With what the file says about networks and volumes, used or not.
    var networks: [Network] = []
    var volumes: [Volume] = []
}

extension Keys {
    static let top = Grammar<ProjectDraft>(
        [
            "services": { draft, reader in draft.project.services = services(reader) },
            "networks": { draft, reader in
                let name = draft.project.name
                draft.networks = named(reader).map { key, _, value in network(key, value, project: name) }
            },
            "volumes": { draft, reader in
                let name = draft.project.name
                draft.volumes = named(reader).map { key, _, value in volume(key, value, project: name) }
            },
            "namespaces": { draft, reader in
                draft.project.namespaces = named(reader).map { shared($0, $2) }
            },
            "secrets": { draft, reader in draft.project.files += sharedFiles(.secret, reader) },
            "configs": { draft, reader in draft.project.files += sharedFiles(.config, reader) },
            "resources": { draft, reader in resources.read(reader, into: &draft.project.resources) },
        ])

    static let resources = Grammar<Resources>([
        "cpus": { $0.nanoCPUs = processors($1) },
        "cpu_shares": { $0.cpuShares = shares($1) },
        "cpuset": { $0.cpuset = cpuset($1) },
        "mem_limit": { $0.memory = limit($1.bytes()) },
        "memswap_limit": { $0.memorySwap = limit($1.bytes(extra: [-1])) },
        "pids_limit": { $0.pids = pids($1) },
    ])

    /// Members with names of their own (which may begin with `x-` here), in the order of the names.
    static func named(_ reader: Reader) -> [(name: String, place: Place, value: Reader)] {
        guard !reader.node.isNull else { return [] }
        return (reader.members() ?? []).compactMap { name, place, value in
            if isName(name) { return (name, place, value) }
            reader.context.report.error(
                "\"\(name)\" is no name", at: place, path: value.path,
                hint: "up to 128 letters, digits, dots, _ and -, the first a letter or digit")
            return nil
        }.sorted { $0.0 < $1.0 }
    }
}

// Networks, volumes, shared namespaces.
extension Keys {
    struct NetworkDraft {
        var network: Network
        var gateway: Reader?
    }

    static let network = Grammar<NetworkDraft>(
        [
            "name": { draft, reader in draft.network.name = name(reader) ?? draft.network.name },
            "driver": { _, reader in
                guard let driver = reader.string(), driver != "bridge" else { return }
                reader.error("the driver \(driver) is not supported", hint: "write bridge, or leave it out")
            },
            "ipam": { draft, reader in
                if !reader.node.isNull { ipam.read(reader, into: &draft) }
            },
            "internal": { draft, reader in draft.network.internal = reader.boolean() ?? false },
            "labels": { draft, reader in draft.network.labels = reader.labels() ?? [:] },
            "external": { _, reader in refuseExternal(reader, "a network", "remove it: Settle makes the network") },
        ])

    static let ipam = Grammar<NetworkDraft>(
        [
            "driver": { _, reader in
                guard let driver = reader.string(), driver != "default" else { return }
                reader.error("the driver \(driver) is not supported", hint: "leave it out")
            },
            "config": { draft, reader in
                let items = reader.items() ?? []
                for item in items.prefix(1) { ipamConfig.read(item, into: &draft) }
                for item in items.dropFirst() { item.error("more than one subnet is not supported yet") }
            },
        ])

    static let ipamConfig = Grammar<NetworkDraft>(
        [
            "subnet": { draft, reader in draft.network.subnet = subnet(reader) },
            "gateway": { draft, reader in
                guard let text = reader.string() else { return }
                draft.network.gateway = IPv4Address(text)
                draft.gateway = reader
                if draft.network.gateway == nil { reader.expected("an IPv4 address", "write 10.5.0.1") ?? () }
            },
        ])

    private static func subnet(_ reader: Reader) -> IPv4Subnet? {
        guard let text = reader.string() else { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPv4Address(parts[0]), let prefix = Int(parts[1]),
            (0...32).contains(prefix)
        else {
            let hint = text.contains(":") ? "IPv6 subnets are not supported yet" : "write 10.5.0.0/16"
            return reader.expected("an IPv4 subnet", hint)
        }
        guard (8...30).contains(prefix) else {
            return reader.expected(
                "a subnet from /8 to /30", "a network has a gateway, members and a broadcast address")
        }
        let first = IPv4Address(raw: address.raw & IPv4Subnet.mask(prefix))
        if first != address { return reader.expected("the first address of the subnet", "write \(first)/\(prefix)") }
        return IPv4Subnet(address: first, prefix: prefix)
    }

    static func network(_ key: String, _ reader: Reader, project: String) -> Network {
        var draft = NetworkDraft(network: Network(key: key, project: project))
        if !reader.node.isNull { network.read(reader, into: &draft) }
        draft.network.places.fill(reader.node)
        if let gateway = draft.gateway, let address = draft.network.gateway {
            if let subnet = draft.network.subnet {
                if !subnet.contains(address) || address == subnet.first || address == subnet.last {
                    gateway.error("\(address) is no address for a host in \(subnet)")
                }
            } else {
                gateway.error("a gateway needs a subnet", hint: "add subnet: beside it")
            }
        }
        return draft.network
    }

    static let volume = Grammar<Volume>(
        [
            "name": { volume, reader in volume.name = name(reader) ?? volume.name },
            "driver": { _, reader in
                guard let driver = reader.string(), driver != "local" else { return }
                reader.error("the driver \(driver) is not supported", hint: "write local, or leave it out")
            },
            "labels": { volume, reader in volume.labels = reader.labels() ?? [:] },
            "external": { volume, reader in volume.isExternal = reader.boolean() ?? false },
            "driver_opts": { volume, reader in volume.mount = volumeMount(reader) },
        ])

    static func volume(_ key: String, _ reader: Reader, project: String) -> Volume {
        var volume = Volume(key: key, project: project)
        if !reader.node.isNull { self.volume.read(reader, into: &volume) }
        volume.places.fill(reader.node)
        return volume
    }

    private static func name(_ reader: Reader) -> String? {
        guard let name = reader.string() else { return nil }
        return isName(name) ? name : reader.expected("a name", "letters, digits, dots, _ and -")
    }

    private static func refuseExternal(_ reader: Reader, _ what: String, _ hint: String) {
        if reader.boolean() == true {
            reader.error("\(what) from outside of the project is not supported yet", hint: hint)
        }
    }

    static let sharedNamespaces = Grammar<SharedNamespaces>(
        [
            "kinds": { shared, reader in
                let kinds = (reader.items() ?? []).compactMap { $0.word(NamespaceKind.self) }
                shared.kinds = NamespaceKind.allCases.filter(kinds.contains)
                if reader.node.items?.isEmpty == true {
                    reader.expected("at least one kind", "write [net, ipc, uts]") ?? ()
                }
            },
            "networks": { shared, reader in shared.networks = attachments(reader) },
        ])

    static func shared(_ name: String, _ reader: Reader) -> SharedNamespaces {
        var shared = SharedNamespaces(name: name)
        if !reader.node.isNull { sharedNamespaces.read(reader, into: &shared) }
        shared.places.fill(reader.node)
        return shared
    }
}

extension Places {
    /// The place of every value below `node`: a scalar's own, else that of its key, or of the list's item.
    mutating func fill(_ node: Node, at path: String = "", key: Place? = nil) {
        self[path] = node.scalar.map { $0.text.isEmpty } ?? true ? key ?? node.place : node.place
        for entry in node.entries ?? [] { fill(entry.value, at: path.key(entry.key), key: entry.keyPlace) }
        for (index, item) in (node.items ?? []).enumerated() { fill(item, at: path.item(index)) }
    }
}
