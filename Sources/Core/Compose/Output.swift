package import Diagnostics

/// The project as `config` prints it, shaped as Docker Compose's, with Settle's own keys among the others. Loading it
/// again, with the same folder, gives the same project: so every dollar is doubled in values.
extension Project {
    package func json() -> JSON {
        var members: [(String, JSON)] = [("name", .string(name))]
        members.append(("services", object(services) { ($0.name, $0.json()) }))
        if !networks.isEmpty { members.append(("networks", object(networks) { ($0.key, $0.json) })) }
        if !volumes.isEmpty { members.append(("volumes", object(volumes) { ($0.key, $0.json) })) }
        if !namespaces.isEmpty { members.append(("namespaces", object(namespaces) { ($0.name, $0.json) })) }
        if resources != Resources() { members.append(("resources", .object(resources.members))) }
        return .object(members)
    }

    /// The same as YAML, with a line end after the last line.
    package func yaml() -> String { YAMLText(json()).text }
}

extension Network {
    fileprivate var json: JSON {
        var members: [(String, JSON)] = [("name", escaped(name))]
        if let subnet {
            var config: [(String, JSON)] = [("subnet", .string("\(subnet)"))]
            if let gateway { config.append(("gateway", .string("\(gateway)"))) }
            members.append(("ipam", .object([("config", .array([.object(config)]))])))
        } else {
            members.append(("ipam", .object([])))
        }
        if self.internal { members.append(("internal", .bool(true))) }
        if !labels.isEmpty { members.append(("labels", table(labels))) }
        return .object(members)
    }
}

extension Volume {
    fileprivate var json: JSON {
        .object([("name", escaped(name))] + (labels.isEmpty ? [] : [("labels", table(labels))]))
    }
}

extension SharedNamespaces {
    fileprivate var json: JSON {
        var members: [(String, JSON)] = []
        if !kinds.isEmpty { members.append(("kinds", .array(kinds.map { .string($0.rawValue) }))) }
        if !networks.isEmpty { members.append(("networks", object(networks) { ($0.network, $0.json) })) }
        return .object(members)
    }
}

extension Resources {
    fileprivate var members: [(String, JSON)] {
        var members: [(String, JSON)] = []
        if let cpuShares { members.append(("cpu_shares", .int(cpuShares))) }
        if let nanoCPUs { members.append(("cpus", .double(Double(nanoCPUs) / 1e9))) }
        if let cpuset { members.append(("cpuset", .string(cpuset))) }
        if let memory { members.append(("mem_limit", .string("\(memory)"))) }
        if let memorySwap { members.append(("memswap_limit", .string("\(memorySwap)"))) }
        if let pids { members.append(("pids_limit", .int(pids))) }
        return members
    }
}

extension Service {
    /// Keys in the order of the alphabet, as Docker Compose prints them; what is not set is left out, `command` and
    /// `entrypoint` aside.
    fileprivate func json() -> JSON {
        let members = process + isolation + storage + resources.members
        return .object(members.sorted { $0.0 < $1.0 })
    }

    private var process: [(String, JSON)] {
        var members: [(String, JSON)] = [
            ("command", command.map(list) ?? .null), ("entrypoint", entrypoint.map(list) ?? .null),
        ]
        if !environment.isEmpty { members.append(("environment", table(environment))) }
        if let workingDirectory { members.append(("working_dir", escaped(workingDirectory))) }
        if let user { members.append(("user", escaped(user))) }
        if self.`init` { members.append(("init", .bool(true))) }
        if restart != .no { members.append(("restart", .string(restart.text))) }
        if stopSignal != .terminate { members.append(("stop_signal", .string(stopSignal.name))) }
        if stopGracePeriod != .seconds(10) {
            members.append(("stop_grace_period", .string(Units.text(stopGracePeriod))))
        }
        if replicas != 1 { members.append(("deploy", .object([("replicas", .int(Int64(replicas)))]))) }
        if !labels.isEmpty { members.append(("labels", table(labels))) }
        if logging != LogSettings() {
            let options = [
                ("max-file", JSON.string("\(logging.maxFile)")), ("max-size", .string("\(logging.maxSize)")),
            ]
            members.append(("logging", .object([("options", .object(options))])))
        }
        if !dependencies.isEmpty { members.append(("depends_on", object(dependencies) { ($0.service, $0.json) })) }
        return members
    }

    private var isolation: [(String, JSON)] {
        var members: [(String, JSON)] = []
        if !addedCapabilities.isEmpty { members.append(("cap_add", list(addedCapabilities))) }
        if !droppedCapabilities.isEmpty { members.append(("cap_drop", list(droppedCapabilities))) }
        if let hostname { members.append(("hostname", escaped(hostname))) }
        if !networks.isEmpty { members.append(("networks", object(networks) { ($0.network, $0.json) })) }
        if namespaces.net == .private && networks.isEmpty { members.append(("network_mode", .string("none"))) }
        var own: [(String, JSON)] = []
        for kind in NamespaceKind.allCases where namespaces[kind] != .private {
            let mode = namespaces[kind]
            if let key = Self.composeKey(kind, mode) {
                members.append((key, .string(mode.text)))
            } else {
                own.append((kind.rawValue, .string(mode.text)))
            }
        }
        if !own.isEmpty { members.append(("namespaces", .object(own))) }
        if !ports.isEmpty { members.append(("ports", .array(ports.map(\.json)))) }
        return members
    }

