import Cgroups
import Compose
import Diagnostics
import Engine
import Glibc
import Launch
import Launcher
import Network
import Processes
import Stack
import Syscalls

/// The health of one container that runs.
final class HealthMonitor {
    let run: Run
    /// Its first process.
    let process: Int32
    var check: HealthCheck
    var health: Health
    /// The loop's time, in milliseconds, at which the container's life began.
    let birth: Int64
    var probe: (any RunningProbe)?
    var timer: EventLoop.Timer?
    /// Made once: a command is looked for in the container each time it runs, its user is not.
    var program: Program?
    /// Whether it has been asked to end because it is unhealthy.
    var isReacting = false

    init(_ run: Run, process: Int32, _ check: HealthCheck, _ health: Health, birth: Int64) {
        self.run = run
        self.process = process
        self.check = check
        self.health = health
        self.birth = birth
    }
}

extension Supervisor {
    /// Begins, ends and changes what is watched, as the ledger says now.
    func reviewHealth() {
        for container in watched.values.sorted(by: { $0.run.instance < $1.run.instance }) {
            reviewHealth(of: container)
        }
    }

    func reviewHealth(of container: WatchedContainer) {
        let instance = container.run.instance
        let check = ledgerSpec(instance)?.healthCheck
        guard let check, container.pidfd.raw >= 0 else { return endHealth(instance) }
        guard let monitor = monitors[instance] else { return begin(container, check) }
        if monitor.check == check { return }
        let old = monitor.check
        monitor.check = check
        monitor.program = nil
        tell(monitor, .changed(from: old))
    }

    private func begin(_ container: WatchedContainer, _ check: HealthCheck) {
        let run = container.run
        let known = HealthRecord.read(paths, run)
        let age = max(0, (MachineClock.realtime - run.time) / 1_000_000)
        let monitor = HealthMonitor(
            run, process: container.pidfd.raw, check, known ?? Health(), birth: now - age)
        monitors[run.instance] = monitor
        if known == nil { schedule(monitor) } else { tell(monitor, .resumed) }
        // What a predecessor had no time for.
        _ = loop.after(.zero) { [unowned self, weak monitor] in if let monitor { self.react(to: monitor) } }
    }

    /// The container has ended, or has no check any more.
    func endHealth(_ instance: Instance) {
        guard let monitor = monitors.removeValue(forKey: instance) else { return }
        if let timer = monitor.timer { loop.cancel(timer) }
        _ = monitor.probe?.stop()
        monitor.probe = nil
    }

    // MARK: The state machine's events and actions

    private func tell(_ monitor: HealthMonitor, _ event: Health.Event) {
        let actions = monitor.health.handle(event, monitor.check, now: now - monitor.birth)
        for action in actions {
            switch action {
            case .probe: probe(monitor)
            case .kill: stopProbe(of: monitor)
            case .save: save(monitor)
            case .turned: turned(monitor)
            }
        }
        schedule(monitor)
    }

    private func schedule(_ monitor: HealthMonitor) {
        if let timer = monitor.timer { loop.cancel(timer) }
        monitor.timer = nil
        guard monitors[monitor.run.instance] === monitor, let deadline = monitor.health.deadline(monitor.check) else {
            return
        }
        let wait = max(0, deadline - (now - monitor.birth))
        monitor.timer = loop.after(.milliseconds(wait)) { [unowned self, weak monitor] in
            guard let monitor else { return }
            self.tell(monitor, .time(isFrozen: self.isFrozen(monitor)))
        }
    }

    private func isFrozen(_ monitor: HealthMonitor) -> Bool { machine.group(monitor.run.instance).isFrozen }

    /// - Returns: nothing; what comes of it is told later.
    private func probe(_ monitor: HealthMonitor) {
        let answer = { [unowned self, weak monitor] (answer: Health.Answer) in
            guard let monitor else { return }
            monitor.probe = nil
            self.tell(monitor, .answered(answer))
        }
        do {
            switch monitor.check.probe {
            case .command(let words): monitor.probe = try commandProbe(monitor, words, answer)
            case .http(let probe): monitor.probe = networkProbe(monitor, probe.port, probe, answer)
            case .tcp(let port): monitor.probe = networkProbe(monitor, port, nil, answer)
            }
        } catch {
            _ = loop.after(.zero) { answer(Health.Answer(exitCode: -1, output: "\(error)")) }
        }
    }

