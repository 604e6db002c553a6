import Glibc
import Syscalls

/// How much of a container's output is kept.
package struct LogLimits: Hashable, Sendable {
    /// Bytes of one segment.
    package var size: Int64
    /// Segments kept.
    package var files: Int

    package init(size: Int64 = 10_000_000, files: Int = 3) {
        self.size = max(size, 1)
        self.files = max(files, 1)
    }
}

/// A container's output in a folder of its own: segments `raw.0`, `raw.1`, … hold the bytes just as they came, stdout
/// and stderr in one stream, in the order of their writing. A line may begin in one segment and end in the next. The
/// oldest segments are removed.
///
/// Beside each stands `times.N`: records of 16 bytes, little endian, (offset in the segment, nanoseconds since 1970) in
/// ascending order: the bytes from that offset on came at that time.
enum LogFolder {
    static let recordSize = 16
    /// Closer than that, times are not told apart: it bounds the records.
    static let resolution: Int64 = 1_000_000

    static func segment(_ number: Int, in folder: String) -> String { "\(folder)/raw.\(number)" }
    static func times(_ number: Int, in folder: String) -> String { "\(folder)/times.\(number)" }

    /// The numbers of the segments, ascending.
    static func segments(in folder: String) -> [Int] {
        Files.names(in: folder).compactMap { $0.hasPrefix("raw.") ? Int($0.dropFirst(4)) : nil }.sorted()
    }

    /// Whether a reader that must not miss anything is at this segment: see `LogFollower`.
    static func isHeld(_ number: Int, in folder: String) -> Bool {
        guard let file = try? Descriptor(segment(number, in: folder), O_RDONLY) else { return false }
        return flock(file.raw, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK
    }

    static func size(_ descriptor: Int32) throws(SystemError) -> Int64 {
        var status = stat()
        try check("fstat", on: "log") { fstat(descriptor, &status) }
        return Int64(status.st_size)
    }
}
