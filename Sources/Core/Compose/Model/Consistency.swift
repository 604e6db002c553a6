import Diagnostics
import YAML

/// What no value can be judged by alone: what services refer to, and values that contradict each other.
struct Consistency {
    let model: Model
    let report: Report
    /// Whether what is not there is missing indeed, since every file could be read.
    let isWhole: Bool
    private let enabled: [String: Node]
    private let disabled: [String: Node]

    init(model: Model, report: Report, isWhole: Bool) {
        self.model = model
        self.report = report
        self.isWhole = isWhole
        enabled = Dictionary(model.services.map { ($0.key, $0.value) }) { first, _ in first }
        disabled = Dictionary(model.disabled.map { ($0.key, $0.value) }) { first, _ in first }
    }

    func check() {
        let sections = Sections(model.root)
        for entry in model.services {
            let service = ServiceCheck(
                name: entry.key, place: entry.keyPlace, node: entry.value, path: "services".key(entry.key),
                report: report)
            service.check(emptyImage: model.emptyImages[entry.key], isWhole: isWhole)
            if isWhole {
                references(service, sections)
                services(service)
            }
        }
        for secret in model.root["secrets"]?.entries ?? [] where secret.value["external"] == nil {
            if secret.value["file"] == nil && secret.value["environment"] == nil {
                report.followUp(
                    Diagnostic(
                        .error, "its source is missing", at: secret.keyPlace, path: "secrets".key(secret.key),
                        hint: "add file: or environment:"))
            }
        }
        containerNames()
        if isWhole { cycles() }
    }

    // MARK: References

    /// What the sections at the top declare.
    private struct Sections {
        let names: [String: Set<String>]

        init(_ root: Node) {
            var names: [String: Set<String>] = [:]
            for entry in root.entries ?? [] { names[entry.key] = Set((entry.value.entries ?? []).map(\.key)) }
            self.names = names
        }
    }

    private func references(_ service: ServiceCheck, _ sections: Sections) {
        func refer(_ section: String, _ name: String?, _ what: String, at place: Place, _ path: String, hint: String) {
            let known = sections.names[section] ?? []
            guard let name, !name.isEmpty, !known.contains(name), !report.hasError(at: section) else { return }
            report.followUp(
                Diagnostic(
                    .error, "there is no \(what) \(name)", at: place, path: path,
                    hint: nearest(to: name, in: known.sorted()).map { "did you mean \($0)?" } ?? hint))
        }
        func declare(_ name: String, _ section: String) -> String { "add \(name): under the top-level \(section):" }
        for network in service.node["networks"]?.entries ?? [] {
            let path = service.path.key("networks").key(network.key)
            refer(
                "networks", network.key, "network", at: network.keyPlace, path, hint: declare(network.key, "networks"))
        }
        for (index, mount) in (service.node["volumes"]?.items ?? []).enumerated()
        where mount.string("type") == "volume" {
            let name = mount.string("source") ?? ""
            refer(
                "volumes", name, "volume", at: mount["source"]?.place ?? mount.place,
                service.path.key("volumes").item(index),
                hint: declare(name, "volumes") + ", or write ./\(name) for a folder")
        }
        for (section, key, what) in [
            ("secrets", "secrets", "secret"), ("configs", "configs", "config"), ("secrets", "build.secrets", "secret"),
        ] {
            let files = key.split(separator: ".").reduce(service.node as Node?) { $0?[String($1)] }?.items ?? []
            for (index, file) in files.enumerated() {
                let path = service.path.key(key).item(index)
                guard let name = file.string("source"), !name.isEmpty else {
                    report.followUp(
                        Diagnostic(
                            .error, "its source is missing", at: file["source"]?.place ?? file.place, path: path,
                            hint: "add source: with the name of a \(what) under the top-level \(section):"))
                    continue
                }
                refer(section, name, what, at: file["source"]?.place ?? file.place, path, hint: declare(name, section))
            }
        }
        for model in service.node["models"]?.entries ?? [] {
            let path = service.path.key("models").key(model.key)
            refer("models", model.key, "model", at: model.keyPlace, path, hint: declare(model.key, "models"))
        }
    }

