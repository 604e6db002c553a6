import CSyscalls
import Glibc
package import Syscalls

/// Network namespaces, by descriptor.
package enum NetworkNamespace {
    /// The calling thread's.
    package static func current() throws(SystemError) -> Descriptor {
        try Descriptor("/proc/thread-self/ns/net", O_RDONLY)
    }

    /// The same namespace by a descriptor that does not keep the pin it was opened through from being unmounted.
    package static func unbound(_ namespace: Int32) throws(SystemError) -> Descriptor {
        try within(namespace) { () throws(SystemError) in try current() }
    }

    /// A new one with its loopback up. It lives as long as a descriptor, a pin or a process holds it. unshare(2).
    package static func create() throws(SystemError) -> Descriptor {
        let home = try current()
        try check("unshare", on: "network namespace") { settle_unshare_network() }
        // The descriptor comes from the thread's own entry, so the namespace is alive from here on.
        defer { goHome(home.raw) }
        let new = try current()
        try Links().setUp("lo")
        return new
    }

    /// Runs the body inside a namespace: sockets it makes stay there, /proc/sys/net is that of the namespace.
    package static func within<Result: ~Copyable>(
        _ namespace: Int32, _ body: () throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let home = try current()
        try check("setns", on: "network namespace") { settle_enter_network(namespace) }
        defer { goHome(home.raw) }
        return try body()
    }

    /// Security: whoever stays behind in a container's network would open the host's next socket there.
    private static func goHome(_ home: Int32) {
        guard settle_enter_network(home) == 0 else { fatalError("cannot return to the host's network namespace") }
    }

    /// The inode that says which namespace it is, as `readlink /proc/PID/ns/net` shows it.
    package static func inode(_ namespace: Int32) throws(SystemError) -> UInt64 {
        var status = stat()
        try check("fstat", on: "network namespace") { fstat(namespace, &status) }
        return UInt64(status.st_ino)
    }

    /// The network namespace pinned at a path; nil where nothing, or something else, is there. NS_GET_NSTYPE.
    package static func pinned(at path: String) -> Descriptor? {
        guard let file = try? Descriptor(path, O_RDONLY | O_NONBLOCK), settle_is_network_namespace(file.raw) == 1 else {
            return nil
        }
        return file
    }

    /// Makes the namespace (of any kind) reachable by a path: a bind mount on an empty file. mount(2).
    package static func pin(_ namespace: Int32, at path: String) throws(SystemError) {
        _ = try Descriptor(path, O_RDONLY | O_CREAT, mode: 0o600)
        try check("mount", on: path) { mount("/proc/self/fd/\(namespace)", path, nil, UInt(MS_BIND), nil) }
    }

    /// Undoes `pin`; nothing to do where nothing is pinned. umount2(2).
    package static func unpin(_ path: String) throws(SystemError) {
        while umount2(path, Int32(MNT_DETACH)) == 0 {}
        if errno != EINVAL && errno != ENOENT { throw SystemError("umount2", on: path, errno: errno) }
        if unlink(path) != 0 && errno != ENOENT { throw SystemError("unlink", on: path, errno: errno) }
    }

    /// Writes a setting of the namespace, `net/ipv4/ip_forward` for example, below /proc/sys.
    package static func set(_ name: String, to value: String, in namespace: Int32) throws(SystemError) {
        try within(namespace) { () throws(SystemError) in try Files.poke("/proc/sys/" + name, value) }
    }

    /// Reads such a setting.
    package static func setting(_ name: String, in namespace: Int32) throws(SystemError) -> String {
        let text = try within(namespace) { () throws(SystemError) in try Files.text("/proc/sys/" + name) }
        return String(text.prefix { $0 != "\n" })
    }
}

/// The names that `ip netns` knows namespaces by.
extension NetworkNamespace {
    /// Lets `ip netns exec NAME` reach the pinned namespace. A symbolic link, never a mount: iproute2 mounts the folder
    /// on itself, and a mount made before would be hidden, one made after would show twice.
    package static func name(_ name: String, pin: String, folder: String = "/run/netns") throws(SystemError) {
        try Files.makeFolders(folder)
        let path = "\(folder)/\(name)"
        // Its own draft: two projects may come up at once, and rename(2) makes the exchange of the link one step.
        let draft = "\(path).new"
        unlink(draft)
        try check("symlink", on: path) { symlink(pin, draft) }
        try check("rename", on: path) { rename(draft, path) }
    }

    /// Where the name leads; nil where there is none. readlink(2).
    package static func named(_ name: String, folder: String = "/run/netns") -> String? {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = target.withUnsafeMutableBytes {
            readlink("\(folder)/\(name)", $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        return count > 0 ? String(decoding: target[..<count], as: UTF8.self) : nil
    }

    package static func unname(_ name: String, folder: String = "/run/netns") throws(SystemError) {
        if unlink("\(folder)/\(name)") != 0 && errno != ENOENT {
            throw SystemError("unlink", on: "\(folder)/\(name)", errno: errno)
        }
    }
}
