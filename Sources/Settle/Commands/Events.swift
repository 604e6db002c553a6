import Compose
import Diagnostics
import Glibc
import Linux
import Processes
import Stack
import Usage

struct Events: SettleCommand {
    static let about = About(
        "events", "Tells what happens to containers, as it happens.",
        """
          settle events --json
          settle events --since 10m --until 0s web

        Created, started, restarted, paused, ended and how, healthy or not, removed. What was there before is kept
        while the stack is up, about two megabytes of it.
        """)

    private let json: Bool
    private let since: Int64?
    private let until: Int64?
    private let names: [String]

    init(_ line: inout Line) {
        json = line.flag("json", "One object per line, shaped as Docker Compose's.")
        since = line.moment("since", "Begin with those that were then.")
        until = line.moment("until", "End then.")
        names = line.operands("SERVICE", "Services; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        try check(scene)
        let reader = EventReader(scene.paths, isWhole: since != nil)
        let loop = EventLoop()
        var isInterrupted = false
        try loop.watchSignals([SIGINT, SIGTERM]) { _ in
            isInterrupted = true
            loop.stop()
        }
        tell(reader.next(), scene)
        if until.map({ $0 <= MachineClock.realtime }) == true { return }
        loop.every(.milliseconds(100)) {
            // The time is read first: what came before it is told.
            let now = MachineClock.realtime
            tell(reader.next(), scene)
            if let until, now > until { loop.stop() }
        }
        try loop.run()
        if isInterrupted { throw Complaint([], status: Complaint.interrupted) }
    }

    /// One that the file has may still come.
    private func check(_ scene: Scene) throws {
        let known = Set(try scene.store.read().entries.map(\.instance.id.service))
        let strangers = names.filter { !known.contains($0) && scene.project?.service($0) == nil }
        if strangers.isEmpty { return }
        throw Complaint(strangers.map { Diagnostic(.error, "no such service: \($0)") })
    }

    private func tell(_ events: [ContainerEvent], _ scene: Scene) {
        for event in events where names.isEmpty || names.contains(event.instance.id.service) {
            if event.time < since ?? 0 || event.time > until ?? Int64.max { continue }
            scene.output.write((json ? event.json(in: scene.name).compact : event.line(in: scene.name)) + "\n")
        }
    }
}

extension Line {
    /// In nanoseconds since 1970.
    mutating func moment(_ long: String, _ help: String) -> Int64? {
        option(
            long, "TIME", "\(help) A time such as 2026-11-21T09:30:00Z, or how long ago: 42m.",
            expects: "a time such as 2026-11-21T09:30:00Z, or 42m for 42 minutes ago"
        ) { Moments.parse($0, now: MachineClock.realtime, offset: MachineClock.localOffset) }
    }
}
