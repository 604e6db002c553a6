import CProcesses
import Glibc
package import Syscalls

/// The supervisor's end of the control socket, a Unix stream socket that only its own user (root) may open.
package final class ControlServer {
    private let path: String
    private var listener: Descriptor?
    private var bound: (device: dev_t, inode: ino_t) = (0, 0)

    /// Listens on the path; a socket of an earlier supervisor gives way.
    package init(_ path: String) throws(SystemError) {
        self.path = path
        try listen()
    }

    /// To be watched for `readable`; another one after `renew` said so.
    package var descriptor: Int32 { listener?.raw ?? -1 }

    /// Makes the socket anew if its file was removed or replaced, to be asked each second; true where it was.
    package func renew() throws(SystemError) -> Bool {
        var named = stat()
        if lstat(path, &named) == 0 && named.st_dev == bound.device && named.st_ino == bound.inode { return false }
        try listen()
        return true
    }

    /// The next client, nil where none waits. One of another user is turned away, whatever the file's mode has become.
    package func accept() -> LineChannel? {
        while true {
            let raw = Glibc.accept(descriptor, nil, nil)
            if raw < 0 {
                if errno == EINTR || errno == ECONNABORTED { continue }
                return nil
            }
            let client = Descriptor(raw)
            _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
            if ControlAddress.isOurs(client.raw) { return LineChannel(client) }
        }
    }

    /// Made beside its place and renamed into it: the path is never without a socket that listens.
    private func listen() throws(SystemError) {
        let (folder, name) = ControlAddress.split(path)
        try Files.makeFolders(folder, mode: 0o700)
        let address = try ControlAddress(folder, name + ".new")
        let draft = path + ".new"
        unlink(draft)
        let socket = try ControlAddress.socket()
        let mask = umask(0o177)
        defer { umask(mask) }
        let raw = socket.raw
        try check("bind", on: path) { address.pass { bind(raw, $0, $1) } }
        try check("listen", on: path) { Glibc.listen(raw, 128) }
        var status = stat()
        try check("lstat", on: draft) { lstat(draft, &status) }
        try check("rename", on: path) { rename(draft, path) }
        bound = (status.st_dev, status.st_ino)
        listener = consume socket
    }
}

/// The command line's end of the control socket.
package enum ControlClient {
    /// Connects, trying again until the time is over while nobody listens.
    package static func connect(_ path: String, timeout: Duration) throws(SystemError) -> LineChannel {
        let end = MachineClock.monotonic + timeout.nanoseconds
        while true {
            do {
                return LineChannel(try attempt(path))
            } catch {
                let isAbsent = [ENOENT, ECONNREFUSED, EAGAIN].contains(error.errno)
                guard isAbsent, MachineClock.monotonic < end else { throw error }
            }
            usleep(500)
        }
    }

    private static func attempt(_ path: String) throws(SystemError) -> Descriptor {
        let (folder, name) = ControlAddress.split(path)
        let address = try ControlAddress(folder, name)
        let socket = try ControlAddress.socket()
        let raw = socket.raw
        try check("connect", on: path) { address.pass { Glibc.connect(raw, $0, $1) } }
        guard ControlAddress.isOurs(raw) else { throw SystemError("connect", on: path, errno: EPERM) }
        return socket
    }
}

/// The address of a socket by its folder's descriptor: a path may be longer than the 108 bytes of `sun_path`.
private struct ControlAddress: ~Copyable {
    private let folder: Descriptor
    private var address = sockaddr_un()

    init(_ folder: String, _ name: String) throws(SystemError) {
        let opened = try Descriptor(folder, O_RDONLY | O_DIRECTORY)
        let path = Array("/proc/self/fd/\(opened.raw)/\(name)".utf8)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemError("bind", on: name, errno: ENAMETOOLONG)
        }
        self.folder = opened
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    }

    func pass(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    static func socket() throws(SystemError) -> Descriptor {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        return Descriptor(try check("socket") { Glibc.socket(AF_UNIX, type, 0) })
    }

    static func isOurs(_ socket: Int32) -> Bool { settle_peer_user(socket) == Int64(geteuid()) }
}
