import Glibc
package import Syscalls

/// Reads a container's log as it grows, byte by byte as they came.
///
/// One that must not miss anything holds a shared lock on the segment that it is at. Whoever writes the log keeps that
/// segment, and leaves bytes in the container's pipe rather than go too far ahead: the container waits. The lock ends
/// with the process, however that ends.
package final class LogFollower {
    private let folder: String
    private let holds: Bool
    private var segment: Descriptor
    private var number: Int
    private var offset: Int64

    /// From the beginning, before anything was written: the folder is made, and nothing will be missed.
    package init(holding folder: String) throws(SystemError) {
        self.folder = folder
        holds = true
        number = 0
        offset = 0
        try Files.makeFolders(folder, mode: 0o700)
        segment = try Descriptor(LogFolder.segment(0, in: folder), O_RDWR | O_CREAT)
        try hold()
    }

    /// From the present end on.
    package init(following folder: String) {
        self.folder = folder
        holds = false
        number = LogFolder.segments(in: folder).last ?? -1
        segment = (try? Descriptor(LogFolder.segment(number, in: folder), O_RDONLY)) ?? Descriptor(-1)
        offset = (try? LogFolder.size(segment.raw)) ?? 0
    }

    /// The next bytes; empty at the present end.
    package func read() throws(SystemError) -> [UInt8] {
        while true {
            // Asked before reading: once the next segment exists, this one has all its bytes.
            let next = LogFolder.segments(in: folder).first { $0 > number }
            let bytes = try readSegment()
            if !bytes.isEmpty { return bytes }
            guard let next else { return [] }
            let following = try Descriptor(LogFolder.segment(next, in: folder), O_RDONLY)
            if holds { try Self.lock(following.raw, folder) }
            segment = following
            number = next
            offset = 0
        }
    }

    private func readSegment() throws(SystemError) -> [UInt8] {
        if segment.raw < 0 { return [] }
        let (raw, start) = (segment.raw, offset)
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = try check("pread", on: folder) { pread(raw, &bytes, bytes.count, off_t(start)) }
        offset += Int64(count)
        return Array(bytes[..<count])
    }

    private func hold() throws(SystemError) { try Self.lock(segment.raw, folder) }

    private static func lock(_ file: Int32, _ folder: String) throws(SystemError) {
        try check("flock", on: folder) { flock(file, LOCK_SH) }
    }

    /// Whether somebody who must not miss anything reads the log.
    package static func isHeld(_ folder: String) -> Bool {
        LogFolder.segments(in: folder).contains { LogFolder.isHeld($0, in: folder) }
    }
}
