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
        // Who was stopped looks after nothing.
        func working(_ process: ProcessIdentity?) -> Int32? {
            process.flatMap { found.stopped.contains($0) ? nil : $0.pid }
        }
        return Observation.Presence(
            keeper: working(found.keeper), supervisor: working(found.supervisor), holder: found.holder?.pid,
            proxy: found.proxy?.pid)
    }

    private var start: RoleStart {
        var start = RoleStart(project: paths.project)
        start.environment =
            paths.roots.environment + ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        start.log = paths.supervisorLog
        return start
    }

    /// Whoever is frozen answers nobody, and does not even die. Of a stack that was paused as a whole only these go on:
    /// what it holds is frozen each by itself before.
    private func thaw() throws {
        let project = cgroups.project(paths.project)
        if project.isFrozen {
            let paused = try Store(paths).read(isOpen: true).entries.filter(\.isPaused)
            for group in paused.map({ cgroups.container("\($0.instance)", of: paths.project) }) where group.isPopulated
            {
                try group.freeze()
            }
            try project.thaw()
        }
        if group.isFrozen { try group.thaw() }
    }

    /// The keeper, which starts the supervisor; one that lives is left alone.
    package func ensureKeeper() throws {
        try thaw()
        let found = found()
        for process in found.stopped { try ProcessSignal.send(SIGCONT, to: process) }
        if found.keeper != nil { return }
        let surroundings = Surroundings(paths)
        try surroundings.ensureStateFolders()
        // Two commands may miss it at once, or a command and the supervisor.
        let lock = try HeldLock(paths.keeperLock, command: "settle keep", wait: .seconds(10))
        defer { extendLifetime(lock) }
        if self.found().keeper != nil { return }
        try surroundings.ensureRuntimeFolder()
        // Only a new group: Linux 6.18 kills at birth what is cloned into one that `cgroup.kill` was ever written to.
        let isNew = !group.exists
        try group.create()
        let birthplace = isNew ? try group.open()?.take() : nil
        defer { if let birthplace { close(birthplace) } }
        var start = start
        start.birthplace = birthplace ?? -1
        _ = try start.keeper(exits: paths.exits) { if birthplace == nil { try attach($0) } }
    }

    /// The holder's pid; one is started where none lives.
    func holder() throws -> Int32 {
        if let holder = found().holder { return holder.pid }
        try group.create()
        return try start.holder { try attach($0) }
    }

    /// What the supervisor starts is born where it belongs.
    private func attach(_ pid: Int32) throws {
        if !group.isBirthplace { try group.attach(pid) }
    }

    /// Moves Settle's processes into the v1 groups, in which nobody can be born, unless they are there. They are found by
    /// the v2 tree, so this may be done when the kernel makes nobody wait for it.
    func gather() throws {
        if group.holdsCaller { return }
        // This process last: once it is there, all are.
        for pid in group.pids.filter({ $0 != getpid() }) + [getpid()] {
            do throws(CgroupError) {
                try group.attach(pid, isCloned: true)
            } catch {
                // It may have just ended.
                if error.errno != ESRCH { throw error }
            }
        }
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
