package import Compose
package import Diagnostics

extension Plan {
    /// The changes in Terraform's grammar, one line per field, and the counts as the last line.
    ///
    ///     ~ container/web/1  mem_limit: 64m -> 128m  changed in the file  compose.yaml:7
    ///
    /// The signs: `+` create, `~` update in place, `>` start again, `-/+` replace, `-` remove; `!` in place of any of
    /// them for drift.
    ///
    /// - Parameter place: where the file says so; see `Project.place(of:path:)`.
    package func text(
        _ palette: Palette = .plain, place: (ResourceID, String) -> Place? = { _, _ in nil }
    ) -> String {
        let lines = changes.flatMap { change in change.rows(place).map { (change, $0) } }
        let texts = zip(lines, aligned(lines.map(\.1), limit: 56))
            .map { palette.paint($1, $0.0.colour) + "\n" }
        return texts.joined() + palette.paint(counts, .bold) + "\n"
    }

    /// `Plan: 1 to create, 0 to update in place, …`
    package var counts: String {
        if isEmpty { return "No differences." }
        let words = Change.Verb.allCases.map { "\(count($0)) to \($0.phrase)" }.joined(separator: ", ")
        let drift = changes.count(where: \.isDrift)
        return "Plan: \(words)\(drift == 0 ? "" : "; \(drift) drifted")."
    }

    /// The changes as the document that `diff --format json` prints.
    package func json(project: String) -> JSON {
        .object([
            ("project", .string(project)),
            ("changes", .array(changes.map(\.json))),
            ("summary", .object(Change.Verb.allCases.map { ($0.rawValue, .int(Int64(count($0)))) })),
        ])
    }
}

extension Change {
    fileprivate var sign: String {
        if isDrift { return "  !" }
        switch verb {
        case .create: return "  +"
        case .update: return "  ~"
        case .restart: return "  >"
        case .replace: return "-/+"
        case .remove: return "  -"
        }
    }

    fileprivate var colour: Palette.Colour {
        if isDrift { return .magenta }
        switch verb {
        case .create: return .green
        case .update, .restart: return .yellow
        case .replace, .remove: return .red
        }
    }

    fileprivate func rows(_ place: (ResourceID, String) -> Place?) -> [[String]] {
        // The sign of drift hides the verb, so the reason says it.
        let why = isDrift && verb != .update ? "\(verb.rawValue): \(reason)" : reason
        func row(_ field: String, _ path: String) -> [String] {
            // What is removed stands in no file any more.
            let place = verb == .remove ? nil : place(resource, path)
            return ["\(sign) \(resource)", field, why, place.map { "\($0.file):\($0.line)" } ?? ""]
        }
        if fields.isEmpty { return [row("", "")] }
        return fields.map { row($0.text, $0.path) }
    }

    fileprivate var json: JSON {
        .object([
            ("resource", .string(resource.description)), ("action", .string(verb.rawValue)),
            ("drift", .bool(isDrift)), ("reason", .string(reason)), ("fields", .array(fields.map(\.json))),
        ])
    }
}

extension Change.Verb {
    fileprivate var phrase: String {
        switch self {
        case .create: "create"
        case .update: "update in place"
        case .restart: "restart"
        case .replace: "replace"
        case .remove: "remove"
        }
    }
}

extension FieldChange {
    fileprivate var json: JSON {
        .object([
            ("path", .string(path)), ("observed", observed.map(JSON.string) ?? .null),
            ("desired", desired.map(JSON.string) ?? .null),
        ])
    }

    fileprivate var text: String { "\(path): \(Self.side(observed)) -> \(Self.side(desired))" }

    private static func side(_ value: String?) -> String {
        value.map { $0.isEmpty ? "\"\"" : printable($0) } ?? "(none)"
    }
}

extension Project {
    /// Where the file speaks of a field of a resource, or else of the nearest thing around it.
    package func place(of resource: ResourceID, path: String) -> Place? {
        switch resource {
        case .project: places[path]
        case .supervisor: nil
        case .namespace(let name): namespaces(name)?.places[path] ?? places["namespaces.\(name)"]
        case .network(let key): network(key)?.places[path] ?? places["networks.\(key)"]
        case .volume(let key): volume(key)?.places[path] ?? places["volumes.\(key)"]
        case .container(let id): service(id.service)?.places[path]
        }
    }
}

extension ResourceID {
    /// Reads what `description` wrote; nil for any other text.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        switch (parts[0], parts.count) {
        case ("project", 1): self = .project
        case ("supervisor", 1): self = .supervisor
        case ("namespace", 2): self = .namespace(parts[1])
        case ("network", 2): self = .network(parts[1])
        case ("volume", 2): self = .volume(parts[1])
        case ("container", 3):
            guard let index = Int(parts[2]) else { return nil }
            self = .container(ContainerID(parts[1], index))
        default: return nil
        }
    }

    /// The key path of the resource in the file: `services.web`.
    package var keyPath: String {
        switch self {
        case .project, .supervisor: ""
        case .namespace(let name): "namespaces.\(name)"
        case .network(let key): "networks.\(key)"
        case .volume(let key): "volumes.\(key)"
        case .container(let id): "services.\(id.service)"
        }
    }
}
