import Diagnostics
import YAML

/// Settle's own keys may be written with `x-` before them, so that a file stays valid for others. What others already
/// mean by such a key stays theirs: only what has the form of Settle's is taken for it.
struct OwnKeys {
    static let top: Set<String> = ["namespaces", "resources", "links"]
    static let service: Set<String> = ["rootfs", "namespaces", "time_offset", "egress", "on_unhealthy"]
    static let healthcheck: Set<String> = ["http", "tcp"]

    let report: Report

    func renamed(_ document: Node) -> Node {
        var document = document
        rename(&document, Self.top, "")
        document.edit("services") { services in
            services.editValues { service in
                let path = "services".key(service.key)
                rename(&service.value, Self.service, path)
                service.value.edit("healthcheck") { rename(&$0, Self.healthcheck, path.key("healthcheck")) }
            }
        }
        return document
    }

    private func rename(_ node: inout Node, _ own: Set<String>, _ path: String) {
        node.editEntries { entries in
            for index in entries.indices where entries[index].key.hasPrefix("x-") {
                let key = String(entries[index].key.dropFirst(2))
                guard own.contains(key), isOwn(entries[index].value, key, isTop: path.isEmpty) else { continue }
                if let plain = entries.first(where: { $0.key == key }) {
                    report.error(
                        "stands here with and without x-", at: entries[index].keyPlace, path: path.key(key),
                        notes: [.init("without", at: plain.keyPlace)], hint: "remove one of the two")
                } else {
                    entries[index].key = key
                }
            }
        }
    }

    /// At the top, where files keep what they use by aliases.
    private func isOwn(_ node: Node, _ key: String, isTop: Bool) -> Bool {
        guard isTop else { return true }
        guard let entries = node.entries else { return false }
        switch key {
        case "resources": return entries.contains { Self.limits.contains($0.key) }
        case "namespaces":
            return entries.allSatisfy { entry in
                entry.value.isNull || entry.value.items != nil
                    || entry.value.entries?.allSatisfy { $0.key == "kinds" || $0.key == "networks" } == true
            }
        case _: return true
        }
    }

    private static let limits: Set<String> = [
        "cpus", "cpu_shares", "cpuset", "mem_limit", "memswap_limit", "pids_limit",
    ]
}
