import CProcesses
import Glibc
package import Syscalls

/// Lines over a stream socket, neither reading nor writing ever blocks. Descriptors travel with a line.
///
/// The lines are JSON (`{"version":1,…}`), one value each; this is their framing only.
package final class LineChannel {
    /// A peer that sends a longer line is cut off.
    package static let longestLine = 1 << 20
    /// One line takes at most so many descriptors with it.
    package static let mostDescriptors = 16

    package let socket: Descriptor
    private var incoming: [UInt8] = []
    private var received: [Int32] = []
    private var outgoing: [(bytes: ArraySlice<UInt8>, attached: [Int32])] = []
    /// The peer closed its end, or broke the framing; what had come before is still to be taken.
    package private(set) var isClosed = false

    package init(_ socket: consuming Descriptor) {
        self.socket = socket
        let flags = fcntl(self.socket.raw, F_GETFL)
        _ = fcntl(self.socket.raw, F_SETFL, flags | O_NONBLOCK)
    }

    deinit {
        for descriptor in received { close(descriptor) }
        for message in outgoing { for descriptor in message.attached { close(descriptor) } }
    }

    /// What to wait for: `writable` only where something waits to be written.
    package var interest: EventLoop.Interest {
        outgoing.isEmpty ? .readable : [.readable, .writable]
    }

    /// Bytes that the peer has not taken yet: one that reads too slowly, or not at all, may be cut off.
    package var backlog: Int { outgoing.reduce(0) { $0 + $1.bytes.count } }

    /// Reads what is there and gives out the whole lines, without their ends.
    package func receive() -> [[UInt8]] {
        while !isClosed && readOnce() {}
        var lines: [[UInt8]] = []
        var begin = 0
        while let end = incoming[begin...].firstIndex(of: 10) {
            lines.append(Array(incoming[begin..<end]))
            begin = end + 1
        }
        incoming.removeFirst(begin)
        if incoming.count > Self.longestLine { isClosed = true }
        return lines
    }

    /// The next descriptor that came with the lines received, in their order: how many belong to a line is for the line
    /// to say.
    package func takeDescriptor() -> Descriptor? {
        received.isEmpty ? nil : Descriptor(received.removeFirst())
    }

    /// Writes the line, or keeps it for `flush`. Copies are made of the descriptors.
    package func send(_ line: some Collection<UInt8>, attaching descriptors: [Int32] = []) throws(SystemError) {
        var copies: [Int32] = []
        for descriptor in descriptors.prefix(Self.mostDescriptors) {
            copies.append(try check("dup") { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) })
        }
        outgoing.append((ArraySlice(Array(line) + [10]), copies))
        try flush()
    }

    /// Writes as much as the socket takes; true where nothing is left.
    @discardableResult
    package func flush() throws(SystemError) -> Bool {
        while let (bytes, attached) = outgoing.first {
            let sent = bytes.withUnsafeBytes { bytes in
                settle_send(socket.raw, bytes.baseAddress, UInt(bytes.count), attached, Int32(attached.count), 0)
            }
            if sent < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN { return false }
                isClosed = true
                throw SystemError("sendmsg", errno: errno)
            }
            for descriptor in attached { close(descriptor) }
            outgoing[0] = (bytes.dropFirst(sent), [])
            if outgoing[0].bytes.isEmpty { outgoing.removeFirst() }
        }
        return true
    }

    private func readOnce() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 65536)
        var descriptors = [Int32](repeating: -1, count: Self.mostDescriptors)
        var count = Int32(Self.mostDescriptors)
        let length = settle_receive(socket.raw, &bytes, UInt(bytes.count), &descriptors, &count, 0)
        if length < 0 && errno == EINTR { return true }
        if length < 0 && errno == EAGAIN { return false }
        received += descriptors.prefix(Int(count))
        guard length > 0 else {
            isClosed = true
            return false
        }
        incoming += bytes.prefix(length)
        return incoming.count <= Self.longestLine
    }
}
