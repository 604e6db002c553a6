import Engine
import Glibc
import Processes
import Stack
import Syscalls

/// A container that the supervisor watches: its process, and what comes out of it.
final class WatchedContainer {
    let run: Run
    let pidfd: Descriptor
    var exitWatch: EventLoop.Watch?
    /// What comes out of it: one stream, or two.
    var outputs: [WatchedOutput] = []
    /// Of what only the holder has beside this process: it gets them back where it died.
    var kept: [KeptDescriptor] = []

    init(_ run: Run, pidfd: consuming Descriptor) {
        self.run = run
        self.pidfd = pidfd
    }

    var hasEnded: Bool {
        var ready = pollfd(fd: pidfd.raw, events: Int16(POLLIN), revents: 0)
        return pidfd.raw < 0 || poll(&ready, 1, 0) > 0
    }
}

/// One stream on its way to the log.
final class WatchedOutput {
    let capture: LogCapture
    /// Of the log.
    let folder: String
    var watch: EventLoop.Watch?
    /// Whether it was said that the log takes nothing at present.
    var isRefused = false
    /// Bytes that nothing could keep since then.
    var lostBytes = 0

    init(_ capture: LogCapture, _ folder: String) {
        self.capture = capture
        self.folder = folder
    }
}

final class KeptDescriptor {
    let name: String
    let descriptor: Descriptor

    init(_ name: String, _ descriptor: consuming Descriptor) {
        self.name = name
        self.descriptor = descriptor
    }
}

extension Supervisor {
    /// A container that the machine started just now.
    func started(_ run: Run, process: Int32, output: Int32?) {
        if !run.isByPolicy { restarts[run.instance.id] = nil }
        let spec = ledgerSpec(run.instance)
        store.events.note(.start, run.instance, spec)
        if restarting.remove(run.instance.id) != nil { store.events.note(.restart, run.instance, spec) }
        watch(run, process: process, output: output)
        watchHolder()
    }

    /// One that an earlier supervisor started: it runs on, or has ended meanwhile.
    func adopt(_ entry: Ledger.Entry, _ run: Run) {
        let own = ((try? store.runs()) ?? []).filter { $0.instance == entry.instance }
        restarts[entry.instance.id] = Restarts(own.policyTimes)
        if run.end == nil {
            machine.processes[entry.instance] = run.process
            watch(run)
        } else if let status = run.end {
            for folder in paths.logs(of: entry) { forward(entry.spec, run, folder, isLast: true) }
            machine.dropStreams(of: entry.instance)
            considerRestart(entry, status, ranMilliseconds: 0, HealthRecord.read(paths, run))
        }
    }

    /// - Parameters:
    ///   - process: its pidfd, where that is at hand.
    ///   - output: the reading end, likewise. Copies are made.
    private func watch(_ run: Run, process: Int32? = nil, output: Int32? = nil) {
        let container = WatchedContainer(run, pidfd: openProcess(run, process))
        watched[run.instance] = container
        captureAll(container, output)
        if container.pidfd.raw < 0 {
            // Later, since a change may be in the middle of a step.
            _ = loop.after(.zero) { [unowned self] in self.ended(container) }
            return
        }
        container.exitWatch = loop.watchProcess(container.pidfd.raw) { [unowned self, unowned container] in
            self.ended(container)
        }
        reviewHealth(of: container)
    }

    /// The holder's descriptor knows how the process ended even if nobody was its parent; -1 where the process is gone.
    private func openProcess(_ run: Run, _ known: Int32?) -> Descriptor {
        if let known, let copy = try? Descriptor(copyOf: known) { return copy }
        do {
            if let held = try machine.holder.get(run.instance.processName) { return held }
        } catch {
            complain("\(run.instance): \(error)")
        }
        if let own = ProcessSignal.openProcess(run.process) { return own }
        return Descriptor(-1)
    }

