import Cgroups
import Glibc
import Stack
import Syscalls
import Testing

/// A shell that waits on its standard input until it is let go. Killed and reaped at the end.
final class Shell {
    let pid: pid_t
    private var input: Int32
    private var status: Int32?

    init(_ script: String = "read line") throws {
        var ends: [Int32] = [0, 0]
        try check("pipe") { pipe(&ends) }
        for end in ends { try check("fcntl") { fcntl(end, F_SETFD, FD_CLOEXEC) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let arguments = ["/bin/sh", "-c", "read go; \(script)"]
        var words = arguments.map { strdup($0) as UnsafeMutablePointer<CChar>? }
        words.append(nil)
        defer { words.forEach { free($0) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, "/bin/sh", &actions, &attributes, words, environ)
        close(ends[0])
        input = ends[1]
        self.pid = pid
        if error != 0 { throw SystemError("posix_spawn", errno: error) }
    }

    /// Lets the script go past its first `read`.
    func go() { Glibc.write(input, "\n", 1) }

    var isRunning: Bool {
        if status != nil { return false }
        var status: Int32 = 0
        if waitpid(pid, &status, WNOHANG) == pid { self.status = status }
        return self.status == nil
    }

    /// The wait status, once it has ended.
    func ended() throws -> Int32 {
        try eventually("process \(pid) ends") { !isRunning }
        return status ?? -1
    }

    deinit {
        close(input)
        if isRunning {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }
    }
}

struct TimedOut: Error { let what: String }

func eventually(_ what: String, _ holds: () throws -> Bool) throws {
    for _ in 0..<2000 {
        if try holds() { return }
        usleep(5000)
    }
    throw TimedOut(what: what)
}

/// Groups of this test's own below `settle-test`, on this machine as it is, or as if it had no v2 tree.
final class Sandbox {
    let cgroups: Cgroups
    let project = "p"

    init(withoutUnified: Bool = false) throws {
        let mode = try withoutUnified ? Sandbox.pureV1() : .detect()
        cgroups = Cgroups(mode: mode, root: "settle-test/\(UInt32.random(in: 0 ... .max))")
    }

    static func pureV1() throws -> CgroupMode {
        let mounts = try Files.text("/proc/self/mountinfo").split(separator: "\n")
        return CgroupMode(mountinfo: mounts.filter { !$0.contains(" - cgroup2 ") }.joined(separator: "\n")) { _ in "" }
    }

    /// With and without the v2 tree, where v1 is there to stand alone.
    static let kinds: [Bool] = (try? CgroupMode.detect())?.kind == .hybrid ? [false, true] : [false]

    func container(
        _ name: String = "web.1.1", _ limits: ResourceLimits = ResourceLimits(),
        budget: ResourceLimits = ResourceLimits()
    ) throws -> Cgroup {
        try cgroups.project(project).create(budget)
        let group = cgroups.container(name, of: project)
        try group.create(limits, fresh: true)
        return group
    }

    /// The kernel's text for a key's file, whichever interface it is on.
    func text(_ controller: String, v1: String, v2: String, of group: Cgroup) throws -> String {
        let name = cgroups.mode.controllers[controller]?.version == .v2 ? v2 : v1
        let path = try #require(group.file(controller, name))
        return String(try Files.text(path).prefix { $0 != "\n" })
    }

    deinit {
        for project in cgroups.projects {
            do { try cgroups.remove(project) } catch { Issue.record("\(error)") }
        }
        cgroups.removeRoot()
        let left = cgroups.top.folders.filter(Files.exists)
        if !left.isEmpty { Issue.record("left over: \(left)") }
    }
}
