import Diagnostics
import YAML

/// Spells out the short forms of one file, so that files can be laid over one another and the decoder knows one form of
/// each value. What is not in a short form is left for the decoder to judge. Settle's own keys lose their `x-`.
struct Canonical {
    let report: Report

    func file(_ node: Node) -> Node {
        renamed(node, Keys.ownTop, "").mapMembers { key, value in
            switch key {
            case "services": value.mapMembers { name, node in service(node, "services".key(name)) }
            case "namespaces": value.mapMembers { name, node in namespaces(node, "namespaces".key(name)) }
            case "networks", "volumes": value.mapMembers { _, node in labels(of: node) }
            case _: value
            }
        }
    }

    private func labels(of node: Node) -> Node {
        node.mapMembers { key, value in key == "labels" ? pairs(value, null: false) : value }
    }

    /// `pod:`, `pod: [net, ipc]` or the long form.
    private func namespaces(_ node: Node, _ path: String) -> Node {
        if node.items != nil { return Node(.mapping([.init("kinds", at: node.place, node)]), at: node.place) }
        return node.mapMembers { key, value in key == "networks" ? named(value, path.key(key)) : value }
    }

    private func service(_ node: Node, _ path: String) -> Node {
        renamed(node, Keys.ownService, path).mapMembers { key, value in
            let path = path.key(key)
            return switch key {
            case "environment": pairs(value, null: true)
            case "labels": pairs(value, null: false)
            case "networks", "depends_on": named(value, path)
            case "tmpfs": value.scalar.map { $0.value == .null } ?? true ? value : list(of: value)
            case "ports": value.flatMapItems { port($0, path.item($1)) }
            case "volumes": value.flatMapItems { volume($0, path.item($1)) }
            case _: value
            }
        }
    }

    private func list(of node: Node) -> Node { Node(.sequence([node]), at: node.place, tag: node.tag) }

    private func renamed(_ node: Node, _ own: Set<String>, _ path: String) -> Node {
        guard var entries = node.entries else { return node }
        for index in entries.indices where entries[index].key.hasPrefix("x-") {
            let key = String(entries[index].key.dropFirst(2))
            guard own.contains(key) else { continue }
            if let plain = entries.first(where: { $0.key == key }) {
                report.error(
                    "stands here with and without x-", at: entries[index].keyPlace, path: path.key(key),
                    notes: [.init("without", at: plain.keyPlace)], hint: "remove one of the two")
            } else {
                entries[index].key = key
            }
        }
        return Node(.mapping(entries), at: node.place, tag: node.tag)
    }

    /// `[NAME=value, NAME]` as a mapping; a name alone is null, or the empty text.
    private func pairs(_ node: Node, null: Bool) -> Node {
        guard let items = node.items else { return node }
        var entries: [Node.Entry] = []
        for item in items {
            guard let scalar = item.scalar, scalar.value != .null else { return node }
            let name = String(scalar.text.prefix { $0 != "=" })
            let rest = scalar.text.dropFirst(name.count + 1)
            let alone = name.count == scalar.text.count
            let value = alone && null ? Node.plain("", at: item.place) : Node.text(String(rest), at: item.place)
            entries.removeAll { $0.key == name }
            entries.append(.init(name, at: item.place, value))
        }
        return Node(.mapping(entries), at: node.place, tag: node.tag)
    }

    /// `[a, b]` as a mapping with nulls.
    private func named(_ node: Node, _ path: String) -> Node {
        guard let items = node.items else { return node }
        var entries: [Node.Entry] = []
        for item in items {
            guard let scalar = item.scalar, scalar.value != .null else { return node }
            if let first = entries.first(where: { $0.key == scalar.text }) {
                report.error(
                    "\(scalar.text) is listed twice", at: item.place, path: path,
                    notes: [.init("it stands here first", at: first.keyPlace)], hint: "remove one of the two")
            } else {
                entries.append(.init(scalar.text, at: item.place, .plain("", at: item.place)))
            }
        }
        return Node(.mapping(entries), at: node.place, tag: node.tag)
    }
}

