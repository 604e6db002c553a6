import Glibc
import Processes
import Syscalls

/// Passes our standard input on to a container, without ever waiting for it: the loop has other things to do.
final class InputPump {
    private let loop: EventLoop
    /// -1 once the input is over.
    private var target: Descriptor
    private var pending: ArraySlice<UInt8> = []
    private var source: EventLoop.Watch?
    private var sink: EventLoop.Watch?
    private var keys: DetachKeys?
    private let detach: () -> Void

    /// - Parameters:
    ///   - target: the writing end of a pipe, or a terminal.
    ///   - keys: by which the person at the terminal leaves.
    init(
        _ loop: EventLoop, to target: consuming Descriptor, keys: DetachKeys?, detach: @escaping () -> Void
    ) {
        self.loop = loop
        self.keys = keys
        self.detach = detach
        _ = fcntl(target.raw, F_SETFL, fcntl(target.raw, F_GETFL) | O_NONBLOCK)
        self.target = target
        source = loop.watch(STDIN_FILENO) { [unowned self] _ in self.take() }
    }

    private func take() {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return }
        guard count > 0 else { return end() }
        bytes.removeLast(bytes.count - count)
        if var keys {
            let (passed, isDetached) = keys.filter(bytes)
            self.keys = keys
            bytes = passed
            if isDetached { return detach() }
        }
        pending = bytes[...]
        give()
    }

    /// What the container does not take now it gets when it can.
    private func give() {
        let raw = target.raw
        while !pending.isEmpty && raw >= 0 {
            let count = pending.withUnsafeBytes { write(raw, $0.baseAddress, $0.count) }
            if count > 0 {
                pending.removeFirst(count)
            } else if errno == EAGAIN {
                break
            } else if errno != EINTR {
                // It reads no more.
                pending = []
                return stop()
            }
        }
        if let sink { loop.forget(sink) }
        sink = nil
        if raw < 0 { return }
        if pending.isEmpty {
            if let source { loop.change(source, to: .readable) }
        } else {
            if let source { loop.change(source, to: []) }
            sink = loop.watch(raw, .writable) { [unowned self] _ in self.give() }
        }
    }

    /// Our input has ended: so does a pipe's. A terminal stays.
    private func end() {
        if let source { loop.forget(source) }
        source = nil
        if target.raw >= 0 && isatty(target.raw) != 1 { stop() }
    }

    private func stop() {
        for watch in [source, sink].compactMap({ $0 }) { loop.forget(watch) }
        (source, sink) = (nil, nil)
        target = Descriptor(-1)
    }
}

/// A sequence of keys that leaves a container alone: `ctrl-p,ctrl-q`.
struct DetachKeys {
    private let sequence: [UInt8]
    /// How many of them have been typed.
    private var typed = 0

    static let usual = DetachKeys("ctrl-p,ctrl-q")!

    /// Letters, or `ctrl-` with a letter or one of `@[\]^_`, separated by commas.
    init?(_ text: String) {
        var keys: [UInt8] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let key = word.lowercased().hasPrefix("ctrl-") ? word.dropFirst(5) : word
            guard key.utf8.count == 1, let byte = key.utf8.first else { return nil }
            let upper = byte >= 97 && byte <= 122 ? byte - 32 : byte
            if key.count == word.count {
                keys.append(byte)
            } else {
                guard upper >= 64 && upper < 96 else { return nil }
                keys.append(upper - 64)
            }
        }
        sequence = keys
    }

    /// What of the bytes is to be passed on, and whether the sequence is complete. The beginning of one is kept back until
    /// it turns out to be none.
    mutating func filter(_ bytes: [UInt8]) -> (passed: [UInt8], isDetached: Bool) {
        var passed: [UInt8] = []
        for byte in bytes {
            if byte == sequence[typed] {
                typed += 1
                if typed == sequence.count { return (passed, true) }
                continue
            }
            passed += sequence[..<typed]
            typed = 0
            if byte == sequence[0] { typed = 1 } else { passed.append(byte) }
        }
        return (passed, false)
    }
}
