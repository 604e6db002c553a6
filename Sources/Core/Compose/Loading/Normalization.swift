import Diagnostics
import YAML

/// Says outright what is implied: the default network, dependencies, names.
struct Normalization {
    let name: String
    let environment: [String: String]
    /// Of each service, the services that it depends on without saying so.
    private(set) var implied: [String: Set<String>] = [:]

    init(name: String, environment: [String: String]) {
        self.name = name
        self.environment = environment
    }

    mutating func run(_ root: inout Node) {
        var usesDefault = false
        root.edit("services") { services in
            services.editValues { entry in
                guard entry.value.entries != nil else { return }
                if joinDefault(&entry.value) { usesDefault = true }
                service(&entry.value, entry.key)
            }
        }
        if usesDefault {
            root.setDefault("networks", to: .mapping([], at: root.place))
            root.edit("networks") { $0.setDefault("default", to: .null(at: $0.place)) }
        }
        for key in ["networks", "volumes", "configs", "secrets"] {
            root.edit(key) { resources in
                resources.editValues { entry in named(&entry) }
            }
        }
    }

    /// - Returns: whether the service is in the network `default`.
    private func joinDefault(_ service: inout Node) -> Bool {
        if service["provider"] != nil || service["network_mode"] != nil { return false }
        // A network namespace of the stack or of another service is in networks of its own.
        if let own = service["namespaces"]?.string("net"), own != "private" { return false }
        let networks = service["networks"]
        if let entries = networks?.entries, !entries.isEmpty { return networks?["default"] != nil }
        service.set(
            "networks", to: .mapping([.init("default", at: service.place, .null(at: service.place))], at: service.place)
        )
        return true
    }

    private mutating func service(_ service: inout Node, _ name: String) {
        if service.string("pull_policy") == "if_not_present" {
            service.edit("pull_policy") { $0 = .text("missing", at: $0.place) }
        }
        service.edit("build") { build in
            build.setDefault("context", to: .text(".", at: build.place))
            if build["dockerfile_inline"] == nil {
                build.setDefault("dockerfile", to: .text("Dockerfile", at: build.place))
            }
            build.edit("args") { resolve(&$0, keepsUnset: false) }
        }
        service.edit("environment") { resolve(&$0, keepsUnset: true) }
        service.edit("volumes") { volumes in
            volumes.editItems { items in
                for index in items.indices {
                    items[index].edit("target") { target in
                        if let text = target.string { target = .text(Path.clean(text), at: target.place) }
                    }
                }
            }
        }
        imply(&service, name)
        inheritImage(&service)
    }

    /// Variables without a value are taken from the project's environment.
    private func resolve(_ node: inout Node, keepsUnset: Bool) {
        node.editEntries { entries in
            entries = entries.compactMap { entry in
                guard entry.value.isNull else { return entry }
                guard let value = environment[entry.key] else { return keepsUnset ? entry : nil }
                return .init(entry.key, at: entry.keyPlace, .text(value, at: entry.value.place))
            }
        }
        node.editItems { items in
            items = items.compactMap { item in
                guard let text = item.string, !text.contains("=") else { return item }
                guard let value = environment[text] else { return keepsUnset ? item : nil }
                return .text("\(text)=\(value)", at: item.place)
            }
        }
    }

    /// Links, shared namespaces and mounts of other services' volumes ask for these services.
    private mutating func imply(_ service: inout Node, _ name: String) {
        var others: [(name: String, restart: Bool, place: Place)] = []
        for link in service["links"]?.items ?? [] {
            guard let text = link.string else { continue }
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            others.append((parts.count == 2 ? String(parts[0]) : text, true, link.place))
        }
        for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
            guard let mode = service[key], let text = mode.string, text.hasPrefix("service:") else { continue }
            others.append((String(text.dropFirst(8)), true, mode.place))
        }
        for source in service["volumes_from"]?.items ?? [] {
            guard let text = source.string, !text.hasPrefix("container:") else { continue }
            let other = text.split(separator: ":", omittingEmptySubsequences: false)[0]
            others.append((String(other), false, source.place))
        }
        for (other, restart, place) in others where service["depends_on"]?[other] == nil {
            service.setDefault("depends_on", to: .mapping([], at: service.place))
            service.edit("depends_on") { dependencies in
                dependencies.set(
                    other,
                    to: .mapping(
                        [
                            .init("condition", at: place, .text("service_started", at: place)),
                            .init("required", at: place, .plain("true", at: place)),
                            .init("restart", at: place, .plain(restart ? "true" : "false", at: place)),
                        ], at: place))
            }
            implied[name, default: []].insert(other)
        }
        if service["depends_on"]?.entries?.isEmpty == true { service.remove("depends_on") }
    }

    private func inheritImage(_ service: inout Node) {
        guard let image = service["image"], let text = image.string, !text.isEmpty else { return }
        service.edit("pre_start") { hooks in
            hooks.editItems { items in
                for index in items.indices { items[index].setDefault("image", to: image) }
            }
        }
    }

    /// A resource without a name has that of the project and its key, an external one its key.
    private func named(_ entry: inout Node.Entry) {
        if entry.value.isNull { entry.value = .mapping([], at: entry.value.place) }
        if let given = entry.value["name"], !given.isNull { return }
        let isExternal = ["1", "t", "T", "TRUE", "true", "True"].contains(
            entry.value["external"]?.scalar?.printed ?? "")
        entry.value.set("name", to: .text(isExternal ? entry.key : "\(name)_\(entry.key)", at: entry.value.place))
    }
}
