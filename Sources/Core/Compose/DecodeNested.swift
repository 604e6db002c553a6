import Diagnostics
import YAML

// Values of a service that are mappings, or lists of mappings, in their long form.
extension Keys {
    static let dependency = Grammar<Dependency>([
        "condition": { dependency, reader in
            if let condition = reader.word(Dependency.Condition.self) { dependency.condition = condition }
        },
        "required": { dependency, reader in dependency.required = reader.boolean() ?? true },
        "restart": { dependency, reader in dependency.restart = reader.boolean() ?? false },
    ])

    static func dependencies(_ reader: Reader) -> [Dependency] {
        (reader.members() ?? []).map { name, _, value in
            var dependency = Dependency(service: name, condition: .started, required: true, restart: false)
            if !value.node.isNull { self.dependency.read(value, into: &dependency) }
            return dependency
        }.sorted { $0.service < $1.service }
    }

    static let attachment = Grammar<Attachment>(
        [
            "aliases": { attachment, reader in
                attachment.aliases = reader.uniqueStrings() ?? []
                for alias in attachment.aliases where !isName(alias) {
                    reader.error("\"\(alias)\" is no alias", hint: "letters, digits, dots, _ and -")
                }
            },
            "ipv4_address": { attachment, reader in
                guard let text = reader.string() else { return }
                attachment.address = IPv4Address(text)
                if attachment.address == nil { reader.expected("an IPv4 address", "write 10.5.0.10") ?? () }
            },
        ]
    )

    static func attachments(_ reader: Reader) -> [Attachment] {
        (reader.members() ?? []).map { name, _, value in
            var attachment = Attachment(network: name)
            if !value.node.isNull { self.attachment.read(value, into: &attachment) }
            return attachment
        }.sorted { $0.network < $1.network }
    }

    /// Service names, aliases and the like: letters, digits, `.`, `_` and `-`, beginning with a letter or digit.
    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, isLetterOrDigit(first), text.utf8.count <= 128 else { return false }
        return text.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F }
    }
}

// Ports.
extension Keys {
    struct PortDraft {
        var target: UInt16?
        var port = Port(target: 0)
    }

    static let port = Grammar<PortDraft>(
        [
            "target": { draft, reader in
                draft.target = reader.integer(1...65535, "a port, 1 to 65535").map { UInt16($0) }
            },
            "published": { draft, reader in
                guard let text = reader.text() else { return }
                if text.isEmpty || text == "0" { return }
                draft.port.published = Units.ports(text)
                if draft.port.published == nil {
                    reader.expected("a port or a range of ports, 1 to 65535", "write \"8080\" or \"8000-8010\"") ?? ()
                }
            },
            "host_ip": { draft, reader in
                guard let text = reader.string() else { return }
                if text.isEmpty { return }
                if IPv4Address(text) == nil && !Units.isIPv6(text) {
                    reader.expected("an IP address of the host", "write 127.0.0.1 or ::1") ?? ()
                }
                draft.port.address = text.lowercased()
            },
            "protocol": { draft, reader in draft.port.transport = reader.word(Port.Transport.self) ?? .tcp },
            "mode": { _, reader in
                guard let mode = reader.string(), mode != "ingress", mode != "host" else { return }
                reader.expected("ingress or host") ?? ()
            },
        ])

    static func port(_ reader: Reader) -> Port? {
        var draft = PortDraft()
        port.read(reader, into: &draft)
        guard let target = draft.target else {
            if reader.node.entries != nil && reader.node["target"] == nil {
                reader.error("the target is missing", hint: "add target: and the container's port")
            }
            return nil
        }
        draft.port.target = target
        return draft.port
    }
}

// Volumes and tmpfs.
extension Keys {
    fileprivate enum Kind: String, CaseIterable {
        case bind, volume, tmpfs
    }

    struct MountDraft {
        fileprivate var kind: Kind?
        var source: Reader?
        var target: String?
        var readOnly = false
        var create = false
        var copiesImage = true
        var options = TmpfsOptions()
        /// The keys that only one kind may have.
        var special: [Reader] = []
    }