    /// Services that a service needs, shares with, or is built from.
    private func services(_ service: ServiceCheck) {
        if report.hasError(at: "services") && enabled.isEmpty { return }
        let implied = model.implied[service.name] ?? []
        for dependency in service.node["depends_on"]?.entries ?? [] where enabled[dependency.key] == nil {
            let isRequired = dependency.value["required"]?.isTrue == true
            if disabled[dependency.key] != nil && !isRequired { continue }
            let path = service.path.key(
                implied.contains(dependency.key)
                    ? keyImplying(dependency.key, service.node) : "depends_on.\(dependency.key)"
            )
            refuse(dependency.key, at: dependency.keyPlace, path)
        }
        for context in service.node["build"]?["additional_contexts"]?.entries ?? [] {
            guard let text = context.value.string, text.hasPrefix("service:") else { continue }
            let name = String(text.dropFirst(8))
            let path = service.path.key("build.additional_contexts").key(context.key)
            guard let other = enabled[name] else {
                refuse(name, at: context.value.place, path)
                continue
            }
            if other["build"] == nil {
                report.followUp(
                    Diagnostic(
                        .error, "\(name) is not built, so it is no context", at: context.value.place, path: path,
                        hint: "add build: to \(name), or name an image: docker-image://NAME"))
            }
        }
    }

    /// The key that asks for a service without `depends_on`.
    private func keyImplying(_ name: String, _ service: Node) -> String {
        for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] where service.string(key) == "service:\(name)" {
            return key
        }
        for key in ["links", "volumes_from"] {
            let items = service[key]?.items ?? []
            let index = items.firstIndex { item in
                item.string?.split(separator: ":", omittingEmptySubsequences: false).first.map(String.init) == name
            }
            if let index { return key.item(index) }
        }
        return "depends_on"
    }

    private func refuse(_ name: String, at place: Place, _ path: String) {
        if let other = disabled[name] {
            let profiles = Model.profiles(of: other)
            return report.followUp(
                Diagnostic(
                    .error, "the service \(name) is needed, but no profile enables it", at: place, path: path,
                    notes: [.init("its profiles", at: other["profiles"]?.place)],
                    hint: "add --profile \(profiles.first ?? ""), or required: false to the dependency"))
        }
        report.followUp(
            Diagnostic(
                .error, "there is no service \(name)", at: place, path: path,
                hint: nearest(to: name, in: enabled.keys.sorted()).map { "did you mean \($0)?" }
                    ?? "add it under services:"))
    }

    // MARK: Over all services

    private func containerNames() {
        var seen: [String: (service: String, place: Place)] = [:]
        for entry in model.services {
            guard let node = entry.value["container_name"], let name = node.string else { continue }
            if let other = seen[name] {
                report.followUp(
                    Diagnostic(
                        .error, "the name \(name) is that of another container", at: node.place,
                        path: "services".key(entry.key).key("container_name"),
                        notes: [.init("of \(other.service)", at: other.place)], hint: "choose another name"))
            } else {
                seen[name] = (entry.key, node.place)
            }
        }
    }

    /// Depth first over the dependencies; each cycle is told once, from the edge that closes it.
    private func cycles() {
        var done: Set<String> = []
        var path: [String] = []
        var onPath: [String: Int] = [:]
        func visit(_ name: String) {
            guard let service = enabled[name] else { return }
            onPath[name] = path.count
            path.append(name)
            for edge in service["depends_on"]?.entries ?? [] {
                if let start = onPath[edge.key] {
                    refuse(path[start...] + [edge.key], closedBy: edge, of: name, service)
                } else if !done.contains(edge.key) {
                    visit(edge.key)
                }
            }
            path.removeLast()
            onPath[name] = nil
            done.insert(name)
        }
        for entry in model.services where !done.contains(entry.key) { visit(entry.key) }
    }

    private func refuse(_ cycle: ArraySlice<String>, closedBy edge: Node.Entry, of name: String, _ service: Node) {
        let isImplied = model.implied[name]?.contains(edge.key) == true
        let key = isImplied ? keyImplying(edge.key, service) : "depends_on.\(edge.key)"
        report.followUp(
            Diagnostic(
                .error, "the services wait for each other: \(cycle.joined(separator: " -> "))", at: edge.keyPlace,
                path: "services".key(name).key(key),
                hint: "remove one of these from depends_on, or what implies it"))
    }
}
