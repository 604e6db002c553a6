package import Diagnostics
import YAML

/// A file that the caller has read.
package struct SourceFile: Hashable, Sendable {
    /// As diagnostics shall name it.
    package var path: String
    package var text: String

    package init(path: String, text: String) {
        self.path = path
        self.text = text
    }
}

package struct LoadOptions: Hashable, Sendable {
    /// `-p`
    package var projectName: String?
    /// Absolute: `--project-directory`, else the folder of the first file.
    package var projectDirectory: String

    package init(projectName: String? = nil, projectDirectory: String) {
        self.projectName = projectName
        self.projectDirectory = projectDirectory
    }
}

/// The names that are looked for in a folder, and then in those above it, where no `-f` names a file.
package let defaultFileNames = [
    "settle.yaml", "settle.yml", "compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml",
]

/// From texts to a project, in stages: interpolate and spell out each file, merge them, decode, check.
///
/// - Parameters:
///   - files: Later ones are laid over earlier ones.
///   - environment: The process's; it wins over `dotenv`, and `HOME` stands for `~`.
///   - dotenv: The `.env` file of the project's folder.
/// - Returns: No project if any of the diagnostics is an error; all problems of the stages that could be reached.
package func load(
    files: [SourceFile], environment: [String: String], dotenv: SourceFile? = nil, options: LoadOptions
) -> (project: Project?, diagnostics: [Diagnostic]) {
    let report = Report()
    var environment = environment
    if let dotenv {
        var reader = Dotenv(dotenv, environment: environment, report: report)
        environment = reader.run().merging(environment) { $1 }
    }
    guard let root = merged(files, environment, report), root.entries != nil else {
        return (nil, report.sorted(by: files.map(\.path)))
    }
    let directory = Units.clean(options.projectDirectory)
    let context = Context(report: report, environment: environment, directory: directory)
    let reader = Reader(node: root, path: "", context: context)
    let name = projectName(root, context, options) ?? ""
    var draft = ProjectDraft(project: Project(name: name, directory: directory))
    Keys.top.read(reader, into: &draft)
    let project = resolve(draft, root, report)
    Check(project: project, declared: draft, report: report).run()
    return (report.hasErrors ? nil : project, report.sorted(by: files.map(\.path)))
}

/// Every document of every file, spelled out and laid over one another.
private func merged(_ files: [SourceFile], _ environment: [String: String], _ report: Report) -> Node? {
    var interpolation = Interpolation(environment: environment, report: report)
    var root: Node?
    for file in files {
        let (documents, problems) = YAML.parse(file.text, file: file.path)
        for problem in problems { report.add(problem) }
        if documents.isEmpty && problems.isEmpty {
            report.error(
                "the file is empty", at: Place(file: file.path, line: 1, column: 1), hint: "begin with services:")
        }
        for document in documents {
            guard document.entries != nil else {
                report.error("expected a mapping at the top", at: document.place, hint: "begin with services:")
                continue
            }
            let canonical = Canonical(report: report).file(interpolation.file(document))
            root = root.map { Merge.merge($0, canonical) } ?? canonical
        }
    }
    guard let root else { return nil }
    let stripped = Merge.stripped(root)
    refuseTags(stripped, "", report)
    return stripped
}

/// `!reset` and `!override` are gone by now.
private func refuseTags(_ node: Node, _ path: String, _ report: Report) {
    if let tag = node.tag { report.error("the tag \(tag) is unknown", at: node.place, path: path, hint: "remove it") }
    for (index, item) in (node.items ?? []).enumerated() { refuseTags(item, path.item(index), report) }
    for entry in node.entries ?? [] { refuseTags(entry.value, path.key(entry.key), report) }
}

/// Keeps the networks and volumes that are used, fills in the kinds and networks of declared namespaces.
private func resolve(_ draft: ProjectDraft, _ root: Node, _ report: Report) -> Project {
    var project = draft.project
    for entry in root.entries ?? [] where ["name", "resources"].contains(entry.key) {
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
    return project
}

/// `-p`, then `COMPOSE_PROJECT_NAME`, then `name:`, then the folder's name. The first two must be right as they are, the
/// others are put right: lower case, without what a name may not hold.
private func projectName(_ root: Node, _ context: Context, _ options: LoadOptions) -> String? {
    let given =
        options.projectName.map { ($0, "-p") }
        ?? context.environment["COMPOSE_PROJECT_NAME"].flatMap { $0.isEmpty ? nil : ($0, "COMPOSE_PROJECT_NAME") }
    if let (name, source) = given {
        if name == normalized(name) { return name }
        context.report.error(
            "\(source): \"\(name)\" is no project name", at: nil,
            hint: "up to 63 lower case letters, digits, _ and -, the first a letter or digit"
                + (normalized(name).isEmpty ? "" : ": \(normalized(name))"))
        return nil
    }
    if let node = root["name"] {
        let reader = Reader(node: node, path: "name", context: context)
        guard let text = reader.string() else { return nil }
        let name = normalized(text)
        return name.isEmpty ? reader.expected("a name", "lower case letters, digits, _ and -") : name
    }
    let folder = normalized(String(context.directory.split(separator: "/").last ?? ""))
    if folder.isEmpty {
        context.report.error(
            "the project has no name, and that of its folder cannot be used", at: root.place,
            hint: "add name: at the top, or use -p")
    }
    return folder
}

private func normalized(_ name: String) -> String {
    let kept = name.lowercased().utf8.filter { Keys.isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x5F }
    return String(decoding: kept.drop { !Keys.isLetterOrDigit($0) }.prefix(63), as: UTF8.self)
}