    /// The Compose Specification's own key for it, if it has one.
    private static func composeKey(_ kind: NamespaceKind, _ mode: NamespaceMode) -> String? {
        switch (kind, mode) {
        case (.net, .host), (.net, .service): "network_mode"
        case (.pid, .host), (.pid, .service): "pid"
        case (.ipc, .host), (.ipc, .service): "ipc"
        case (.uts, .host): "uts"
        case (.mnt, _), (.net, _), (.pid, _), (.ipc, _), (.uts, _): nil
        }
    }

    private var storage: [(String, JSON)] {
        var members: [(String, JSON)] = []
        if namespaces.mnt == .private {
            switch root {
            case .host: members.append(("rootfs", .string("host")))
            case .directory(let path): members.append(("rootfs", escaped(path)))
            }
        }
        if readOnly { members.append(("read_only", .bool(true))) }
        if !volumes.isEmpty { members.append(("volumes", .array(volumes.map(\.json)))) }
        if !tmpfs.isEmpty { members.append(("tmpfs", list(tmpfs.map(\.text)))) }
        return members
    }
}

extension Dependency {
    fileprivate var json: JSON {
        let restart: [(String, JSON)] = self.restart ? [("restart", .bool(true))] : []
        return .object([("condition", .string(condition.rawValue)), ("required", .bool(required))] + restart)
    }
}

extension Attachment {
    fileprivate var json: JSON {
        var members: [(String, JSON)] = []
        if !aliases.isEmpty { members.append(("aliases", list(aliases))) }
        if let address { members.append(("ipv4_address", .string("\(address)"))) }
        return members.isEmpty ? .null : .object(members)
    }
}

extension Port {
    fileprivate var json: JSON {
        var members: [(String, JSON)] = [("mode", .string("ingress"))]
        if let address { members.append(("host_ip", .string(address))) }
        members.append(("target", .int(Int64(target))))
        if let published {
            let range = published.count == 1 ? "" : "-\(published.upperBound)"
            members.append(("published", .string("\(published.lowerBound)\(range)")))
        }
        members.append(("protocol", .string(transport.rawValue)))
        return .object(members)
    }
}

extension Mount {
    fileprivate var json: JSON {
        var members: [(String, JSON)] = []
        var special: [(String, JSON)] = []
        switch source {
        case .bind(let path, let create):
            members = [("type", .string("bind")), ("source", escaped(path))]
            special = [("bind", .object(create ? [("create_host_path", .bool(true))] : []))]
        case .volume(let key):
            members = [("type", .string("volume")), ("source", .string(key))]
            special = [("volume", .object([]))]
        case .anonymous:
            members = [("type", .string("volume"))]
            special = [("volume", .object([]))]
        case .tmpfs(let options):
            members = [("type", .string("tmpfs"))]
            special = [("tmpfs", .object(options.members))]
        }
        members.append(("target", escaped(target)))
        if readOnly { members.append(("read_only", .bool(true))) }
        return .object(members + special)
    }
}

extension TmpfsOptions {
    fileprivate var members: [(String, JSON)] {
        var members: [(String, JSON)] = []
        if let size { members.append(("size", .string("\(size)"))) }
        if let mode { members.append(("mode", .int(Int64(mode)))) }
        return members
    }
}

extension Tmpfs {
    fileprivate var text: String {
        var words: [String] = readOnly ? ["ro"] : []
        if let size = options.size { words.append("size=\(size)") }
        if let mode = options.mode { words.append("mode=\(String(mode, radix: 8))") }
        if let uid = options.uid { words.append("uid=\(uid)") }
        if let gid = options.gid { words.append("gid=\(gid)") }
        return words.isEmpty ? target : target + ":" + words.joined(separator: ",")
    }
}

private func escaped(_ text: String) -> JSON { .string(text.split("$" as Character).joined(separator: "$$")) }
private func list(_ texts: [String]) -> JSON { .array(texts.map(escaped)) }
private func table(_ table: [String: String]) -> JSON {
    .object(table.sorted { $0.key < $1.key }.map { ($0.key, escaped($0.value)) })
}
private func object<Element>(_ elements: [Element], _ member: (Element) -> (String, JSON)) -> JSON {
    .object(elements.map(member))
}

extension String {
    fileprivate func split(_ separator: Character) -> [Substring] {
        split(separator: separator, omittingEmptySubsequences: false)
    }
}
