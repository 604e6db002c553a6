import Glibc
import Syscalls

/// Hands a container's lines on to somebody else, from the files that keep them: whoever is slow or away is waited for,
/// nobody's program is, and the files bound what is waiting. How far it is stands in a file beside them, so that the next
/// supervisor goes on there; a kill between the two may send some lines twice.
package final class LogForwarder {
    private let folder: String
    private let reader: LogReader
    private let outlet: Outlet
    private let frame: (LogLine) -> [UInt8]
    private var pending: [UInt8]?
    private var place: LogReader.Place
    private var pause = Duration.milliseconds(0)

    /// So many lines are sent before others have their turn.
    private static let most = 500
    private static let shortestPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(5)

    /// - Parameters:
    ///   - folder: of the log.
    ///   - frame: a line as the other end wants it.
    package init(_ folder: String, to outlet: Outlet, frame: @escaping (LogLine) -> [UInt8]) {
        self.folder = folder
        self.outlet = outlet
        self.frame = frame
        let noted = (try? Files.text("\(folder)/sent"))?.words.compactMap { Int64($0) } ?? []
        if noted.count == 2 {
            reader = LogReader(folder)
            reader.seek(to: LogReader.Place(segment: Int(noted[0]), offset: noted[1]))
        } else {
            // What was written before anybody wanted it handed on is not.
            reader = LogReader(folder, tail: 0)
        }
        place = reader.place
        if noted.count != 2, (try? Files.makeFolders(folder, mode: 0o700)) != nil { note() }
    }

    /// Sends what is there.
    ///
    /// - Parameter isLast: also a last line that has no end.
    /// - Returns: after which time there is more to do; nil where there is none until lines come.
    package func pump(isLast: Bool = false) -> Duration? {
        var count = 0
        defer { if count > 0 { note() } }
        while count < Self.most {
            if pending == nil {
                guard let line = reader.next() ?? (isLast ? reader.rest() : nil) else { return nil }
                pending = frame(line)
            }
            guard let message = pending, outlet.send(message) else {
                pause = pause == .zero ? Self.shortestPause : min(pause * 2, Self.longestPause)
                return pause
            }
            pause = .zero
            pending = nil
            place = reader.place
            count += 1
        }
        return .zero
    }

    private func note() {
        // What cannot be noted is sent again by a successor.
        try? Files.replace("\(folder)/sent", "\(place.segment) \(place.offset)".utf8)
    }
}

/// The socket that lines go to. It never blocks, and is opened anew where the other end has gone.
package final class Outlet {
    package enum Target: Hashable, Sendable {
        /// Datagrams, or a stream where the other end wants that.
        case local(String)
        case udp(String, UInt16)
        case tcp(String, UInt16)
    }

    private let target: Target
    private var socket: Descriptor?
    private var isStream = false
    /// Of a message that a stream has taken a part of.
    private var rest: [UInt8] = []

    package init(_ target: Target) { self.target = target }

    /// - Returns: false where it has to be sent again, later.
    func send(_ message: [UInt8]) -> Bool {
        if socket == nil { open() }
        let raw = socket?.raw ?? -1
        if raw < 0 { return false }
        if !isStream { return transmit(message, on: raw) != nil }
        // A stream's messages end with a line end; one that was begun is ended first.
        if rest.isEmpty { rest = message + [10] }
        while !rest.isEmpty {
            guard let count = transmit(rest, on: raw) else { return false }
            rest.removeFirst(count)
        }
        return true
    }

    private func transmit(_ bytes: [UInt8], on descriptor: Int32) -> Int? {
        let count = bytes.withUnsafeBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
        }
        if count >= 0 { return count }
        switch errno {
        case EAGAIN, EINTR, EINPROGRESS, ENOTCONN, ENOBUFS: return nil
        // Longer than the other end takes: it never will.
        case EMSGSIZE: return bytes.count
        case _:
            socket = nil
            rest = []
            return nil
        }
    }

    private func open() {
        switch target {
        case .local(let path):
            isStream = false
            if !connect(path, SOCK_DGRAM), errno == EPROTOTYPE { isStream = connect(path, SOCK_STREAM) }
        case .udp(let host, let port):
            isStream = false
            connect(host, port, SOCK_DGRAM)
        case .tcp(let host, let port):
            isStream = true
            connect(host, port, SOCK_STREAM)
        }
    }

    private func connect(_ path: String, _ type: __socket_type) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return attempt(AF_UNIX, type, &address)
    }

    private func connect(_ host: String, _ port: UInt16, _ type: __socket_type) {
        var four = sockaddr_in()
        four.sin_family = sa_family_t(AF_INET)
        four.sin_port = port.bigEndian
        if inet_pton(AF_INET, host, &four.sin_addr) == 1 {
            _ = attempt(AF_INET, type, &four)
            return
        }
        var six = sockaddr_in6()
        six.sin6_family = sa_family_t(AF_INET6)
        six.sin6_port = port.bigEndian
        if inet_pton(AF_INET6, host, &six.sin6_addr) == 1 { _ = attempt(AF_INET6, type, &six) }
    }

    private func attempt<Address>(_ family: Int32, _ type: __socket_type, _ address: inout Address) -> Bool {
        let flags = Int32(type.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let opened = Descriptor(Glibc.socket(family, flags, 0))
        guard opened.raw >= 0 else { return false }
        let raw = opened.raw
        let size = socklen_t(MemoryLayout<Address>.size)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(raw, $0, size) }
        }
        let number = errno
        // A stream connects while others have their turn; sending says when it has.
        if result != 0 && number != EINPROGRESS {
            errno = number
            return false
        }
        socket = consume opened
        return true
    }
}
