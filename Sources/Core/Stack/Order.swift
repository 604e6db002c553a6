/// What has to be there before a container starts: what `depends_on` says, and whose namespaces it joins.
func startConditions(of spec: ContainerSpec) -> [Dependency] {
    let owners = NamespaceKind.allCases.compactMap { kind -> String? in
        if case .service(let name) = spec.namespaces[kind] { name } else { nil }
    }
    let named = Set(spec.dependencies.map(\.service))
    return spec.dependencies + Set(owners).subtracting(named).sorted().map { Dependency($0) }
}

/// Dependencies first; otherwise by name.
func ordered(_ turnovers: [ContainerID: Turnover], in goal: Goal) -> [Turnover] {
    if turnovers.isEmpty { return [] }
    return levels(of: goal.containers.map { Instance($0.id, 1) }, in: goal).reversed().flatMap { $0 }
        .compactMap { turnovers[$0.id] }
}

/// Who lives in a process or mount namespace of another container: it ends with that one, and starts again with it.
func lifeOwners(of spec: ContainerSpec) -> [ContainerID] {
    [spec.namespaces.pid, spec.namespaces.mnt].compactMap { mode in
        if case .service(let service) = mode { ContainerID(service) } else { nil }
    }
}

/// Instances in the order of removal: each level may end once the levels before it have. Dependents come first.
package func levels(of instances: [Instance], in goal: Goal) -> [[Instance]] {
    let services = Dictionary(grouping: instances, by: \.id.service)
    var dependents: [Instance: [Instance]] = [:]
    for spec in goal.containers {
        guard let dependent = services[spec.id.service]?.first(where: { $0.id == spec.id }) else { continue }
        for condition in startConditions(of: spec) where condition.service != spec.id.service {
            for instance in services[condition.service] ?? [] { dependents[instance, default: []].append(dependent) }
        }
    }
    var depth: [Instance: Int] = [:]

    // What nothing depends on is at 0. The file's check refused cycles; an entry being computed counts as 0 all the same.
    func level(of instance: Instance) -> Int {
        if let known = depth[instance] { return known }
        depth[instance] = 0
        let result = (dependents[instance] ?? []).map { level(of: $0) + 1 }.max() ?? 0
        depth[instance] = result
        return result
    }
    let byLevel = Dictionary(grouping: instances.sorted(), by: level(of:))
    return byLevel.keys.sorted().map { byLevel[$0]! }
}
