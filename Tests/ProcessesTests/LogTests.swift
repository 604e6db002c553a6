import Glibc
import Processes
import Syscalls
import Testing

@Suite(.serialized) struct LogTests {
    let folder = TemporaryFolder()
    var fifoPath: String { "\(folder.path)/io/web.1.1" }
    var log: String { "\(folder.path)/logs/web.1" }

    func lines(_ reader: LogReader) -> [String] {
        var lines: [String] = []
        while let line = reader.next() { lines.append(String(decoding: line.text, as: UTF8.self)) }
        return lines
    }

    func write(_ text: String, to capture: LogCapture) throws {
        try Files.write(Array(text.utf8), to: capture.source.raw, named: "fifo")
        try capture.drain()
    }

    /// A supervisor that is killed at any moment, a container that prints a numbered line every millisecond or so.
    @Test func killsNeitherLoseNorRepeat() throws {
        let count = 2000
        let fifo = try LogCapture.makeFIFO(fifoPath)
        let raw = fifo.raw
        let path = fifoPath
        let container = child {
            let output = try Descriptor(path, O_WRONLY)
            for number in 0..<count {
                try Files.write(Array("line \(number)\n".utf8), to: output.raw, named: "fifo")
                usleep(1000)
            }
        }
        let limits = LogLimits(size: 4096, files: 1000)
        func supervisor() -> Int32 {
            child {
                let capture = try LogCapture(Descriptor(dup(raw)), folder: log, limits: limits)
                let loop = EventLoop()
                loop.watch(capture.source.raw) { _ in _ = try? capture.move() }
                try loop.run()
            }
        }
        for _ in 0..<50 {
            let pid = supervisor()
            usleep(UInt32.random(in: 500...40_000))
            kill(pid, SIGKILL)
            reap(pid)
        }
        let last = supervisor()
        #expect(reap(container) == 0)
        kill(last, SIGKILL)
        reap(last)
        try LogCapture(fifo, folder: log, limits: limits).drain()
        #expect(lines(LogReader(log)) == (0..<count).map { "line \($0)" })
    }

