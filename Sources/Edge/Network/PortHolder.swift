import Glibc
package import Syscalls

/// The process that a port belongs to.
package struct PortHolder: Hashable, CustomStringConvertible {
    package let pid: Int32
    /// The name in /proc/PID/comm.
    package let name: String

    package var description: String { "\(name) (pid \(pid))" }

    /// What a look at a port said.
    package enum Verdict: Hashable {
        case free
        /// The holder is nil where no process of ours to see has the socket: another user's, another pid namespace's.
        case taken(PortHolder?)
    }

    /// Tries to bind the endpoint in the namespace, and names who is in the way. Other failures than EADDRINUSE are
    /// thrown: EADDRNOTAVAIL for an address that the machine does not have.
    package static func verdict(on endpoint: Endpoint, in namespace: Int32) throws(SystemError) -> Verdict {
        try NetworkNamespace.within(namespace) { () throws(SystemError) in
            let family = endpoint.address.bytes.count == 4 ? AF_INET : AF_INET6
            let socket = Descriptor(
                try check("socket", on: "\(endpoint)") { Glibc.socket(family, endpoint.transport.socketType, 0) })
            var yes: Int32 = 1
            if endpoint.transport == .tcp { setsockopt(socket.raw, SOL_SOCKET, SO_REUSEADDR, &yes, 4) }
            if family == AF_INET6 { setsockopt(socket.raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &yes, 4) }
            let failure = endpoint.address.withSocketAddress(port: endpoint.port) { address, size in
                bind(socket.raw, address, size) == 0 ? 0 : errno
            }
            if failure == 0 { return .free }
            if failure == EADDRINUSE { return .taken(find(endpoint)) }
            throw SystemError("bind", on: "\(endpoint)", errno: failure)
        }
    }

    /// The holder in the calling thread's network namespace, by /proc/net and the descriptors of all processes.
    private static func find(_ endpoint: Endpoint) -> PortHolder? {
        let files = [endpoint.transport.rawValue, endpoint.transport.rawValue + "6"]
        let inodes = files.flatMap { file in
            let table = (try? Files.text("/proc/thread-self/net/\(file)")) ?? ""
            return table.split(separator: "\n").dropFirst().compactMap { inode(in: $0, if: endpoint) }
        }
        let links = Set(inodes.filter { $0 != "0" }.map { "socket:[\($0)]" })
        if links.isEmpty { return nil }
        for name in Files.names(in: "/proc") {
            guard let pid = Int32(name), hasDescriptor(pid, links) else { continue }
            let comm = (try? Files.text("/proc/\(pid)/comm")) ?? "?\n"
            return PortHolder(pid: pid, name: String(comm.dropLast()))
        }
        return nil
    }

    /// The socket's inode where a line of /proc/net/tcp (proc_pid_net(5)) has the port, listening, on the address or on
    /// a wildcard.
    private static func inode(in line: Substring, if endpoint: Endpoint) -> Substring? {
        let fields = line.split(separator: " ")
        guard fields.count > 9, endpoint.transport == .udp || fields[3] == "0A" else { return nil }
        let local = fields[1].split(separator: ":")
        guard local.count == 2, UInt16(local[1], radix: 16) == endpoint.port else { return nil }
        let address = bytes(ofTable: local[0])
        let isAny = address.allSatisfy { $0 == 0 }
        // A wildcard of IPv6 takes the port of IPv4 as well, unless its owner set IPV6_V6ONLY.
        if address.count != endpoint.address.bytes.count { return isAny ? fields[9] : nil }
        return isAny || endpoint.address.isAny || address == endpoint.address.bytes ? fields[9] : nil
    }

    /// The table shows addresses as 32-bit words in the machine's byte order.
    private static func bytes(ofTable text: Substring) -> [UInt8] {
        stride(from: 0, to: text.count, by: 8).flatMap { start -> [UInt8] in
            let word = UInt32(text.dropFirst(start).prefix(8), radix: 16) ?? 0
            return withUnsafeBytes(of: word) { Array($0) }
        }
    }

    private static func hasDescriptor(_ pid: Int32, _ links: Set<String>) -> Bool {
        let folder = "/proc/\(pid)/fd"
        return Files.names(in: folder).contains { name in
            var target = [CChar](repeating: 0, count: 64)
            let count = readlink("\(folder)/\(name)", &target, 63)
            return count > 0
                && links.contains(String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
    }
}
