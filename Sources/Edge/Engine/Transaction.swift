package import Stack

/// Where a ledger is kept, and where each step is written down before it is taken.
package protocol LedgerStore: AnyObject {
    func write(_ ledger: Ledger) throws(Event.Failure)
    /// Called before each command of a change with its words.
    func journal(_ words: String) throws(Event.Failure)
}

/// One change of the machine: forward until everything has started, or back to what was there before.
///
/// It has no loop of its own: `advance` does whatever can be done at once, and the supervisor calls it again when a
/// process has ended or the deadline has come.
package final class Transaction {
    package enum Outcome: Hashable, Sendable {
        case done
        case failed(Event.Failure)
    }

    private enum Direction { case forward, undo(Event.Failure) }

    private let machine: any Machine
    private let store: any LedgerStore
    private let report: (Event) -> Void
    private let timeout: Int?
    private let before: Ledger
    private let running: Set<ContainerID>

    package private(set) var ledger: Ledger
    package private(set) var outcome: Outcome?
    private var plan: Plan
    private var run: ChangeRun
    private var direction = Direction.forward
    private var isCommitted = false
    /// The last ledger that was kept since the change began.
    private var written: Ledger?
    /// A start whose time has come, and which waits for something else than other containers.
    private var held: ChangeRun.Command?
    /// Set off, but not known to run yet.
    private var starting: [Instance] = []
    /// Asked to end, and not known to have ended.
    private var ending: Set<Instance> = []
    /// What undo could not bring back.
    private var losses: [String] = []

    /// Begins the change: from here on a crash leaves an open transaction in the ledger.
    ///
    /// - Parameters:
    ///   - plan: made from `observation`.
    ///   - timeout: seconds, in place of every grace period.
    package init(
        _ plan: Plan, from observation: Observation, on machine: any Machine, store: any LedgerStore, timeout: Int?,
        report: @escaping (Event) -> Void
    ) throws(Event.Failure) {
        self.plan = plan
        self.machine = machine
        self.store = store
        self.timeout = timeout
        self.report = report
        before = observation.ledger
        running = Set(observation.containers.filter { $0.value.isRunning }.keys)
        run = Self.run(plan, observation, timeout)
        ledger = plan.ledger
        ledger.transaction = Ledger.OpenTransaction(
            goal: before.goal, entries: before.entries, running: running.sorted())
        try store.write(ledger)
    }

    /// - Parameter tried: what may run besides, since a change that failed has begun it.
    private static func run(
        _ plan: Plan, _ observation: Observation, _ timeout: Int?, tried: [Ledger.Entry] = []
    ) -> ChangeRun {
        let known = Set(observation.ledger.entries.map(\.instance))
        let rules = (observation.ledger.entries + tried.filter { !known.contains($0.instance) }).map { entry in
            let grace = timeout.map { Int64($0) * 1000 } ?? Int64(entry.spec.stopGraceMilliseconds)
            let hooks = (entry.spec.hooks?.preStop ?? []).map { HookCommand($0, in: entry.spec) }
            return (
                entry.instance, StopRule(signal: entry.spec.stopSignal, graceMilliseconds: grace, hooks: hooks)
            )
        }
        return ChangeRun(
            plan, from: observation.ledger, states: observation.containers.mapValues(\.state),
            health: observation.containers.compactMapValues(\.health), rules: Dictionary(uniqueKeysWithValues: rules))
    }

    /// Milliseconds of the clock given to `advance`; nil while only an event can bring it further.
    package var deadline: Int64? { run.deadline }

    package func ended(_ instance: Instance, _ status: ExitStatus, now: Int64) {
        ending.remove(instance)
        run.ended(instance, status, now: now)
    }

    /// A command that was begun inside has ended.
    package func hooked(_ instance: Instance, _ answer: Health.Answer) { run.hooked(instance, answer) }

    /// The restart policy starts it again after this end.
    package func restarts(_ instance: Instance, after status: ExitStatus) { run.restarts(instance, after: status) }

    /// Its health check has come to another result.
    package func turned(_ instance: Instance, _ health: Health) {
        if plan.ledger.entry(instance.id)?.instance == instance {
            report(
                .progress(
                    resource: ResourceID.container(instance.id).description, word: health.status.rawValue))
        }
        run.turned(instance, health)
    }

    /// Whether the change wants this instance to end, now or later: no restart policy interferes.
    package func isEnding(_ instance: Instance) -> Bool { run.isEnding(instance) }

    /// Whether it ends because another life begins.
    package func isTurning(_ instance: Instance) -> Bool { run.isTurning(instance) }

    /// Does everything that can be done now.
    package func advance(now: Int64) {
        while outcome == nil {
            do throws(Event.Failure) {
                let command: ChangeRun.Command?
                if let held { command = held } else { command = try nextCommand(now: now) }
                held = nil
                try awaitStarts(before: command)
                guard let command else { break }
                if case .perform(.start(let instance)) = command,
                    try !machine.isReady(instance, in: neighbours(of: .start(instance)))
                {
                    held = command
                    break
                }
                try perform(command, now: now)
            } catch {
                fail(error)
            }
        }
    }

    /// Goes back, unless it is too late for that.
    package func cancel() {
        guard case .forward = direction, !isCommitted, outcome == nil else { return }
        fail(Event.Failure(resource: "project", key: "", message: "interrupted"))
    }

    private func nextCommand(now: Int64) throws(Event.Failure) -> ChangeRun.Command? {
        do throws(ChangeRun.Failure) {
            if let command = try run.next(now: now) { return command }
        } catch {
            throw Event.Failure(
                resource: ResourceID.container(error.container).description, key: error.key, message: error.message,
                output: machine.lastOutput(of: error.culprit, lines: Self.lastLines),
                probe: error.probe?.description)
        }
        if run.isDone { try finish() }
        return nil
    }

    private func perform(_ command: ChangeRun.Command, now: Int64) throws(Event.Failure) {
        // It changes nothing, and is asked again and again.
        if case .drain = command {} else { try store.journal(command.words) }
        switch command {
        case .perform(let action):
            try machine.perform(action, in: neighbours(of: action))
            if case .start(let instance) = action {
                starting.append(instance)
                // Going back, the failure of one must not be taken for the next one's.
                if case .undo = direction { try awaitStarts() }
            } else {
                tell(action)
            }
        case .signal(let instance, let signal):
            report(.progress(resource: ResourceID.container(instance.id).description, word: "stopping"))
            ending.insert(instance)
            try machine.signal(instance, signal)
        case .kill(let instance):
            // Who had no time to obey ignored nothing.
            if run.rules[instance]?.graceMilliseconds != 0 {
                report(.warning("container/\(instance.id) ignored its stop signal and was killed"))
            }
            ending.insert(instance)
            try machine.kill(instance)
        case .hook(let instance, let hook):
            if run.isTurning(instance) { ending.insert(instance) }
            report(.progress(resource: ResourceID.container(instance.id).description, word: "running \(hook.key)"))
            do throws(Event.Failure) {
                try machine.begin(hook, in: instance)
            } catch {
                run.hooked(instance, Health.Answer(exitCode: -1, output: "cannot run: \(error.message)"))
            }
        case .endHook(let instance): machine.endHook(in: instance)
        case .ready(let instance): try machine.noteReady(instance)
        case .drain(let instance):
            let ports = before.entries.first { $0.instance == instance }?.spec.ports ?? []
            let open = machine.connections(
                to: instance, ports: ports.filter { $0.transport == .tcp }.map(\.containerPort))
            run.drained(instance, connections: open, now: now)
        case .commit:
            try machine.finishActions()
            plan = run.plan
            try commit()
        case .warn(let text): report(.warning(text))
        }
    }

    private func tell(_ action: Action) {
        for (resource, word) in action.progress { report(.progress(resource: resource, word: word)) }
    }

    // MARK: Starts

    /// How many starts may be on their way at once.
    private static let overlap = 8

    /// Starts overlap, as most of one is waiting for the kernel. Whoever depends on another waits until that one runs.
    private func awaitStarts(before command: ChangeRun.Command?) throws(Event.Failure) {
        guard case .perform(.start(let instance)) = command, !depends(instance) else { return try awaitStarts() }
        if starting.count == Self.overlap { try awaitStart(starting.removeFirst()) }
    }

    private func awaitStart(_ instance: Instance) throws(Event.Failure) {
        try machine.awaitStart(instance)
        tell(.start(instance))
    }

    private func depends(_ instance: Instance) -> Bool {
        let services = Set(starting.map(\.id.service))
        return plan.turnovers.contains { turnover in
            turnover.id == instance.id && turnover.after.contains { services.contains($0.service) }
        }
    }

    /// All of them, whichever fails: those that run are to be looked after.
    private func awaitStarts() throws(Event.Failure) {
        var failure: Event.Failure?
        for instance in starting {
            do throws(Event.Failure) {
                try awaitStart(instance)
            } catch {
                failure = failure ?? error
            }
        }
        starting = []
        if let failure { throw failure }
    }

    /// What an action sees of the stack: while containers go, their networks are still there.
    private func neighbours(of action: Action) -> Goal {
        switch action {
        case .ports, .hosts: run.serving
        case .project, .stackNamespace, .namespace, .bridge, .removeBridge, .link, .unlink, .egress, .firewall, .volume,
            .removeVolume, .removeOutput, .unmount, .limits, .sharedMemory, .thaw, .files, .prepare, .start, .discard,
            .removeEndpoint:
            plan.ledger.goal
        }
    }

    /// The point of no return. What goes for good stays in the ledger until it is gone, so that a crash before that does
    /// not turn it into something nobody remembers.
    private func commit() throws(Event.Failure) {
        let leaving = before.entries.filter { plan.ledger.entry($0.instance.id) == nil }
        var interim = plan.ledger
        // Nobody wants them again, also not the restart policy of a successor.
        interim.entries += leaving.map { Ledger.Entry(instance: $0.instance, spec: $0.spec, isWanted: false) }
        interim.goal.containers += leaving.map(\.spec)
        let volumes = Set(interim.goal.volumes)
        interim.goal.volumes += before.goal.volumes.filter { !volumes.contains($0) }
        try write(interim)
        ledger = interim
        isCommitted = true
    }

    private func write(_ ledger: Ledger) throws(Event.Failure) {
        if ledger == written { return }
        try store.write(ledger)
        written = ledger
    }

    private func finish() throws(Event.Failure) {
        try store.journal("end")
        if !plan.ledger.isEmpty { try machine.finishActions() }
        ledger = plan.ledger
        if ledger.isEmpty {
            // A first `up` that failed leaves nothing but the output that tells why.
            try machine.removeProject(keepingLogs: isUndo)
        } else {
            try write(ledger)
        }
        switch direction {
        case .forward: outcome = pause.map { .failed($0) } ?? .done
        case .undo(let cause): outcome = .failed(cause.undone(losses))
        }
    }

    /// What an update has stopped at half way.
    private var pause: Event.Failure? {
        let failures = run.pauses.map { pause in
            Event.Failure(
                resource: ResourceID.container(pause.container).description, key: pause.key, message: pause.message,
                output: machine.lastOutput(of: pause.culprit, lines: Self.lastLines), undo: .paused)
        }
        guard var first = failures.first else { return nil }
        first.others = Array(failures.dropFirst())
        return first
    }

    // MARK: Failure and undo

    private func fail(_ failure: Event.Failure) {
        switch direction {
        case .undo(let cause):
            // Undo goes as far as it can: one thing that cannot be brought back does not keep the others away.
            losses.append("\(failure.resource): \(failure.message)")
            if run.isDone { outcome = .failed(cause.undone(losses)) }
        case .forward where isCommitted:
            report(.warning("\(failure.resource): \(failure.message)"))
            if run.isDone { outcome = .failed(failure) }
        case .forward: undo(failure)
        }
    }

    private var isUndo: Bool {
        if case .undo = direction { return true }
        return false
    }

    /// How much of a container's output is told with its failure.
    private static let lastLines = 10

    private func undo(_ cause: Event.Failure) {
        // What else fails is gone, and the observation below shows it.
        do throws(Event.Failure) { try awaitStarts() } catch {}
        var failure = cause
        let own = plan.ledger.entries.map(\.instance.id).first { "container/\($0)" == cause.resource }
        if let own, failure.output.isEmpty { failure.output = machine.lastOutput(of: own, lines: Self.lastLines) }
        direction = .undo(failure)
        held = nil
        report(.progress(resource: cause.resource, word: "failed, going back"))
        ledger = before
        do {
            try write(before)
            var observation = try machine.observe(before)
            // What was tried may be half done everywhere: what differs from it is made as it was.
            observation.ledger.goal = plan.ledger.goal
            for instance in ending where before.entry(instance.id)?.instance == instance {
                observation.containers[instance.id]?.isEnding = true
            }
            let tried = plan
            plan = Stack.plan(from: observation, to: before.goal, Manner(wakes: running))
            let volumes = observation.ledger.goal.volumesOfOneOffs(missingIn: before.goal)
            plan.cleaning += volumes.map { .removeVolume($0) }
            if let service = run.failedUpdate,
                let policy = tried.ledger.entries.first(where: { $0.instance.id.service == service })?.spec.rollback
            {
                plan = plan.goingBack(service, by: policy, from: tried, running: run.living)
            }
            // What a container waits for at its first start has come to pass long ago: only the order is left.
            for index in plan.turnovers.indices {
                plan.turnovers[index].after = plan.turnovers[index].after.map { Dependency($0.service) }
            }
            run = Self.run(plan, observation, timeout, tried: tried.ledger.entries)
        } catch {
            outcome = .failed(failure.undone(["\(error)"]))
        }
    }
}

