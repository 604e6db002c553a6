import Diagnostics
import YAML

extension Loader {
    /// What a document says of files to include.
    private struct Inclusion {
        var paths: [Node]
        var directory: String?
        /// nil: `.env` in the folder, if there is one.
        var environmentFiles: [Node]?
        var place: Place
        var path: String
    }

    private static let importable = ["services", "volumes", "networks", "secrets", "configs", "models"]

    /// Loads what a document includes, each file in its own folder and with its own `.env`, and lays the document's own
    /// resources over theirs.
    func include(in document: inout Node, _ scope: Scope, _ resets: Resets) {
        guard let list = document["include"] else { return }
        document.remove("include")
        if list.isNull { return }
        guard let items = list.items else {
            return report.error(
                "expected a list of files, found \(list.described)", at: list.place, path: "include",
                hint: "put a dash before each: - \(list.string ?? "other.yaml")")
        }
        var indices: [String: [String: Int]] = [:]
        for (index, item) in items.enumerated() {
            guard let inclusion = inclusion(item, "include".item(index)), let imported = load(inclusion, scope) else {
                continue
            }
            for key in Self.importable {
                guard let resources = imported[key]?.entries else { continue }
                document.setDefault(key, to: .mapping([], at: item.place))
                document.edit(key) { own in
                    own.editEntries { entries in
                        if indices[key] == nil { indices[key] = Self.index(entries) }
                        take(resources, into: &entries, &indices[key, default: [:]], key, resets[key])
                    }
                }
            }
        }
    }

    private static func index(_ entries: [Node.Entry]) -> [String: Int] {
        Dictionary(entries.enumerated().map { ($1.key, $0) }) { first, _ in first }
    }

    private func take(
        _ resources: [Node.Entry], into entries: inout [Node.Entry], _ index: inout [String: Int], _ section: String,
        _ resets: Resets?
    ) {
        for resource in resources {
            guard let at = index[resource.key] else {
                index[resource.key] = entries.count
                entries.append(resource)
                continue
            }
            var value = resource.value
            resets?[resource.key]?.apply(to: &value)
            Merge(report: report).merge(
                &value, entries[at].value, at: Merge.rules.below(section, resource.key), section.key(resource.key))
            entries[at].value = value
        }
    }

    private func inclusion(_ node: Node, _ path: String) -> Inclusion? {
        if node.string != nil { return Inclusion(paths: [node], place: node.place, path: path) }
        func texts(_ node: Node?) -> [Node]? {
            guard let node else { return nil }
            return (node.items ?? [node]).filter { $0.string != nil }
        }
        guard node.entries != nil, let paths = texts(node["path"]), !paths.isEmpty else {
            report.error(
                node.entries == nil
                    ? "expected a file or a mapping with path, found \(node.described)" : "path is missing",
                at: node.place, path: path, hint: "write a file's path, or {path: other.yaml, env_file: other.env}")
            return nil
        }
        for entry in node.entries ?? [] where !["path", "project_directory", "env_file"].contains(entry.key) {
            report.error(
                "unknown key", at: entry.keyPlace, path: path.key(entry.key),
                hint: "known here are path, project_directory and env_file")
        }
        return Inclusion(
            paths: paths, directory: node.string("project_directory").flatMap { $0.isEmpty ? nil : $0 },
            environmentFiles: texts(node["env_file"]).flatMap { $0.isEmpty ? nil : $0 }, place: node.place, path: path)
    }

    private func load(_ inclusion: Inclusion, _ scope: Scope) -> Node? {
        var files: [OpenFile] = []
        var folder = scope.folder
        for (index, node) in inclusion.paths.enumerated() {
            let location = Path.absolute(node.string ?? "", in: scope.folder)
            if index == 0 {
                folder = inclusion.directory.map { Path.absolute($0, in: scope.folder) } ?? Path.parent(location)
                if !check(location, node, inclusion.path, scope) { return nil }
            }
            guard let file = open(location, for: "included here", at: node.place, path: inclusion.path) else {
                return nil
            }
            files.append(file)
        }
        var below = scope
        below.folder = folder
        // A folder that is not there is taken for a file, as the reference has it.
        let base = inclusion.directory == nil || system.kind(folder) == .folder ? folder : Path.parent(folder)
        let isAbsolute = inclusion.directory.map(Path.isAbsolute) ?? false
        below.base = isAbsolute ? folder : Path.relative(base, from: scope.folder)
        below.resolvesPaths = true
        below.files = scope.files
        below.files[below.files.count - 1].place = inclusion.place
        guard let variables = variables(inclusion, folder, scope) else { return nil }
        below.environment = variables.merging(scope.environment) { $1 }
        return tree(files, below)
    }

    /// Refuses a file that leads back to itself.
    private func check(_ location: String, _ node: Node, _ path: String, _ scope: Scope) -> Bool {
        guard let start = scope.files.firstIndex(where: { $0.location == location }) else { return true }
        let chain = (scope.files[start...].map(\.location) + [location]).map(display)
        report.error(
            "the files include each other: " + chain.joined(separator: " -> "), at: node.place, path: path,
            notes: scope.files[start...].compactMap { file in
                file.place.map { .init("by way of this", at: $0) }
            }, hint: "remove one of these from include")
        return false
    }

    private func variables(_ inclusion: Inclusion, _ folder: String, _ scope: Scope) -> [String: String]? {
        var locations: [(location: String, place: Place)] = []
        if let files = inclusion.environmentFiles {
            for file in files where file.string != "/dev/null" {
                locations.append((Path.absolute(file.string ?? "", in: scope.folder), file.place))
            }
        } else {
            let location = Path.join(folder, ".env")
            if system.kind(location) == .file { locations = [(location, inclusion.place)] }
        }
        var variables: [String: String] = [:]
        for (location, place) in locations {
            let name = display(location)
            switch system.read(location) {
            case .success(let bytes):
                report.know(name, usedBy: .init("included here", at: inclusion.place))
                var reader = Dotenv(
                    SourceFile(path: name, bytes: bytes), environment: scope.environment, report: report,
                    values: variables)
                variables = reader.run()
            case .failure(let problem):
                report.error(
                    "\(name) cannot be read: \(problem.reason)", at: place, path: inclusion.path.key("env_file"))
                return nil
            }
        }
        return variables
    }
}
