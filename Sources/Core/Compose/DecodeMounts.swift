import Diagnostics
import YAML

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
        var subpath: String?
        var propagation: Mount.Propagation?
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

    static let mountBind = Grammar<MountDraft>([
        "create_host_path": { draft, reader in draft.create = reader.boolean() ?? false },
        "propagation": { draft, reader in
            if reader.node.scalar?.text.isEmpty == false { draft.propagation = reader.word(Mount.Propagation.self) }
        },
    ])

    static let mountVolume = Grammar<MountDraft>([
        "nocopy": { draft, reader in draft.copiesImage = !(reader.boolean() ?? false) },
        "subpath": { draft, reader in draft.subpath = subpath(reader) },
    ])

    private static func subpath(_ reader: Reader) -> String? {
        guard let text = reader.string(), !text.isEmpty else { return nil }
        let parts = text.split(separator: "/")
        guard !text.hasPrefix("/"), !parts.contains("..") else {
            return reader.expected(
                "a path within the volume", "write it without a slash at the beginning, and without ..")
        }
        let path = parts.filter { $0 != "." }.joined(separator: "/")
        return path.isEmpty ? nil : path
    }

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
        var mount = Mount(source: source, target: target, readOnly: draft.readOnly, copiesImage: draft.copiesImage)
        mount.subpath = draft.subpath
        mount.propagation = draft.propagation
        return mount
    }

    /// `SERVICE`, `SERVICE:ro` or `SERVICE:rw`.
    static func volumesFrom(_ reader: Reader) -> VolumesFrom? {
        guard let text = reader.string() else { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if parts[0] == "container" {
            return refused(
                reader, "Settle knows no containers but those of services",
                hint: "name a service of this file, or share a volume with the other project by external: true")
        }
        guard parts.count <= 2, !parts[0].isEmpty, parts.count == 1 || ["ro", "rw"].contains(parts[1]) else {
            return reader.expected("a service", "write NAME, or NAME:ro to keep its mounts from being written to")
        }
        return VolumesFrom(service: parts[0], readOnly: parts.last == "ro" && parts.count == 2)
    }

    private static func refused<Value>(_ reader: Reader, _ message: String, hint: String) -> Value? {
        reader.error(message, hint: hint)
        return nil
    }

    /// `driver_opts` of the driver `local`.
    static func volumeMount(_ reader: Reader) -> VolumeMount? {
        var texts: [String: (text: String, reader: Reader)] = [:]
        for (key, _, value) in reader.members() ?? [] {
            guard ["type", "o", "device"].contains(key) else {
                value.error(
                    key == "size" ? "a folder has no size of its own" : "the driver has no option \(key)",
                    hint: key == "size"
                        ? "for one in memory: type: tmpfs, device: tmpfs, o: size=64m"
                        : "its options are type, o and device, as for mount(8)")
                continue
            }
            if let text = value.text(), !text.isEmpty { texts[key] = (text, value) }
        }
        if texts.isEmpty { return nil }
        for (key, hint) in [("type", "none for a bind, tmpfs, nfs, ext4, …"), ("device", "what is mounted")]
        where texts[key] == nil {
            reader.error("\(key) is missing", hint: "add \(key): \(hint)")
        }
        guard let type = texts["type"]?.text, let device = texts["device"] else { return nil }
        let options = texts["o"]?.text ?? ""
        let isBind = options.split(separator: ",").contains { $0 == "bind" || $0 == "rbind" }
        guard let path = isBind ? device.reader.hostPath() : device.text else { return nil }
        return VolumeMount(type: type, options: options, device: path)
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
