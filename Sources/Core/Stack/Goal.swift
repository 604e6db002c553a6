/// What the machine shall look like: the whole stack, in final values.
package struct Goal: Hashable, Codable, Sendable {
    package var project: String
    /// The project directory; nil in ledgers of before there was such a thing.
    package var directory: String?
    /// The budget of the whole stack.
    package var budget: ResourceLimits
    /// Sorted by key, as all lists here.
    package var networks: [NetworkSpec]
    package var namespaces: [NamespaceSpec]
    package var volumes: [VolumeSpec]
    package var containers: [ContainerSpec]
    /// The little network that leads from the stack to the host; nil where no network needs a way out.
    package var egress: EgressSpec?
    /// The absolute paths of the files that said so, for lists of stacks; nil where nobody has told.
    package var configFiles: [String]?

    package init(project: String) {
        self.project = project
        budget = ResourceLimits()
        networks = []
        namespaces = []
        volumes = []
        containers = []
    }

    package func container(_ id: ContainerID) -> ContainerSpec? { containers.first { $0.id == id } }
    package func network(_ key: String) -> NetworkSpec? { networks.first { $0.key == key } }
    package func namespace(_ name: String) -> NamespaceSpec? { namespaces.first { $0.name == name } }

    package var isEmpty: Bool { containers.isEmpty && networks.isEmpty && namespaces.isEmpty }
}

package struct NetworkSpec: Hashable, Codable, Sendable {
    package var key: String
    /// CIDR: `172.20.0.0/24`.
    package var subnet: String
    package var gateway: String
    /// Whether the file chose the subnet.
    package var isFixed: Bool
    package var isInternal: Bool
    package var labels: [String: String]

    package init(
        key: String, subnet: String, gateway: String, isFixed: Bool = false, isInternal: Bool = false,
        labels: [String: String] = [:]
    ) {
        self.key = key
        self.subnet = subnet
        self.gateway = gateway
        self.isFixed = isFixed
        self.isInternal = isInternal
        self.labels = labels
    }
}

/// Namespaces that belong to the stack and that several services join.
package struct NamespaceSpec: Hashable, Codable, Sendable {
    package var name: String
    /// The kinds that some service joins, sorted.
    package var kinds: [NamespaceKind]
    package var attachments: [Attachment]

    package init(name: String, kinds: [NamespaceKind], attachments: [Attachment] = []) {
        self.name = name
        self.kinds = kinds
        self.attachments = attachments
    }
}

/// The veth pair between the stack namespace and the host, IPv4 in dotted form, in a /30.
package struct EgressSpec: Hashable, Codable, Sendable {
    package var subnet: String
    package var hostAddress: String
    package var stackAddress: String

    package init(subnet: String, hostAddress: String, stackAddress: String) {
        self.subnet = subnet
        self.hostAddress = hostAddress
        self.stackAddress = stackAddress
    }
}

/// A network namespace of the stack with its places in networks: a container's own or a declared one.
package struct Endpoint: Hashable, Sendable {
    package var name: String
    package var attachments: [Attachment]

    package init(name: String, attachments: [Attachment]) {
        self.name = name
        self.attachments = attachments
    }
}

extension Goal {
    /// Every network namespace that the stack owns, apart from the one with the bridges.
    package var endpoints: [Endpoint] {
        let own = containers.filter { $0.namespaces.net == .own }
            .map { Endpoint(name: $0.endpoint, attachments: $0.attachments) }
        let declared = namespaces.filter { $0.kinds.contains(.net) }
            .map { Endpoint(name: $0.name, attachments: $0.attachments) }
        return own + declared
    }

    /// The name of the network namespace a container runs in, through any chain of `service:`; nil for the host's.
    package func endpointName(of container: ContainerSpec) -> String? {
        switch resolved(.net, of: container) {
        case .host: nil
        case .own(let id): endpoint(of: id)
        case .stack(let name): name
        }
    }

    /// The name of the network namespace that a container has to itself.
    package func endpoint(of id: ContainerID) -> String { self.container(id)?.endpoint ?? id.endpoint }

    package enum NamespaceOwner: Hashable, Sendable {
        case host
        case own(ContainerID)
        case stack(String)
    }

    /// The places in networks of the network namespace of that name.
    package func attachments(of endpoint: String) -> [Attachment] {
        if let namespace = namespace(endpoint) { return namespace.attachments }
        return containers.first { $0.namespaces.net == .own && $0.endpoint == endpoint }?.attachments ?? []
    }

    /// The place that leads out of a network namespace with these: the first in a network that has a way out.
    package func wayOut(of attachments: [Attachment]) -> (network: NetworkSpec, interface: String)? {
        if egress == nil { return nil }
        for attachment in attachments {
            if let network = network(attachment.network), !network.isInternal { return (network, attachment.interface) }
        }
        return nil
    }

    /// Whose namespace of this kind a container uses in the end. The blueprint has no cycles.
    package func resolved(_ kind: NamespaceKind, of container: ContainerSpec) -> NamespaceOwner {
        switch container.namespaces[kind] {
        case .host: return .host
        case .own: return .own(container.id)
        case .stack(let name): return .stack(name)
        case .service(let service):
            guard let owner = self.container(ContainerID(service)) else { return .own(container.id) }
            return resolved(kind, of: owner)
        }
    }

    /// The containers that use another container's namespaces or wait for its service, by id.
    package func dependencies(of container: ContainerSpec) -> Set<ContainerID> {
        let services = Set(container.dependencies.map(\.service)).union(
            NamespaceKind.allCases.compactMap {
                if case .service(let name) = container.namespaces[$0] { name } else { nil }
            })
        return Set(containers.map(\.id).filter { services.contains($0.service) })
    }
}

/// One line of `/etc/hosts`.
package struct HostsEntry: Hashable, Sendable {
    package var address: String
    package var names: [String]

    package init(address: String, names: [String]) {
        self.address = address
        self.names = names
    }
}

extension Goal {
    /// Who listens to which name in a network: every endpoint's address there, with the names of all containers in it.
    package func names(in network: String) -> [HostsEntry] {
        let residents = Dictionary(grouping: containers, by: { endpointName(of: $0) })
        return endpoints.compactMap { endpoint in
            guard let place = endpoint.attachments.first(where: { $0.network == network }) else { return nil }
            let containers = residents[endpoint.name] ?? []
            let own = containers.flatMap { [$0.id.service, $0.name(in: project)] }
            let names = unique(own + place.aliases + (namespace(endpoint.name) == nil ? [] : [endpoint.name]))
            return HostsEntry(address: place.address, names: names)
        }
    }

    /// What a container finds in its `/etc/hosts` beside localhost: itself, then the members of its networks.
    package func hosts(of container: ContainerSpec) -> [HostsEntry] {
        guard let name = endpointName(of: container), let endpoint = endpoints.first(where: { $0.name == name }) else {
            return []
        }
        let own =
            endpoint.attachments.first.map { [HostsEntry(address: $0.address, names: [container.hostname])] } ?? []
        return own + endpoint.attachments.flatMap { names(in: $0.network) }
    }

    /// Every published port with the endpoint it leads to.
    package var publishedPorts: [(container: ContainerID, endpoint: String, address: String?, port: PublishedPort)] {
        containers.filter { !$0.ports.isEmpty }.flatMap { container in
            let name = endpointName(of: container)
            let endpoint = endpoints.first { $0.name == name }
            return container.ports.map {
                (container.id, endpoint?.name ?? "", endpoint?.attachments.first?.address, $0)
            }
        }
    }
}

private func unique(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
}
