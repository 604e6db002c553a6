/// What a blob is called: the SHA-256 of its bytes. Other algorithms, which the OCI specification allows, are used by no
/// registry.
package struct Digest: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// 64 lower case hexadecimal digits.
    package let hex: String

    /// - Returns: nil unless it is `sha256:` and 64 lower case hexadecimal digits. It becomes a part of paths.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.starts(with: "sha256:".utf8) else { return nil }
        self.init(hex: text.dropFirst("sha256:".count))
    }

    package init?(hex: some StringProtocol) {
        guard hex.utf8.count == 64, hex.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else {
            return nil
        }
        self.hex = String(hex)
    }

    package var description: String { "sha256:\(hex)" }

    /// As lists show it.
    package var short: String { String(hex.prefix(12)) }

    package static func < (left: Digest, right: Digest) -> Bool { left.hex < right.hex }
}

extension Digest: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let digest = Digest(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is no digest")
        }
        self = digest
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
