import Glibc
import Linux
import Processes
import Stack
import Syscalls
import Usage

struct Logs: SettleCommand {
    static let about = About(
        "logs", "Shows the output of the containers.",
        "  settle logs -f -n 100 web")

    private let follow: Bool
    private let tail: Int?
    private let since: Int64?
    private let until: Int64?
    private let index: Int?
    private let timestamps: Bool
    private let noLogPrefix: Bool
    private let noColor: Bool
    private let names: [String]

    init(_ line: inout Line) {
        follow = line.flag("follow", short: "f", "Go on as output comes, until all containers have ended.")
        let lines = line.option(
            "tail", short: "n", "LINES", "Begin with so many of the last lines of each, or `all`. (default: all)",
            expects: "a number or all"
        ) { text in text == "all" ? Int.max : Int(text) }
        tail = lines == Int.max ? nil : lines
        since = line.moment("since", "Only what came since then.")
        until = line.moment("until", "Only what came until then.")
        index = line.number("index", "N", "Only this replica of the one service that is named.", in: 1...Int.max)
        timestamps = line.flag("timestamps", short: "t", "When each line came.")
        noLogPrefix = line.flag("no-log-prefix", "No names before the lines.")
        noColor = line.flag("no-color", "No colours.")
        names = line.operands("SERVICE", "Services; all where none is named.", .services)
        if index != nil && names.count != 1 { line.refuse("--index is for one service: name it") }
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        let palette = noColor ? .plain : scene.output.palette
        var style = LogPrinter.Style(hasPrefix: !noLogPrefix, hasTime: timestamps, palette: palette)
        let (begin, end) = (since ?? Int64.min, until ?? Int64.max)
        if begin > end { return }
        style.window = begin...end
        let printer = LogPrinter(scene.paths, style)
        let kept = LogPrinter.kept(scene.paths)
        let ledger = try scene.store.read()
        let names = ledger.keys(of: self.names)
        let known = Set(kept.map(\.service)).union(ledger.entries.map(\.instance.id.service))
        if let stranger = names.first(where: { !known.contains($0) }) {
            throw Complaint("no such service: \(stranger)")
        }
        let wanted = kept.filter { id in
            (names.isEmpty || names.contains(id.service)) && (index == nil || index == id.index)
        }
        for id in wanted { printer.add(id, tail: tail) }
        if follow {
            let following = Following(scene, printer, services: names, index: index)
            if let until {
                let left = until - MachineClock.realtime
                if left <= 0 { return try printer.finish() }
                following.loop.after(.nanoseconds(left)) { following.loop.stop() }
            }
            var isInterrupted = false
            try following.loop.watchSignals([SIGINT]) { _ in
                isInterrupted = true
                following.loop.stop()
            }
            try following.run()
            if isInterrupted { throw Complaint([], status: Complaint.interrupted) }
        } else {
            try awaitLastLines(scene, names)
            try printer.finish()
        }
    }

    /// What ended a moment ago may still have lines in its pipe: the supervisor, or its successor, is given a second.
    private func awaitLastLines(_ scene: Scene, _ names: [String]) throws {
        for _ in 0..<50 {
            let observation = try scene.observe(.states)
            let growing = observation.containers.values.contains { container in
                !container.state.isLive && observation.logGrows(of: container)
                    && (names.isEmpty || names.contains(container.entry.instance.id.service))
            }
            if !growing { return }
            usleep(20_000)
        }
    }
}
