import ArgumentParser
import Glibc
import Linux
import Processes
import Stack
import Syscalls

struct Logs: StackCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Shows the output of the containers.", discussion: "  settle logs -f -n 100 web")

    @Flag(name: .shortAndLong, help: "Go on as output comes, until all containers have ended.") var follow = false
    @Option(
        name: [.customShort("n", allowingJoined: true), .long],
        help: "Begin with so many of the last lines of each, or `all`.")
    var tail = "all"
    @Flag(name: .shortAndLong, help: "When each line came.") var timestamps = false
    @Flag(help: "No names before the lines.") var noLogPrefix = false
    @Flag(help: "No colours.") var noColor = false
    @Argument(help: "Services; all where none is named.") var names: [String] = []
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: LongFileOption

    var options: StackOptions { StackOptions(shared, files) }

    func validate() throws {
        if tail != "all" && Int(tail) == nil { throw ValidationError("--tail takes a number or `all`, not '\(tail)'") }
    }

    func run() throws {
        let scene = try Scene(naming: options)
        let palette = noColor ? .plain : scene.output.palette
        let style = LogPrinter.Style(hasPrefix: !noLogPrefix, hasTime: timestamps, palette: palette)
        let printer = LogPrinter(scene.paths, style)
        let kept = LogPrinter.kept(scene.paths)
        let known = Set(kept.map(\.service)).union(try scene.store.read().entries.map(\.instance.id.service))
        if let stranger = names.first(where: { !known.contains($0) }) {
            throw Complaint("no such service: \(stranger)")
        }
        for id in kept where names.isEmpty || names.contains(id.service) { printer.add(id, tail: Int(tail)) }
        if follow {
            let following = Following(scene, printer, services: names)
            var isInterrupted = false
            try following.loop.watchSignals([SIGINT]) { _ in
                isInterrupted = true
                following.loop.stop()
            }
            try following.run()
            if isInterrupted { throw Complaint([], status: Complaint.interrupted) }
        } else {
            try awaitLastLines(scene)
            try printer.finish()
        }
    }

    /// What ended a moment ago may still have lines in its pipe: the supervisor, or its successor, is given a second.
    private func awaitLastLines(_ scene: Scene) throws {
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
