import Diagnostics
import YAML

// From drafts to services: what is said in several ways becomes one value.
extension Keys {
    static func services(_ reader: Reader) -> [Service] {
        if reader.node.isNull { return reader.expected("a mapping of services") ?? [] }
        return named(reader).map { name, place, value in
            var draft = ServiceDraft(service: Service(name: name))
            service.read(value, into: &draft)
            draft.service.places.fill(value.node)
            draft.service.places[""] = place
            finish(&draft)
            return draft.service
        }
    }

    private static func finish(_ draft: inout ServiceDraft) {
        if draft.namesImage { draft.service.image = draft.image }
        draft.service.root = draft.root ?? (draft.namesImage ? .image : .host)
        finishNamespaces(&draft)
        finishLimits(&draft)
        finishReplicas(&draft)
        if let restart = draft.restart {
            draft.service.restart = restart.policy
            draft.service.restartPace = restart.pace == RestartPace() ? nil : restart.pace
        }
        finishNetworks(&draft)
    }

    private static func finishNamespaces(_ draft: inout ServiceDraft) {
        for kind in NamespaceKind.allCases {
            let statements = draft.modes.filter { $0.kind == kind }
            guard let first = statements.first else { continue }
            draft.service.namespaces[kind] = first.mode
            for other in statements.dropFirst() where other.mode != first.mode {
                other.reader.context.report.error(
                    "\(other.mode.text) here, \(first.mode.text) before", at: other.reader.node.place,
                    path: other.reader.path, notes: [.init("before", at: first.reader.node.place)],
                    hint: "say it once")
            }
            // A planner asks for either key, whichever the file has.
            let keys = [kind == .net ? "network_mode" : kind.rawValue, "namespaces.\(kind.rawValue)"]
            for key in keys { draft.service.places[key] = first.reader.node.place }
        }
    }

    private static func finishLimits(_ draft: inout ServiceDraft) {
        unify("cpus", \.nanoCPUs, &draft)
        unify("mem_limit", \.memory, &draft)
        unify("pids_limit", \.pids, &draft)
    }

    private static func unify(_ key: String, _ field: WritableKeyPath<Resources, Int64?>, _ draft: inout ServiceDraft) {
        guard let reader = draft.deployPlaces[key], let limit = draft.deployLimits[keyPath: field] else { return }
        let own = draft.service.resources[keyPath: field]
        if let own, own != limit {
            reader.error("differs from \(key)", hint: "make both equal, or remove one")
        }
        if own == nil {
            draft.service.resources[keyPath: field] = limit
            draft.service.places[key] = reader.node.place
        }
    }

    private static func finishReplicas(_ draft: inout ServiceDraft) {
        guard let first = draft.replicas.first else { return }
        draft.service.replicas = first.count
        for other in draft.replicas.dropFirst() where other.count != first.count {
            other.reader.error("scale and deploy.replicas differ", hint: "remove one of the two")
        }
        for key in ["scale", "deploy.replicas"] { draft.service.places[key] = first.reader.node.place }
    }

    private static func finishNetworks(_ draft: inout ServiceDraft) {
        let isOwn = draft.service.namespaces.net == .private
        if let networks = draft.networks, !isOwn || draft.noNetwork {
            let said = draft.noNetwork ? "network_mode: none" : "namespace net: \(draft.service.namespaces.net.text)"
            networks.error(
                "a service with \(said) joins no networks",
                hint: "remove networks:, or what takes the service's own network")
            draft.service.networks = []
        }
        if isOwn && !draft.noNetwork && draft.service.networks.isEmpty {
            draft.service.networks = [Attachment(network: "default")]
        }
    }
}
