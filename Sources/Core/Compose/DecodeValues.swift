import Diagnostics
import YAML

/// What the keys of the file mean; each grammar is the list of the keys that one kind of mapping may have.
enum Keys {}

// Values of a service that are one scalar or a list of them.
extension Keys {
    /// Null is as if the key were not there.
    static func words(_ reader: Reader, into words: inout [String]?) {
        if reader.node.isNull { return }
        words = reader.strings()
    }

    /// A null value is taken from the environment, or the variable stays out.
    static func environment(_ reader: Reader) -> [String: String] {
        guard let members = reader.members() else { return [:] }
        var environment: [String: String] = [:]
        for (name, place, value) in members {
            if name.isEmpty || name.contains("=") {
                reader.context.report.error(
                    "\"\(name)\" is no variable's name", at: place, path: value.path, hint: "write NAME: value")
            } else if value.node.isNull {
                environment[name] = value.context.environment[name]
            } else {
                environment[name] = value.text()
            }
        }
        return environment
    }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case _: false
        }
    }

    static func processors(_ reader: Reader) -> Int64? {
        guard let text = reader.node.scalar?.text, let nanos = Units.billionths(text) else {
            return reader.expected("a number of processors", "write 0.5 or 2")
        }
        if nanos == 0 { return nil }
        // cpu.cfs_quota_us is at least 1 ms, of a period of 100 ms.
        guard nanos >= 10_000_000 else { return reader.expected("at least 0.01 processors") }
        return nanos
    }

    static func shares(_ reader: Reader) -> Int64? {
        let shares = reader.integer(0...262_144, "a weight from 2 to 262144 (1024 is usual)")
        if shares == 1 { return reader.expected("a weight from 2 to 262144 (1024 is usual)") }
        return shares == 0 ? nil : shares
    }

    static func cpuset(_ reader: Reader) -> String? {
        guard let text = reader.text() else { return nil }
        guard let list = Units.processors(text) else {
            return reader.expected("a list of processors", "write \"0-2,5\"")
        }
        return list.text
    }

    /// 0 is no limit, as in Docker.
    static func limit(_ value: Int64?) -> Int64? { value == 0 ? nil : value }

    static func pids(_ reader: Reader) -> Int64? {
        limit(reader.integer(-1...4_194_304, "a number of processes from 1 to 4194304, or -1 for no limit"))
    }

    static func replicas(_ reader: Reader, _ draft: inout ServiceDraft) {
        guard let count = reader.integer(0...1000, "a number of containers, 0 to 1000") else { return }
        draft.replicas.append((Int(count), reader))
    }

    static func capabilities(_ reader: Reader) -> [String] {
        guard let items = reader.items(), reader.uniqueStrings() != nil else { return [] }
        return Set(
            items.compactMap { item -> String? in
                guard let name = item.node.scalar?.text else { return nil }
                if name.uppercased() == "ALL" { return "ALL" }
                if let name = Capability.canonical(name) { return name }
                let near = nearest(to: name, in: Capability.all.flatMap { [$0, "CAP_" + $0] })
                return item.expected(
                    "a capability", near.map { "did you mean \($0)?" } ?? "see capabilities(7), or ALL")
            }
        ).sorted()
    }

    static func restart(_ reader: Reader) -> RestartPolicy? {
        guard let text = reader.string() else { return nil }
        switch text {
        case "no": return .no
        case "always": return .always
        case "unless-stopped": return .unlessStopped
        case "on-failure": return .onFailure(maximum: nil)
        case _:
            if text.hasPrefix("on-failure:"), let maximum = UInt16(text.dropFirst(11)) {
                return .onFailure(maximum: maximum == 0 ? nil : Int(maximum))
            }
            let near = nearest(to: text, in: ["no", "always", "unless-stopped", "on-failure"])
            return reader.expected(
                "no, always, on-failure, on-failure:N or unless-stopped", near.map { "did you mean \($0)?" })
        }
    }
}

// Namespaces.
extension Keys {
    static func state(_ kind: NamespaceKind, _ reader: Reader, _ words: [String], _ draft: inout ServiceDraft) {
        guard let mode = mode(reader, words) else { return }
        draft.modes.append((kind, mode, reader))
    }

    /// One of `words` (of which only `private` and `host` lead here), `service:NAME` or `stack:NAME`.
    static func mode(_ reader: Reader, _ words: [String]) -> NamespaceMode? {
        guard let text = reader.string() else { return nil }
        if text == "host" { return .host }
        if text == "private", words.contains(text) { return .private }
        let parts = text.split(separator: ":", maxSplits: 1).map { String($0) }
        if parts.count == 2 {
            switch parts[0] {
            case "service": return .service(parts[1])
            case "stack": return .stack(parts[1])
            case "container":
                return reader.expected(
                    either(words + ["service:NAME", "stack:NAME"]), "use service: and a service's name")
            case "path":
                reader.error("namespaces from a path are not supported yet")
                return nil
            case _: break
            }
        }
        return reader.expected(either(words + ["service:NAME", "stack:NAME"]))
    }
}
