import Network
import Stack

/// The names and marks of what Settle makes in the network.
struct NetworkNames {
    let project: String

    /// What an interface's alias says: whose it is. An interface's name has 15 bytes, too few for that.
    func alias(ofNetwork key: String) -> String { "settle:\(project):network:\(key)" }
    func alias(ofLink endpoint: String, in network: String) -> String {
        "settle:\(project):link:\(endpoint):\(network)"
    }
    var egressAlias: String { "settle:\(project):egress" }

    /// The network that a bridge of the project is for; nil for any other interface.
    func network(of alias: String) -> String? {
        let prefix = self.alias(ofNetwork: "")
        return alias.hasPrefix(prefix) ? String(alias.dropFirst(prefix.count)) : nil
    }

    /// `br-front`, shortened by a checksum where it would be too long for an interface.
    func bridge(_ key: String) -> String { shortened("br-\(key)") }

    private func shortened(_ name: String) -> String {
        let isPlain = name.utf8.allSatisfy { $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
        return name.utf8.count <= 15 && isPlain
            ? name : String(name.prefix(4)) + Self.hexadecimal(checksum(name) & 0xff_ffff_ffff)
    }

    private static func hexadecimal(_ number: UInt64) -> String { String(number, radix: 16) }

    /// FNV-1a, 64 bits.
    private func checksum(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
