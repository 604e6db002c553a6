import Glibc
import Syscalls

/// An address of either family.
package enum IPAddress: Hashable, CustomStringConvertible {
    case v4(IPv4Address)
    /// Sixteen bytes.
    case v6([UInt8])

    package static let anyV4 = Self.v4(IPv4Address(0))
    package static let anyV6 = Self.v6([UInt8](repeating: 0, count: 16))

    /// `127.0.0.1`, `::1` or `[::1]`. inet_pton(3).
    package init?(_ text: String) {
        let bare = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
        if let address = IPv4Address(bare) {
            self = .v4(address)
            return
        }
        var bytes = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, bare, &bytes) == 1 else { return nil }
        self = .v6(bytes)
    }

    package var isAny: Bool { self == .anyV4 || self == .anyV6 }

    /// In network byte order.
    package var bytes: [UInt8] {
        switch self {
        case .v4(let address): address.bytes
        case .v6(let bytes): bytes
        }
    }

    package var description: String {
        switch self {
        case .v4(let address): return "\(address)"
        case .v6(let bytes):
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count))
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    /// Calls with the socket address of the port.
    func withSocketAddress<Result>(port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        switch self {
        case .v4(let address):
            var native = sockaddr_in()
            native.sin_family = sa_family_t(AF_INET)
            native.sin_port = port.bigEndian
            native.sin_addr.s_addr = address.value.bigEndian
            return Self.erased(native, body)
        case .v6(let bytes):
            var native = sockaddr_in6()
            native.sin6_family = sa_family_t(AF_INET6)
            native.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &native.sin6_addr) { $0.copyBytes(from: bytes) }
            return Self.erased(native, body)
        }
    }

    private static func erased<Native, Result>(_ native: Native, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result)
        -> Result
    {
        withUnsafePointer(to: native) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Native>.size)) }
        }
    }
}

package enum Transport: String, Hashable {
    case tcp
    case udp

    var number: Int { self == .tcp ? Int(IPPROTO_TCP) : Int(IPPROTO_UDP) }
    var socketType: Int32 {
        Int32((self == .tcp ? SOCK_STREAM : SOCK_DGRAM).rawValue | SOCK_CLOEXEC.rawValue)
    }
}

/// A port on an address: what a published port listens on, and what it leads to.
package struct Endpoint: Hashable, CustomStringConvertible {
    package let transport: Transport
    package let address: IPAddress
    package let port: UInt16

    package init(_ transport: Transport, _ address: IPAddress, _ port: UInt16) {
        self.transport = transport
        self.address = address
        self.port = port
    }

    /// The sockets that a published port needs: one for its host address, one per family of the machine where it names
    /// none.
    package static func listeners(
        _ transport: Transport, hostAddress: IPAddress?, _ port: UInt16, ipv6: Bool = true
    ) -> [Endpoint] {
        let any = ipv6 ? [IPAddress.anyV4, .anyV6] : [.anyV4]
        return (hostAddress.map { [$0] } ?? any).map { Endpoint(transport, $0, port) }
    }

    /// Whether the kernel has IPv6; it may be switched off at boot.
    package static var machineHasIPv6: Bool { Files.exists("/proc/self/net/if_inet6") }

    /// `127.0.0.1:80/tcp`, `[::1]:80/tcp`.
    package var description: String {
        switch address {
        case .v4: "\(address):\(port)/\(transport.rawValue)"
        case .v6: "[\(address)]:\(port)/\(transport.rawValue)"
        }
    }
}
