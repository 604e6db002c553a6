import CProcesses
import Glibc
package import Syscalls

/// Moves a container's output from its FIFO, or its terminal, to its log.
///
/// Bytes go by one splice(2) each time, from the FIFO straight into the file at the offset where the file ends: there is
/// no instant at which a kill could lose them or repeat them. Whoever comes next asks the file for its size. From a
/// terminal they go through memory, since the kernel cannot splice from one: a kill may lose the few that are there.
package final class LogCapture {
    /// The reading end, not blocking: watch it for `readable`.
    package let source: Descriptor
    /// Whether nobody can write any more: a terminal of which the last inner end has been closed.
    package private(set) var isOver = false
    /// Whether bytes were left where they are, since a reader that must not miss any is too far behind.
    package private(set) var isHeldUp = false
    private let isTerminal: Bool
    private let folder: String
    /// May change at any time.
    package var limits: LogLimits
    private var number: Int
    /// nil until there is something to write: most containers say nothing for long, and files cost time on every disk.
    private var files: OpenFiles?
    private var offset: Int64 = 0
    private var timesSize: Int64 = 0
    private var lastTime: Int64 = 0

    /// Makes the FIFO, which any user may open (so that `/dev/stdout` works for each): its folder, made with it, is for
    /// root alone. Opened for reading and writing, so that no writer meets SIGPIPE as long as the descriptor is kept
    /// somewhere: the holder gets it before the container starts.
    package static func makeFIFO(_ path: String) throws(SystemError) -> Descriptor {
        if let slash = path.lastIndex(of: "/") { try Files.makeFolders(String(path[..<slash]), mode: 0o700) }
        unlink(path)
        try check("mkfifo", on: path) { mkfifo(path, 0o666) }
        try check("chmod", on: path) { chmod(path, 0o666) }  // past the umask
        let fifo = try Descriptor(path, O_RDWR | O_NONBLOCK)
        // While no supervisor runs, a container may write this much before it has to wait.
        _ = settle_pipe_size(fifo.raw, 1 << 20)
        return fifo
    }

    /// What a container gets as its stdout and stderr: a description of its own, else a container that sets O_NONBLOCK on
    /// its output would set it here too. For reading as well, so that the FIFO lives as long as its writers, whoever dies.
    package static func output(of fifo: Int32) throws(SystemError) -> Descriptor {
        try Descriptor("/proc/self/fd/\(fifo)", O_RDWR)
    }

    /// What a process has as its stdout, to read from; nil where that is no FIFO. Security: the process may have put any
    /// file there, and only a FIFO can be opened without an effect.
    package static func output(ofProcess pid: Int32) -> Descriptor? {
        let path = "/proc/\(pid)/fd/1"
        func isFIFO(_ status: stat) -> Bool { status.st_mode & S_IFMT == S_IFIFO }
        var status = stat()
        guard stat(path, &status) == 0, isFIFO(status), let fifo = try? Descriptor(path, O_RDWR | O_NONBLOCK),
            fstat(fifo.raw, &status) == 0, isFIFO(status)
        else { return nil }
        return fifo
    }

    /// An end to write to, for one more process of the container.
    package func writer() throws(SystemError) -> Descriptor {
        if !isTerminal { return try Self.output(of: source.raw) }
        // TIOCGPTPEER
        let raw = source.raw
        return Descriptor(try check("ioctl", on: "terminal") { ioctl(raw, 0x5441, O_RDWR | O_NOCTTY | O_CLOEXEC) })
    }

    /// Goes on with the log in the folder, which is made with the first bytes where it is missing.
    /// - Parameter source: from `makeFIFO`, or the holder's copy of it; or a terminal's outer end.
    package init(_ source: consuming Descriptor, folder: String, limits: LogLimits = LogLimits()) throws(SystemError) {
        isTerminal = isatty(source.raw) == 1
        if isTerminal { _ = fcntl(source.raw, F_SETFL, O_RDWR | O_NONBLOCK) }
        self.source = source
        self.folder = folder
        self.limits = limits
        number = 0
        try resume()
    }

    /// Whether somebody else writes to the same log, for a while: the other life of the container.
    package var isShared = false { didSet { isStale = true } }
    private var isStale = false

    /// What the other one has written is where this one goes on.
    private func catchUp() throws(SystemError) {
        guard isShared || isStale else { return }
        try resume()
        isStale = false
    }

    private func resume() throws(SystemError) {
        let last = LogFolder.segments(in: folder).last
        number = last ?? 0
        (files, offset, timesSize) = (nil, 0, 0)
        guard last != nil else { return }
        let files = try open()
        offset = try LogFolder.size(files.segment.raw)
        // A write cut short by a full disk.
        timesSize = try LogFolder.size(files.times.raw) / Int64(LogFolder.recordSize) * Int64(LogFolder.recordSize)
        try check("ftruncate", on: folder) { ftruncate(files.times.raw, off_t(timesSize)) }
    }

    private func open() throws(SystemError) -> OpenFiles {
        if let files { return files }
        try Files.makeFolders(folder, mode: 0o700)
        let opened = try OpenFiles(number, in: folder)
        files = opened
        return opened
    }

    /// Moves what the source holds, but no more than a few pipes full, so that one container cannot starve the others.
    /// - Returns: whether the source was seen empty.
    /// - Throws: ENOSPC for example; nothing is lost, the bytes stay in the FIFO.
    @discardableResult
    package func move() throws(SystemError) -> Bool {
        try catchUp()
        isHeldUp = false
        for _ in 0..<16 {
            if isFull, isBehind {
                isHeldUp = true
                return false
            }
            if try !moveOnce() { return true }
        }
        return false
    }

    /// After the container's end: moves all that is left. Bounded by the pipe's size, unless others still write.
    package func drain() throws(SystemError) {
        try catchUp()
        for _ in 0..<1024 where try !moveOnce() { return }
    }

    /// Throws away what the source holds, but no more than a few pipes full: for output that nobody keeps, and for a disk
    /// that takes no more.
    ///
    /// - Returns: how many bytes that were.
    package func discard() -> Int {
        var sum = 0
        for _ in 0..<64 {
            do {
                let bytes = try Files.read(1 << 16, from: source.raw, named: "output")
                if bytes.isEmpty { break }
                sum += bytes.count
            } catch {
                isOver = isTerminal && error.errno != EAGAIN
                break
            }
        }
        return sum
    }

    private func moveOnce() throws(SystemError) -> Bool {
        if isFull { try rotate() }
        return isTerminal ? try read() : try splice()
    }

    private func splice() throws(SystemError) -> Bool {
        // Noted before the bytes come: a record for bytes that never came does no harm, the next one has its offset.
        var waiting: Int32 = 0
        _ = ioctl(source.raw, UInt(FIONREAD), &waiting)
        if waiting == 0 { return false }
        let files = try open()
        try note(MachineClock.realtime, in: files)
        let path = LogFolder.segment(number, in: folder)
        do {
            let room = UInt(limits.size - offset)
            let (source, target) = (source.raw, files.segment.raw)
            return try check("splice", on: path) { settle_splice(source, target, &offset, min(room, 1 << 20)) } > 0
        } catch {
            if error.errno == EAGAIN { return false }
            throw error
        }
    }

    private func read() throws(SystemError) -> Bool {
        let bytes: [UInt8]
        do {
            bytes = try Files.read(1 << 16, from: source.raw, named: "terminal")
        } catch {
            if error.errno == EAGAIN { return false }
            // Every inner end is closed.
            isOver = true
            return false
        }
        let files = try open()
        try note(MachineClock.realtime, in: files)
        let path = LogFolder.segment(number, in: folder)
        var done = 0
        while done < bytes.count {
            let (target, start, place) = (files.segment.raw, done, offset)
            let count = try check("pwrite", on: path) {
                bytes.withUnsafeBytes { pwrite(target, $0.baseAddress! + start, $0.count - start, off_t(place)) }
            }
            done += count
            offset += Int64(count)
        }
        return true
    }

    private var isFull: Bool { offset >= limits.size || timesSize >= max(limits.size, 1 << 16) }

    private func note(_ time: Int64, in files: OpenFiles) throws(SystemError) {
        guard time - lastTime >= LogFolder.resolution || time < lastTime || timesSize == 0 else { return }
        let record = [UInt64(offset).littleEndian, UInt64(time).littleEndian]
        let bytes = record.withUnsafeBytes { Array($0) }
        do {
            try Files.write(bytes, to: files.times.raw, named: LogFolder.times(number, in: folder))
        } catch {
            // On a full disk a part may have been written, which would shift all records after it.
            ftruncate(files.times.raw, off_t(timesSize))
            throw error
        }
        timesSize += Int64(bytes.count)
        lastTime = time
    }

    /// Whether what would go with the next segment is still being read.
    private var isBehind: Bool {
        LogFolder.segments(in: folder).contains {
            $0 <= number + 1 - limits.files && LogFolder.isHeld($0, in: folder)
        }
    }

    /// The next segment is made when there is something to put into it, so a reader that sees it knows that the one
    /// before will not grow any more.
    private func rotate() throws(SystemError) {
        files = try OpenFiles(number + 1, in: folder)
        number += 1
        offset = 0
        timesSize = 0
        for old in LogFolder.segments(in: folder) where old <= number - limits.files {
            // Who is at this one is still to come to all that follow.
            if LogFolder.isHeld(old, in: folder) { break }
            unlink(LogFolder.times(old, in: folder))
            unlink(LogFolder.segment(old, in: folder))
        }
    }

}

/// splice(2) refuses a file opened with O_APPEND; the times are appended.
private final class OpenFiles {
    let segment: Descriptor
    let times: Descriptor

    init(_ number: Int, in folder: String) throws(SystemError) {
        let segment = try Descriptor(LogFolder.segment(number, in: folder), O_WRONLY | O_CREAT)
        let times = try Descriptor(LogFolder.times(number, in: folder), O_WRONLY | O_CREAT | O_APPEND)
        self.segment = segment
        self.times = times
    }
}
