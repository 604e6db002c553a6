import Diagnostics
import Engine
import Glibc
import Linux
import Processes
import Stack
import Syscalls

/// `up` without `--detach`: the output of the containers until they have ended. The first Ctrl-C stops them, the second
/// kills them.
final class Foreground {
    private let scene: Scene
    private let following: Following
    private let services: Set<String>
    private let timeout: Int?
    private var interrupts = 0
    private var channel: LineChannel?

    init(_ scene: Scene, _ printer: LogPrinter, services: [String], started: [ContainerID], timeout: Int?) {
        self.scene = scene
        self.services = Set(services)
        self.timeout = timeout
        following = Following(scene, printer, services: services)
        following.tellsEnds = true
        following.wasLive = Set(started)
    }

    func run() throws {
        var failure: (any Error)?
        let watch = try following.loop.watchSignals([SIGINT, SIGTERM]) { [unowned self] _ in
            do { try interrupt() } catch {
                failure = error
                following.loop.stop()
            }
        }
        defer { following.loop.forget(watch) }
        try following.run()
        if let failure { throw failure }
        if interrupts > 0 { throw Complaint([], status: Complaint.interrupted) }
    }

    private func interrupt() throws {
        interrupts += 1
        if interrupts == 1 {
            scene.output.warn("stopping; Ctrl-C again kills")
            try askToStop()
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
        try channel.send(try JSON.encode(Request(.stop(ids, timeout: timeout))))
    }
}
