import CProcesses
import Glibc
package import Syscalls

/// One thread, one poll(2): descriptors, timers and signals, each with a closure.
///
/// A closure may watch and forget anything, itself included; what it forgets is not called any more, even if it was
/// ready in the same turn.
package final class EventLoop {
    package struct Watch: Hashable { fileprivate let number: Int }
    package struct Timer: Hashable { fileprivate let number: Int }

    package struct Interest: OptionSet, Sendable {
        package let rawValue: Int16
        package init(rawValue: Int16) { self.rawValue = rawValue }
        package static let readable = Interest(rawValue: Int16(POLLIN))
        package static let writable = Interest(rawValue: Int16(POLLOUT))
        /// The other end is gone, or the descriptor is broken: reported without being asked for.
        package static let ended = Interest(rawValue: Int16(POLLHUP | POLLERR | POLLNVAL))
    }

    private struct Watched {
        let descriptor: Int32
        var interest: Interest
        let handler: (Interest) -> Void
    }

    private struct Timed {
        var due: Int64
        let interval: Int64?
        let handler: () -> Void
    }

    private var watched: [Int: Watched] = [:] {
        didSet { isPolledStale = true }
    }
    private var timed: [Int: Timed] = [:]
    /// What poll(2) is given, and the watch behind each entry; made anew after a change.
    private var polled: [pollfd] = []
    private var polledNumbers: [Int] = []
    private var isPolledStale = false
    private var nextNumber = 0
    private var stopped = false

    package init() {}

    /// Calls the handler with what is ready whenever something is. The descriptor stays the caller's, who forgets the
    /// watch before closing it. An interest of `[]` waits for `ended` only.
    @discardableResult
    package func watch(_ descriptor: Int32, _ interest: Interest = .readable, _ handler: @escaping (Interest) -> Void)
        -> Watch
    {
        nextNumber += 1
        watched[nextNumber] = Watched(descriptor: descriptor, interest: interest, handler: handler)
        return Watch(number: nextNumber)
    }

    package func change(_ watch: Watch, to interest: Interest) {
        watched[watch.number]?.interest = interest
    }

    package func forget(_ watch: Watch) {
        watched[watch.number] = nil
    }

    /// Calls the handler once, when the process of a pidfd has ended. Linux before 6.5 reports a process that has ended
    /// and was reaped by another as readable only, so that is what is asked for.
    @discardableResult
    package func watchProcess(_ pidfd: Int32, _ handler: @escaping () -> Void) -> Watch {
        let number = nextNumber + 1
        return watch(pidfd, .readable) { [unowned self] _ in
            watched[number] = nil
            handler()
        }
    }

    /// Blocks the signals in this thread and calls the handler with each that comes, by signalfd(2), until forgotten.
    /// Children must be started with their signal mask reset.
    @discardableResult
    package func watchSignals(_ signals: [Int32], _ handler: @escaping (Int32) -> Void) throws(SystemError) -> Watch {
        let raw = try check("signalfd") { settle_signals(signals, Int32(signals.count)) }
        let source = SignalSource(Descriptor(raw))
        return watch(raw, .readable) { _ in
            while let signal = source.next() { handler(signal) }
        }
    }

    /// Calls the handler once, after the delay.
    @discardableResult
    package func after(_ delay: Duration, _ handler: @escaping () -> Void) -> Timer {
        add(delay, repeats: false, handler)
    }

    /// Calls the handler again and again; turns that come too late are left out, not made up for.
    @discardableResult
    package func every(_ interval: Duration, _ handler: @escaping () -> Void) -> Timer {
        add(interval, repeats: true, handler)
    }

    package func cancel(_ timer: Timer) {
        timed[timer.number] = nil
    }

    /// Turns until `stop()` is called, or until nothing is watched and no timer is set.
    package func run() throws(SystemError) {
        defer { stopped = false }
        while !stopped && !(watched.isEmpty && timed.isEmpty) { try turn() }
    }

    package func stop() { stopped = true }

    /// Waits for the next event, at most as long as the limit, and handles what is ready.
    package func turn(limit: Duration? = nil) throws(SystemError) {
        refreshPolled()
        let wait = waitMilliseconds(limit: limit)
        let ready = poll(&polled, nfds_t(polled.count), wait)
        // A signal is no reason to wait again: the deadline would move.
        if ready < 0 && errno != EINTR { throw SystemError("poll", errno: errno) }
        if ready > 0 {
            for (number, result) in zip(polledNumbers, polled) where result.revents != 0 && !stopped {
                watched[number]?.handler(Interest(rawValue: result.revents))
            }
        }
        if !stopped { fireTimers() }
    }

    /// Turns until the condition holds; false where the limit passed first.
    package func run(until limit: Duration, _ condition: () -> Bool) throws(SystemError) -> Bool {
        let end = MachineClock.monotonic + limit.nanoseconds
        while !condition() {
            let left = end - MachineClock.monotonic
            if left <= 0 { return false }
            try turn(limit: .nanoseconds(min(left, 50_000_000)))
        }
        return true
    }

    private func refreshPolled() {
        guard isPolledStale else { return }
        isPolledStale = false
        let entries = watched.sorted { $0.key < $1.key }
        polledNumbers = entries.map(\.key)
        polled = entries.map { pollfd(fd: $0.value.descriptor, events: $0.value.interest.rawValue, revents: 0) }
    }

    private func add(_ delay: Duration, repeats: Bool, _ handler: @escaping () -> Void) -> Timer {
        nextNumber += 1
        let length = max(delay.nanoseconds, 0)
        timed[nextNumber] = Timed(
            due: MachineClock.monotonic + length, interval: repeats ? max(length, 1) : nil, handler: handler)
        return Timer(number: nextNumber)
    }

    /// Rounded up, else the last millisecond before a timer would be spent turning.
    private func waitMilliseconds(limit: Duration?) -> Int32 {
        var wait = limit?.nanoseconds
        if let due = timed.values.map(\.due).min() {
            let left = max(due - MachineClock.monotonic, 0)
            wait = min(wait ?? left, left)
        }
        guard let wait else { return -1 }
        return Int32(clamping: (wait + 999_999) / 1_000_000)
    }

    private func fireTimers() {
        let now = MachineClock.monotonic
        let due = timed.filter { $0.value.due <= now }.sorted { ($0.value.due, $0.key) < ($1.value.due, $1.key) }
        for (number, timer) in due where timed[number] != nil {
            if let interval = timer.interval {
                let missed = (now - timer.due) / interval
                timed[number]?.due = timer.due + (missed + 1) * interval
            } else {
                timed[number] = nil
            }
            timer.handler()
        }
    }
}

/// A signalfd(2), closed with the closure that reads it.
private final class SignalSource {
    private let descriptor: Descriptor

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

    func next() -> Int32? {
        let signal = settle_next_signal(descriptor.raw)
        return signal > 0 ? signal : nil
    }
}
