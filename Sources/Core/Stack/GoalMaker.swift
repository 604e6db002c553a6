package import Compose
package import Diagnostics
package import OCI

/// What keeps a project from becoming a goal.
package struct Problem: Error, Hashable, Sendable {
    /// The key path from the top of the file: `networks.front.ipam.config[0].subnet`.
    package var path: String
    package var place: Place?
    package var message: String
    package var hint: String?

    package init(_ path: String, at place: Place?, _ message: String, hint: String? = nil) {
        self.path = path
        self.place = place
        self.message = message
        self.hint = hint
    }
}

/// From what the file says to what the machine shall look like: every default filled in, every subnet, address and
/// interface name decided. What was decided before stays decided, so that an edit moves nothing it does not concern.
package struct GoalMaker {
    package struct Result: Hashable, Sendable {
        /// nil where there are problems.
        package var goal: Goal?
        package var problems: [Problem]
        /// Containers whose service is no longer in the file, whether they are kept or not.
        package var orphans: [ContainerID]
        /// What the project may take for its own volumes, which would be made empty.
        package var formerVolumes: [FormerVolume] = []
    }

    let project: Project
    let ledger: Ledger
    let routes: [IPv4Subnet]
    let roots: [String: FoundRoot]
    let contents: [String: Digest]
    let again: Set<Instance>
    let survey: VolumeSurvey?
    /// The services that are made from the file.
    let chosen: [Service]
    /// What stays as it is recorded: services that were not selected, and orphans.
    let kept: [ContainerSpec]
    var problems: [Problem] = []

    /// - Parameters:
    ///   - ledger: what the project is now.
    ///   - selection: names of services; with what they depend on they are made from the file, all others stay as
    ///     recorded. Empty for all.
    ///   - withDependencies: without, only what they cannot be without: whose namespaces they join.
    ///   - removeOrphans: leaves out what is recorded but no longer in the file.
    ///   - hostRoutes: the destinations of the host's routes, as CIDRs.
    ///   - roots: by service, the images and tar files that are here.
    ///   - again: lives that are to be followed by another one.
    ///   - contents: what names the contents of secrets and configurations, by their key paths: `secrets.db_password`.
    ///   - volumes: what volumes there are; nil where that is of no interest.
    package static func make(
        project: Project, observed ledger: Ledger, selection: [String] = [], withDependencies: Bool = true,
        removeOrphans: Bool = false, hostRoutes: [String] = [], roots: [String: FoundRoot] = [:],
        contents: [String: Digest] = [:], again: Set<Instance> = [], volumes survey: VolumeSurvey? = nil
    ) -> Result {
        let chosen = project.closure(of: selection, withDependencies: withDependencies)
        var maker = GoalMaker(
            project, ledger, selection, chosen, removeOrphans, hostRoutes, roots, contents, again, survey)
        let goal = maker.make()
        let orphans = ledger.entries.filter { maker.isOrphan($0.spec) }.map(\.instance.id).sorted()
        return Result(
            goal: maker.problems.isEmpty ? goal : nil, problems: maker.problems, orphans: orphans,
            formerVolumes: survey?.former(of: goal.volumes, in: project.name) ?? [])
    }

    private init(
        _ project: Project, _ ledger: Ledger, _ selection: [String], _ chosen: [Service], _ removeOrphans: Bool,
        _ hostRoutes: [String], _ roots: [String: FoundRoot], _ contents: [String: Digest],
        _ again: Set<Instance>, _ survey: VolumeSurvey?
    ) {
        self.again = again
        self.survey = survey
        self.roots = roots
        self.contents = contents
        self.project = project
        self.ledger = ledger
        self.chosen = chosen
        let names = Set(chosen.map(\.name))
        kept = ledger.entries.map(\.spec).filter { spec in
            // A step that its service no longer has goes without being asked about.
            if let owner = spec.precedes?.service, names.contains(owner) { return false }
            return !names.contains(spec.id.service)
                && (!removeOrphans || spec.oneOff != nil || project.service(spec.id.service) != nil)
        }
        let egress = ledger.goal.egress.flatMap { IPv4Subnet($0.subnet) }
        // A default route, in one piece or in two, clashes with nothing; our own way out is no stranger.
        routes = hostRoutes.compactMap { IPv4Subnet($0) }
            .filter { $0.prefix > 1 && !(egress?.contains($0.address) ?? false) }
        problems = selection.filter { project.service($0) == nil }.sorted()
            .map {
                Problem("services", at: nil, "there is no service \($0)", hint: "`settle config --services` lists them")
            }
    }

    private mutating func make() -> Goal {
        var goal = Goal(project: project.name)
        goal.directory = project.directory
        goal.budget = ResourceLimits(project.resources)
        var requests = containerRequests()
        let shared = sharedNamespaces()
        requests += shared.compactMap(\.request)
        goal.networks = networks(
            used: Set(requests.flatMap { $0.wanted.map(\.network) }), recorded: recordedNetworks(shared))
        let places = addresses(for: requests, in: goal.networks, recorded: recordedPlaces(shared))

        goal.namespaces = shared.map { namespace in
            var spec = namespace.spec
            if let request = namespace.request { spec.attachments = places[request.endpoint] ?? [] }
            return spec
        }
        goal.containers = (containers(places) + kept).sorted { $0.id < $1.id }
        goal.volumes = volumes(of: goal.containers)
        checkVolumes(goal)
        if goal.networks.contains(where: { !$0.isInternal }) { goal.egress = egress(beside: goal.networks) }
        checkEndpoints(goal)
        checkPorts(goal)
        checkHealthConditions(goal)
        return goal
    }

    /// Whether nothing in the file speaks of it.
    private func isOrphan(_ spec: ContainerSpec) -> Bool {
        spec.oneOff == nil && project.service(spec.id.service) == nil
            && spec.precedes.flatMap { project.service($0.service) } == nil
    }

    mutating func report(_ problem: Problem) {
        if !problems.contains(problem) { problems.append(problem) }
    }

    // MARK: Containers

    private func containerRequests() -> [AddressRequest] {
        chosen.filter { project.namespace(.net, of: $0) == .private }.flatMap { service in
            ids(of: service).map { id in
                let before = ledger.entry(id)?.spec
                let endpoint = endpoint(of: id, service)
                return AddressRequest(
                    endpoint: endpoint, path: "services.\(service.name)", places: service.places,
                    wanted: service.networks,
                    before: before?.endpoint ?? endpoint == endpoint ? before?.attachments ?? [] : [])
            }
        }
    }

    private mutating func containers(_ places: [String: [Attachment]]) -> [ContainerSpec] {
        let table = hostPorts()
        return chosen.flatMap { service -> [ContainerSpec] in
            checkProgram(service)
            checkUpdate(service)
            for kind in Compose.NamespaceKind.allCases {
                guard case .service(let owner) = project.namespace(kind, of: service) else { continue }
                if project.service(owner)?.replicas == 0 {
                    report(
                        Problem(
                            "services.\(service.name)", at: service.places[""],
                            "it joins the \(kind.rawValue) namespace of \(owner), which has no container",
                            hint: "give \(owner) a replica"))
                }
            }
            return ids(of: service).map { id in
                var spec = spec(of: id, service)
                if spec.namespaces.net == .own { spec.attachments = places[spec.endpoint] ?? [] }
                for index in spec.ports.indices { spec.ports[index].hostPort = table[PortSlot(id, index)] }
                return spec
            }
        }
    }

    private mutating func checkProgram(_ service: Service) {
        let spec = ContainerSpec(service, id: ContainerID(service.name, 1), in: project, roots[service.name])
        // What an image says that is still to be fetched cannot be known.
        if !spec.arguments.isEmpty || (service.root == .image && roots[service.name] == nil) { return }
        let what =
            service.root == .image ? "neither the file nor the image says what to run" : "there is nothing to run"
        report(Problem("services.\(service.name)", at: service.places[""], what, hint: "add `command:`"))
    }

    func ids(of service: Service) -> [ContainerID] {
        (0..<max(0, service.replicas)).map { ContainerID(service.name, $0 + 1) }
    }

    // MARK: Namespaces and volumes

    /// A declared namespace as it will be; `request` where the file decides its places in networks, nil where it stays as
    /// recorded or has none.
    struct Shared {
        var spec: NamespaceSpec
        var request: AddressRequest?
    }

    private func sharedNamespaces() -> [Shared] {
        let everything = chosen.count == project.services.count
        let keptUse = Dictionary(grouping: kept.flatMap(\.joinedNamespaces), by: \.name).mapValues {
            Set($0.map(\.kind))
        }
        let chosenUse = Set(
            chosen.flatMap { service in
                Compose.NamespaceKind.allCases.compactMap { kind in
                    if case .stack(let name) = project.namespace(kind, of: service) { name } else { nil }
                }
            })
        let names = Set(project.namespaces.map(\.name)).union(keptUse.keys).sorted()
        return names.compactMap { name -> Shared? in
            let before = ledger.goal.namespace(name)
            guard let file = project.namespaces(name), everything || chosenUse.contains(name) else {
                return before.flatMap { keptUse[name] == nil ? nil : Shared(spec: $0, request: nil) }
            }
            let kinds = Set(file.kinds.map(NamespaceKind.init)).union(keptUse[name] ?? []).sorted()
            if kinds.isEmpty { return nil }
            let spec = NamespaceSpec(name: name, kinds: kinds)
            guard kinds.contains(.net) else { return Shared(spec: spec, request: nil) }
            let request = AddressRequest(
                endpoint: name, path: "namespaces.\(name)", places: file.places, wanted: file.networks,
                before: before?.attachments ?? [])
            return Shared(spec: spec, request: request)
        }
    }

    private func recordedNetworks(_ shared: [Shared]) -> [NetworkSpec] {
        let keys = Set(recordedPlaces(shared).flatMap(\.attachments).map(\.network))
        return ledger.goal.networks.filter { keys.contains($0.key) }
    }

    /// The endpoints that keep their places whatever the file says.
    private func recordedPlaces(_ shared: [Shared]) -> [Endpoint] {
        kept.filter { $0.namespaces.net == .own }.map { Endpoint(name: $0.endpoint, attachments: $0.attachments) }
            + overlapping()
            + shared.filter { $0.request == nil }.map { Endpoint(name: $0.spec.name, attachments: $0.spec.attachments) }
    }

    // MARK: Checks

    /// Who needs the health of something that has no check would wait for ever; what may be missing is waited for as long
    /// as it takes to start.
    private mutating func checkHealthConditions(_ goal: Goal) {
        // An image that is not here yet may have one.
        let unchecked = Set(
            goal.containers.filter { container in
                if case .image(let root) = container.rootfs, root.id == nil { return false }
                return container.healthCheck == nil
            }.map(\.id.service))
        for service in chosen {
            for dependency in service.dependencies
            where dependency.condition == .healthy && dependency.required && unchecked.contains(dependency.service) {
                let key = "depends_on.\(dependency.service)"
                report(
                    Problem(
                        "services.\(service.name).\(key)", at: service.places[key],
                        "\(dependency.service) has no health check to wait for",
                        hint: "add healthcheck: to \(dependency.service), or write condition: service_started"))
            }
        }
    }

    private mutating func checkEndpoints(_ goal: Goal) {
        let taken = Dictionary(grouping: goal.endpoints, by: \.name).filter { $0.value.count > 1 }
        for name in taken.keys.sorted() {
            report(
                Problem(
                    "namespaces.\(name)", at: project.namespaces(name)?.places[""] ?? project.service(name)?.places[""],
                    "two network namespaces of the stack would be called \(name)", hint: "rename one of them"))
        }
    }
}

extension Project {
    /// The services named, with everything that they depend on or whose namespaces they join; all where none is named.
    ///
    /// - Parameter withDependencies: without, only those whose namespaces they join, and their own steps.
    package func closure(of names: [String], withDependencies: Bool = true) -> [Service] {
        if names.isEmpty { return services.filter { $0.oneOff == nil } }
        var found: Set<String> = []
        var open = names
        while let name = open.popLast() {
            guard let service = service(name), found.insert(name).inserted else { continue }
            open += service.dependencies.map(\.service).filter { dependency in
                withDependencies || self.service(dependency)?.precedes?.service == name
            }
            open += Compose.NamespaceKind.allCases.compactMap { kind in
                if case .service(let owner) = service.namespaces[kind] { owner } else { nil }
            }
        }
        return services.filter { found.contains($0.name) }
    }
}

extension ContainerSpec {
    /// The declared namespaces it lives in.
    fileprivate var joinedNamespaces: [(name: String, kind: NamespaceKind)] {
        NamespaceKind.allCases.compactMap { kind in
            if case .stack(let name) = namespaces[kind] { (name, kind) } else { nil }
        }
    }
}
