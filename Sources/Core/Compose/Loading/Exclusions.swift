import Diagnostics
import YAML

/// Keys of one mapping that exclude each other, and those of which one must be there.
struct Exclusions {
    private enum Rule { case volume, config, secret, port, watched, device }

    private static let rules = PathTable<Rule>([
        "volumes.*": .volume, "configs.*": .config, "secrets.*": .secret, "services.*.ports.*": .port,
        "services.*.develop.watch.*.path": .watched, "services.*.gpus.*": .device,
        "services.*.deploy.resources.reservations.devices.*": .device,
    ])

    let report: Report

    func check(_ root: Node) {
        root.visit(along: Self.rules) { node, path, rule in
            switch rule {
            case .volume: external(node, path)
            case .config: source(node, path, ["file", "environment", "content"])
            case .secret: source(node, path, ["file", "environment"])
            case .port: address(node, path)
            case .watched:
                if node.string == "" { error("expected a path, found \"\"", node.place, path, hint: "write . for all") }
            case .device: count(node, path)
            }
        }
    }

    private func error(
        _ message: String, _ place: Place, _ path: String, notes: [Diagnostic.Note] = [], hint: String? = nil
    ) {
        report.followUp(Diagnostic(.error, message, at: place, path: path, notes: notes, hint: hint))
    }

    private func external(_ node: Node, _ path: String) {
        guard let external = node["external"], external.isTrue else { return }
        for entry in node.entries ?? []
        where entry.key != "name" && entry.key != "external" && !entry.key.hasPrefix("x-") {
            error(
                "a volume from outside of the project takes no \(entry.key)", entry.keyPlace, path.key(entry.key),
                notes: [.init("it is external", at: external.place)], hint: "remove one of the two")
        }
    }

    private func source(_ node: Node, _ path: String, _ keys: [String]) {
        guard let entries = node.entries else { return }
        let given = entries.filter { keys.contains($0.key) }
        if given.count > 1 {
            error(
                "\(given.map(\.key).joined(separator: " and ")) exclude each other", given[1].keyPlace, path,
                notes: [.init("the other", at: given[0].keyPlace)], hint: "remove all but one")
        }
        if given.isEmpty && node["driver"] == nil && node["external"] == nil {
            error(
                "its source is missing", node.place, path,
                hint: "add \(either(keys.map { $0 + ":" })), or external: true")
        }
    }

    private func address(_ node: Node, _ path: String) {
        guard let address = node["host_ip"], let text = address.string, !Units.isAddress(text) else { return }
        error(
            "expected an IP address of the host, found \"\(text)\"", address.place, path.key("host_ip"),
            hint: "write 127.0.0.1 or ::1")
    }

    private func count(_ node: Node, _ path: String) {
        guard let entries = node.entries, let count = entries.first(where: { $0.key == "count" }),
            let ids = entries.first(where: { $0.key == "device_ids" })
        else { return }
        error(
            "count and device_ids exclude each other", ids.keyPlace, path,
            notes: [.init("count", at: count.keyPlace)], hint: "remove one of the two")
    }
}