    @Test func segmentsAreBoundedAndTheNewestLinesKept() throws {
        let limits = LogLimits(size: 1000, files: 3)
        let capture = try LogCapture(try LogCapture.makeFIFO(fifoPath), folder: log, limits: limits)
        for number in 0..<1000 { try write("number \(number)\n", to: capture) }
        let segments = Files.names(in: log).filter { $0.hasPrefix("raw.") }
        #expect(segments.count == 3)
        for name in segments { #expect(try Files.bytes("\(log)/\(name)").count <= 1000) }
        let kept = lines(LogReader(log))
        #expect(kept.last == "number 999")
        #expect(Array(kept.dropFirst()) == (0..<1000).map { "number \($0)" }.suffix(kept.count - 1))
        #expect(kept.count > 150)
        #expect(Files.names(in: log).filter { $0.hasPrefix("times.") }.count == 3)
    }

    @Test(arguments: [0, 1, 2, 5, 99, 100, 1000]) func tailBeginsWithTheLastLines(count: Int) throws {
        let capture = try LogCapture(
            try LogCapture.makeFIFO(fifoPath), folder: log, limits: LogLimits(size: 64, files: 100))
        for number in 0..<100 { try write("number \(number)\n", to: capture) }
        #expect(lines(LogReader(log, tail: count)) == (0..<100).map { "number \($0)" }.suffix(count))
        try write("unfinished", to: capture)
        let reader = LogReader(log, tail: max(count, 1))
        let whole = lines(reader)
        #expect(whole == (0..<100).map { "number \($0)" }.suffix(max(count, 1) - 1))
        #expect(reader.rest()?.text == Array("unfinished".utf8))
    }

    @Test func followersGoOnOverSegmentsAndUnfinishedLines() throws {
        let capture = try LogCapture(
            try LogCapture.makeFIFO(fifoPath), folder: log, limits: LogLimits(size: 50, files: 10))
        let reader = LogReader(log)
        #expect(lines(reader) == [])
        try write("first\nsecond", to: capture)
        #expect(lines(reader) == ["first"])
        try write(" half\n", to: capture)
        #expect(lines(reader) == ["second half"])
        var expected: [String] = []
        var seen: [String] = []
        for number in 0..<100 {
            expected.append("line \(number)")
            try write("line \(number)\n", to: capture)
            if number % 7 == 0 { seen += lines(reader) }
        }
        #expect(seen + lines(reader) == expected)
        #expect(reader.rest() == nil)
    }

    @Test func timesAreThoseOfTheFirstByte() throws {
        let capture = try LogCapture(
            try LogCapture.makeFIFO(fifoPath), folder: log, limits: LogLimits(size: 30, files: 10))
        var bounds: [(Int64, Int64)] = []
        for number in 0..<20 {
            let before = MachineClock.realtime
            try write("line \(number) begins", to: capture)
            bounds.append((before, MachineClock.realtime))
            usleep(3_000)
            try write(" and ends\n", to: capture)
            usleep(3_000)
        }
        let reader = LogReader(log)
        // The oldest lines are gone, the first may be the end of one.
        var found: [LogLine] = []
        while let line = reader.next() { found.append(line) }
        for (line, bound) in zip(found.reversed(), bounds.reversed()).dropLast() {
            #expect(line.time >= bound.0 && line.time <= bound.1)
        }
        #expect(found.count >= 8)
    }

    @Test func timesThatAreMissingOrCutWithholdNothing() throws {
        var capture = try LogCapture(try LogCapture.makeFIFO(fifoPath), folder: log)
        try write("one\n", to: capture)
        let times = "\(log)/times.0"
        let record = try Files.bytes(times)
        try Files.replace(times, record + record.prefix(5))
        #expect(lines(LogReader(log)) == ["one"])
        capture = try LogCapture(try LogCapture.makeFIFO(fifoPath), folder: log)
        #expect(try Files.bytes(times).count == record.count)
        try write("two\n", to: capture)
        let reader = LogReader(log)
        #expect(try #require(reader.next()).time < #require(reader.next()).time)
        unlink(times)
        #expect(lines(LogReader(log)) == ["one", "two"])
    }

    @Test func logsAreMergedByTime() throws {
        let one = try LogCapture(try LogCapture.makeFIFO(fifoPath), folder: log)
        let two = try LogCapture(try LogCapture.makeFIFO(fifoPath + "0"), folder: log + "0")
        for number in 0..<10 {
            try write("\(number)\n", to: number % 3 == 0 ? one : two)
            usleep(2_000)
        }
        try write("end", to: one)
        let merger = LogMerger()
        let first = merger.add(LogReader(log))
        merger.add(LogReader(log + "0"))
        var merged: [String] = []
        while let (_, line) = merger.next() { merged.append(String(decoding: line.text, as: UTF8.self)) }
        #expect(merged == (0..<10).map { "\($0)" })
        merger.finish(first)
        let last = try #require(merger.next())
        #expect(last.source == first && last.line.text == Array("end".utf8))
        #expect(merger.next() == nil)
    }

    @Test func aContainerWithoutAReaderWaitsAndLosesNothing() throws {
        let fifo = try LogCapture.makeFIFO(fifoPath)
        let path = fifoPath
        let line = String(repeating: "x", count: 99) + "\n"
        let container = child {
            let output = try Descriptor(path, O_WRONLY)
            for _ in 0..<30_000 { try Files.write(Array(line.utf8), to: output.raw, named: "fifo") }
        }
        try eventually("a full pipe") {
            var waiting: Int32 = 0
            return ioctl(fifo.raw, UInt(FIONREAD), &waiting) == 0 && waiting >= 1_000_000
        }
        let capture = try LogCapture(fifo, folder: log)
        let loop = EventLoop()
        loop.watch(capture.source.raw) { _ in _ = try? capture.move() }
        #expect(try loop.run(until: .seconds(30)) { ProcessStatus(pid: container)?.isZombie == true })
        #expect(reap(container) == 0)
        try capture.drain()
        #expect(lines(LogReader(log)).count == 30_000)
    }

    /// In a mount namespace of its own, on a file system of 64 KiB.
    @Test func fullDiskLosesNothing() throws {
        let place = folder.path
        let fifo = fifoPath
        let text = (0..<3000).map { "number \($0)\n" }.joined()
        let capturer = child {
            guard unshareMounts() == 0, mount(nil, "/", nil, UInt(MS_REC | MS_PRIVATE), nil) == 0,
                mount("none", place, "tmpfs", 0, "size=64k") == 0
            else { _exit(2) }
            try Files.replace("\(place)/ballast", [UInt8](repeating: 1, count: 40_000))
            let capture = try LogCapture(
                try LogCapture.makeFIFO(fifo), folder: log, limits: LogLimits(size: 9000))
            var failures = 0
            for part in stride(from: 0, to: text.utf8.count, by: 1000) {
                try Files.write(Array(text.utf8.dropFirst(part).prefix(1000)), to: capture.source.raw, named: "fifo")
                usleep(1_100)
                do {
                    try capture.drain()
                } catch {
                    guard (error as? SystemError)?.errno == ENOSPC else { _exit(3) }
                    failures += 1
                    unlink("\(place)/ballast")
                }
            }
            try capture.drain()
            let lines = lines(LogReader(log)).dropFirst()
            let expected = text.split(separator: "\n").map { String($0) }.suffix(lines.count)
            _exit(failures > 0 && lines.count > 1000 && Array(lines) == Array(expected) ? 0 : 4)
        }
        #expect(reap(capturer) == 0)
    }

    @Test func outputIsTheContainersOwn() throws {
        let capture = try LogCapture(try LogCapture.makeFIFO(fifoPath), folder: log)
        let output = try LogCapture.output(of: capture.source.raw)
        #expect(fcntl(output.raw, F_GETFL) & O_NONBLOCK == 0)
        _ = fcntl(output.raw, F_SETFL, O_APPEND)
        #expect(fcntl(capture.source.raw, F_GETFL) & O_NONBLOCK != 0)
        try Files.write(Array("hello\n".utf8), to: output.raw, named: "output")
        try capture.drain()
        #expect(lines(LogReader(log)) == ["hello"])
    }

    @Test func timesAreWrittenAsRFC3339() {
        #expect(MachineClock.rfc3339(0) == "1970-01-01T00:00:00.000000000Z")
        #expect(MachineClock.rfc3339(1_582_934_400_000_000_042) == "2020-02-29T00:00:00.000000042Z")
    }

    @Test func whoMustNotMissAnythingHoldsTheWriterUp() throws {
        let follower = try LogFollower(holding: log)
        let fifo = try LogCapture.makeFIFO(fifoPath)
        let capture = try LogCapture(fifo, folder: log, limits: LogLimits(size: 1000, files: 2))
        let text = (0..<500).map { "line \($0)\n" }.joined()
        try Files.write(Array(text.utf8), to: capture.source.raw, named: "fifo")
        #expect(LogFollower.isHeld(log))
        // Two segments are full, and the first is still wanted.
        #expect(try !capture.move())
        #expect(capture.isHeldUp)
        var bytes: [UInt8] = []
        while bytes.count < text.utf8.count {
            let more = try follower.read()
            bytes += more
            if more.isEmpty { try capture.move() }
        }
        #expect(String(decoding: bytes, as: UTF8.self) == text)
        #expect(!capture.isHeldUp)
        // Who follows from now on holds nobody up.
        let late = LogFollower(following: log)
        try write("more\n", to: capture)
        #expect(try late.read() == Array("more\n".utf8))
    }

    @Test func whatIsLeftAtTheEndIsMissedByNobodyEither() throws {
        let follower = try LogFollower(holding: log)
        let capture = try LogCapture(
            try LogCapture.makeFIFO(fifoPath), folder: log, limits: LogLimits(size: 100, files: 2))
        let text = (0..<300).map { "line \($0)\n" }.joined()
        try Files.write(Array(text.utf8), to: capture.source.raw, named: "fifo")
        try capture.drain()
        var bytes: [UInt8] = []
        while true {
            let more = try follower.read()
            if more.isEmpty { break }
            bytes += more
        }
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test func aTerminalIsReadToItsEnd() throws {
        let outer = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var number: Int32 = 0
        // TIOCSPTLCK and TIOCGPTN: unlocked, and its number.
        try #require(outer >= 0 && ioctl(outer, 0x4004_5431, &number) == 0 && ioctl(outer, 0x8004_5430, &number) == 0)
        let inner = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        let pair = try ContainerTerminal.makeSocket()
        close(pair.given)
        // What has not come is not there; a terminal itself is.
        let nothing = try ContainerTerminal.look(Descriptor(pair.kept))
        let isThere = nothing != nil
        #expect(!isThere)
        guard let terminal = try ContainerTerminal.look(Descriptor(outer)) else {
            throw SystemError("isatty", errno: ENOTTY)
        }
        let capture = try LogCapture(terminal, folder: log)
        try Files.write(Array("one\ntwo".utf8), to: inner, named: "terminal")
        #expect(try capture.move())
        #expect(!capture.isOver)
        close(inner)
        try capture.drain()
        #expect(capture.isOver)
        let reader = LogReader(log)
        #expect(lines(reader) == ["one\r"])
        #expect(reader.rest().map { String(decoding: $0.text, as: UTF8.self) } == "two")
    }
}

private func == (left: (Int, LogLine)?, right: Never?) -> Bool { left.map { _ in false } ?? true }
