import Foundation
import Glibc
import Testing

/// A process that ended, with all it wrote.
struct Ended: CustomStringConvertible {
    /// As a shell tells it: 128 + the signal.
    let status: Int32
    let out: String
    let err: String

    var description: String { "status \(status)\n--- out\n\(out)--- err\n\(err)---" }

    func expectSuccess(_ sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(status == 0, "\(self)", sourceLocation: sourceLocation)
    }
}

/// A process that was started, its outputs in files so that nothing it leaves behind can hold the test.
final class Running {
    let pid: Int32
    private let output: [String]
    private var status: Int32?

    init(
        _ program: String, _ arguments: [String], _ environment: [String: String], in folder: String,
        input: String? = nil
    ) throws {
        let name = "/tmp/settle-output-\(UInt32.random(in: 0..<UInt32.max))"
        output = [name + ".out", name + ".err"]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var source = "/dev/null"
        if let input {
            source = name + ".in"
            try Data(input.utf8).write(to: URL(fileURLWithPath: source))
        }
        posix_spawn_file_actions_addopen(&actions, 0, source, O_RDONLY, 0)
        for (index, file) in output.enumerated() {
            posix_spawn_file_actions_addopen(&actions, Int32(index + 1), file, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        // The test runner blocks signals, which would be inherited. A session of its own keeps the terminal out.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | Self.newSession))
        // Swift's Glibc lacks posix_spawn_file_actions_addchdir_np; `env` executes the program in its own place.
        let words = (["env", "-C", folder, program] + arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in words + variables { free(text) } }
        var child: pid_t = 0
        let error = posix_spawn(&child, "/usr/bin/env", &actions, &attributes, words, variables)
        pid = child
        if input != nil { unlink(source) }
        try #require(error == 0, "cannot start \(program): \(String(cString: strerror(error)))")
    }

    /// POSIX_SPAWN_SETSID of <spawn.h>, which Swift's Glibc lacks.
    private static let newSession: Int32 = 0x80

    deinit {
        kill()
        for file in output { unlink(file) }
    }

    /// What it wrote so far.
    var out: String { text(0) }
    var err: String { text(1) }
    private func text(_ index: Int) -> String {
        String(decoding: FileManager.default.contents(atPath: output[index]) ?? Data(), as: UTF8.self)
    }

    var hasEnded: Bool {
        if status != nil { return true }
        var raw: Int32 = 0
        guard waitpid(pid, &raw, WNOHANG) == pid else { return false }
        let signal = raw & 0x7F
        status = signal == 0 ? raw >> 8 & 0xFF : 128 + signal
        return true
    }

    /// Sends a signal, if it still runs.
    func signal(_ number: Int32) { if !hasEnded { _ = Glibc.kill(pid, number) } }

    /// Kills it, if it still runs, and waits for its end.
    func kill() {
        signal(SIGKILL)
        while !hasEnded { usleep(1000) }
    }

    /// - Parameter limit: seconds on a quick machine; then it is killed and the test fails.
    func wait(_ limit: Double = 60, sourceLocation: SourceLocation = #_sourceLocation) throws -> Ended {
        let end = Date() + limit * slowness
        while !hasEnded && Date() < end { usleep(1000) }
        if !hasEnded {
            kill()
            try #require(
                Bool(false), "did not end in \(limit * slowness) s: \(Ended(status: 137, out: out, err: err))",
                sourceLocation: sourceLocation)
        }
        return Ended(status: status ?? -1, out: out, err: err)
    }
}
