import CSyscalls
import Glibc
import Processes
import Syscalls
import Testing

@Suite(.serialized) struct EventLoopTests {
    let loop = EventLoop()

    @Test func timersFireInOrderAndRepeat() throws {
        let before = MachineClock.monotonic
        var order: [String] = []
        loop.after(.milliseconds(30)) { order.append("late") }
        loop.after(.milliseconds(1)) { order.append("early") }
        let cancelled = loop.after(.milliseconds(2)) { order.append("never") }
        loop.cancel(cancelled)
        var ticks = 0
        var ticker: EventLoop.Timer?
        ticker = loop.every(.milliseconds(1)) {
            ticks += 1
            if ticks == 5, let ticker { loop.cancel(ticker) }
        }
        try loop.run()
        #expect(order == ["early", "late"])
        #expect(ticks == 5)
        #expect(MachineClock.monotonic - before >= 30_000_000)
    }

    @Test func descriptorsAreWatchedUntilForgotten() throws {
        var pipe: [Int32] = [0, 0]
        #expect(Glibc.pipe(&pipe) == 0)
        let (reader, writer) = (pipe[0], pipe[1])
        var events: [String] = []
        var watch: EventLoop.Watch?
        watch = loop.watch(reader) { ready in
            var byte: UInt8 = 0
            if ready.contains(.readable), read(reader, &byte, 1) == 1 {
                events.append("read \(byte)")
            } else {
                events.append("ended")
                if let watch { loop.forget(watch) }
            }
        }
        var left: [UInt8] = [3, 2, 1]
        var source: EventLoop.Watch?
        source = loop.watch(writer, .writable) { _ in
            if var byte = left.popLast() {
                write(writer, &byte, 1)
                return
            }
            if let source { loop.forget(source) }
            close(writer)
        }
        try loop.run()
        close(reader)
        #expect(events == ["read 1", "read 2", "read 3", "ended"])
    }

    @Test func forgottenInTheSameTurnIsNotCalled() throws {
        let first = try Descriptor("/dev/null", O_RDONLY)
        let second = try Descriptor("/dev/null", O_RDONLY)
        var watches: [EventLoop.Watch] = []
        var calls = 0
        for descriptor in [first.raw, second.raw] {
            watches.append(
                loop.watch(descriptor) { _ in
                    calls += 1
                    for watch in watches { loop.forget(watch) }
                })
        }
        try loop.run()
        #expect(calls == 1)
    }

    @Test func endsOfProcessesAreSeen() throws {
        let pid = child { usleep(20_000) }
        let pidfd = Descriptor(try check("pidfd_open") { settle_pidfd_open(pid, 0) })
        var ends = 0
        loop.watchProcess(pidfd.raw) { ends += 1 }
        try loop.run()
        #expect(ends == 1)
        reap(pid)
        // Reaped already: readable still.
        loop.watchProcess(pidfd.raw) { ends += 1 }
        try loop.run()
        #expect(ends == 2)
    }

    @Test func signalsBecomeCalls() throws {
        var before = sigset_t()
        sigprocmask(SIG_BLOCK, nil, &before)
        defer { sigprocmask(SIG_SETMASK, &before, nil) }
        var signals: [Int32] = []
        try loop.watchSignals([SIGUSR2]) {
            signals.append($0)
            loop.stop()
        }
        // To this thread: another one of the test runner may not have it blocked.
        pthread_kill(pthread_self(), SIGUSR2)
        try loop.run()
        #expect(signals == [SIGUSR2])
    }
}
