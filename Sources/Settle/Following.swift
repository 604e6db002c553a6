import Linux
import Processes
import Stack

/// Prints output as it comes, until the containers have ended.
final class Following {
    let loop: EventLoop
    private let scene: Scene
    private let printer: LogPrinter
    private let services: Set<String>
    private let index: Int?
    /// Whose output is shown; nil for all.
    var shown: Set<String>?
    /// Whether it goes on although none is left: somebody may start one again.
    var isKept = { false }
    /// Called for each that has ended.
    var didEnd: ((ContainerList.Row) throws -> Void)?
    /// Those whose end has not been told yet.
    var wasLive: Set<ContainerID> = []
    /// When those were first met that have ended and whose last lines may yet come: CLOCK_MONOTONIC, nanoseconds.
    private var waitsSince: [ContainerID: Int64] = [:]

    /// - Parameter index: only this replica; nil for all.
    init(
        _ scene: Scene, _ printer: LogPrinter, services: [String], index: Int? = nil, on loop: EventLoop = EventLoop()
    ) {
        self.index = index
        self.scene = scene
        self.printer = printer
        self.services = Set(services)
        self.loop = loop
    }

    func run() throws {
        var failure: (any Error)?
        let attempt = { (body: () throws -> Void) in
            do { try body() } catch {
                failure = error
                self.loop.stop()
            }
        }
        let output = loop.every(.milliseconds(50)) { [printer] in attempt { try printer.print() } }
        let state = loop.every(.milliseconds(500)) { [unowned self] in attempt { try self.look() } }
        defer {
            loop.cancel(output)
            loop.cancel(state)
        }
        try look()
        try loop.run()
        if let failure { throw failure }
        try printer.finish()
    }

    /// Takes up containers that came, and stops where none is left whose output could grow.
    private func look() throws {
        let observation = try scene.observe(.states)
        let list = ContainerList(observation, project: scene.name, now: 0)
        var isOver = true
        let mine = list.rows.filter { row in
            (services.isEmpty || services.contains(row.id.service)) && (index == nil || index == row.id.index)
        }
        // All of them first: what one has written is printed by time, also where another has ended.
        for row in mine where shown?.contains(row.id.service) ?? true { printer.add(row.id) }
        for row in mine {
            if row.state.isLive {
                isOver = false
                wasLive.insert(row.id)
            } else if observation.logGrows(of: row.container), isPatient(with: row.id) {
                isOver = false
            } else if wasLive.remove(row.id) != nil, let didEnd {
                try printer.print()
                scene.output.progress("\(ResourceID.container(row.id))", row.ending)
                try didEnd(row)
            }
        }
        if isOver && !isKept() { loop.stop() }
    }

    /// A supervisor that cannot note an end, on a full disk for example, is not waited for without end.
    private func isPatient(with id: ContainerID) -> Bool {
        let since = waitsSince[id, default: MachineClock.monotonic]
        waitsSince[id] = since
        return MachineClock.monotonic - since < 10_000_000_000
    }
}
