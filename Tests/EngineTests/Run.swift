import Engine
import Stack

/// The ledger in memory, which dies with its process at a journal entry.
final class FakeStore: LedgerStore {
    var ledger = Ledger(project: "p")
    private(set) var journal: [String] = []
    var crashAt: Int?
    private let machine: FakeMachine

    init(_ machine: FakeMachine) { self.machine = machine }

    func write(_ ledger: Ledger) throws(Event.Failure) {
        if machine.isDead { throw Fault.refusal("dead") }
        self.ledger = ledger
    }

    func journal(_ words: String) throws(Event.Failure) {
        if machine.isDead { throw Fault.refusal("dead") }
        journal.append(words)
        if journal.count == crashAt {
            machine.isDead = true
            throw Fault.refusal("dead")
        }
    }

    func begin(crashAt: Int?) {
        journal = []
        self.crashAt = crashAt
    }
}

/// A supervisor in miniature: begins changes, tells them what has ended, and the time.
final class Simulation {
    let machine = FakeMachine()
    let store: FakeStore
    private(set) var clock: Int64 = 0
    private(set) var events: [Event] = []

    init() { store = FakeStore(machine) }

    var ledger: Ledger { store.ledger.recovered(started: machine.started) }

    func plan(to goal: Goal) throws -> Plan { Stack.plan(from: try machine.observe(ledger), to: goal) }

    /// - Parameters:
    ///   - faultAt: the action that is refused, counted from this change's first.
    ///   - crashAt: the journal entry at which the supervisor dies; nil comes out then.
    func apply(_ goal: Goal, faultAt: Int? = nil, crashAt: Int? = nil) throws -> Transaction.Outcome? {
        try perform(try plan(to: goal), faultAt: faultAt, crashAt: crashAt)
    }

    func perform(
        _ plan: Plan, faultAt: Int? = nil, crashAt: Int? = nil, during: (Transaction) -> Void = { _ in },
        turn: (Transaction) -> Void = { _ in }
    ) throws -> Transaction.Outcome? {
        store.begin(crashAt: crashAt)
        machine.faultAt = faultAt.map { machine.actions + $0 }
        defer {
            if machine.isDead { succeed() }
            machine.faultAt = nil
            _ = machine.takeNews()
            _ = machine.takeAnswers()
        }
        let transaction = try Transaction(
            plan, from: try machine.observe(ledger), on: machine, store: store, timeout: nil
        ) { self.events.append($0) }
        transaction.advance(now: clock)
        during(transaction)
        for _ in 0..<10_000 {
            if machine.isDead { return nil }
            if let outcome = transaction.outcome { return outcome }
            turn(transaction)
            for (instance, status) in machine.takeNews() { transaction.ended(instance, status, now: clock) }
            for (instance, answer) in machine.takeAnswers() { transaction.hooked(instance, answer) }
            if let deadline = transaction.deadline, deadline > clock { clock = deadline }
            transaction.advance(now: clock)
        }
        throw Stuck(journal: store.journal)
    }

    /// A new supervisor has the proxy serve what the recovered ledger says.
    private func succeed() {
        machine.isDead = false
        machine.world.ports = ledger.goal.publishedPorts.map { "\($0.endpoint) \($0.port)" }.sorted()
    }

    struct Stuck: Error { let journal: [String] }
}