    private func captureAll(_ container: WatchedContainer, _ known: Int32?) {
        let instance = container.run.instance
        let spec = ledgerSpec(instance)
        do {
            let log = paths.log(instance.id)
            if spec?.terminal != nil {
                guard let terminal = try machine.terminal(of: instance) else { return }
                container.kept.append(KeptDescriptor(instance.terminalName, try Descriptor(copyOf: terminal.raw)))
                return try capture(container, terminal, in: log, spec)
            }
            if let output = try output(of: container, known) {
                container.kept.append(KeptDescriptor(instance.outputName, try Descriptor(copyOf: output.raw)))
                try capture(container, output, in: log, spec)
            }
            if spec?.oneOff != nil, let errors = try machine.holder.get(instance.errorsName) {
                container.kept.append(KeptDescriptor(instance.errorsName, try Descriptor(copyOf: errors.raw)))
                try capture(container, errors, in: paths.errors(instance.id), spec)
            }
            // The input of one command line is over with that.
            if spec?.keepsInputOpen == true, let input = try machine.holder.get(instance.inputName) {
                container.kept.append(KeptDescriptor(instance.inputName, input))
            }
        } catch {
            complain("\(instance): its output cannot be kept: \(error)")
        }
    }

    /// Two lives that stand beside each other write to one log.
    private func shareLogs(of id: ContainerID) {
        let captures = watched.values.filter { $0.run.instance.id == id }.compactMap { $0.outputs.first?.capture }
        let isShared = captures.count > 1
        for capture in captures where capture.isShared != isShared { capture.isShared = isShared }
    }

    private func capture(
        _ container: WatchedContainer, _ source: consuming Descriptor, in folder: String, _ spec: ContainerSpec?
    ) throws {
        let capture = try LogCapture(source, folder: folder, limits: LogLimits(spec?.logging ?? LogSettings()))
        let output = WatchedOutput(capture, folder)
        container.outputs.append(output)
        shareLogs(of: container.run.instance.id)
        output.watch = loop.watch(capture.source.raw) { [unowned self, unowned container, unowned output] _ in
            self.keep(output, of: container)
        }
    }

    /// From the holder; where that died, too, the container itself has its output open.
    private func output(of container: WatchedContainer, _ known: Int32?) throws -> Descriptor? {
        if let known { return try Descriptor(copyOf: known) }
        let instance = container.run.instance
        if let held = try machine.holder.get(instance.outputName) { return held }
        if container.hasEnded { return nil }
        guard let own = LogCapture.output(ofProcess: container.run.process.pid) else { return nil }
        try machine.holder.put(own.raw, as: instance.outputName)
        try machine.holder.put(container.pidfd.raw, as: instance.processName)
        return own
    }

    func ledgerSpec(_ instance: Instance) -> ContainerSpec? {
        (active?.transaction.ledger ?? ledger).entries.first { $0.instance == instance }?.spec
    }

    // MARK: The end of a container

    /// Those whose end the loop has not come to yet: what is planned next shall know of it.
    func collectEnds() {
        for container in watched.values where container.hasEnded { ended(container) }
    }

    /// Whatever was watched of the instance is over.
    func conclude(_ instance: Instance) {
        if let container = watched[instance] { _ = conclude(container) }
    }

    /// The output comes before the note: a crash between the two leaves it to a successor to do both.
    private func conclude(_ container: WatchedContainer) -> Stack.ExitStatus {
        let run = container.run
        let status = status(of: container)
        for output in container.outputs { keep(output, of: container, isLast: true) }
        do {
            // Who makes way for another life has not done its work, whatever it says: where that one does not come, this one
            // is started again.
            let isTurning = active?.transaction.isTurning(run.instance) ?? false
            try store.append(run.endLine(isTurning && status.isSuccess ? .unknown : status))
        } catch {
            complain("\(run.instance): \(error)")
        }
        if status == .outOfMemory {
            complain("\(run.instance) \(status)")
            store.events.note(.oom, run.instance, ledgerSpec(run.instance))
        }
        let age = (MachineClock.realtime - run.time) / 1_000_000_000
        store.events.note(
            .die, run.instance, ledgerSpec(run.instance),
            ["exitCode": "\(status.shellCode)", "execDuration": "\(max(age, 0))"])
        forget(container)
        if machine.processes[run.instance] == run.process { machine.processes[run.instance] = nil }
        return status
    }

    private func ended(_ container: WatchedContainer) {
        let run = container.run
        guard watched[run.instance] === container else { return }
        let health = monitors[run.instance]?.health
        let status = conclude(container)
        // What the first process left behind in other namespaces than its own would live on unseen.
        do throws(Event.Failure) { try machine.kill(run.instance) } catch { complain(error.message) }
        settle(run, status, health)
        checkReadiness()
        removeOneOffs()
    }

