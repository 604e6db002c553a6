package import Compose

/// A stack as a picture has it: services and what they share, and what leads from one to the other.
package struct StackGraph: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Hashable, Sendable { case service, network, volume, namespace }

    package struct Node: Hashable, Sendable {
        package var kind: Kind
        package var name: String
        /// What is worth saying of it: `nginx:1.27`, `8080->80/tcp`.
        package var notes: [String]

        /// Tells it from all others: `service/web`.
        package var id: String { "\(kind.rawValue)/\(name)" }
    }

    package enum Link: Hashable, Sendable {
        /// Waits for the other.
        case dependency(String, required: Bool)
        /// Lives in namespaces of the other.
        case namespaces([String])
        case network(aliases: [String])
        case mount(String, readOnly: Bool)

        package var text: String {
            switch self {
            case .dependency(let condition, let required): required ? condition : "\(condition), not required"
            case .namespaces(let kinds): "namespaces \(kinds.joined(separator: " "))"
            case .network(let aliases): aliases.joined(separator: " ")
            case .mount(let target, let readOnly): readOnly ? "\(target) (read-only)" : target
            }
        }
    }

    package struct Edge: Hashable, Sendable {
        package var from: String
        package var to: String
        package var link: Link
    }

    package var project: String
    package var nodes: [Node]
    package var edges: [Edge]

    package init(_ project: Project) {
        self.project = project.name
        nodes = project.services.map { service in
            let ports = service.ports.map { port in
                let host = port.published.map { $0.lowerBound == $0.upperBound ? "\($0.lowerBound)" : "\($0)" }
                return "\(host ?? "")->\(port.target)/\(port.transport.rawValue)"
            }
            let replicas = service.replicas == 1 ? [] : ["\(service.replicas) replicas"]
            return Node(kind: .service, name: service.name, notes: [service.rootText] + replicas + ports)
        }
        nodes += project.networks.map {
            let notes = [$0.subnet.map { "\($0)" }, $0.internal ? "internal" : nil]
            return Node(kind: .network, name: $0.key, notes: notes.compactMap { $0 })
        }
        nodes += project.volumes.map { Node(kind: .volume, name: $0.key, notes: []) }
        nodes += project.namespaces.map { Node(kind: .namespace, name: $0.name, notes: []) }
        edges = project.services.flatMap { Self.edges(of: $0) }
    }

    private static func edges(of service: Service) -> [Edge] {
        let own = "service/\(service.name)"
        var edges = service.dependencies.map {
            Edge(
                from: own, to: "service/\($0.service)",
                link: .dependency($0.condition.rawValue, required: $0.required))
        }
        var shared: [String: [String]] = [:]
        for kind in Compose.NamespaceKind.allCases {
            switch service.namespaces[kind] {
            case .private, .host: break
            case .service(let name): shared["service/\(name)", default: []].append(kind.rawValue)
            case .stack(let name): shared["namespace/\(name)", default: []].append(kind.rawValue)
            }
        }
        edges += shared.sorted { $0.key < $1.key }.map { Edge(from: own, to: $0.key, link: .namespaces($0.value)) }
        edges += service.networks.map {
            Edge(from: own, to: "network/\($0.network)", link: .network(aliases: $0.aliases))
        }
        edges += service.volumes.compactMap { mount in
            guard case .volume(let key) = mount.source else { return nil }
            return Edge(from: own, to: "volume/\(key)", link: .mount(mount.target, readOnly: mount.readOnly))
        }
        return edges
    }

    package func edges(from node: Node) -> [Edge] { edges.filter { $0.from == node.id } }

    /// Services by how many have to start before them, then what they share. The file's check refused cycles.
    package var ranks: [[Node]] {
        var depths: [String: Int] = [:]
        func depth(_ id: String) -> Int {
            if let known = depths[id] { return known }
            depths[id] = 0
            let before = edges.filter { $0.from == id && $0.to.hasPrefix("service/") }.map { depth($0.to) + 1 }
            depths[id] = before.max() ?? 0
            return depths[id] ?? 0
        }
        let services = Dictionary(grouping: nodes.filter { $0.kind == .service }) { depth($0.id) }
        let others = Kind.allCases.filter { $0 != .service }.flatMap { kind in nodes.filter { $0.kind == kind } }
        return services.keys.sorted(by: >).map { services[$0] ?? [] } + (others.isEmpty ? [] : [others])
    }
}

extension Service {
    fileprivate var rootText: String {
        switch root {
        case .host: "rootfs:host"
        case .directory(let path), .archive(let path): "rootfs:\(path)"
        case .image: image?.reference.map { "\($0)" } ?? "build"
        }
    }
}
