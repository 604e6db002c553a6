import Cgroups
import Glibc
import Network
import Processes
package import Stack
import Syscalls

/// Settle's own processes of a project: found by their cgroup, started where they are missing.
package struct Helpers {
    let paths: ProjectPaths
    let cgroups: Cgroups

    init(_ paths: ProjectPaths, _ cgroups: Cgroups) {
        self.paths = paths
        self.cgroups = cgroups
    }

    package init(_ paths: ProjectPaths) throws {
        self.init(paths, try Cgroups.detect(root: paths.roots.cgroup))
    }

    /// Made before each start: a crash may have left it in some of the hierarchies only.
    var group: Cgroup { cgroups.supervisor(of: paths.project) }

    func found() -> ProjectProcesses { ProjectProcesses.find(among: group.pids, project: paths.project) }

    package var presence: Observation.Presence {
        let found = found()
        return Observation.Presence(
            keeper: found.keeper?.pid, supervisor: found.supervisor?.pid, holder: found.holder?.pid,
            proxy: found.proxy?.pid)
    }

    private var start: RoleStart {
        var start = RoleStart(project: paths.project)
        start.environment =
            paths.roots.environment + ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        start.log = paths.supervisorLog
        return start
    }

    /// Whoever is frozen answers nobody, and does not even die.
    private func thaw() throws {
        for group in [cgroups.project(paths.project), group] where group.isFrozen { try group.thaw() }
    }

    /// The keeper, which starts the supervisor; one that lives is left alone.
    package func ensureKeeper() throws {
        try thaw()
        if found().keeper != nil { return }
        let surroundings = Surroundings(paths)
        try surroundings.ensureStateFolders()
        // Two commands may miss it at once, or a command and the supervisor.
        let lock = try HeldLock(paths.keeperLock, command: "settle keep", wait: .seconds(10))
        defer { extendLifetime(lock) }
        if found().keeper != nil { return }
        try surroundings.ensureRuntimeFolder()
        try group.create()
        _ = try start.keeper(exits: paths.exits) { try attach($0) }
    }

    /// The holder's pid; one is started where none lives.
    func holder() throws -> Int32 {
        if let holder = found().holder { return holder.pid }
        try group.create()
        return try start.holder { try attach($0) }
    }

    /// What the supervisor starts is born where it belongs.
    private func attach(_ pid: Int32) throws {
        if !group.holdsCaller { try group.attach(pid) }
    }

    /// Makes sure that a proxy serves the socket.
    func proxy() throws {
        try Surroundings(paths).ensureRuntimeFolder()
        if let proxy = found().proxy { return try renewSocket(of: proxy) }
        let socket = try ProxyClient.listen(at: paths.proxySocket)
        _ = try start.start(.proxy, arguments: [paths.proxySocket], descriptors: [socket.raw]) { try attach($0) }
    }

    /// The proxy's connections are worth more than its socket: where that was deleted, it makes another one.
    private func renewSocket(of proxy: ProcessIdentity) throws {
        if Files.exists(paths.proxySocket) { return }
        try ProcessSignal.send(SIGHUP, to: proxy)
        for _ in 0..<1000 where !Files.exists(paths.proxySocket) { usleep(1000) }
    }

    /// Ends the keeper, the holder and the proxy, as the last thing done for a project.
    func end(_ process: ProcessIdentity?) {
        if let process { try? ProcessSignal.send(SIGKILL, to: process) }
    }
}
