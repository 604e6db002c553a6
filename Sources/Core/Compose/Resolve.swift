package import Diagnostics
import YAML

extension Model {
    /// What is to be run.
    ///
    /// - Returns: No project if any of the diagnostics is an error: what Settle cannot run is one.
    package func project() -> (project: Project?, diagnostics: [Diagnostic]) {
        let report = Report(origins)
        if name.utf8.count > 63 {
            report.error(
                "the project's name is longer than 63 letters: \(name)", at: nil, hint: "give it a shorter one with -p")
        }
        let root = withoutImplied()
        for diagnostic in Shape.unhonoured(in: root) { report.add(diagnostic) }
        let context = Context(report: report, environment: environment, directory: directory)
        var draft = ProjectDraft(project: Project(name: name, directory: directory))
        Keys.top.read(Reader(node: root, path: "", context: context), into: &draft)
        let project = resolve(draft, root, report)
        Check(project: project, declared: draft, report: report).run()
        return (report.hasErrors ? nil : project.unfolded(), report.sorted())
    }

    /// Who shares a namespace is ordered by that, and the stack keeps the namespace where its owner is started again: a
    /// dependency that only says so counts for nothing.
    private func withoutImplied() -> Node {
        var root = root
        root.edit("services") { services in
            services.editValues { service in
                guard let implied = implied[service.key] else { return }
                // Whose mounts are used has to have made them.
                let sources = (service.value["volumes_from"]?.items ?? []).compactMap { item in
                    item.string?.split(separator: ":").first.map(String.init)
                }
                service.value.edit("depends_on") { dependencies in
                    dependencies.editEntries { entries in
                        entries.removeAll { implied.contains($0.key) && !sources.contains($0.key) }
                    }
                }
            }
        }
        return root
    }

    /// Keeps the networks and volumes that are used, fills in the kinds and networks of declared namespaces.
    private func resolve(_ draft: ProjectDraft, _ root: Node, _ report: Report) -> Project {
        var project = draft.project
        for entry in root.entries ?? [] where entry.key == "resources" {
            project.places.fill(entry.value, at: entry.key, key: entry.keyPlace)
        }
        for index in project.namespaces.indices {
            let name = project.namespaces[index].name
            if project.namespaces[index].kinds.isEmpty {
                project.namespaces[index].kinds = NamespaceKind.allCases.filter { kind in
                    project.services.contains { $0.namespaces[kind] == .stack(name) }
                }
            }
            if project.namespaces[index].kinds.contains(.net) {
                if project.namespaces[index].networks.isEmpty {
                    project.namespaces[index].networks = [Attachment(network: "default")]
                }
            } else if !project.namespaces[index].networks.isEmpty {
                report.error(
                    "only a network namespace joins networks", at: project.namespaces[index].places["networks"],
                    path: "namespaces.\(name).networks", hint: "add net to its kinds, or remove networks:")
            }
        }
        let joined = Set((project.services.flatMap(\.networks) + project.namespaces.flatMap(\.networks)).map(\.network))
        project.networks = draft.networks.filter { joined.contains($0.key) }
        if joined.contains("default") && project.network("default") == nil {
            project.networks.append(Network(key: "default", project: project.name))
            project.networks.sort { $0.key < $1.key }
        }
        let mounted = Set(
            project.services.flatMap(\.volumes).compactMap { mount -> String? in
                guard case .volume(let key) = mount.source else { return nil }
                return key
            })
        project.volumes = draft.volumes.filter { mounted.contains($0.key) }
        project.files.sort { $0.path < $1.path }
        for index in project.files.indices {
            let file = project.files[index]
            guard let value = sharedValues[file.path], file.source == .environment(value.variable) else { continue }
            project.files[index].value = value.text
        }
        return project
    }
}
