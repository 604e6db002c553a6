import CSyscalls
import Cgroups
import Engine
import Glibc
import Processes
import Stack
import Syscalls

/// The process that changes a project and looks after its containers. It may be killed at any moment: all it knows is in
/// files and in the kernel, and its successor goes on.
package final class Supervisor {
    let paths: ProjectPaths
    let loop = EventLoop()
    let store: Store
    let machine: LinuxMachine
    let helpers: Helpers
    var ledger: Ledger
    /// What is known of each container that runs or is to run again.
    var watched: [Instance: WatchedContainer] = [:]
    var restarts: [ContainerID: Restarts] = [:]
    var pendingRestarts: [ContainerID: EventLoop.Timer] = [:]
    var active: ActiveChange?
    var awaited: AwaitedProcess?
    var waiting: [(request: Request, client: Client?)] = []
    var clients: [Client] = []
    var monitors: [Instance: HealthMonitor] = [:]
    var waits: [ReadinessWait] = []
    /// What runs in containers because they have started, or are to end.
    var hooks: [Instance: RunningHook] = [:]
    var hookNumber = 0
    /// Of each log's folder.
    var forwardings: [String: Forwarding] = [:]
    var holderWatch: EventLoop.Watch?
    /// The project's lock, while the supervisor itself changes the project.
    var ownChange: HeldLock?
    /// The whole project is about to be frozen: nothing is to start before that.
    var isHeld = false
    /// Whose next start is the end of a `settle restart`.
    var restarting: Set<ContainerID> = []
    private var server: ControlServer
    private var serverWatch: EventLoop.Watch?
    private(set) var keeperIsLost = false
    private var isGathered = false

    /// Runs the supervisor of a project until the project is gone or another supervisor takes over.
    package static func run(_ project: String, roots: Roots) throws {
        let paths = roots.paths(of: project)
        guard Files.exists(paths.state), let place = try takePlace(paths) else { return }
        if try isGone(paths) { return }
        let supervisor = try Supervisor(paths)
        try supervisor.adopt()
        try supervisor.loop.run()
        extendLifetime(supervisor)
        extendLifetime(place)
    }

    /// Whether the project ended while this process was on its way: one that the keeper started in place of a supervisor
    /// that died as it removed the project, say. The folder was made before the keeper, and only a removal takes the
    /// ledger or the keeper's control group away. It ends then, as the keeper does with it, and makes nothing that nobody
    /// would look after; what the removal did not come to, goes.
    private static func isGone(_ paths: ProjectPaths) throws -> Bool {
        if Files.exists(paths.ledger) { return false }
        if Files.exists(paths.state), try Helpers(paths).found().keeper?.pid == getppid() { return false }
        try Store(paths).removeFiles(keepingLogs: true)
        unlink(paths.supervisorLock)
        return true
    }

    /// There is one supervisor at a time. One that lost its keeper is about to leave; one that hangs is in the way.
    ///
    /// - Returns: nil where this process is one too many: another keeper is older than its own.
    private static func takePlace(_ paths: ProjectPaths) throws -> HeldLock? {
        let helpers = try Helpers(paths)
        let deadline = MachineClock.monotonic + 5_000_000_000
        while true {
            if let place = try freePlace(paths) { return place }
            if let keeper = helpers.found().keeper, keeper.pid != getppid() { return nil }
            if MachineClock.monotonic < deadline { continue }
            for pid in helpers.group.pids where pid != getpid() {
                let other = ProjectProcesses.find(among: [pid], project: paths.project).supervisor
                if let other { try ProcessSignal.send(SIGKILL, to: other) }
            }
        }
    }

    private static func freePlace(_ paths: ProjectPaths) throws -> HeldLock? {
        do {
            return try HeldLock(paths.supervisorLock, command: "settle supervise", wait: .milliseconds(10))
        } catch ProjectLock.Failure.held {
            return nil
        }
    }

    private init(_ paths: ProjectPaths) throws {
        self.paths = paths
        store = Store(paths)
        helpers = try Helpers(paths)
        try Surroundings(paths).ensureRuntimeFolder()
        let raw = try store.read(isOpen: true)
        ledger = try store.read()
        if raw != ledger { try store.write(ledger) }
        machine = try LinuxMachine(paths, store: store)
        server = try ControlServer(paths.controlSocket)
        machine.waitFor = { [unowned self] in self.advance(afterEndOf: $0) }
        machine.didStart = { [unowned self] in self.started($0, process: $1, output: $2 < 0 ? nil : $2) }
        machine.didEnd = { [unowned self] in self.conclude($0) }
        machine.beginHook = { [unowned self] in try self.begin($0, in: $1) }
        machine.endHook = { [unowned self] in self.endHook(in: $0) }
        try store.compact(keeping: Set(ledger.entries.map(\.instance)))
    }

    /// Takes up what an earlier supervisor left: processes, output, published ports.
    private func adopt() throws {
        let runs = Dictionary(try store.runs().map { ($0.instance, $0) }, uniquingKeysWith: { _, last in last })
        for entry in ledger.entries {
            guard let run = runs[entry.instance], run.boot == Run.currentBoot else { continue }
            adopt(entry, run)
        }
        // Also where the goal has none: the proxy may serve what a change that was cut off had published.
        do {
            try machine.publishPorts(of: ledger.goal)
        } catch {
            complain("\(error.resource): \(error.message)")
        }
        serve()
        watchKeeper()
        watchHolder()
        _ = loop.every(.seconds(1)) { [unowned self] in self.tick() }
        // Whoever started us asks at once, else there is nothing to do here.
        _ = loop.after(.seconds(10)) { [unowned self] in self.leaveIfIdle() }
    }

    private func serve() {
        if let serverWatch { loop.forget(serverWatch) }
        serverWatch = loop.watch(server.descriptor) { [unowned self] _ in
            while let channel = self.server.accept() { self.welcome(channel) }
        }
    }

    /// Nobody waits any more now, and where containers were started, the kernel does not make anybody wait either.
    func gather() {
        if isGathered { return }
        do {
            try helpers.gather()
            isGathered = true
        } catch {
            complain("\(error)")
        }
    }

    /// What may vanish without an event: the socket's file, the proxy.
    private func tick() {
        if active == nil { gather() }
        removeOneOffs()
        do {
            try Surroundings(paths).ensureRuntimeFolder()
            if try server.renew() { serve() }
            if active == nil, !ledger.goal.publishedPorts.isEmpty, helpers.found().proxy == nil {
                try machine.publishPorts(of: ledger.goal)
            }
        } catch {
            complain("\(error)")
        }
    }

    /// Containers are born as the keeper's children. A new keeper brings a new supervisor with it: this one leaves.
    private func watchKeeper() {
        guard let keeper = helpers.found().keeper, keeper.pid == getppid(),
            let descriptor = ProcessSignal.openProcess(keeper)
        else {
            keeperIsLost = true
            _ = loop.after(.zero) { [unowned self] in self.handOver() }
            return
        }
        _ = loop.watchProcess(descriptor.take()) { [unowned self] in
            self.keeperIsLost = true
            self.handOver()
        }
    }

    func handOver() {
        guard keeperIsLost, active == nil, waiting.isEmpty else { return }
        do {
            try helpers.ensureKeeper()
            loop.stop()
        } catch {
            complain("cannot start a new keeper: \(error)")
            _ = loop.after(.seconds(1)) { [unowned self] in self.handOver() }
        }
    }

    func leaveIfIdle() {
        guard ledger.isEmpty, active == nil, waiting.isEmpty else { return }
        do {
            try machine.removeProject(keepingLogs: false)
        } catch {
            complain("\(error.message)")
        }
        loop.stop()
    }

    /// Standard error is the project's `supervisor.log`.
    func complain(_ text: String) {
        let line = "\(MachineClock.rfc3339(MachineClock.realtime)) \(text)\n"
        try? Files.write(line.utf8, to: STDERR_FILENO, named: paths.supervisorLog)
    }

    /// Milliseconds of the clock that only goes forward.
    var now: Int64 { MachineClock.monotonic / 1_000_000 }
}
