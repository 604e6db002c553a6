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
