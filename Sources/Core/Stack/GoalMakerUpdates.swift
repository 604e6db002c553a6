import Compose

// Two lives of one container side by side.
extension GoalMaker {
    /// A container as the file has it, its addresses and host ports aside.
    func spec(of id: ContainerID, _ service: Service) -> ContainerSpec {
        var spec = described(id, service)
        spec.hasSecondEndpoint = hasSecondEndpoint(id, service)
        return spec
    }

    /// Where its new life starts before the old one stops, the two have a network namespace each, by turns.
    private func hasSecondEndpoint(_ id: ContainerID, _ service: Service) -> Bool? {
        guard project.namespace(.net, of: service) == .private, let entry = ledger.entry(id) else { return nil }
        let before = entry.spec.hasSecondEndpoint
        guard service.update?.order == .startFirst, entry.spec.namespaces.net == .own else { return before }
        let spec = described(id, service)
        if !isReplaced(entry, by: spec) { return before }
        return before == true ? nil : true
    }

    func endpoint(of id: ContainerID, _ service: Service) -> String {
        hasSecondEndpoint(id, service) == true ? id.endpoint + "+" : id.endpoint
    }

    private func isReplaced(_ entry: Ledger.Entry, by spec: ContainerSpec) -> Bool {
        again.contains(entry.instance) || entry.spec.changes(to: spec).contains { $0.key.effect == .replace }
    }

    /// The places of lives that go on until their successors stand beside them.
    func overlapping() -> [Endpoint] {
        chosen.filter { $0.update?.order == .startFirst }.flatMap { service in
            ids(of: service).compactMap { id -> Endpoint? in
                guard let before = ledger.entry(id)?.spec, before.namespaces.net == .own,
                    before.endpoint != endpoint(of: id, service)
                else { return nil }
                return Endpoint(name: before.endpoint, attachments: before.attachments)
            }
        }
    }

    /// What two lives side by side cannot share.
    mutating func checkUpdate(_ service: Service) {
        guard service.update?.order == .startFirst, project.namespace(.net, of: service) == .private else { return }
        for place in service.networks where place.address != nil {
            let key = "networks.\(place.network).ipv4_address"
            report(
                Problem(
                    "services.\(service.name).\(key)", at: service.places[key],
                    "with order: start-first two containers stand beside each other, and one address is not enough",
                    hint: "leave the address out, or write order: stop-first"))
        }
        for other in project.services {
            for kind in Compose.NamespaceKind.allCases where other.namespaces[kind] == .service(service.name) {
                let key = "deploy.update_config.order"
                report(
                    Problem(
                        "services.\(service.name).\(key)", at: service.places[key],
                        "\(other.name) lives in the \(kind.rawValue) namespace of \(service.name), which start-first would change",
                        hint: "write order: stop-first, or declare a namespace of the stack for both"))
            }
        }
    }
}
