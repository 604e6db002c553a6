import Diagnostics

/// What no value can be judged by alone: references, cycles, and values that contradict each other.
struct Check {
    let project: Project
    /// Declared networks and volumes, used or not.
    let declared: ProjectDraft
    let report: Report

    func run() {
        for service in project.services {
            references(service)
            steps(service)
            commands(service)
            namespaces(service)
            ports(service)
            mounts(service)
            watched(service)
            limits(service.resources, service.places, "services.\(service.name)")
            processors(service)
        }
        limits(project.resources, project.places, "resources", prefix: "resources.")
        for shared in project.namespaces {
            attachments(shared.networks, shared.places, "namespaces.\(shared.name)")
        }
        cycles()
        addresses()
        subnets()
        publishedTwice()
    }

    func error(
        _ message: String, _ service: Service, _ key: String, notes: [Diagnostic.Note] = [], hint: String? = nil
    ) {
        error(
            message, at: service.places[key], path: "services.\(service.name)".key(key), notes: notes, hint: hint)
    }

    func error(
        _ message: String, at place: Place?, path: String, notes: [Diagnostic.Note] = [], hint: String? = nil
    ) {
        report.followUp(Diagnostic(.error, message, at: place, path: path, notes: notes, hint: hint))
    }

    private func meant(_ name: String, _ names: [String], declare: String) -> String {
        nearest(to: name, in: names).map { "did you mean \($0)?" } ?? declare
    }
}

// References.
extension Check {
    private func references(_ service: Service) {
        for dependency in service.dependencies where project.service(dependency.service) == nil {
            let key = "depends_on.\(dependency.service)"
            let hint = meant(dependency.service, project.services.map(\.name), declare: "add it under services:")
            if dependency.required {
                error("there is no service \(dependency.service)", service, key, hint: hint)
            } else {
                report.warn(
                    "there is no service \(dependency.service); it is not waited for", at: service.places[key],
                    path: "services.\(service.name).\(key)", hint: hint)
            }
        }
        attachments(service.networks, service.places, "services.\(service.name)")
        for (index, mount) in service.volumes.enumerated() {
            guard case .volume(let key) = mount.source, project.volume(key) == nil else { continue }
            error(
                "there is no volume \(key)", service, "volumes[\(index)]",
                hint: meant(
                    key, declared.volumes.map(\.key),
                    declare: "add \(key): under the top-level volumes:, or write ./\(key) for a folder"))
        }
    }

    private func attachments(_ attachments: [Attachment], _ places: Places, _ path: String) {
        for attachment in attachments where project.network(attachment.network) == nil {
            let key = "networks.\(attachment.network)"
            error(
                "there is no network \(attachment.network)", at: places[key], path: path.key(key),
                hint: meant(
                    attachment.network, declared.networks.map(\.key),
                    declare: "add \(attachment.network): under the top-level networks:"))
        }
    }

    private func namespaces(_ service: Service) {
        for kind in NamespaceKind.allCases {
            let key = "namespaces.\(kind.rawValue)"
            switch service.namespaces[kind] {
            case .private, .host: continue
            case .service(let name):
                if project.service(name) == nil {
                    error(
                        "there is no service \(name)", service, key,
                        hint: meant(name, project.services.map(\.name), declare: "add it under services:"))
                }
            case .stack(let name):
                guard let shared = project.namespaces(name) else {
                    error(
                        "there is no namespace \(name)", service, key,
                        hint: meant(
                            name, project.namespaces.map(\.name),
                            declare: "add \(name): {} under the top-level namespaces:"))
                    continue
                }
                if !shared.kinds.contains(kind) {
                    error(
                        "the namespaces of \(name) have no \(kind.rawValue)", service, key,
                        notes: [.init("they are listed here", at: shared.places["kinds"])],
                        hint: "add \(kind.rawValue) to its kinds")
                }
            }
        }
        if service.hostname != nil && service.namespaces.uts != .private {
            error(
                "the host name belongs to the uts namespace, which is \(service.namespaces.uts.text)", service,
                "hostname", hint: "set it where the namespace comes from, or remove it")
        }
        if case .stack(let name) = service.namespaces.mnt {
            error(
                "a mount namespace needs the root file system of a container, and \(name) has none", service,
                "namespaces.mnt", hint: "write service:NAME, private or host")
        }
        guard service.namespaces.mnt != .private else { return }
        let keys = [
            (service.root == .image ? "image" : "rootfs", service.root != .host), ("volumes", !service.volumes.isEmpty),
            ("volumes_from", !service.volumesFrom.isEmpty), ("tmpfs", !service.tmpfs.isEmpty),
            ("read_only", service.readOnly),
        ]
        for (key, isSet) in keys where isSet {
            error(
                "belongs to the mnt namespace, which is \(service.namespaces.mnt.text)", service, key,
                hint: "set it where the namespace comes from, or remove it")
        }
    }

    /// The steps of a `pre_start` have names, too.
    private func steps(_ service: Service) {
        for (index, step) in service.preStart.enumerated() {
            guard let other = project.service(service.stepName(index)) else { continue }
            error(
                "this step is called \(other.name), as is another service", service, step.key,
                notes: [.init("it is here", at: other.places[""])], hint: "rename the service \(other.name)")
        }
    }

    private func commands(_ service: Service) {
        // What an image says to run is known when it is there.
        guard (service.command ?? []).isEmpty && (service.entrypoint ?? []).isEmpty, service.root != .image,
            !report.hasError(at: "services.\(service.name).entrypoint")
        else { return }
        error(
            "the service does not say what to run", service, "command",
            hint: "add command:, [\"sleep\", \"1h\"] for example")
    }

    /// Depth first over `depends_on` and shared namespaces; each cycle is told once, from the edge that closes it.
    private func cycles() {
        var done: Set<String> = []
        var path: [String] = []
        func visit(_ service: Service) {
            path.append(service.name)
            for (next, key) in edges(service) {
                if let start = path.firstIndex(of: next) {
                    error(
                        "the services wait for each other: " + (path[start...] + [next]).joined(separator: " -> "),
                        service, key, hint: "remove one of these from depends_on, or from the namespaces shared")
                } else if !done.contains(next), let next = project.service(next) {
                    visit(next)
                }
            }
            path.removeLast()
            done.insert(service.name)
        }
        for service in project.services where !done.contains(service.name) { visit(service) }
    }

    private func edges(_ service: Service) -> [(to: String, key: String)] {
        service.dependencies.map { ($0.service, "depends_on.\($0.service)") }
            + NamespaceKind.allCases.compactMap { kind in
                guard case .service(let name) = service.namespaces[kind] else { return nil }
                return (name, "namespaces.\(kind.rawValue)")
            }
    }
}
