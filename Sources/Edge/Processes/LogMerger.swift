/// The logs of several containers as one, by time; lines of one container keep their order.
package final class LogMerger {
    private struct Source {
        let reader: LogReader
        var head: LogLine?
        var isOver = false
    }

    private var sources: [Source] = []

    package init() {}

    /// - Returns: the number under which the container's lines come out of `next`.
    @discardableResult
    package func add(_ reader: LogReader) -> Int {
        sources.append(Source(reader: reader))
        return sources.count - 1
    }

    /// Says that the container writes no more: a last line without its end of line comes out too.
    package func finish(_ source: Int) { sources[source].isOver = true }

    /// The earliest line that is there; nil at the present end, to be asked again after a while to follow.
    package func next() -> (source: Int, line: LogLine)? {
        for index in sources.indices where sources[index].head == nil {
            let reader = sources[index].reader
            sources[index].head = reader.next() ?? (sources[index].isOver ? reader.rest() : nil)
        }
        let earliest = sources.indices.filter { sources[$0].head != nil }
            .min { sources[$0].head!.time < sources[$1].head!.time }
        guard let earliest, let line = sources[earliest].head else { return nil }
        sources[earliest].head = nil
        return (earliest, line)
    }
}
