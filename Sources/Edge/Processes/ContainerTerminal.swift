import CProcesses
import Glibc
package import Syscalls

/// The outer end of a container's terminal. The container sends it through a socket; that is kept, with the terminal in
/// it, and whoever wants the terminal looks into it: the message stays there.
package enum ContainerTerminal {
    /// Two connected ends: one to keep, one for the container.
    package static func makeSocket() throws(SystemError) -> (kept: Int32, given: Int32) {
        var pair: [Int32] = [0, 0]
        try check("socketpair") {
            socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair)
        }
        return (pair[0], pair[1])
    }

    /// A copy of the terminal, out of the socket that was kept, or out of a copy of the terminal itself; nil where it has
    /// not come.
    package static func look(_ kept: consuming Descriptor) throws(SystemError) -> Descriptor? {
        if isatty(kept.raw) == 1 { return kept }
        var byte: UInt8 = 0
        var received: Int32 = -1
        var count: Int32 = 1
        let length = settle_receive(kept.raw, &byte, 1, &received, &count, Int32(MSG_PEEK | MSG_DONTWAIT))
        return length > 0 && count > 0 ? Descriptor(received) : nil
    }
}
