import CSyscalls
import Cgroups
import Diagnostics
package import Engine
import Glibc
import Processes
import Stack
import Syscalls

/// A command line's way to the supervisor, which it starts where none lives.
package struct SupervisorClient {
    let paths: ProjectPaths

    package init(_ paths: ProjectPaths) { self.paths = paths }

    package enum Outcome: Hashable {
        case done
        case failed(Event.Failure)
    }

    package struct Lost: Error, CustomStringConvertible {
        package var description: String {
            "the supervisor ended again and again in the middle of the change; the next `settle up` or `settle down` goes "
                + "on from what is there"
        }
    }

    /// It is there, and does nothing.
    package struct Stopped: Error, CustomStringConvertible {
        let pid: Int32

        package var description: String {
            "the supervisor (pid \(pid)) was stopped by a signal and answers nobody: `kill -CONT \(pid)` lets it go on with "
                + "the change, `kill -KILL \(pid)` has another one take its place"
        }
    }

    /// How many seconds a supervisor may stand still before nobody waits for it any more.
    private static let patience = 5

    /// How often a change is asked for again when its supervisor dies: its successor plans from what is there.
    private static let attempts = 5

    /// Asks, and hands on what the supervisor says, until the change is over. The first SIGINT or SIGTERM asks for undo.
    ///
    /// - Parameter interrupted: called with the signal, before undo is asked for.
    package func perform(
        _ request: Request, interrupted: @escaping (Int32) -> Void = { _ in }, hear: @escaping (Event) -> Void
    ) throws -> Outcome {
        var request = request
        let doors = Doors(for: request.command)
        var isCancelled = false
        let interrupted = { (signal: Int32) in
            isCancelled = true
            interrupted(signal)
        }
        for _ in 0..<Self.attempts {
            if let outcome = try attempt(request, doors, interrupted, hear) { return outcome }
            // Who does not want the change any more does not ask for it again.
            if isCancelled { break }
            request.faultPoint = nil
        }
        throw Lost()
    }

    /// nil where the supervisor died.
    private func attempt(
        _ request: Request, _ doors: Doors, _ interrupted: @escaping (Int32) -> Void,
        _ hear: @escaping (Event) -> Void
    ) throws -> Outcome? {
        let channel = try connect(doors)
        let served = try Helpers(paths).found()
        let loop = EventLoop()
        var outcome: Outcome?
        func take() {
            for line in channel.receive() {
                guard let event = try? JSON.decode(Event.self, from: line) else { continue }
                switch event {
                case .done: outcome = .done
                case .failed(let failure): outcome = .failed(failure)
                case .progress, .warning: hear(event)
                }
            }
        }
        let signals = try loop.watchSignals([SIGINT, SIGTERM]) { signal in
            interrupted(signal)
            if let line = try? JSON.encode(Request(.cancel)) { try? channel.send(line) }
        }
        defer { loop.forget(signals) }
        do { try channel.send(try JSON.encode(request)) } catch is SystemError { return nil }
        var watch: EventLoop.Watch?
        watch = loop.watch(channel.socket.raw, channel.interest) { _ in
            _ = try? channel.flush()
            take()
            if let watch { loop.change(watch, to: channel.interest) }
        }
        var standstill = 0
        let supervisor = served.supervisor
        let looks = loop.every(.seconds(1)) {
            let status = supervisor.flatMap { ProcessStatus(pid: $0.pid) }
            standstill = status?.identity == supervisor && status?.isStopped == true ? standstill + 1 : 0
        }
        defer { loop.cancel(looks) }
        while outcome == nil && !channel.isClosed {
            try loop.turn()
            if let supervisor, standstill == Self.patience { throw Stopped(pid: supervisor.pid) }
        }
        if outcome != nil { try awaitLeaving(served) }
        return outcome
    }

    /// Where the project is gone, its processes have left its cgroups and are about to end.
    private func awaitLeaving(_ served: ProjectProcesses) throws {
        if try Helpers(paths).found().keeper != nil { return }
        for process in [served.supervisor, served.keeper].compactMap({ $0 }) {
            guard let descriptor = ProcessSignal.openProcess(process) else { continue }
            var end = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
            poll(&end, 1, 5_000)
        }
    }

    /// A supervisor or keeper that is met may be about to end with its project: looked for anew until one listens.
    private func connect(_ doors: Doors) throws -> LineChannel {
        let helpers = try Helpers(paths)
        let begin = MachineClock.monotonic
        while true {
            do {
                // A supervisor without a keeper replaces it, or is about to leave: then it is not to be disturbed.
                let isLeaving = helpers.found().keeper == nil && ProjectLock.isHeld(paths.supervisorLock)
                if !isLeaving || MachineClock.monotonic > begin + 5_000_000_000 { try helpers.ensureKeeper() }
                doors.open(helpers.cgroups)
                return try ControlClient.connect(paths.controlSocket, timeout: .milliseconds(200))
            } catch {
                let passing = [ENOENT, ENODEV, ECONNREFUSED, EAGAIN]
                let number = (error as? SystemError)?.errno ?? (error as? CgroupError)?.errno ?? 0
                if !passing.contains(number) || MachineClock.monotonic > begin + 20_000_000_000 { throw error }
            }
        }
    }

    /// Waits until the project's own processes have ended, as they do once nothing is left of it.
    package func awaitEnd(seconds: Int = 15) throws -> Bool {
        let deadline = MachineClock.monotonic + Int64(seconds) * 1_000_000_000
        let helpers = try Helpers(paths)
        var last = helpers.presence
        while true {
            let pids = [last.keeper, last.supervisor, last.holder, last.proxy].compactMap { $0 }
            if pids.isEmpty { return true }
            if MachineClock.monotonic > deadline { return false }
            usleep(2_000)
            last = helpers.presence
        }
    }
}

/// Whoever starts containers has processes moved into control groups. The kernel's wait before the first move begins as
/// soon as nobody is to be born in one for the time being: until it is over, no control group can be made or entered.
private final class Doors {
    private let isWanted: Bool
    private var open: OpenDoors?

    init(for command: Request.Command) {
        switch command {
        case .apply, .start, .restart: isWanted = true
        case .down, .stop, .remove, .kill, .pause, .unpause, .cancel, .wait: isWanted = false
        }
    }

    func open(_ cgroups: Cgroups) { if isWanted, open == nil { open = OpenDoors(cgroups) } }
}
