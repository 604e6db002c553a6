import Diagnostics
import YAML

/// What the files mean: every value in its long form and its own unit, names in order. It is what `config` prints, and
/// what a `Project` to run is made of.
package struct Model {
    package let name: String
    /// Absolute; what relative paths were resolved against.
    package let directory: String
    /// What variables were taken from.
    package let environment: [String: String]
    /// Without services that no profile enables.
    var root = Node.mapping([], at: Place(file: "", line: 1, column: 1))
    /// The services that no profile enables.
    var disabled: [Node.Entry] = []
    private(set) var profiles: [String] = []
    /// Of each service, the services that it depends on without saying so.
    var implied: [String: Set<String>] = [:]
    /// Without interpolation: before units were read.
    var untyped: Node?
    /// The services whose `image` is there, but empty.
    var emptyImages: [String: Place] = [:]
    /// What secrets and configurations of included files hold, by their key paths, where that is from variables of these
    /// files' own. No text shows it.
    var sharedValues: [String: (variable: String, text: String)] = [:]
    /// For problems that are found later.
    var origins = Report.Origins()

    init(name: String, directory: String, environment: [String: String]) {
        self.name = name
        self.directory = directory
        self.environment = environment
    }

    /// What may be set, where variables were left as they are.
    package var variables: [Variable] { Compose.variables(in: [untyped].compactMap { $0 }) }

    var services: [Node.Entry] { root["services"]?.entries ?? [] }

    package var serviceNames: [String] { services.map(\.key) }
    package var networkNames: [String] { names("networks") }
    package var volumeNames: [String] { names("volumes") }
    package var modelNames: [String] {
        (root["models"]?.entries ?? []).compactMap { $0.value.string("model") }
    }

    /// Of all services, enabled or not.
    package var profileNames: [String] {
        let all = (services + disabled).flatMap { Self.profiles(of: $0.value) }
        return Set(all).sorted()
    }

    /// Of each service, the built ones' included; then those of hooks.
    package var imageNames: [String] {
        services.flatMap { service -> [String] in
            let image = service.value.string("image") ?? "\(name)-\(service.key)"
            let hooks = (service.value["pre_start"]?.items ?? []).compactMap { $0.string("image") }
            return [image] + hooks.filter { $0 != image }
        }
    }

    private func names(_ section: String) -> [String] { (root[section]?.entries ?? []).map(\.key) }

    static func profiles(of service: Node) -> [String] {
        (service["profiles"]?.items ?? []).compactMap { $0.string }
    }

    mutating func editServices(_ body: (inout Node.Entry) -> Void) {
        root.edit("services") { $0.editValues(body) }
    }
}

// Which services there are.
extension Model {
    /// Only services that have no profile or one of these are there.
    mutating func enable(_ profiles: [String]) {
        self.profiles = profiles
        let wanted = Set(profiles)
        let all = (services + disabled).sorted { $0.key < $1.key }
        func isEnabled(_ entry: Node.Entry) -> Bool {
            let own = Self.profiles(of: entry.value)
            return own.isEmpty || wanted.contains("*") || own.contains(where: wanted.contains)
        }
        let enabled = all.filter(isEnabled)
        disabled = enabled.count == all.count ? [] : all.filter { !isEnabled($0) }
        root.edit("services") { $0.editEntries { $0 = enabled } }
    }

    /// The profiles of these services are enabled, too.
    mutating func enable(profilesOf names: [String]) {
        let hidden = disabled.filter { names.contains($0.key) }.flatMap { Self.profiles(of: $0.value) }
        if !hidden.isEmpty { enable(profiles + hidden) }
    }

    /// Only these services, with what they need, are there; their profiles are enabled.
    mutating func select(_ names: [String], _ report: Report) {
        enable(profilesOf: names)
        let all = Dictionary(services.map { ($0.key, $0.value) }) { first, _ in first }
        for name in names where all[name] == nil {
            report.error(
                "no such service: \(name)", at: nil, hint: nearest(to: name, in: all.keys).map { "did you mean \($0)?" }
            )
        }
        let selected = needed(by: names)
        for name in selected {
            for dependency in all[name]?["depends_on"]?.entries ?? []
            where all[dependency.key] == nil && dependency.value["required"]?.isTrue == true {
                report.error(
                    "\(name) needs \(dependency.key), which no profile enables", at: dependency.keyPlace,
                    path: "services".key(name).key("depends_on").key(dependency.key))
            }
        }
        disabled += services.filter { !selected.contains($0.key) }
        root.edit("services") { $0.editEntries { entries in entries.removeAll { !selected.contains($0.key) } } }
        editServices { service in
            service.value.edit("depends_on") { dependencies in
                dependencies.editEntries { entries in entries.removeAll { !selected.contains($0.key) } }
            }
            if service.value["depends_on"]?.entries?.isEmpty == true { service.value.remove("depends_on") }
        }
    }

    /// These services, and what they depend on.
    func needed(by names: [String]) -> Set<String> {
        let all = Dictionary(services.map { ($0.key, $0.value) }) { first, _ in first }
        var found: Set<String> = []
        var open = names
        while let name = open.popLast() {
            guard let service = all[name], found.insert(name).inserted else { continue }
            open += (service["depends_on"]?.entries ?? []).map(\.key)
        }
        return found
    }

    /// `scale` also counts as `deploy.replicas`.
    mutating func alignReplicas() {
        editServices { service in
            guard let scale = service.value["scale"] else { return }
            service.value.edit("deploy") { $0.set("replicas", to: scale) }
        }
    }

    /// Takes away networks, volumes, secrets, configs and models that no service uses.
    mutating func dropUnused() {
        var used: [String: Set<String>] = [:]
        func use(_ section: String, _ name: String?) {
            if let name { used[section, default: []].insert(name) }
        }
        for service in services.map(\.value) {
            for network in service["networks"]?.entries ?? [] { use("networks", network.key) }
            for mount in service["volumes"]?.items ?? [] where mount.string("type") == "volume" {
                use("volumes", mount.string("source"))
            }
            for secret in (service["secrets"]?.items ?? []) + (service["build"]?["secrets"]?.items ?? []) {
                use("secrets", secret.string("source"))
            }
            for config in service["configs"]?.items ?? [] { use("configs", config.string("source")) }
            for model in service["models"]?.entries ?? [] { use("models", model.key) }
        }
        for shared in root["namespaces"]?.entries ?? [] {
            for network in shared.value["networks"]?.entries ?? [] { use("networks", network.key) }
        }
        for section in ["networks", "volumes", "secrets", "configs", "models"] {
            let used = used[section] ?? []
            root.edit(section) { $0.editEntries { entries in entries.removeAll { !used.contains($0.key) } } }
            if root[section]?.entries?.isEmpty == true { root.remove(section) }
        }
    }
}
