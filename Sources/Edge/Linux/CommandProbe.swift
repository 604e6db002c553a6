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

/// One more process in a container, as `exec` starts it: this one's child, which has to be waited for.
final class InnerProcess {
    private let start: Start

    /// - Parameters:
    ///   - container: pidfd of its first process.
    ///   - ended: called with its exit code, 128 + N for signal N, or with why it could not run.
    init(
        _ program: Program, container: Int32, _ group: Cgroup, output: Int32, _ loop: EventLoop,
        ended: @escaping (Int32, LaunchError?) -> Void
    ) throws {
        let null = try Descriptor("/dev/null", O_RDONLY)
        let birthplace = try group.open()?.take()
        defer { if let birthplace { close(birthplace) } }
        var start = try Launcher.start(
            program,
            Launcher.Attachments(
                input: null.raw, output: output, errors: output, container: container, cgroup: birthplace))
        try start.release()
        self.start = start
        // Held until the process has ended.
        loop.watchProcess(self.start.process.raw) { self.end(ended) }
    }

    private func end(_ ended: (Int32, LaunchError?) -> Void) {
        var status: Int32 = 0
        _ = try? check("waitpid") { waitpid(start.pid, &status, 0) }
        if case .failed(let error)? = try? start.outcome() { return ended(-1, error) }
        // wait(2): the low seven bits are the signal, the next byte is the exit code.
        ended(status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f), nil)
    }

    /// It leads a session of its own, and has not been waited for, so its number is still its own. At its very beginning
    /// it leads none: then it is alone.
    func kill() {
        Glibc.kill(-start.pid, SIGKILL)
        _ = settle_pidfd_send_signal(start.process.raw, SIGKILL)
    }
}

/// A command that says whether a container does its work. Its output is bounded; whoever it leaves behind writes to nobody.
final class CommandProbe: RunningProbe {
    private let loop: EventLoop
    private var process: InnerProcess?
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
        let writer = try Descriptor(copyOf: pipe.writer.raw)
        output = pipe.takeReader()
        try check("fcntl") { fcntl(output.raw, F_SETFL, O_NONBLOCK) }
        process = try InnerProcess(program, container: container, group, output: writer.raw, loop) { self.end($0, $1) }
        outputWatch = loop.watch(output.raw) { [unowned self] _ in self.read() }
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

    private func end(_ code: Int32, _ error: LaunchError?) {
        if outputWatch != nil { read() }
        forget()
        let answer = answer
        self.answer = nil
        answer?(Health.Answer(exitCode: code, output: error?.message ?? words))
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
        process?.kill()
        return words
    }
}
