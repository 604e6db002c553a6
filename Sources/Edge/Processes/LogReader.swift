import Glibc
import Syscalls

/// A line of output, without its end of line.
package struct LogLine: Hashable, Sendable {
    /// When its first byte came, in nanoseconds since 1970; 0 where that is not known.
    package let time: Int64
    package let text: [UInt8]

    package init(time: Int64, text: [UInt8]) {
        self.time = time
        self.text = text
    }
}

/// Reads a container's log line by line, and goes on where it was when the log has grown. It opens nothing for writing.
/// A segment that is removed while it is read is read to its end.
package final class LogReader {
    /// A longer line is given out in pieces.
    package static let longestLine = 1 << 20

    private let folder: String
    private var segment: LogSegment?
    private var number = -1
    /// Bytes read, not yet given out, from `begin` on; none of those before `scanned` ends a line.
    private var buffer: [UInt8] = []
    private var begin = 0
    private var scanned = 0
    /// Where the pending line began.
    private var lineTime: Int64?

    /// Where in the files a line begins.
    package struct Place: Hashable, Sendable {
        package var segment: Int
        package var offset: Int64

        package init(segment: Int, offset: Int64) {
            self.segment = segment
            self.offset = offset
        }
    }

    /// Of the pending line, where that is an earlier segment than the one being read.
    private var carried: Place?

    /// Of the line that comes next.
    package var place: Place {
        guard let segment else { return Place(segment: 0, offset: 0) }
        return carried ?? Place(segment: number, offset: max(segment.offset - Int64(buffer.count - begin), 0))
    }

    /// To be called before the first line. Where that segment is gone, the oldest one is the first.
    package func seek(to place: Place) {
        guard let found = LogSegment(place.segment, in: folder) else { return }
        found.offset = min(place.offset, found.size)
        segment = found
        number = place.segment
    }

    /// - Parameter tail: begins with the last so many lines instead of the oldest.
    package init(_ folder: String, tail: Int? = nil) {
        self.folder = folder
        if let tail { seek(lines: max(tail, 0), in: LogFolder.segments(in: folder)) }
    }

    /// The next whole line; nil at the present end.
    package func next() -> LogLine? {
        while true {
            if let line = cut() { return line }
            if !readMore() { return nil }
        }
    }

    /// What was written after the last end of line, once nothing more will come.
    package func rest() -> LogLine? {
        guard begin < buffer.count else { return nil }
        return take(upTo: buffer.count, skipping: 0)
    }

    private func cut() -> LogLine? {
        if let end = buffer[scanned...].firstIndex(of: 10) { return take(upTo: end, skipping: 1) }
        scanned = buffer.count
        return buffer.count - begin >= Self.longestLine ? take(upTo: buffer.count, skipping: 0) : nil
    }

    private func take(upTo end: Int, skipping: Int) -> LogLine {
        let line = LogLine(time: lineTime ?? pendingTime(at: begin), text: Array(buffer[begin..<end]))
        begin = end + skipping
        scanned = begin
        lineTime = nil
        carried = nil
        return line
    }

    /// The time of a byte of the buffer; those of an earlier segment have been asked for when it was left.
    private func pendingTime(at index: Int) -> Int64 {
        guard let segment else { return 0 }
        return segment.time(at: segment.offset - Int64(buffer.count - index))
    }

    private func readMore() -> Bool {
        if begin > 0 {
            buffer.removeFirst(begin)
            scanned -= begin
            begin = 0
        }
        while true {
            // Asked before reading: once the next segment exists, this one has all its bytes.
            let next = nextNumber()
            if let segment, segment.read(into: &buffer) { return true }
            guard let next else { return false }
            if !buffer.isEmpty && lineTime == nil { lineTime = pendingTime(at: 0) }
            if !buffer.isEmpty && carried == nil { carried = place }
            // Segments that were removed meanwhile took the rest of the line with them.
            if next > number + 1 && !buffer.isEmpty { buffer.append(10) }
            guard let opened = LogSegment(next, in: folder) else { return false }
            segment = opened
            number = next
        }
    }

    private func nextNumber() -> Int? {
        if Files.exists(LogFolder.segment(number + 1, in: folder)) { return number + 1 }
        return LogFolder.segments(in: folder).first { $0 > number }
    }

    /// Goes back from the end over as many ends of line, through the segments.
    private func seek(lines: Int, in numbers: [Int]) {
        var left: Int?
        for number in numbers.reversed() {
            guard let candidate = LogSegment(number, in: folder) else { break }
            var end = candidate.size
            while end > 0 {
                let start = max(0, end - 65536)
                let bytes = candidate.bytes(from: start, to: end)
                // What ends without an end of line is a line too.
                if left == nil, let last = bytes.last { left = last == 10 ? lines + 1 : max(lines, 1) }
                for index in bytes.indices.reversed() where bytes[index] == 10 {
                    left! -= 1
                    guard left == 0 else { continue }
                    candidate.offset = start + Int64(index) + 1
                    self.segment = candidate
                    self.number = number
                    return
                }
                end = start
            }
        }
    }
}