    static let mount = Grammar<MountDraft>(
        [
            "type": { draft, reader in
                switch reader.node.scalar?.text {
                case "image", "npipe", "cluster":
                    reader.error("is not supported yet", hint: "use bind, volume or tmpfs")
                case _: draft.kind = reader.word(Kind.self)
                }
            },
            "source": { draft, reader in draft.source = reader },
            "target": { draft, reader in draft.target = reader.target() },
            "read_only": { draft, reader in draft.readOnly = reader.boolean() ?? false },
            "consistency": { _, reader in _ = reader.string() },
            "bind": { draft, reader in
                draft.special.append(reader)
                draft.create = true
                mountBind.read(reader, into: &draft)
            },
            "volume": { draft, reader in
                draft.special.append(reader)
                mountVolume.read(reader, into: &draft)
            },
            "tmpfs": { draft, reader in
                draft.special.append(reader)
                mountTmpfs.read(reader, into: &draft)
            },
        ])

    static let mountBind = Grammar<MountDraft>(
        ["create_host_path": { draft, reader in draft.create = reader.boolean() ?? false }])

    static let mountVolume = Grammar<MountDraft>(
        ["nocopy": { draft, reader in draft.copiesImage = !(reader.boolean() ?? false) }])

    static let mountTmpfs = Grammar<MountDraft>([
        "size": { draft, reader in draft.options.size = limit(reader.bytes()) },
        "mode": { draft, reader in
            draft.options.mode = reader.integer(0...0o7777, "permission bits, 0 to 0o7777").map { UInt32($0) }
        },
    ])

    static func mount(_ reader: Reader) -> Mount? {
        var draft = MountDraft()
        mount.read(reader, into: &draft)
        guard reader.node.entries != nil else { return nil }
        for key in ["type", "target"] where reader.node[key] == nil {
            reader.error("the \(key) is missing", hint: "add \(key):")
        }
        guard let kind = draft.kind, let target = draft.target else { return nil }
        for other in draft.special where !other.path.hasSuffix("." + kind.rawValue) {
            other.error("does not belong to a mount of type \(kind.rawValue)")
        }
        if target == "/" {
            return reader.expected("a folder below the root as target", "use rootfs: for the root itself")
        }
        guard let source = source(kind, draft, reader) else { return nil }
        return Mount(source: source, target: target, readOnly: draft.readOnly, copiesImage: draft.copiesImage)
    }

    private static func source(_ kind: Kind, _ draft: MountDraft, _ reader: Reader) -> Mount.Source? {
        switch kind {
        case .bind:
            guard let source = draft.source else {
                reader.error("the source is missing", hint: "add source: and a path on the host")
                return nil
            }
            return source.hostPath().map { .bind($0, create: draft.create) }
        case .volume:
            guard let source = draft.source else { return .anonymous }
            guard let name = source.string() else { return nil }
            if name.contains("/") {
                return source.expected("the name of a volume", "for a folder of the host, use type: bind")
            }
            return .volume(name)
        case .tmpfs:
            if let source = draft.source { source.error("a mount of type tmpfs has no source", hint: "remove it") }
            return .tmpfs(draft.options)
        }
    }

    /// `TARGET` or `TARGET:OPTION,…`.
    static func tmpfs(_ reader: Reader) -> Tmpfs? {
        guard let text = reader.string() else { return nil }
        let parts = text.split(separator: ":", maxSplits: 1).map { String($0) }
        guard let path = parts.first, path.hasPrefix("/"), Units.clean(path) != "/" else {
            return reader.expected("an absolute path in the container", "write /run or /run:size=64m,mode=1777")
        }
        var mount = Tmpfs(target: Units.clean(path))
        for option in parts.count > 1 ? parts[1].split(separator: ",") : [] {
            let pair = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = pair.count > 1 ? String(pair[1]) : ""
            switch pair[0] {
            case "rw": mount.readOnly = false
            case "ro": mount.readOnly = true
            case "size": mount.options.size = Units.bytes(value)
            case "mode": mount.options.mode = UInt32(value, radix: 8).flatMap { $0 <= 0o7777 ? $0 : nil }
            case "uid": mount.options.uid = UInt32(value)
            case "gid": mount.options.gid = UInt32(value)
            case _:
                reader.error(
                    "the tmpfs option \(pair[0]) is not supported", hint: "size, mode, uid, gid, ro and rw are")
                continue
            }
            let read: [Substring: Bool] = [
                "size": mount.options.size != nil, "mode": mount.options.mode != nil,
                "uid": mount.options.uid != nil, "gid": mount.options.gid != nil,
            ]
            if read[pair[0]] == false {
                reader.error("\"\(option)\" cannot be read", hint: "write size=64m,mode=1777,uid=1000,gid=1000")
            }
        }
        return mount
    }
}
