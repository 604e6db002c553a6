import Glibc
import Syscalls

/// One segment of a log while it is read, with the times of its bytes. It may still grow.
final class LogSegment {
    private let raw: Descriptor
    /// Missing times are no reason to withhold the output.
    private let times: TimesFile?
    /// Where the next read begins.
    var offset: Int64 = 0

    private struct Record {
        let offset: Int64
        let time: Int64
    }

    /// Records read ahead, and the one that holds for the offset last asked for.
    private var records: [Record] = []
    private var current = 0
    private var recordsRead = 0

    init?(_ number: Int, in folder: String) {
        guard let raw = try? Descriptor(LogFolder.segment(number, in: folder), O_RDONLY) else { return nil }
        self.raw = raw
        times = try? TimesFile(LogFolder.times(number, in: folder))
    }

    var size: Int64 { (try? LogFolder.size(raw.raw)) ?? 0 }

    /// Appends the next bytes; false at the present end.
    func read(into buffer: inout [UInt8]) -> Bool {
        let bytes = bytes(from: offset, to: offset + 65536)
        offset += Int64(bytes.count)
        buffer += bytes
        return !bytes.isEmpty
    }

    func bytes(from start: Int64, to end: Int64) -> [UInt8] {
        Self.read(raw.raw, from: start, to: end)
    }

    /// When the byte at this offset came, 0 where that is not known. Offsets are asked for in ascending order.
    func time(at offset: Int64) -> Int64 {
        while true {
            while current + 1 < records.count && records[current + 1].offset <= offset { current += 1 }
            if current + 1 < records.count || !readRecords() { break }
        }
        guard current < records.count, records[current].offset <= offset else { return 0 }
        return records[current].time
    }

    /// Keeps the current record and reads the next ones; false where there is none (a last one may be cut short).
    private func readRecords() -> Bool {
        guard let times = times?.descriptor.raw else { return false }
        let size = LogFolder.recordSize
        let start = Int64(recordsRead * size)
        let bytes = Self.read(times, from: start, to: start + Int64(4096 * size))
        let count = bytes.count / size
        if count == 0 { return false }
        let next = bytes.withUnsafeBytes { bytes in
            (0..<count).map { index in
                func number(_ at: Int) -> Int64 {
                    Int64(
                        truncatingIfNeeded: UInt64(
                            littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
                }
                return Record(offset: number(index * size), time: number(index * size + 8))
            }
        }
        records = Array(records.suffix(1)) + next
        current = 0
        recordsRead += count
        return true
    }

    private static func read(_ descriptor: Int32, from start: Int64, to end: Int64) -> [UInt8] {
        let room = Int(max(end - start, 0))
        return [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            let length = try? check("pread") { pread(descriptor, buffer.baseAddress, room, off_t(start)) }
            count = length ?? 0
        }
    }
}

private final class TimesFile {
    let descriptor: Descriptor

    init(_ path: String) throws(SystemError) { descriptor = try Descriptor(path, O_RDONLY) }
}
