import Diagnostics
import YAML

/// The services of one file while those that extend others are completed, each once.
private final class Bases {
    var services: [String: Node]
    var done: Set<String> = []
    let file: Loader.OpenFile
    let resets: Resets

    init(_ services: [Node.Entry], of file: Loader.OpenFile, _ resets: Resets) {
        self.services = Dictionary(services.map { ($0.key, $0.value) }) { first, _ in first }
        self.file = file
        self.resets = resets
    }
}

/// What is being completed, each by the one after.
private typealias Chain = [(file: String, service: String, place: Place)]

extension Loader {
    /// Lays each service that extends another over that one.
    func extend(_ document: inout Node, of file: OpenFile, _ scope: Scope, _ resets: Resets) {
        guard let entries = document["services"]?.entries, entries.contains(where: { $0.value["extends"] != nil })
        else {
            return
        }
        let bases = Bases(entries, of: file, resets)
        var files: [String: Bases] = [:]
        document.edit("services") { services in
            services.editValues { entry in
                if let service = complete(entry.key, in: bases, [], scope, &files) { entry.value = service }
            }
        }
    }

    /// nil if there is no such service, or if it cannot be completed.
    private func complete(
        _ name: String, in bases: Bases, _ chain: Chain, _ scope: Scope, _ files: inout [String: Bases]
    ) -> Node? {
        guard var service = bases.services[name] else { return nil }
        guard !bases.done.contains(name), let extends = service["extends"] else { return service }
        let path = "services".key(name).key("extends")
        if refuseCycle(name, in: bases, chain, extends.place, path) { return nil }
        defer { bases.done.insert(name) }
        guard let reference = reference(extends, path) else { return service }
        let chain = chain + [(bases.file.location, name, extends.place)]
        var source = bases
        if let file = reference.file {
            let location = Path.absolute(file.string ?? "", in: scope.folder)
            guard let found = self.bases(at: location, file.place, path.key("file"), scope, &files) else {
                return service
            }
            source = found
        }
        guard source.services[reference.service] != nil else {
            missing(reference.service, extends, path, source)
            return service
        }
        guard var base = complete(reference.service, in: source, chain, scope, &files) else { return nil }
        if base.isNull { return service }
        bases.resets["services"]?[name]?.apply(to: &base)
        base.remove("extends")
        service.remove("extends")
        let keyPlace = service.place
        Merge(report: report).merge(&base, service, at: Merge.rules.below("services", name), "services".key(name))
        base.place = keyPlace
        bases.services[name] = base
        return base
    }

    private func refuseCycle(_ name: String, in bases: Bases, _ chain: Chain, _ place: Place, _ path: String) -> Bool {
        guard let start = chain.firstIndex(where: { $0.file == bases.file.location && $0.service == name }) else {
            return false
        }
        isWhole = false
        let names = (chain[start...].map { ($0.file, $0.service) } + [(bases.file.location, name)])
        let several = Set(names.map(\.0)).count > 1
        let text = names.map { several ? "\($0.1) in \(display($0.0))" : $0.1 }.joined(separator: " -> ")
        report.error(
            "the services extend each other: \(text)", at: chain[start].place, path: path,
            notes: chain[start...].dropFirst().map { .init("by way of this", at: $0.place) },
            hint: "remove one of these extends")
        return true
    }

    private func reference(_ extends: Node, _ path: String) -> (service: String, file: Node?)? {
        if let service = extends.string { return (service, nil) }
        guard let service = extends.string("service") else {
            report.error(
                extends.entries == nil
                    ? "expected a service or a mapping, found \(extends.described)" : "service is missing",
                at: extends.place, path: path, hint: "write {service: NAME, file: other.yaml}")
            return nil
        }
        guard let file = extends["file"], !file.isNull else { return (service, nil) }
        return (service, file)
    }

    private func bases(
        at location: String, _ place: Place, _ path: String, _ scope: Scope, _ files: inout [String: Bases]
    ) -> Bases? {
        if let known = files[location] { return known }
        guard let file = open(location, for: "extended here", at: place, path: path) else { return nil }
        let (services, resets) = bases(file, scope)
        guard let entries = services?.entries else {
            isWhole = false
            report.error("\(file.name) has no services", at: place, path: path)
            return nil
        }
        let bases = Bases(entries, of: file, resets)
        files[location] = bases
        return bases
    }

    private func missing(_ service: String, _ extends: Node, _ path: String, _ source: Bases) {
        isWhole = false
        let near = nearest(to: service, in: source.services.keys)
        let place = extends["service"]?.place ?? extends.place
        report.error(
            "there is no service \(service) in \(source.file.name)", at: place, path: path,
            hint: near.map { "did you mean \($0)?" } ?? "name one of its services")
    }
}
