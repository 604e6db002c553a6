import Foundation
import Glibc
import Testing

/// What the kernel shows, looked at without Settle.
enum Machine {
    /// To the end, which FileManager does not look for in files of /proc.
    static func text(_ path: String) -> String? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }
        return try? String(decoding: file.readToEnd() ?? Data(), as: UTF8.self)
    }

    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    }

    /// Pids of all processes whose command line fits; zombies have none.
    static func processes(where fits: ([String]) -> Bool) -> [Int32] {
        names(in: "/proc").compactMap { Int32($0) }.filter { pid in
            guard let line = text("/proc/\(pid)/cmdline"), !line.isEmpty else { return false }
            return fits(line.split(separator: "\0", omittingEmptySubsequences: false).map(String.init))
        }.sorted()
    }

    static func isAlive(_ pid: Int32) -> Bool {
        guard let stat = text("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return false }
        return stat[end...].dropFirst(2).first != "Z"
    }

    /// The roots of all hierarchies of control groups.
    static let hierarchies: [String] = (text("/proc/self/mountinfo") ?? "").split(separator: "\n").compactMap { line in
        let fields = line.split(separator: " ")
        guard let dash = fields.firstIndex(of: "-"), fields[dash + 1].hasPrefix("cgroup") else { return nil }
        return String(fields[4])
    }

    static let isUnified = hierarchies == ["/sys/fs/cgroup"]

    /// The folder of a container in the hierarchy that has this file: `memory.max` or `memory.limit_in_bytes`.
    static func limitFile(_ stack: Stack, _ service: String, v1: String, v2: String) throws -> String {
        let name = isUnified ? v2 : v1
        for hierarchy in hierarchies {
            let project = "\(hierarchy)/\(stack.cgroup)/\(stack.project)"
            for folder in names(in: project) where folder.hasPrefix("\(service).") {
                let path = "\(project)/\(folder)/\(name)"
                if access(path, F_OK) == 0 { return path }
            }
        }
        throw Missing(what: "\(name) of \(service)")
    }

    static func limit(_ stack: Stack, _ service: String, v1: String, v2: String) throws -> String {
        let path = try limitFile(stack, service, v1: v1, v2: v2)
        return (text(path) ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    struct Missing: Error { let what: String }

    /// The inode of a namespace.
    static func namespace(_ pid: Int32, _ kind: String) -> UInt64 {
        var status = stat()
        return stat("/proc/\(pid)/ns/\(kind)", &status) == 0 ? UInt64(status.st_ino) : 0
    }

    /// Runs a program of the host, which must succeed.
    @discardableResult
    static func run(_ program: String, _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws
        -> String
    {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        let ended = try Running(program, arguments, ["PATH": path], in: "/")
            .wait(30, sourceLocation: sourceLocation)
        try #require(
            ended.status == 0, "\(program) \(arguments.joined(separator: " ")): \(ended)",
            sourceLocation: sourceLocation)
        return ended.out
    }

    /// Runs a shell's script in a network namespace of the project: the stack's own, or that of a service.
    @discardableResult
    static func inNamespace(
        _ stack: Stack, _ name: String? = nil, _ script: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> String {
        let endpoint = name.map { "net/\($0)" } ?? "stack"
        return try run(
            "nsenter", "--net=\(stack.runtime)/\(stack.project)/ns/\(endpoint)", "sh", "-c", script,
            sourceLocation: sourceLocation)
    }

    /// A TCP or UDP port that nobody uses at the moment.
    static func freePort() throws -> Int {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutablePointer(to: &address) {
            try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try #require(bind(socket, $0, size) == 0)
                try #require(getsockname(socket, $0, &size) == 0)
            }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    // MARK: Leftovers

    static func groups(of stack: Stack) -> [String] {
        hierarchies.map { "\($0)/\(stack.cgroup)/\(stack.project)" }.filter { access($0, F_OK) == 0 }
    }

    static func mounts(below folder: String) -> [String] {
        (text("/proc/self/mountinfo") ?? "").split(separator: "\n").compactMap { line in
            let path = line.split(separator: " ")[4]
            return path == folder || path.hasPrefix(folder + "/") ? String(path) : nil
        }
    }

    static func namedNamespaces(of stack: Stack) -> [String] {
        names(in: "/run/netns").filter { $0 == "settle.\(stack.project)" || $0.hasPrefix("settle.\(stack.project).") }
    }

    /// Links of the host that carry the project's mark.
    static func links(of stack: Stack) -> [String] {
        names(in: "/sys/class/net").filter {
            text("/sys/class/net/\($0)/ifalias")?.contains(":\(stack.project):") == true
        }
    }

    /// Takes everything of the stack away by force, so that one failure does not spoil the tests that follow.
    static func remove(_ stack: Stack) {
        for hierarchy in hierarchies {
            let project = "\(hierarchy)/\(stack.cgroup)/\(stack.project)"
            for folder in names(in: project).map({ "\(project)/\($0)" }) + [project] {
                for freezer in [("freezer.state", "THAWED"), ("cgroup.freeze", "0")] {
                    if let file = fopen("\(folder)/\(freezer.0)", "r+") {
                        fputs(freezer.1, file)
                        fclose(file)
                    }
                }
                for pid in (text("\(folder)/cgroup.procs") ?? "").split(separator: "\n").compactMap({ Int32($0) }) {
                    kill(pid, SIGKILL)
                }
            }
        }
        for pid in processes(where: { $0.contains(stack.project) }) { kill(pid, SIGKILL) }
        usleep(200_000)
        for path in (mounts(below: stack.runtime) + mounts(below: stack.state)).reversed() {
            umount2(path, Int32(MNT_DETACH))
        }
        for name in namedNamespaces(of: stack) { unlink("/run/netns/\(name)") }
        for link in links(of: stack) { _ = try? run("ip", "link", "delete", link) }
        for hierarchy in hierarchies {
            let project = "\(hierarchy)/\(stack.cgroup)/\(stack.project)"
            for folder in names(in: project).map({ "\(project)/\($0)" }) + [project] { rmdir(folder) }
        }
    }
}