    private func commandProbe(
        _ monitor: HealthMonitor, _ words: [String], _ answer: @escaping (Health.Answer) -> Void
    ) throws -> CommandProbe? {
        let instance = monitor.run.instance
        guard let spec = ledgerSpec(instance) else { return nil }
        let group = machine.group(instance)
        if monitor.program == nil {
            var exec = ExecSpec(
                arguments: words, environment: spec.environment, workingDirectory: spec.workingDirectory ?? "/",
                user: spec.user, capabilities: spec.capabilities)
            exec.doors = group.doors
            monitor.program = compile(exec, try Launcher.look(exec, process: monitor.run.process.pid))
        }
        guard let program = monitor.program else { return nil }
        return try CommandProbe(program, container: monitor.process, group, loop, answer: answer)
    }

    private func networkProbe(
        _ monitor: HealthMonitor, _ port: UInt16, _ request: HTTPProbe?, _ answer: @escaping (Health.Answer) -> Void
    ) -> NetworkProbe {
        let goal = (active?.transaction.ledger ?? ledger).goal
        let endpoint = ledgerSpec(monitor.run.instance).flatMap { goal.endpointName(of: $0) }
        let own = endpoint.map { goal.attachments(of: $0) } ?? []
        return NetworkProbe(
            port, request, container: monitor.process, addresses: own.compactMap { IPAddress($0.address) }, loop,
            answer: answer)
    }

    private func stopProbe(of monitor: HealthMonitor) {
        guard let probe = monitor.probe else { return }
        monitor.probe = nil
        let said = probe.stop()
        if isFrozen(monitor) { return tell(monitor, .lost) }
        let words = "timed out after \(HealthCheck.text(monitor.check.timeout))"
        tell(monitor, .answered(Health.Answer(exitCode: -1, output: said.isEmpty ? words : "\(words): \(said)")))
    }

    private func save(_ monitor: HealthMonitor) {
        do {
            try HealthRecord(run: monitor.run, health: monitor.health).write(paths, monitor.run.instance)
        } catch {
            complain("\(monitor.run.instance): its health cannot be noted: \(error)")
        }
    }

    // MARK: What follows

    private func turned(_ monitor: HealthMonitor) {
        let instance = monitor.run.instance
        if monitor.health.status == .healthy { restarts[instance.id]?.forgive() }
        store.events.note(.health, instance, ledgerSpec(instance), ["health": monitor.health.status.rawValue])
        active?.transaction.turned(instance, monitor.health)
        advance()
        tellWaiting(instance.id, monitor.health.status.rawValue)
        checkReadiness()
        react(to: monitor)
    }

    /// What changes of a container that is unhealthy while a change is made, the change decides first.
    func reactToHealth() {
        for monitor in monitors.values.sorted(by: { $0.run.instance < $1.run.instance }) { react(to: monitor) }
    }

    private func react(to monitor: HealthMonitor) {
        let instance = monitor.run.instance
        guard monitor.health.status == .unhealthy, active == nil, !monitor.isReacting,
            let container = watched[instance], container.run == monitor.run,
            let index = ledger.entries.firstIndex(where: { $0.instance == instance }), ledger.entries[index].isWanted
        else { return }
        do {
            switch monitor.check.reaction {
            case .none: return
            case .restart: break
            case .stop:
                ledger.entries[index].isWanted = false
                try store.write(ledger)
            }
            monitor.isReacting = true
            complain("\(instance) is unhealthy: \(monitor.check.reaction.rawValue)")
            let spec = ledger.entries[index].spec
            try machine.signal(instance, spec.stopSignal)
            _ = loop.after(.milliseconds(spec.stopGraceMilliseconds)) { [unowned self, weak container] in
                guard let container, self.watched[instance] === container else { return }
                do throws(Event.Failure) { try self.machine.kill(instance) } catch { self.complain(error.message) }
            }
        } catch {
            complain("\(instance): \(error)")
        }
    }
}

/// A container's health as one supervisor leaves it to the next, and to whoever looks on.
package struct HealthRecord: Codable {
    /// `Run.time`: of which life it is.
    let run: Int64
    let health: Health

    init(run: Run, health: Health) {
        self.run = run.time
        self.health = health
    }

    /// nil where nothing is known of this life.
    static func read(_ paths: ProjectPaths, _ run: Run) -> Health? {
        guard let bytes = try? Files.bytes(path(paths, run.instance)),
            let record = try? JSON.decode(HealthRecord.self, from: bytes), record.run == run.time
        else { return nil }
        return record.health
    }

    func write(_ paths: ProjectPaths, _ instance: Instance) throws {
        try Files.replace(Self.path(paths, instance), try JSON.encode(self))
    }

    private static func path(_ paths: ProjectPaths, _ instance: Instance) -> String {
        "\(paths.folder(instance))/health"
    }
}
