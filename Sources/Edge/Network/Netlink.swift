import CSyscalls
import Glibc
import Syscalls

/// A netlink request under construction: header, the family's own header, attributes. netlink(7).
struct NetlinkMessage {
    /// What it does, for errors: `create bridge br0`.
    let purpose: String
    private(set) var bytes: [UInt8]

    init(_ purpose: String, _ type: Int, flags: Int32 = 0, header: some BitwiseCopyable) {
        self.purpose = purpose
        let fixed = nlmsghdr(
            nlmsg_len: 0, nlmsg_type: UInt16(type), nlmsg_flags: UInt16(NLM_F_REQUEST | flags), nlmsg_seq: 0,
            nlmsg_pid: 0)
        bytes = Self.raw(fixed) + Self.raw(header)
        pad()
    }

    private static func raw(_ value: some BitwiseCopyable) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

    private mutating func pad() { while bytes.count % 4 != 0 { bytes.append(0) } }

    mutating func add(_ attribute: some BinaryInteger, _ value: [UInt8]) {
        bytes += Self.raw(UInt16(value.count + 4)) + Self.raw(UInt16(attribute)) + value
        pad()
    }

    mutating func add(_ attribute: some BinaryInteger, _ value: String) { add(attribute, Array(value.utf8) + [0]) }

    mutating func add(_ attribute: some BinaryInteger, _ value: UInt32) { add(attribute, Self.raw(value)) }

    /// An attribute that holds attributes, after a header of its own where the family wants one.
    mutating func nest(_ attribute: some BinaryInteger, header: [UInt8] = [], _ body: (inout Self) -> Void) {
        let start = bytes.count
        add(attribute, header)
        body(&self)
        bytes.replaceSubrange(start..<start + 2, with: Self.raw(UInt16(bytes.count - start)))
    }

    /// The bytes to send, with length and sequence number filled in.
    func sealed(_ sequence: UInt32, flags: Int32) -> [UInt8] {
        var result = bytes
        result.replaceSubrange(0..<4, with: Self.raw(UInt32(bytes.count)))
        let all = UInt16(result[6]) | UInt16(result[7]) << 8 | UInt16(flags)
        result.replaceSubrange(6..<8, with: Self.raw(all))
        result.replaceSubrange(8..<12, with: Self.raw(sequence))
        return result
    }
}

/// The attributes of a netlink message, by type. Of one that is repeated, the last.
struct NetlinkAttributes {
    private var values: [UInt16: ArraySlice<UInt8>] = [:]

    init(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while rest.count >= 4 {
            let length = Int(rest.number(at: 0, as: UInt16.self))
            guard length >= 4, length <= rest.count else { return }
            // The two highest bits say "nested" and "network byte order".
            let type = rest.number(at: 2, as: UInt16.self) & 0x3fff
            values[type] = rest.dropFirst(4).prefix(length - 4)
            rest = rest.dropFirst((length + 3) & ~3)
        }
    }

    func bytes(_ attribute: some BinaryInteger) -> ArraySlice<UInt8>? { values[UInt16(attribute)] }

    func number(_ attribute: some BinaryInteger) -> UInt32? {
        guard let bytes = bytes(attribute), bytes.count >= 4 else { return nil }
        return bytes.number(at: 0, as: UInt32.self)
    }

    func text(_ attribute: some BinaryInteger) -> String? {
        bytes(attribute).map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    func nested(_ attribute: some BinaryInteger) -> NetlinkAttributes? { bytes(attribute).map { Self($0) } }

    /// Attribute types in ascending order.
    var types: [UInt16] { values.keys.sorted() }
}

extension Collection<UInt8> {
    /// A number in the machine's byte order at an offset of the collection.
    func number<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type) -> Number {
        var value: Number = 0
        withUnsafeMutableBytes(of: &value) { $0.copyBytes(from: dropFirst(offset).prefix(MemoryLayout<Number>.size)) }
        return value
    }
}

/// A netlink socket of one network namespace: it stays there, whoever uses it from wherever.
struct Netlink: ~Copyable {
    private let socket: Descriptor

    /// `family` is NETLINK_ROUTE or NETLINK_NETFILTER.
    init(_ family: Int32, in namespace: Int32) throws(SystemError) {
        self = try NetworkNamespace.within(namespace) { () throws(SystemError) in try Netlink(family) }
    }