extension Event.Failure {
    fileprivate func undone(_ losses: [String]) -> Event.Failure {
        var failure = self
        failure.undo = losses.isEmpty ? .complete : .incomplete(losses)
        return failure
    }
}

extension ChangeRun.Command {
    /// For the journal.
    var words: String {
        switch self {
        case .perform(let action): action.words
        case .signal(let instance, let signal): "signal \(instance) \(signal)"
        case .kill(let instance): "kill \(instance)"
        case .hook(let instance, let hook): "hook \(instance) \(hook.key)"
        case .endHook(let instance): "end-hook \(instance)"
        case .drain(let instance): "drain \(instance)"
        case .ready(let instance): "ready \(instance)"
        case .commit: "commit"
        case .warn: "warn"
        }
    }
}

extension Action {
    /// The resource in the file that the action is for, for errors.
    package var resource: ResourceID {
        switch self {
        case .project, .stackNamespace, .egress, .firewall, .hosts, .ports, .removeEndpoint, .unmount: .project
        case .namespace(let endpoint, _), .link(let endpoint, _), .unlink(let endpoint, _): .namespace(endpoint)
        case .bridge(let network): .network(network.key)
        case .removeBridge(let key): .network(key)
        case .volume(let volume), .removeVolume(let volume): .volume(volume.key)
        case .limits(let instance, _), .sharedMemory(let instance, _), .thaw(let instance), .files(let instance, _),
            .prepare(let instance, _), .start(let instance), .discard(let instance):
            .container(instance.id)
        case .removeOutput(let id): .container(id)
        }
    }

    /// What a user wants to hear of it.
    var progress: [(String, String)] {
        switch self {
        case .start(let instance): [(ResourceID.container(instance.id).description, "started")]
        case .discard(let instance): [(ResourceID.container(instance.id).description, "removed")]
        case .limits(let instance, _), .sharedMemory(let instance, _), .thaw(let instance), .files(let instance, _):
            [(ResourceID.container(instance.id).description, "updated")]
        case .bridge(let network): [(ResourceID.network(network.key).description, "created")]
        case .removeBridge(let key): [(ResourceID.network(key).description, "removed")]
        case .volume(let volume): [(ResourceID.volume(volume.key).description, "created")]
        case .removeVolume(let volume): [(ResourceID.volume(volume.key).description, "removed")]
        case .project, .stackNamespace, .namespace, .link, .unlink, .egress, .firewall, .ports, .hosts, .prepare,
            .removeEndpoint, .removeOutput, .unmount:
            []
        }
    }
}