// Ports and volumes.
extension Canonical {
    /// `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, where ranges of one length become one entry per port.
    private func port(_ node: Node, _ path: String) -> [Node] {
        guard let scalar = node.scalar else { return [node] }
        var text = scalar.text[...]
        if case .int(let number) = scalar.value { text = "\(number)" }
        var transport = "tcp"
        if let slash = text.lastIndex(of: "/") {
            transport = text[text.index(after: slash)...].lowercased()
            text = text[..<slash]
        }
        guard let (address, published, target) = Self.split(text) else { return invalidPort(node, path) }
        guard let targets = Units.ports(target) else { return invalidPort(node, path) }
        var outer: [String?] = targets.map { _ in nil }
        if !published.isEmpty && published != "0" {
            guard let range = Units.ports(published) else { return invalidPort(node, path) }
            if range.count == targets.count {
                outer = range.map { "\($0)" }
            } else if targets.count == 1 {
                outer = [String(published)]
            } else {
                report.error(
                    "\(range.count) published ports for \(targets.count) of the container", at: node.place, path: path,
                    hint: "make both ranges equally long, or publish a range for one port")
                return []
            }
        }
        return zip(targets, outer).map { target, published in
            var entries = [Node.Entry("target", at: node.place, .plain("\(target)", at: node.place))]
            let texts = [("published", published), ("host_ip", address.map { String($0) }), ("protocol", transport)]
            for case (let key, .some(let text)) in texts {
                entries.append(.init(key, at: node.place, .text(text, at: node.place)))
            }
            return Node(.mapping(entries), at: node.place)
        }
    }

    /// `ADDRESS:PUBLISHED:TARGET` into its parts; an IPv6 address may stand in brackets.
    private static func split(
        _ text: Substring
    ) -> (address: Substring?, published: Substring, target: Substring)? {
        guard let colon = text.lastIndex(of: ":") else { return (nil, "", text) }
        let target = text[text.index(after: colon)...]
        let rest = text[..<colon]
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]"), rest[end...].dropFirst().first == ":" else { return nil }
            return (rest[..<end].dropFirst(), rest[end...].dropFirst(2), target)
        }
        guard let second = rest.lastIndex(of: ":") else { return (nil, rest, target) }
        return (rest[..<second], rest[rest.index(after: second)...], target)
    }

    private func invalidPort(_ node: Node, _ path: String) -> [Node] {
        report.error(
            "\"\(node.scalar?.text ?? "")\" is no port to publish", at: node.place, path: path,
            hint:
                "write \"8080:80\", \"127.0.0.1:8080:80/udp\", \"[::1]:8080:80\" or \"8000-8010:80\"; ports are 1 to 65535"
        )
        return []
    }

    /// `TARGET`, `SOURCE:TARGET` or `SOURCE:TARGET:OPTIONS`.
    private func volume(_ node: Node, _ path: String) -> [Node] {
        guard let scalar = node.scalar, scalar.value == .string else { return [node] }
        let parts = scalar.text.split(separator: ":", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count <= 3, parts.allSatisfy({ !$0.isEmpty }) else {
            report.error(
                "\"\(scalar.text)\" is no mount", at: node.place, path: path,
                hint: "write \"./folder:/target\", \"volume:/target:ro\" or the long form")
            return []
        }
        let source = parts.count > 1 ? parts[0] : nil
        let isPath = source.map { $0.hasPrefix("/") || $0.hasPrefix(".") || $0.hasPrefix("~") } ?? false
        func entry(_ key: String, _ value: Node) -> Node.Entry { .init(key, at: node.place, value) }
        var entries = [entry("type", .text(isPath ? "bind" : "volume", at: node.place))]
        if let source { entries.append(entry("source", .text(source, at: node.place))) }
        entries.append(entry("target", .text(parts.count > 1 ? parts[1] : parts[0], at: node.place)))
        if isPath {
            let create = entry("create_host_path", .plain("true", at: node.place))
            entries.append(entry("bind", Node(.mapping([create]), at: node.place)))
        }
        for option in parts.count > 2 ? parts[2].split(separator: ",").map({ String($0) }) : [] {
            switch option {
            case "rw": continue
            case "ro": entries.append(entry("read_only", .plain("true", at: node.place)))
            case "z", "Z":
                report.warn("the SELinux option \(option) is ignored", at: node.place, path: path)
            case _:
                report.error(
                    "the mount option \(option) is not supported", at: node.place, path: path,
                    hint: "ro and rw are")
            }
        }
        return [Node(.mapping(entries), at: node.place)]
    }
}

extension Node {
    /// With each value of a mapping replaced; anything else stays.
    fileprivate func mapMembers(_ body: (String, Node) -> Node) -> Node {
        guard let entries else { return self }
        let mapped = entries.map { Entry($0.key, at: $0.keyPlace, body($0.key, $0.value)) }
        return Node(.mapping(mapped), at: place, tag: tag)
    }

    /// With each item of a list replaced by any number of others; anything else stays.
    fileprivate func flatMapItems(_ body: (Node, Int) -> [Node]) -> Node {
        guard let items else { return self }
        return Node(.sequence(items.enumerated().flatMap { body($1, $0) }), at: place, tag: tag)
    }
}
