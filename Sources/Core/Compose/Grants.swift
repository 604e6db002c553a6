import Diagnostics
import YAML

/// An entry of the top-level `secrets:` or `configs:`.
package struct SharedFile: Codable, Hashable, Sendable {
    package enum Kind: String, Codable, Hashable, Sendable, CaseIterable {
        case secret, config

        /// The key in the file.
        package var section: String { rawValue + "s" }
    }

    package enum Source: Codable, Hashable, Sendable {
        /// An absolute path on the host.
        case file(String)
        /// The name of a variable.
        case environment(String)
        /// The text itself.
        case content(String)
    }

    package var kind: Kind
    /// The key under `secrets:` or `configs:`.
    package var key: String
    package var source: Source
    /// What the variable holds where an included file has it from variables of its own.
    package var value: String?
    /// Relative to `secrets.KEY`.
    package var places: Places

    package init(_ kind: Kind, key: String, _ source: Source) {
        self.kind = kind
        self.key = key
        self.source = source
        places = Places()
    }

    /// The key path from the top of the file.
    package var path: String { "\(kind.section).\(key)" }
}

/// A secret or configuration that a service sees as a file.
package struct FileGrant: Codable, Hashable, Sendable {
    package var kind: SharedFile.Kind
    /// A key of the project's `secrets` or `configs`.
    package var source: String
    /// Absolute and clean.
    package var target: String
    package var uid: UInt32 = 0
    package var gid: UInt32 = 0
    /// Permission bits.
    package var mode: UInt32 = 0o444
    /// `secrets[0]`
    package var key: String

    package init(_ kind: SharedFile.Kind, _ source: String, target: String, key: String) {
        self.kind = kind
        self.source = source
        self.target = target
        self.key = key
    }
}

// Secrets and configurations.
extension Keys {
    /// What is kept elsewhere has no source here, and has been refused by then.
    static func sharedFiles(_ kind: SharedFile.Kind, _ reader: Reader) -> [SharedFile] {
        named(reader).compactMap { key, place, value in
            var source: SharedFile.Source?
            let grammar = Grammar<SharedFile.Source?>([
                "file": { $0 = $1.hostPath().map(SharedFile.Source.file) },
                "environment": { $0 = $1.string().map(SharedFile.Source.environment) },
                "content": { $0 = $1.string().map(SharedFile.Source.content) },
            ])
            grammar.read(value, into: &source)
            guard let source else { return nil }
            var file = SharedFile(kind, key: key, source)
            file.places.fill(value.node, key: place)
            return file
        }
    }

    static func grants(_ kind: SharedFile.Kind, _ reader: Reader) -> [FileGrant] {
        (reader.items() ?? []).enumerated().compactMap { index, item in
            var grant = FileGrant(kind, "", target: "", key: "\(kind.section)[\(index)]")
            grantKeys.read(item, into: &grant)
            if grant.source.isEmpty { return nil }
            let target = grant.target.isEmpty ? grant.source : grant.target
            let folder = kind == .secret ? "/run/secrets/" : "/"
            grant.target = Units.clean(target.hasPrefix("/") ? target : folder + target)
            return grant
        }
    }

    private static let grantKeys = Grammar<FileGrant>([
        "source": { $0.source = $1.string() ?? "" },
        "target": { $0.target = $1.string() ?? "" },
        "uid": { $0.uid = number($1) ?? 0 },
        "gid": { $0.gid = number($1) ?? 0 },
        "mode": { grant, reader in
            guard let text = reader.text(), let mode = UInt32(text, radix: 8), mode <= 0o7777 else {
                return reader.expected("permission bits", "write 0440") ?? ()
            }
            grant.mode = mode
        },
    ])

    private static func number(_ reader: Reader) -> UInt32? {
        guard let text = reader.text() else { return nil }
        return UInt32(text) ?? reader.expected("a number", "names are not looked up: write \"1000\"")
    }
}
