import Glibc
package import Syscalls

/// TCP connections that are made without waiting.
package enum StreamSocket {
    /// A socket on its way: writable once it is connected or has failed. connect(2).
    package static func connecting(to address: IPAddress, _ port: UInt16) throws(SystemError) -> Descriptor {
        let family =
            switch address {
            case .v4: AF_INET
            case .v6: AF_INET6
            }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let socket = Descriptor(try check("socket") { Glibc.socket(family, type, 0) })
        let raw = socket.raw
        do {
            try check("connect") { address.withSocketAddress(port: port) { connect(raw, $0, $1) } }
        } catch {
            if error.errno != EINPROGRESS { throw error }
        }
        return socket
    }

    /// Why a connection did not come about; nil where it did. SO_ERROR.
    package static func failure(of socket: Int32) -> SystemError? {
        var number: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        if getsockopt(socket, SOL_SOCKET, SO_ERROR, &number, &size) != 0 { number = errno }
        return number == 0 ? nil : SystemError("connect", errno: number)
    }
}
