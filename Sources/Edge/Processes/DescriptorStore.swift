import CProcesses
import CSyscalls
import Glibc
package import Syscalls

/// A connection to the holder: descriptors by name, that outlive keeper and supervisor.
///
/// Names have at most 127 bytes. A client that is killed in the middle of a request does no harm: each has a connection
/// of its own.
package struct DescriptorStore: ~Copyable {
    private let connection: Descriptor

    /// Connects to the holder with this pid by pidfd_getfd(2).
    package init(holder pid: Int32) throws(SystemError) {
        let process = Descriptor(try check("pidfd_open", on: "holder \(pid)") { settle_pidfd_open(pid, 0) })
        let shared = Descriptor(
            try check("pidfd_getfd", on: "holder \(pid)") {
                settle_pidfd_getfd(process.raw, Int32(settle_hold_outer))
            })
        var pair: [Int32] = [0, 0]
        try check("socketpair") {
            socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair)
        }
        let near = Descriptor(pair[0])
        let far = Descriptor(pair[1])
        // It answers at once, unless somebody stopped it: then nobody is to wait for ever.
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(near.raw, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        try Self.send("c", on: shared, attached: far.raw)
        connection = near
    }

    /// Keeps a copy of the descriptor under the name, in place of one that had it.
    package func put(_ descriptor: Int32, as name: String) throws(SystemError) {
        _ = try request("p", name, attached: descriptor)
    }

    /// A copy of the descriptor, nil where nothing has that name.
    package func get(_ name: String) throws(SystemError) -> Descriptor? {
        do {
            return try request("g", name).descriptor()
        } catch {
            if error.errno == ENOENT { return nil }
            throw error
        }
    }

    /// Closes the holder's copy; true where there was one.
    @discardableResult
    package func drop(_ name: String) throws(SystemError) -> Bool {
        do {
            _ = try request("d", name)
            return true
        } catch {
            if error.errno == ENOENT { return false }
            throw error
        }
    }

    /// All names, sorted.
    package func list() throws(SystemError) -> [String] {
        var names: [String] = []
        var position: Int32 = 0
        repeat {
            let answer = try request("l", position: position)
            names += answer.bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            position = answer.position
        } while position != 0
        return names.sorted()
    }

    /// Ends the holder, and with it whatever nobody else holds.
    package func end() throws(SystemError) {
        _ = try request("e")
    }

    private struct Answer: ~Copyable {
        let position: Int32
        let bytes: [UInt8]
        let attached: Int32?

        consuming func descriptor() -> Descriptor? { attached.map { Descriptor($0) } }
    }

    private func request(_ operation: Character, _ name: String = "", position: Int32 = 0, attached: Int32? = nil)
        throws(SystemError) -> Answer
    {
        let subject = name.isEmpty ? "holder" : "holder, \(name)"
        guard name.utf8.count < Int(settle_hold_name) else {
            throw SystemError("put", on: subject, errno: ENAMETOOLONG)
        }
        try Self.send(operation, name, position: position, on: connection, attached: attached)
        let size = MemoryLayout<settle_hold>.size
        var bytes = [UInt8](repeating: 0, count: size + Int(settle_hold_list))
        var received: Int32 = -1
        var count: Int32 = 1
        let length = try check("recvmsg", on: subject) {
            settle_receive(connection.raw, &bytes, UInt(bytes.count), &received, &count, 0)
        }
        guard length >= size else { throw SystemError("recvmsg", on: subject, errno: ECONNRESET) }
        let header = bytes.withUnsafeBytes { $0.loadUnaligned(as: settle_hold.self) }
        guard header.operation == 0 else { throw SystemError("hold", on: subject, errno: header.operation) }
        return Answer(
            position: header.position, bytes: Array(bytes[size..<length]), attached: count > 0 ? received : nil)
    }

    private static func send(
        _ operation: Character, _ name: String = "", position: Int32 = 0, on socket: borrowing Descriptor,
        attached: Int32?
    ) throws(SystemError) {
        let header = settle_hold(operation: Int32(operation.asciiValue!), position: position)
        let bytes = withUnsafeBytes(of: header) { Array($0) } + Array(name.utf8)
        var attached = attached
        let raw = socket.raw
        let count: Int32 = attached == nil ? 0 : 1
        var number = attached.take() ?? -1
        try check("sendmsg", on: "holder") { settle_send(raw, bytes, UInt(bytes.count), &number, count, 0) }
    }
}