    /// In the namespace where the caller is.
    init(_ family: Int32) throws(SystemError) {
        let type = Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue)
        socket = Descriptor(try check("socket", on: "netlink") { Glibc.socket(AF_NETLINK, type, family) })
        // With the extended acknowledgement the kernel says in words what it dislikes, and does not repeat the request.
        for option in [NETLINK_EXT_ACK, NETLINK_CAP_ACK] {
            var on: Int32 = 1
            setsockopt(socket.raw, 270, Int32(option), &on, 4)
        }
    }

    /// Sends the requests in one packet and waits for the answer to each. The kernel goes on behind one that failed;
    /// the first failure is thrown.
    func perform(_ messages: [NetlinkMessage]) throws(SystemError) {
        if messages.isEmpty { return }
        try send(messages.enumerated().flatMap { $1.sealed(UInt32($0 + 1), flags: NLM_F_ACK) })
        var failure: SystemError?
        var answered = 0
        while answered < messages.count {
            for reply in try receive() where reply.type == NLMSG_ERROR {
                answered += 1
                let index = Int(reply.sequence) - 1
                let purpose = messages.indices.contains(index) ? messages[index].purpose : nil
                failure = failure ?? reply.failure(purpose)
            }
        }
        if let failure { throw failure }
    }

    /// Sends requests of which only those at `acknowledged` are answered, and those only once: netfilter's batches,
    /// where the whole transaction is refused together.
    func performBatch(_ messages: [NetlinkMessage], acknowledging acknowledged: Int) throws(SystemError) {
        try send(
            messages.enumerated().flatMap { $1.sealed(UInt32($0 + 1), flags: $0 == acknowledged ? NLM_F_ACK : 0) })
        while true {
            for reply in try receive() where reply.type == NLMSG_ERROR {
                if let failure = reply.failure(messages[acknowledged].purpose) { throw failure }
                return
            }
        }
    }

    /// All objects that a request asks for: the bytes behind the netlink header of each.
    func dump(_ message: NetlinkMessage) throws(SystemError) -> [ArraySlice<UInt8>] {
        while true {
            try send(message.sealed(1, flags: NLM_F_DUMP))
            var objects: [ArraySlice<UInt8>] = []
            var interrupted = false
            var done = false
            while !done {
                for reply in try receive() {
                    interrupted = interrupted || Int32(reply.flags) & NLM_F_DUMP_INTR != 0
                    if reply.type == NLMSG_ERROR, let failure = reply.failure(message.purpose) { throw failure }
                    if reply.type == NLMSG_DONE || reply.type == NLMSG_ERROR {
                        done = true
                    } else {
                        objects.append(reply.body)
                    }
                }
            }
            // Something changed while the kernel was telling: what it told may lack objects that were there throughout.
            if !interrupted { return objects }
        }
    }

    /// The one object that a request asks for.
    func get(_ message: NetlinkMessage) throws(SystemError) -> ArraySlice<UInt8> {
        try send(message.sealed(1, flags: 0))
        let reply = try receive()[0]
        if reply.type == NLMSG_ERROR, let failure = reply.failure(message.purpose) { throw failure }
        return reply.body
    }

    private func send(_ bytes: [UInt8]) throws(SystemError) {
        try check("send", on: "netlink") { Glibc.send(socket.raw, bytes, bytes.count, 0) }
    }

    private struct Reply {
        let type: Int32
        let flags: UInt16
        let sequence: UInt32
        let body: ArraySlice<UInt8>

        /// Nil for success.
        func failure(_ purpose: String?) -> SystemError? {
            let number = -body.number(at: 0, as: Int32.self)
            if number == 0 { return nil }
            let hasWords = Int32(flags) & NLM_F_ACK_TLVS != 0
            let words = hasWords ? NetlinkAttributes(body.dropFirst(20)).text(1) : nil
            let subject = [purpose, words.map { "(\($0))" }].compactMap { $0 }.joined(separator: " ")
            return SystemError("netlink", on: subject, errno: number)
        }
    }

    private func receive() throws(SystemError) -> [Reply] {
        var rest = try Files.read(65536, from: socket.raw, named: "netlink")[...]
        var replies: [Reply] = []
        while rest.count >= 16 {
            let length = Int(rest.number(at: 0, as: UInt32.self))
            guard length >= 16, length <= rest.count else { break }
            replies.append(
                Reply(
                    type: Int32(rest.number(at: 4, as: UInt16.self)), flags: rest.number(at: 6, as: UInt16.self),
                    sequence: rest.number(at: 8, as: UInt32.self), body: rest.dropFirst(16).prefix(length - 16)))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return replies
    }
}
