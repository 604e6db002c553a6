import CSyscalls
import Diagnostics
import Engine
import Glibc
import Processes
import Stack
import Syscalls

/// A command line that is connected.
final class Client {
    let channel: LineChannel
    private let loop: EventLoop
    var watch: EventLoop.Watch?

    init(_ channel: LineChannel, _ loop: EventLoop) {
        self.channel = channel
        self.loop = loop
    }

    /// What cannot be delivered is lost with its reader: the change goes on.
    func send(_ event: Event) {
        guard let line = try? JSON.encode(event) else { return }
        try? channel.send(line)
        // A slow reader gets the rest when it is ready for it.
        if let watch, !channel.isClosed { loop.change(watch, to: channel.interest) }
    }
}

/// The change that is being performed, and who asked for it.
final class ActiveChange {
    let transaction: Transaction
    /// nil: the supervisor itself.
    let client: Client?
    var timer: EventLoop.Timer?

    init(_ transaction: Transaction, for client: Client?) {
        self.transaction = transaction
        self.client = client
    }
}

/// A process that the change in progress waits for.
final class AwaitedProcess {
    private let process: Descriptor
    var watch: EventLoop.Watch?

    init(_ process: consuming Descriptor) { self.process = process }
}

extension Supervisor {
    func welcome(_ channel: LineChannel) {
        let client = Client(channel, loop)
        clients.append(client)
        client.watch = loop.watch(channel.socket.raw) { [unowned self, unowned client] _ in self.hear(client) }
        hear(client)
    }

    private func hear(_ client: Client) {
        for line in client.channel.receive() {
            guard let request = try? JSON.decode(Request.self, from: line),
                request.version == Request.currentVersion
            else {
                client.send(
                    .failed(
                        Event.Failure(resource: "supervisor", key: "", message: "it is of another version of settle")))
                continue
            }
            take(request, from: client)
        }
        if client.channel.isClosed {
            waits.removeAll { $0.client === client }
            if let watch = client.watch { loop.forget(watch) }
            clients.removeAll { $0 === client }
        } else if let watch = client.watch {
            loop.change(watch, to: client.channel.interest)
            _ = try? client.channel.flush()
        }
    }

    private func take(_ request: Request, from client: Client) {
        switch request.command {
        case .cancel:
            if cancelWait(of: client) { return }
            guard active?.client === client else { return }
            active?.transaction.cancel()
            advance()
        case .wait(let ids, let timeout): wait(ids, timeout: timeout, for: client)
        case .apply, .down, .stop, .start, .restart, .remove, .kill, .pause, .unpause:
            waiting.append((request, client))
            takeNext()
        }
    }

    func takeNext() {
        guard active == nil, !waiting.isEmpty else { return }
        let (request, client) = waiting.removeFirst()
        isHeld = false
        store.beginJournal()
        store.faultPoint = request.faultPoint
        do {
            try begin(request.command, for: client)
        } catch let failure as Event.Failure {
            tell(client, .failed(failure))
        } catch {
            tell(client, .failed(Event.Failure(resource: "project", key: "", message: "\(error)")))
        }
        // What is done at once leaves nothing behind that would ask for the next one.
        takeNext()
    }

    /// What goes wrong with a change that nobody asked for is for the log.
    private func tell(_ client: Client?, _ event: Event) {
        if let client { return client.send(event) }
        switch event {
        case .failed(let failure): complain("\(failure.resource): \(failure.message)")
        case .warning(let text): complain(text)
        case .progress, .done: break
        }
    }

    private func begin(_ command: Request.Command, for client: Client?) throws {
        collectEnds()
        let observation = try machine.observe(ledger, command.scope)
        try takeUp(observation)
        store.events.remember(ledger.entries)
        switch command {
        case .apply(let goal, let timeout, let contents, let manner):
            let goal = goal.without(oneOffsGoneFrom: ledger, except: manner.oneOff)
            try GrantedFiles(paths).keep(
                Dictionary(contents.map { ($0.digest, $0.bytes) }, uniquingKeysWith: { first, _ in first }),
                needed: goal.contents.union(ledger.goal.contents))
            try perform(plan(from: observation, to: goal, manner), observation, timeout, client)
        case .down(let timeout, let volumes):
            var plan = plan(from: observation, to: Goal(project: paths.project))
            plan.cleaning += volumes.map { .removeVolume($0) }
            try perform(plan, observation, timeout, client, evenIfEmpty: true)
            // Mostly all were told to end, and their ends take as long as the kernel's wait.
            if active != nil { machine.openDoors() }
        case .stop(let ids, let timeout):
            for id in ids { cancelRestart(id) }
            try perform(plan(stopping: ids, from: observation), observation, timeout, client)
        case .start(let ids): try perform(plan(starting: ids, from: observation), observation, nil, client)
        case .restart(let ids, let timeout, let alone):
            for id in ids { cancelRestart(id) }
            restarting = Set(ids)
            try perform(plan(restarting: ids, alone: alone, from: observation), observation, timeout, client)
        case .remove(let ids, let volumes):
            let ids = ids.filter { ledger.entry($0) != nil }
            if ids.isEmpty { return tell(client, .done) }
            try perform(plan(removing: ids, volumes: volumes, from: observation), observation, nil, client)
        case .kill(let ids, let signal): try kill(ids, signal, client)
        case .pause(let ids, let atOnce): try pause(ids, atOnce: atOnce, client)
        case .unpause(let ids): try unpause(ids, client)
        case .cancel, .wait: break
        }
    }

