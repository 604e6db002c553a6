import Glibc
import Linux
import Processes
import Stack
import Syscalls

/// Prints the output of several containers as one stream, by time.
final class LogPrinter {
    struct Style {
        var hasPrefix = true
        var hasTime = false
        var palette = Palette.plain
        /// Only what came in this time, in nanoseconds since 1970.
        var window = Int64.min...Int64.max
    }

    private let merger = LogMerger()
    private let paths: ProjectPaths
    private let style: Style
    private var prefixes: LogPrefixes
    /// By the merger's numbers.
    private var sources: [ContainerID] = []

    init(_ paths: ProjectPaths, _ style: Style) {
        self.paths = paths
        self.style = style
        prefixes = LogPrefixes([], style.palette)
    }

    /// - Parameter tail: begins with so many of the last lines; nil for all.
    func add(_ id: ContainerID, tail: Int? = nil) {
        if sources.contains(id) { return }
        sources.append(id)
        prefixes.add(id)
        merger.add(LogReader(paths.log(id), tail: tail))
        // A one-off has its errors apart.
        if Files.exists(paths.errors(id)) {
            sources.append(id)
            merger.add(LogReader(paths.errors(id), tail: tail))
        }
    }

    /// The containers whose output is kept, those that failed to start included.
    static func kept(_ paths: ProjectPaths) -> [ContainerID] {
        // A folder has the name of a container: an instance's without its generation.
        Files.names(in: paths.logs).compactMap { Instance("\($0).1")?.id }.sorted()
    }

    /// Prints what is there.
    func print() throws(SystemError) {
        var bytes: [UInt8] = []
        while let (source, line) = merger.next() {
            // A line whose time is not known is not withheld.
            if line.time != 0, !style.window.contains(line.time) { continue }
            if style.hasPrefix { bytes += prefixes[sources[source]].utf8 }
            if style.hasTime { bytes += "\(MachineClock.rfc3339(line.time)) ".utf8 }
            bytes += line.text
            bytes.append(10)
            if bytes.count > 1 << 16 {
                try Files.write(bytes, to: STDOUT_FILENO, named: "output")
                bytes.removeAll(keepingCapacity: true)
            }
        }
        if !bytes.isEmpty { try Files.write(bytes, to: STDOUT_FILENO, named: "output") }
    }

    /// The last words of everybody, their last line not ended included.
    func finish() throws(SystemError) {
        for source in sources.indices { merger.finish(source) }
        try print()
    }
}
