import Glibc
import Processes
import Syscalls

/// The keys of a person who looks at a stack that goes by: `up --menu`.
///
/// They come one by one and are not shown. Ctrl-C and Ctrl-Z stay signals, and the terminal is as it was whenever somebody
/// else may have it: at the end, while we are suspended, and where we are in the background.
final class Shortcuts {
    private let loop: EventLoop
    private let terminal = OwnTerminal()
    private let press: (Character) -> Void
    private let end: (Int32) -> Void
    private var keys: EventLoop.Watch?
    private var signals: EventLoop.Watch?

    /// - Parameter end: called with a signal that would have ended us with the terminal as it is now.
    init(_ loop: EventLoop, _ press: @escaping (Character) -> Void, end: @escaping (Int32) -> Void) {
        self.loop = loop
        self.press = press
        self.end = end
    }

    func attach() throws(SystemError) {
        signals = try loop.watchSignals([SIGTSTP, SIGCONT, SIGQUIT, SIGHUP]) { [unowned self] in hear($0) }
        take()
    }

    func detach() {
        release()
        if let signals { loop.forget(signals) }
        signals = nil
    }

    private func hear(_ signal: Int32) {
        if signal == SIGCONT { return take() }
        release()
        if signal == SIGTSTP { kill(getpid(), SIGSTOP) } else { end(signal) }
    }

    /// Whoever is in the background must not touch the terminal: the kernel would stop us.
    private func take() {
        guard keys == nil, tcgetpgrp(STDIN_FILENO) == getpgrp() else { return }
        do { try terminal.makeImmediate() } catch { return }
        keys = loop.watch(STDIN_FILENO) { [unowned self] _ in
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = read(STDIN_FILENO, &bytes, bytes.count)
            if count < 0 && (errno == EINTR || errno == EAGAIN) { return }
            if count <= 0 { return release() }
            for byte in bytes[..<count] { press(Character(UnicodeScalar(byte))) }
        }
    }

    private func release() {
        if let keys { loop.forget(keys) }
        keys = nil
        terminal.restore()
    }
}
