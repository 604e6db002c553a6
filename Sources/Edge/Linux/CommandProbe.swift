import CSyscalls
import Cgroups
import Glibc
import Launch
import Launcher
import Processes
import Stack
import Syscalls

/// A probe that was begun and has not answered yet.
protocol RunningProbe: AnyObject {
    /// Ends it without an answer.
    ///
    /// - Returns: what it had to say until now.
    func stop() -> String
}

/// One more process in the container, as `exec` starts it. Its output is bounded; whoever it leaves behind writes to
/// nobody.
final class CommandProbe: RunningProbe {
    private let loop: EventLoop
    private let start: Start
    private let output: Descriptor
    private var outputWatch: EventLoop.Watch?
    private var text: [UInt8] = []
    private var answer: ((Health.Answer) -> Void)?

    /// How much of its output is kept: the end of it.
    private static let longestOutput = 4096

    /// - Parameters:
    ///   - container: pidfd of its first process.
    ///   - answer: called once, unless it is stopped before.
    init(
        _ program: Program, container: Int32, _ group: Cgroup, _ loop: EventLoop,
        answer: @escaping (Health.Answer) -> Void
    ) throws {
        self.loop = loop
        self.answer = answer
        let pipe = try Pipe()
        let null = try Descriptor("/dev/null", O_RDONLY)
        let birthplace = try group.open()?.take()
        defer { if let birthplace { close(birthplace) } }
        var start = try Launcher.start(
            program,
            Launcher.Attachments(
                input: null.raw, output: pipe.writer.raw, errors: pipe.writer.raw, container: container,
                cgroup: birthplace))
        try start.release()
        self.start = start
        output = pipe.takeReader()
        try check("fcntl") { fcntl(output.raw, F_SETFL, O_NONBLOCK) }
        outputWatch = loop.watch(output.raw) { [unowned self] _ in self.read() }
        // Held until the process has ended: it is this one's child, and has to be waited for.
        loop.watchProcess(self.start.process.raw) { self.end() }
    }

    private func read() {
        // As much as a pipe holds: one that writes without end shall not keep the loop.
        for _ in 0..<16 {
            guard let bytes = try? Files.read(Self.longestOutput, from: output.raw, named: "probe") else { return }
            text += bytes
            if text.count > Self.longestOutput { text.removeFirst(text.count - Self.longestOutput) }
            if bytes.isEmpty { return forget() }
        }
    }

    private func forget() {
        if let outputWatch { loop.forget(outputWatch) }
        outputWatch = nil
    }

    private func end() {
        if outputWatch != nil { read() }
        forget()
        var status: Int32 = 0
        _ = try? check("waitpid") { waitpid(start.pid, &status, 0) }
        let answer = answer
        self.answer = nil
        answer?(verdict(status))
    }

    private func verdict(_ status: Int32) -> Health.Answer {
        if case .failed(let error)? = try? start.outcome() { return Health.Answer(exitCode: -1, output: error.message) }
        // wait(2): the low seven bits are the signal, the next byte is the exit code.
        let code = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
        return Health.Answer(exitCode: code, output: words)
    }

    private var words: String {
        var text = String(decoding: text, as: UTF8.self)
        while text.last?.isNewline == true { text.removeLast() }
        return text
    }

    func stop() -> String {
        answer = nil
        if outputWatch != nil { read() }
        forget()
        // It leads a session of its own, and has not been waited for, so its number is still its own. At its very
        // beginning it leads none: then it is alone.
        kill(-start.pid, SIGKILL)
        _ = settle_pidfd_send_signal(start.process.raw, SIGKILL)
        return words
    }
}
