import Glibc
import Linux
import Processes
import Stack
import Syscalls
import Usage

struct Stats: SettleCommand {
    static let about = About(
        "stats", "Shows what the containers use: processor, memory, network, disks.",
        """
          settle stats
          settle stats --no-stream --format json web

        On a terminal the table is drawn again in place each second, until Ctrl-C. Processor time is counted in percent
        of one processor. Pressure, where the kernel measures it, is how much of the last ten seconds somebody waited.
        """)

    private let all: Bool
    private let format: Format
    private let noStream: Bool
    private let noTrunc: Bool
    private let service: String?

    private enum Format: String, Choosable { case table, json }

    init(_ line: inout Line) {
        all = line.flag("all", short: "a", "Those that do not run, too.")
        format = line.choice("format", "A table, or one object per line shaped as Docker's.", default: .table)
        noStream = line.flag("no-stream", "Show it once.")
        noTrunc = line.flag("no-trunc", "Do not cut lines to the width of the terminal.")
        service = line.optionalOperand("SERVICE", "The service; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        if let service { _ = try scene.containers(of: [service], in: try scene.store.read()) }
        let watch = Watch(scene, all: all, service: service, readings: try Readings(scene.paths))
        let screen = Screen(isLive: format == .table && !noStream && isatty(STDOUT_FILENO) == 1, isCut: !noTrunc)
        let loop = EventLoop()
        var isInterrupted = false
        var failure: (any Error)?
        try loop.watchSignals([SIGINT, SIGTERM, SIGHUP]) { _ in
            isInterrupted = true
            loop.stop()
        }
        let show = {
            do {
                let statistics = try watch.look()
                switch format {
                case .table: try screen.show(statistics.lines)
                case .json: try Files.write(statistics.jsonLines.utf8, to: STDOUT_FILENO, named: "output")
                }
                if noStream { loop.stop() }
            } catch {
                failure = error
                loop.stop()
            }
        }
        _ = try watch.look()
        // Two readings make a share of a processor.
        loop.after(.milliseconds(500), show)
        loop.every(.milliseconds(1000), show)
        defer { screen.end() }
        try loop.run()
        // A reader that is gone wants no more, and no complaint.
        if let failure, (failure as? SystemError)?.errno != EPIPE { throw failure }
        if isInterrupted { throw Complaint([], status: Complaint.interrupted) }
    }

    /// Looks again and again, and remembers what it saw last.
    private final class Watch {
        private let scene: Scene
        private let all: Bool
        private let service: String?
        private let readings: Readings
        private var last: [Instance: Reading] = [:]

        init(_ scene: Scene, all: Bool, service: String?, readings: Readings) {
            self.scene = scene
            self.all = all
            self.service = service
            self.readings = readings
        }

        func look() throws -> Statistics {
            let observation = try scene.observe(.states)
            let list = ContainerList(observation, project: scene.name, now: MachineClock.realtime)
            var next: [Instance: Reading] = [:]
            let rows = list.rows.compactMap { row -> Statistics.Row? in
                if !all && !row.container.isRunning || service.map({ $0 != row.service }) == true { return nil }
                let instance = row.container.entry.instance
                let reading = readings.reading(of: row.container)
                next[instance] = reading
                return Statistics.Row(
                    row.name, identifier: "\(scene.name).\(instance)", reading, after: last[instance])
            }
            last = next
            return Statistics(rows)
        }
    }
}

/// A table that is drawn again in its place.
final class Screen {
    private let isLive: Bool
    private let isCut: Bool
    /// Lines drawn.
    private var height = 0
    private var hasBegun = false

    init(isLive: Bool, isCut: Bool) {
        self.isLive = isLive
        self.isCut = isCut
    }

    func show(_ lines: [String]) throws(SystemError) {
        guard isLive else { return try write(lines.map { "\($0)\n" }.joined()) }
        let (columns, rows) = size
        // What runs over the last line would move the table, and what is wider than the screen as well.
        let visible = lines.prefix(max(rows - 1, 1)).map { isCut ? String($0.prefix(columns)) : $0 }
        var text = hasBegun ? "" : "\u{1b}[?25l"
        if height > 0 { text += "\u{1b}[\(height)A\r" }
        text += visible.map { "\($0)\u{1b}[K\n" }.joined() + "\u{1b}[J"
        hasBegun = true
        height = isCut ? visible.count : visible.reduce(0) { $0 + max(($1.count + columns - 1) / columns, 1) }
        try write(text)
    }

    /// The cursor was hidden for as long as it would have jumped about.
    func end() {
        if hasBegun { try? write("\u{1b}[?25h") }
        hasBegun = false
    }

    deinit { end() }

    private var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    private func write(_ text: String) throws(SystemError) {
        try Files.write(text.utf8, to: STDOUT_FILENO, named: "output")
    }
}
