import Compose
import Diagnostics
import Engine
import Glibc
import Linux
import Processes
import Stack
import Syscalls

/// `up` without `--detach`: the output of the containers until they have ended. The first Ctrl-C stops them, the second
/// kills them, the third leaves them.
final class Foreground {
    struct Manner {
        /// Whose end matters.
        var services: [String] = []
        /// Whose output is shown.
        var shown: Set<String> = []
        var timeout: Int?
        /// The end of one stops all: of any, or of one that has failed.
        var abortsOnExit = false
        var abortsOnFailure = false
        /// Whose exit status is ours.
        var exitCodeFrom: String?
        /// Keys are shortcuts: d, w.
        var hasMenu = false
    }

    private let scene: Scene
    private let following: Following
    private let services: Set<String>
    private let manner: Manner
    private let watching: WatchSwitch
    private var interrupts = 0
    private var failure: (any Error)?
    private var isAborting = false
    private var exitCode: Int32?
    private var channel: LineChannel?

    init(_ scene: Scene, _ printer: LogPrinter, _ manner: Manner, _ watching: WatchSwitch, started: [ContainerID]) {
        self.scene = scene
        self.manner = manner
        self.watching = watching
        services = Set(manner.services)
        following = Following(scene, printer, services: manner.services, on: watching.loop)
        following.shown = manner.shown
        following.isKept = { watching.isOn }
        following.wasLive = Set(started)
        following.didEnd = { [unowned self] in try self.ended($0) }
    }

    func run() throws {
        let watch = try following.loop.watchSignals([SIGINT, SIGTERM]) { [unowned self] _ in attempt { try interrupt() }
        }
        defer { following.loop.forget(watch) }
        let shortcuts = Shortcuts(following.loop) { [unowned self] in
            press($0)
        } end: { [unowned self] signal in
            attempt { throw Complaint([], status: 128 + signal) }
        }
        defer { shortcuts.detach() }
        if manner.hasMenu {
            try shortcuts.attach()
            scene.output.progress("keys", "d leaves the stack running, w watches its files")
        }
        defer { watching.turnOff() }
        if watching.isWanted { try watching.turnOn() }
        try following.run()
        if let failure { throw failure }
        if interrupts > 0 { throw Complaint([], status: Complaint.interrupted) }
        if let exitCode, exitCode != 0 { throw Complaint([], status: exitCode) }
    }

    private func attempt(_ body: () throws -> Void) {
        do { try body() } catch {
            failure = error
            following.loop.stop()
        }
    }

    private func press(_ key: Character) {
        switch key.lowercased() {
        case "d": following.loop.stop()
        case "w" where watching.isOn: watching.turnOff()
        case "w" where interrupts == 0:
            do { try watching.turnOn() } catch let complaint as Complaint {
                for diagnostic in complaint.diagnostics { scene.output.show(diagnostic) }
            } catch {
                scene.output.warn("\(error)")
            }
        case _: break
        }
    }

    private func ended(_ row: ContainerList.Row) throws {
        // What is replaced because its files were edited goes on, and what comes before a service is to end.
        if watching.isBusy || scene.project?.service(row.id.service)?.precedes != nil { return }
        if row.id.service == manner.exitCodeFrom { exitCode = exitCode ?? row.exitCode }
        guard !isAborting, interrupts == 0, manner.abortsOnExit || (manner.abortsOnFailure && row.exitCode != 0) else {
            return
        }
        isAborting = true
        if manner.exitCodeFrom == nil { exitCode = row.exitCode }
        scene.output.warn("\(row.id) \(row.ending): stopping everything")
        try askToStop()
    }

    private func interrupt() throws {
        interrupts += 1
        if interrupts == 1 {
            watching.turnOff()
            scene.output.warn("stopping; Ctrl-C again kills")
            try askToStop()
        } else if interrupts > 2 {
            following.loop.stop()
        } else {
            // The supervisor waits for the grace period to pass: this need not.
            for container in try scene.observe(.states).containers.values {
                guard services.contains(container.entry.instance.id.service), let pid = container.pid else { continue }
                kill(pid, SIGKILL)
            }
        }
    }

    private func askToStop() throws {
        let ids = try scene.store.read().entries.map(\.instance.id).filter { services.contains($0.service) }
        try Helpers(scene.paths).ensureKeeper()
        let channel = try ControlClient.connect(scene.paths.controlSocket, timeout: .seconds(10))
        self.channel = channel
        var watch: EventLoop.Watch?
        watch = following.loop.watch(channel.socket.raw) { [unowned self] _ in
            for line in channel.receive() {
                guard let event = try? JSON.decode(Event.self, from: line) else { continue }
                scene.tell(event)
                if case .failed(let failure) = event {
                    for diagnostic in scene.diagnostics(of: failure) { scene.output.show(diagnostic) }
                }
            }
            if channel.isClosed, let watch { following.loop.forget(watch) }
        }
        try channel.send(try JSON.encode(Request(.stop(ids, timeout: manner.timeout))))
    }
}

/// `develop.watch` beside the output: on from the start, by `--watch`, or by a key.
final class WatchSwitch {
    let loop = EventLoop()
    let isWanted: Bool
    private let make: (EventLoop) throws -> Watching
    private var watching: Watching?
    private(set) var isOn = false

    /// - Throws: where it is wanted and nothing is to be watched.
    init(isWanted: Bool, _ make: @escaping (EventLoop) throws -> Watching) throws {
        self.isWanted = isWanted
        self.make = make
        if isWanted { watching = try make(loop) }
    }

    var isBusy: Bool { watching?.isBusy == true }

    func turnOn() throws {
        let watching = try watching ?? make(loop)
        try watching.attach()
        self.watching = watching
        isOn = true
    }

    func turnOff() {
        if isOn { watching?.detach() }
        watching = nil
        isOn = false
    }
}
