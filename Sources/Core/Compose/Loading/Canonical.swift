import Diagnostics
import YAML

/// Spells out short forms. What has neither form is left for other stages to judge.
struct Canonical {
    enum Rule {
        case build
        case dependencies
        case names
        /// `build.additional_contexts`
        case contexts
        case ssh
        /// A text or truth value is a text.
        case word
        case environmentFiles
        /// One text is a list of it.
        case list
        case extends
        case gpus
        case mounts
        case devices
        case files
        case ports
        case resource
        /// A list of kinds, or a mapping with networks.
        case sharedNamespaces
    }

    static let rules: PathTable<Rule> = {
        var rules: [String: Rule] = [
            "volumes.*": .resource, "networks.*": .resource, "secrets.*": .resource, "configs.*": .resource,
            "namespaces.*": .sharedNamespaces,
        ]
        let service: [String: Rule] = [
            "build": .build, "depends_on": .dependencies, "env_file": .environmentFiles, "label_file": .list,
            "extends": .extends, "gpus": .gpus, "networks": .names, "models": .names, "volumes": .mounts, "dns": .list,
            "devices": .devices, "secrets": .files, "configs": .files, "ports": .ports,
            "develop.watch.*.ignore": .list, "develop.watch.*.include": .list,
        ]
        for (path, rule) in service { rules["services.*." + path] = rule }
        return PathTable(rules)
    }()

    private static let build = PathTable<Rule>([
        "secrets": .files, "provenance": .word, "sbom": .word, "additional_contexts": .contexts, "ssh": .ssh,
    ])

    let report: Report
    /// Without interpolation, a text that cannot be read may hold a variable.
    let keepsUnreadable: Bool

    func spellOut(_ root: inout Node) {
        root.edit(along: Self.rules) { node, path, rule in apply(rule, to: &node, path) }
        omitEmptyServers(in: &root)
    }

    private func apply(_ rule: Rule, to node: inout Node, _ path: String) {
        switch rule {
        case .build:
            if node.string != nil { node = .mapping([.init("context", at: node.place, node)], at: node.place) }
            node.edit(along: Self.build, path) { node, path, rule in apply(rule, to: &node, path) }
        case .dependencies: node = Self.dependencies(node)
        case .names: node = Self.names(node)
        case .contexts: contexts(&node, path)
        case .ssh: ssh(&node, path)
        case .word:
            if let scalar = node.scalar, scalar.value != .string { node = .text(scalar.printed, at: node.place) }
        case .environmentFiles: node = Self.environmentFiles(node)
        case .list: if node.string != nil { node = .sequence([node], at: node.place) }
        case .extends:
            if node.string != nil { node = .mapping([.init("service", at: node.place, node)], at: node.place) }
        case .gpus:
            if node.string != nil {
                let all = Node.Entry("count", at: node.place, .text("all", at: node.place))
                node = .sequence([.mapping([all], at: node.place)], at: node.place)
            }
        case .mounts: each(&node, path) { mount($0, $1) }
        case .devices: each(&node, path) { device($0, $1) }
        case .files: each(&node, path) { file($0, $1) }
        case .ports: ports(&node, path)
        case .resource: external(&node, path)
        case .sharedNamespaces:
            if node.items != nil { node = .mapping([.init("kinds", at: node.place, node)], at: node.place) }
            node.edit("networks") { $0 = Self.names($0) }
        }
    }

    private func each(_ node: inout Node, _ path: String, _ body: (Node, String) -> Node) {
        node.editItems { items in
            for index in items.indices { items[index] = body(items[index], path.item(index)) }
        }
    }

    /// `[a, b]` as a mapping with nulls.
    static func names(_ node: Node) -> Node {
        mapping(of: node) { .null(at: $0) }
    }

    static func dependencies(_ node: Node) -> Node {
        if node.items != nil {
            return mapping(of: node) { place in
                .mapping(
                    [
                        .init("condition", at: place, .text("service_started", at: place)),
                        .init("required", at: place, .plain("true", at: place)),
                    ], at: place)
            }
        }
        var node = node
        node.editValues { entry in
            let place = entry.keyPlace
            guard entry.value.entries != nil else { return }
            entry.value.setDefault("condition", to: .text("service_started", at: place))
            entry.value.setDefault("required", to: .plain("true", at: place))
        }
        return node
    }

    private static func mapping(of node: Node, _ value: (Place) -> Node) -> Node {
        guard let items = node.items, items.allSatisfy({ $0.string != nil }) else { return node }
        var seen: Set<String> = []
        let entries = items.compactMap { item -> Node.Entry? in
            guard let name = item.string, seen.insert(name).inserted else { return nil }
            return .init(name, at: item.place, value(item.place))
        }
        return .mapping(entries, at: node.place)
    }