    private func status(of container: WatchedContainer) -> Stack.ExitStatus {
        // The keeper writes down the end before it reaps; the pidfd may be faster than the keeper.
        let deadline = MachineClock.monotonic + 1_000_000_000
        while true {
            let pidfd = container.pidfd.raw < 0 ? nil : container.pidfd.raw
            let end = ProcessEnd.of(container.run.process, exits: paths.exits, pidfd: pidfd)
            if let end, end.status != .unknown {
                return machine.group(container.run.instance).reason(for: Stack.ExitStatus(end.status))
            }
            if MachineClock.monotonic > deadline || pidfd == nil || keeperIsLost && end != nil { return .unknown }
            usleep(1_000)
        }
    }

    private func forget(_ container: WatchedContainer) {
        endHealth(container.run.instance)
        if let watch = container.exitWatch { loop.forget(watch) }
        for watch in container.outputs.compactMap(\.watch) { loop.forget(watch) }
        watched[container.run.instance] = nil
        shareLogs(of: container.run.instance.id)
        machine.dropStreams(of: container.run.instance)
    }

    /// What follows from the end: the change in progress hears of it, or the restart policy does.
    private func settle(_ run: Run, _ status: Stack.ExitStatus, _ health: Health?) {
        let instance = run.instance
        let ran = (MachineClock.realtime - run.time) / 1_000_000
        let ledger = active?.transaction.ledger ?? ledger
        let entry = ledger.entries.first { $0.instance == instance }
        let isOurDoing = active?.transaction.isEnding(instance) ?? false
        if isOurDoing {
            store.events.note(.stop, instance, entry?.spec)
        } else {
            // A life that was replaced or undone says nothing about the container.
            guard let entry else { return }
            if considerRestart(entry, status, ranMilliseconds: ran, health) {
                active?.transaction.restarts(instance, after: status)
                return advance()
            }
        }
        active?.transaction.ended(instance, status, now: now)
        advance()
    }

    /// - Parameter health: of the life that has ended.
    @discardableResult
    func considerRestart(
        _ entry: Ledger.Entry, _ status: Stack.ExitStatus, ranMilliseconds: Int64, _ health: Health? = nil
    ) -> Bool {
        guard entry.isWanted else { return false }
        let id = entry.instance.id
        switch restarts[id, default: Restarts()].ended(
            status, Restarts.Rule(of: entry.spec, health), ranMilliseconds: ranMilliseconds,
            now: MachineClock.realtime / 1_000_000)
        {
        case .rest: return false
        case .restart(let wait):
            noteRestart(of: entry.instance, afterMilliseconds: wait)
            pendingRestarts[id] = loop.after(.milliseconds(wait)) { [unowned self] in self.restart(entry.instance) }
            return true
        }
    }

    /// For whoever asks why it does not run.
    private func noteRestart(of instance: Instance, afterMilliseconds wait: Int64) {
        let next = NextStart(instance, time: MachineClock.realtime + wait * 1_000_000)
        do { try store.append(next.line) } catch { complain("\(instance): \(error)") }
    }

    private func restart(_ instance: Instance) {
        pendingRestarts[instance.id] = nil
        if isHeld {
            pendingRestarts[instance.id] = loop.after(.seconds(1)) { [unowned self] in self.restart(instance) }
            return
        }
        let ledger = active?.transaction.ledger ?? ledger
        guard let entry = ledger.entries.first(where: { $0.instance == instance }), entry.isWanted,
            watched[instance] == nil, active?.transaction.isEnding(instance) != true
        else { return }
        machine.isStartingByPolicy = true
        defer { machine.isStartingByPolicy = false }
        do throws(Event.Failure) {
            try machine.perform(.start(instance), in: ledger.goal)
            try machine.awaitStart(instance)
        } catch {
            complain("\(instance): \(error.message)")
            considerRestart(entry, .code(127), ranMilliseconds: 0)
        }
        checkReadiness()
    }

    func cancelRestart(_ id: ContainerID) {
        if let timer = pendingRestarts.removeValue(forKey: id) { loop.cancel(timer) }
    }
}
