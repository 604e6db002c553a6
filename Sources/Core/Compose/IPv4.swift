/// An IPv4 address, coded as its text.
package struct IPv4Address: Codable, Hashable, Sendable, Comparable, CustomStringConvertible {
    /// In host order: 10.0.0.1 is 0x0A00_0001.
    package let raw: UInt32

    package init(raw: UInt32) { self.raw = raw }

    /// Four decimal numbers; nil for anything else, leading zeros (which some read as octal) included.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var raw: UInt32 = 0
        for part in parts {
            guard part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let byte = UInt8(part),
                part.utf8.count == 1 || part.utf8.first != 0x30
            else { return nil }
            raw = raw << 8 | UInt32(byte)
        }
        self.raw = raw
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let address = IPv4Address(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is no IPv4 address")
        }
        self = address
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    package var description: String {
        "\(raw >> 24).\(raw >> 16 & 255).\(raw >> 8 & 255).\(raw & 255)"
    }

    package static func < (left: IPv4Address, right: IPv4Address) -> Bool { left.raw < right.raw }
}

/// An IPv4 subnet, coded as its text: `10.5.0.0/16`.
package struct IPv4Subnet: Codable, Hashable, Sendable, CustomStringConvertible {
    /// The network's own address: no bit beyond the prefix is set.
    package let address: IPv4Address
    /// 0...32
    package let prefix: Int

    /// nil if the prefix is outside 0...32 or if `address` has bits beyond it.
    package init?(address: IPv4Address, prefix: Int) {
        guard (0...32).contains(prefix), address.raw & ~Self.mask(prefix) == 0 else { return nil }
        self.address = address
        self.prefix = prefix
    }

    /// `ADDRESS/PREFIX`
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPv4Address(parts[0]), let prefix = Int(parts[1]) else { return nil }
        self.init(address: address, prefix: prefix)
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let subnet = IPv4Subnet(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is no IPv4 subnet")
        }
        self = subnet
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    package var description: String { "\(address)/\(prefix)" }
    package var first: IPv4Address { address }
    /// The broadcast address.
    package var last: IPv4Address { IPv4Address(raw: address.raw | ~Self.mask(prefix)) }

    package func contains(_ other: IPv4Address) -> Bool { other.raw & Self.mask(prefix) == address.raw }
    package func overlaps(_ other: IPv4Subnet) -> Bool { contains(other.address) || other.contains(address) }

    /// The bits of the prefix, 0...32, in host order.
    package static func mask(_ prefix: Int) -> UInt32 { prefix == 0 ? 0 : ~UInt32(0) << (32 - UInt32(prefix)) }
}