    private static func environmentFiles(_ node: Node) -> Node {
        func spelled(_ node: Node) -> Node {
            if node.string != nil {
                return .mapping(
                    [
                        .init("path", at: node.place, node),
                        .init("required", at: node.place, .plain("true", at: node.place)),
                    ],
                    at: node.place)
            }
            var node = node
            node.setDefault("required", to: .plain("true", at: node.place))
            return node
        }
        if let items = node.items { return .sequence(items.map(spelled), at: node.place) }
        return node.string == nil ? node : .sequence([spelled(node)], at: node.place)
    }

    /// Name servers without a name are as if they were not there.
    private func omitEmptyServers(in root: inout Node) {
        root.edit(along: Self.servers) { node, _, _ in
            node.editItems { items in items.removeAll { $0.isNull || $0.string == "" } }
        }
    }

    private static let servers = PathTable<Bool>(["services.*.dns": true])
}

// Values that hold more than one thing.
extension Canonical {
    private func contexts(_ node: inout Node, _ path: String) {
        guard let items = node.items else { return }
        var entries: [Node.Entry] = []
        for (index, item) in items.enumerated() {
            guard let text = item.string, let equals = text.firstIndex(of: "=") else {
                if keepsUnreadable { return }
                report.error(
                    "expected NAME=CONTEXT, found \(item.described)", at: item.place, path: path.item(index),
                    hint: "write name=./folder")
                continue
            }
            let name = String(text[..<equals])
            entries.removeAll { $0.key == name }
            entries.append(.init(name, at: item.place, .text(String(text[equals...].dropFirst()), at: item.place)))
        }
        node = .mapping(entries, at: node.place)
    }

    /// `default`, or `ID=PATH`.
    private func ssh(_ node: inout Node, _ path: String) {
        guard let items = node.items else { return }
        var entries: [Node.Entry] = []
        for (index, item) in items.enumerated() {
            guard let text = item.string else { continue }
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if parts.count == 1 && text != "default" {
                report.error(
                    "expected default or ID=PATH, found \"\(text)\"", at: item.place, path: path.item(index),
                    hint: "write default, or name the agent's socket or key: \(text)=PATH")
                continue
            }
            entries.removeAll { $0.key == parts[0] }
            let value: Node = parts.count == 1 ? .null(at: item.place) : .text(parts[1], at: item.place)
            entries.append(.init(parts[0], at: item.place, value))
        }
        node = .mapping(entries, at: node.place)
    }

    private func mount(_ node: Node, _ path: String) -> Node {
        guard let text = node.string else { return node }
        if let mount = Mounts.parse(text) { return mount.node(at: node.place) }
        if !keepsUnreadable {
            report.error(
                "\"\(text)\" is no mount", at: node.place, path: path,
                hint: "write \"./folder:/target\", \"volume:/target:ro\" or the long form")
        }
        return node
    }

    /// `SOURCE[:TARGET[:PERMISSIONS]]`
    private func device(_ node: Node, _ path: String) -> Node {
        guard let text = node.string else { return node }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if parts.count > 3 {
            if !keepsUnreadable {
                report.error(
                    "\"\(text)\" is no device", at: node.place, path: path,
                    hint: "write \"/dev/source:/dev/target:rwm\" or the long form")
            }
            return node
        }
        let target = parts.count > 1 && !parts[1].isEmpty ? parts[1] : parts[0]
        func entry(_ key: String, _ text: String) -> Node.Entry {
            .init(key, at: node.place, .text(text, at: node.place))
        }
        return .mapping(
            [
                entry("source", parts[0]), entry("target", target),
                entry("permissions", parts.count > 2 ? parts[2] : "rwm"),
            ],
            at: node.place)
    }

    private func file(_ node: Node, _: String) -> Node {
        node.string == nil ? node : .mapping([.init("source", at: node.place, node)], at: node.place)
    }

    private func ports(_ node: inout Node, _ path: String) {
        guard let items = node.items else { return }
        var ports: [Node] = []
        for (index, item) in items.enumerated() {
            guard let scalar = item.scalar, scalar.value != .null else {
                ports.append(item)
                continue
            }
            do throws(PublishedPort.Mistake) {
                ports += try PublishedPort.parse(scalar.printed).map { $0.node(at: item.place) }
            } catch {
                // Then none is spelled out: the list shall be in one form.
                if keepsUnreadable { return }
                report.error(error.message, at: item.place, path: path.item(index), hint: error.hint)
            }
        }
        node = .sequence(ports, at: node.place)
    }

    /// `external: {name: NAME}` is `external: true` and `name: NAME`.
    private func external(_ node: inout Node, _ path: String) {
        guard let external = node["external"], external.entries != nil else { return }
        let name = node["name"]
        node.set("external", to: .plain("true", at: external.place))
        guard let old = external["name"] else { return }
        report.warn(
            "external.name is deprecated", at: old.place, path: path.key("external.name"),
            hint: "write name: beside external: true")
        if let name, name.scalar?.text != old.scalar?.text {
            report.error(
                "name and external.name say different things", at: old.place, path: path.key("external.name"),
                notes: [.init("name", at: name.place)], hint: "write name: only")
        }
        if name == nil { node.set("name", to: old) }
    }
}
