import Linux
import Processes
import Stack

/// Prints output as it comes, until the containers have ended.
final class Following {
    let loop: EventLoop
    private let scene: Scene
    private let printer: LogPrinter
    private let services: Set<String>
    /// Whether to say who has ended, and how.
    var tellsEnds = false
    /// Those whose end has not been told yet.
    var wasLive: Set<ContainerID> = []

    init(_ scene: Scene, _ printer: LogPrinter, services: [String], on loop: EventLoop = EventLoop()) {
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

    /// Takes up containers that came, and stops where none is left that could write.
    private func look() throws {
        let list = ContainerList(try scene.observe(), project: scene.name, now: 0)
        let mine = list.rows.filter { services.isEmpty || services.contains($0.id.service) }
        for row in mine {
            printer.add(row.id)
            if row.state.isLive {
                wasLive.insert(row.id)
            } else if wasLive.remove(row.id) != nil, tellsEnds {
                try printer.print()
                scene.output.progress("\(ResourceID.container(row.id))", row.ending)
            }
        }
        if !mine.contains(where: { $0.state.isLive }) { loop.stop() }
    }
}
