import Diagnostics
import Glibc
import OCI
import Processes
import Stack

/// How images come, told to whoever waits: on a terminal a line for each image and layer, drawn again in place; else a line
/// for each step.
final class PullOutput {
    private let output: Output
    private var board = PullBoard()
    private var drawn = 0
    private var drawnAt: Int64 = 0
    private var phases: [String: (phase: PullEvent.Phase, time: Int64)] = [:]

    init(_ output: Output) { self.output = output }

    func tell(_ event: PullEvent) {
        let now = MachineClock.monotonic
        switch output.style {
        case .quiet: return
        case .json: tellJSON(event, now)
        case .plain: output.isLive ? tellLive(event, now) : tellPlain(event)
        }
    }

    /// The board as it is in the end stays.
    func finish() {
        if output.isLive, case .plain = output.style { draw() }
    }

    // MARK: Lines

    private func tellPlain(_ event: PullEvent) {
        let resource = Self.resource(of: event)
        if phases.updateValue((event.phase, 0), forKey: resource)?.phase == event.phase { return }
        // Of layers what has happened; what is happening to them is for a terminal.
        guard event.layer != nil else { return output.progress(resource, event.phase.rawValue) }
        switch event.phase {
        case .fetched, .done: output.progress(resource, "\(event.phase.rawValue) \(byteText(event.total))")
        case .resolving, .waiting, .fetching, .unpacking, .failed: break
        }
    }

    /// Numbers of bytes four times a second.
    private func tellJSON(_ event: PullEvent, _ now: Int64) {
        let resource = Self.resource(of: event)
        if let last = phases[resource], last.phase == event.phase, now - last.time < 250_000_000 { return }
        phases[resource] = (event.phase, now)
        var members: [(String, JSON)] = [("resource", .string("image/\(event.image)"))]
        if let layer = event.layer { members.append(("layer", .string("\(layer)"))) }
        members.append(("status", .string(event.phase.rawValue)))
        if event.layer != nil { members += [("bytes", .int(event.bytes)), ("total", .int(event.total))] }
        output.complain(JSON.object(members).compact)
    }

    private static func resource(of event: PullEvent) -> String {
        "image/\(event.image)" + (event.layer.map { "/\($0.short)" } ?? "")
    }

    // MARK: A terminal

    private func tellLive(_ event: PullEvent, _ now: Int64) {
        let isNew = board.take(event, at: now)
        if !isNew && now - drawnAt < 100_000_000 { return }
        drawnAt = now
        draw()
    }

    /// ECMA-48: up to where the last drawing began, each line cleared before it is written, then what is left of the old.
    private func draw() {
        var size = winsize()
        let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        let width = isKnown ? Int(size.ws_col) : 80
        let height = isKnown ? max(Int(size.ws_row) - 1, 1) : 24
        let lines = board.lines(width: width, height: height)
        let up = drawn == 0 ? "" : "\u{1b}[\(drawn)A"
        output.draw(up + lines.map { "\r\u{1b}[2K\(printable($0))\n" }.joined() + "\u{1b}[J")
        drawn = lines.count
    }
}