    /// Whatever runs is watched before a change stops it: else nobody would hear of its end.
    private func takeUp(_ observation: Observation) throws {
        let unwatched = observation.containers.values.filter { $0.isRunning && watched[$0.entry.instance] == nil }
        if unwatched.isEmpty { return }
        let runs = Dictionary(try store.runs().map { ($0.instance, $0) }, uniquingKeysWith: { _, last in last })
        for container in unwatched {
            if let run = runs[container.entry.instance] { adopt(container.entry, run) }
        }
    }

    private func perform(
        _ plan: Plan, _ observation: Observation, _ timeout: Int?, _ client: Client?, evenIfEmpty: Bool = false
    ) throws {
        if plan.isEmpty && !evenIfEmpty && plan.ledger == ledger {
            tell(client, .done)
            return
        }
        for turnover in plan.turnovers { cancelRestart(turnover.id) }
        for entry in ledger.entries where plan.ledger.entry(entry.instance.id) == nil {
            cancelRestart(entry.instance.id)
        }
        let transaction = try Transaction(plan, from: observation, on: machine, store: store, timeout: timeout) {
            self.tell(client, $0)
        }
        active = ActiveChange(transaction, for: client)
        reviewHealth()
        advance()
    }

    /// The signal, and no more: what follows from it is the restart policy's affair, but who kills wants it dead.
    private func kill(_ ids: [ContainerID], _ signal: Int32, _ client: Client?) throws {
        let before = ledger
        for index in ledger.entries.indices where ids.contains(ledger.entries[index].instance.id) {
            // A frozen process takes no signal, so it goes on.
            ledger.entries[index].isPaused = false
            if signal == SIGKILL {
                ledger.entries[index].isWanted = false
                cancelRestart(ledger.entries[index].instance.id)
            }
        }
        if ledger != before { try store.write(ledger) }
        for entry in ledger.entries where ids.contains(entry.instance.id) {
            try machine.signal(entry.instance, signal)
            tell(client, .progress(resource: "container/\(entry.instance.id)", word: "sent signal \(signal)"))
        }
        tell(client, .done)
    }

    /// Goes on with the change once a process has ended that it waits for; with one at a time.
    func advance(afterEndOf process: Int32) {
        if let watch = awaited?.watch { loop.forget(watch) }
        awaited = nil
        // Its owner may let go of it before it ends.
        guard let copy = try? Descriptor(copyOf: process) else { return }
        let raw = copy.raw
        let awaited = AwaitedProcess(copy)
        awaited.watch = loop.watchProcess(raw) { [unowned self] in
            self.awaited = nil
            self.advance()
        }
        self.awaited = awaited
    }

    /// Brings the change in progress as far as it gets.
    func advance() {
        guard let change = active else { return }
        if let timer = change.timer { loop.cancel(timer) }
        change.timer = nil
        change.transaction.advance(now: now)
        guard let outcome = change.transaction.outcome else {
            if let deadline = change.transaction.deadline {
                change.timer = loop.after(.milliseconds(max(deadline - now, 1))) { [unowned self] in self.advance() }
            }
            return
        }
        finish(change, outcome)
    }

    private func finish(_ change: ActiveChange, _ outcome: Transaction.Outcome) {
        for instance in hooks.keys { endHook(in: instance) }
        active = nil
        ledger = change.transaction.ledger
        switch outcome {
        case .done: tell(change.client, .done)
        case .failed(let failure): tell(change.client, .failed(failure))
        }
        // Who removes what is left of the project puts the lights out.
        if ownChange != nil && ledger.isEmpty { Surroundings(paths).removeEmptyFolders() }
        ownChange = nil
        if ledger.isEmpty {
            // Nothing is left to look after: the keeper ends with us.
            loop.stop()
            return
        }
        gather()
        reviewHealth()
        reviewLogs()
        checkReadiness()
        reactToHealth()
        takeNext()
        removeOneOffs()
        handOver()
        // What a change needed at its height is not needed while everything rests.
        settle_release_memory()
    }
}

extension Request.Command {
    /// How closely to look before. What goes as a whole need not be compared with what it should be.
    fileprivate var scope: Observer.Scope {
        switch self {
        case .down: .remains
        case .pause, .unpause: .states
        case .apply, .stop, .start, .restart, .remove, .kill, .cancel, .wait: .everything
        }
    }
}
