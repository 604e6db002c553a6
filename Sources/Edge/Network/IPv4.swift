/// An IPv4 address.
package struct IPv4Address: Hashable, Comparable, CustomStringConvertible, Sendable {
    package let value: UInt32

    package init(_ value: UInt32) { self.value = value }

    /// Four decimal numbers without leading zeros: `010.0.0.1` is octal to some programs and decimal to others.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard let byte = UInt8(part), String(byte) == part else { return nil }
            value = value << 8 | UInt32(byte)
        }
        self.value = value
    }

    /// In network byte order.
    package var bytes: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }

    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 4 else { return nil }
        value = bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    package var description: String { bytes.map { String($0) }.joined(separator: ".") }

    /// A locally administered MAC address made of it: an interface that is made again with its address is still the
    /// one that the neighbours' ARP tables know.
    package var mac: [UInt8] { [0x02, 0x42] + bytes }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

/// A range of IPv4 addresses, `172.18.0.0/16`: the network address and the number of fixed bits.
package struct IPv4Prefix: Hashable, CustomStringConvertible, Sendable {
    package let network: IPv4Address
    package let length: Int

    /// The prefix that the address lies in; `length` is 0…32.
    package init(_ address: IPv4Address, length: Int) {
        network = IPv4Address(address.value & Self.mask(length))
        self.length = length
    }

    /// `172.18.0.0/16`. Nil where it is no prefix, or has bits set behind its length.
    package init?(_ text: String) {
        guard let interface = IPv4Interface(text), interface.prefix.network == interface.address else { return nil }
        self = interface.prefix
    }

    private static func mask(_ length: Int) -> UInt32 { length == 0 ? 0 : ~0 << UInt32(32 - length) }

    /// How many addresses it has, the network and the broadcast address included.
    package var count: Int { 1 << (32 - length) }
    package var last: IPv4Address { IPv4Address(network.value | ~Self.mask(length)) }

    package func contains(_ address: IPv4Address) -> Bool { address.value & Self.mask(length) == network.value }

    package func overlaps(_ other: Self) -> Bool {
        let shorter = min(length, other.length)
        return (network.value ^ other.network.value) & Self.mask(shorter) == 0
    }

    /// Its address number `index`, 0 being the network's own; nil beyond the last.
    package subscript(index: Int) -> IPv4Address? {
        index >= 0 && index < count ? IPv4Address(network.value + UInt32(index)) : nil
    }

    /// Whether a machine can have the address: not the network's own nor the broadcast address.
    package func canHost(_ address: IPv4Address) -> Bool {
        contains(address) && (length >= 31 || (address != network && address != last))
    }

    package var description: String { "\(network)/\(length)" }
}

/// An address of an interface together with the length of its network's prefix, `172.18.0.2/16`.
package struct IPv4Interface: Hashable, CustomStringConvertible, Sendable {
    package let address: IPv4Address
    package let prefix: IPv4Prefix

    package init(_ address: IPv4Address, length: Int) {
        self.address = address
        prefix = IPv4Prefix(address, length: length)
    }

    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPv4Address(String(parts[0])), let length = Int(parts[1]),
            (0...32).contains(length), String(length) == parts[1]
        else { return nil }
        self.init(address, length: length)
    }

    package var description: String { "\(address)/\(prefix.length)" }
}
