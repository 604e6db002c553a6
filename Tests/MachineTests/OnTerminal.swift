import Foundation
import Glibc
import Testing

/// The program on a terminal, as a person has it: a pseudoterminal that the test types on and reads.
final class OnTerminal {
    let pid: Int32
    private var outer: Int32
    private let before: termios
    private var output: [UInt8] = []
    private var status: Int32?

    init(
        _ stack: Stack, _ arguments: String..., rows: UInt16 = 33, columns: UInt16 = 101, ignoresHangUp: Bool = false
    ) throws {
        outer = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var number: Int32 = 0
        // TIOCSPTLCK and TIOCGPTN: unlocked, and its number.
        try #require(outer >= 0 && ioctl(outer, 0x4004_5431, &number) == 0 && ioctl(outer, 0x8004_5430, &number) == 0)
        _ = fcntl(outer, F_SETFD, FD_CLOEXEC)
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(outer, UInt(TIOCSWINSZ), &size)
        let name = "/dev/pts/\(number)"
        // Kept open until the program has it: else its settings would be those of the next one to open it.
        let inner = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
        defer { close(inner) }
        var settings = termios()
        tcgetattr(inner, &settings)
        before = settings
        let prefix = ignoresHangUp ? ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"] : []
        pid = try Self.start(prefix + [Stack.binary] + arguments, on: name, stack)
        _ = fcntl(outer, F_SETFL, O_RDWR | O_NONBLOCK)
    }

    /// In a session of its own, of which the terminal that it opens becomes the controlling one.
    private static func start(_ words: [String], on name: String, _ stack: Stack) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for number: Int32 in 0...2 { posix_spawn_file_actions_addopen(&actions, number, name, O_RDWR, 0) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // POSIX_SPAWN_SETSID of <spawn.h>, which Swift's Glibc lacks.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | 0x80))
        let arguments = (["env", "-C", stack.folder] + words).map { strdup($0) } + [nil]
        let variables = stack.environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var child: pid_t = 0
        let error = posix_spawn(&child, "/usr/bin/env", &actions, &attributes, arguments, variables)
        try #require(error == 0, "\(String(cString: strerror(error)))")
        return child
    }

    deinit {
        if !hasEnded { _ = Glibc.kill(pid, SIGKILL) }
        while !hasEnded { usleep(1000) }
        if outer >= 0 { close(outer) }
    }

    /// Closes the terminal, as its window is closed, and waits for the end.
    func hangUp() throws {
        close(outer)
        outer = -1
        try waitUntil("the end of \(pid)") { hasEnded }
    }

    /// What it has written so far.
    var out: String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            if outer < 0 { return String(decoding: output, as: UTF8.self) }
            let count = read(outer, &bytes, bytes.count)
            if count <= 0 { return String(decoding: output, as: UTF8.self) }
            output += bytes[..<count]
        }
    }

    func type(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(outer, bytes, bytes.count)
    }

    func resize(rows: UInt16, columns: UInt16) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(outer, UInt(TIOCSWINSZ), &size)
    }

    var hasEnded: Bool {
        if status != nil { return true }
        // It may wait for somebody to read.
        _ = out
        var raw: Int32 = 0
        guard waitpid(pid, &raw, WNOHANG) == pid else { return false }
        let signal = raw & 0x7F
        status = signal == 0 ? raw >> 8 & 0xFF : 128 + signal
        return true
    }

    /// Whether keys go to the program one by one, and signals nowhere.
    var isRaw: Bool {
        var now = termios()
        tcgetattr(outer, &now)
        return now.c_lflag & tcflag_t(ICANON | ECHO | ISIG) == 0
    }

    /// Whether keys come one by one, but for those that are signals.
    var isImmediate: Bool {
        var now = termios()
        tcgetattr(outer, &now)
        return now.c_lflag & tcflag_t(ICANON | ECHO | ISIG) == tcflag_t(ISIG)
    }

    /// Whether the settings are those from before it was started.
    var isRestored: Bool {
        var now = termios()
        tcgetattr(outer, &now)
        return now.c_lflag == before.c_lflag && now.c_iflag == before.c_iflag && now.c_oflag == before.c_oflag
    }

    func waitFor(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        do {
            try waitUntil("\(text)", sourceLocation: sourceLocation) { out.contains(text) }
        } catch {
            Issue.record("the terminal shows: \(out)", sourceLocation: sourceLocation)
            throw error
        }
    }

    /// - Returns: the exit status; the terminal must be as it was.
    func wait(sourceLocation: SourceLocation = #_sourceLocation) throws -> Int32 {
        try waitUntil("the end of \(pid)", limit: 30, sourceLocation: sourceLocation) { hasEnded }
        #expect(isRestored, "the terminal is not as it was", sourceLocation: sourceLocation)
        return status ?? -1
    }
}
