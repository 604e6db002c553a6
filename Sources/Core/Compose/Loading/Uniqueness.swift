import Diagnostics
import YAML

/// Keeps of the items of a list that mean the same thing the last, where the first stood.
struct Uniqueness {
    /// By what items are told apart.
    enum Rule {
        /// What stands before `=`.
        case name
        /// The target of a mount.
        case mount
        /// The target of a device.
        case device
        /// The target, or the name in this folder.
        case file(folder: String)
        case exposed
        case port
        case path
    }

    static let rules: PathTable<Rule> = {
        var rules: [String: Rule] = ["networks.*.labels": .name, "networks.*.ipam.options": .name]
        let names = [
            "annotations", "build.args", "build.additional_contexts", "build.tags", "build.labels", "cap_add",
            "cap_drop", "deploy.labels", "dns", "dns_opt", "dns_search", "environment", "labels", "links",
            "networks.*.aliases", "networks.*.link_local_ips", "profiles", "sysctls", "tmpfs",
        ]
        for name in names { rules["services.*." + name] = .name }
        let others: [String: Rule] = [
            "configs": .file(folder: ""), "secrets": .file(folder: "/run/secrets"), "env_file": .path,
            "expose": .exposed, "ports": .port, "volumes": .mount, "devices": .device,
        ]
        for (name, rule) in others { rules["services.*." + name] = rule }
        return PathTable(rules)
    }()

    let report: Report

    func enforce(on root: inout Node) {
        root.edit(along: Self.rules) { node, path, rule in
            guard let items = node.items, items.count > 0 else { return }
            var places: [String: Int] = [:]
            var kept: [Node] = []
            for (index, item) in items.enumerated() {
                guard let key = key(of: item, rule, path.item(index)) else {
                    kept.append(item)
                    continue
                }
                if let place = places[key] {
                    kept[place] = item
                } else {
                    places[key] = kept.count
                    kept.append(item)
                }
            }
            if kept.count < items.count { node.editItems { $0 = kept } }
        }
    }

    /// nil where the item has no meaning; the form of values is judged by another stage.
    private func key(of item: Node, _ rule: Rule, _ path: String) -> String? {
        switch rule {
        case .name: return item.string.map { String($0.prefix { $0 != "=" }) }
        case .mount:
            if let text = item.string { return Mounts.parse(text)?.target }
            return target(of: item, path, missing: "the target of the mount is missing")
        case .device:
            if let text = item.string {
                let parts = text.split(separator: ":", omittingEmptySubsequences: false)
                return String(parts.count == 1 ? parts[0] : parts[1])
            }
            return target(of: item, path, missing: "the target of the device is missing")
        case .file(let folder):
            if let text = item.string { return "\(folder)/\(text)" }
            return item.string("target") ?? item.string("source").map { "\(folder)/\($0)" }
        case .exposed:
            if case .double = item.scalar?.value {
                report.error("expected a port or a range of ports, found \(item.described)", at: item.place, path: path)
            }
            return item.scalar?.printed
        case .port: return portKey(item, path)
        case .path: return item.string ?? item.string("path")
        }
    }

    private func target(of item: Node, _ path: String, missing: String) -> String? {
        if item.entries == nil { return nil }
        guard let target = item["target"] else {
            report.error(missing, at: item.place, path: path, hint: "add target:")
            return nil
        }
        return target.string
    }

    private func portKey(_ item: Node, _ path: String) -> String? {
        if let scalar = item.scalar { return scalar.printed }
        guard item.entries != nil else { return nil }
        guard let target = item["target"] else {
            report.error(
                "the target is missing", at: item.place, path: path, hint: "add target: and the container's port")
            return nil
        }
        // A number and a text of the same digits are told apart, as the reference does.
        let published = item["published"]?.scalar.map { $0.value == .string ? $0.text : "#\($0.printed)" } ?? ""
        let parts = [item.string("host_ip") ?? "0.0.0.0", published, target.scalar?.printed ?? ""]
        return parts.joined(separator: ":") + "/" + (item.string("protocol") ?? "tcp")
    }
}
