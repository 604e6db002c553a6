import Compose
import Glibc
import Syscalls

/// The terminal that we were started on.
final class OwnTerminal {
    /// As it was; nil while it is like that.
    private var settings: termios?

    static var isThere: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 }

    /// nil where there is none.
    static var size: winsize? {
        var size = winsize()
        return ioctl(STDIN_FILENO, UInt(TIOCGWINSZ), &size) == 0 ? size : nil
    }

    /// Every key goes to the program: none of them is a signal to us, or an end of line.
    func makeRaw() throws(SystemError) { try change { cfmakeraw(&$0) } }

    /// Keys come one by one and are not shown; those that are signals stay so.
    func makeImmediate() throws(SystemError) { try change { $0.c_lflag &= ~tcflag_t(ICANON | ECHO) } }

    private func change(_ make: (inout termios) -> Void) throws(SystemError) {
        var current = termios()
        guard settings == nil, tcgetattr(STDIN_FILENO, &current) == 0 else { return }
        settings = current
        make(&current)
        try check("tcsetattr") { tcsetattr(STDIN_FILENO, TCSADRAIN, &current) }
    }

    func restore() {
        if var settings { tcsetattr(STDIN_FILENO, TCSADRAIN, &settings) }
        settings = nil
    }

    deinit { restore() }
}

extension WindowSize {
    init(_ size: winsize) { self.init(rows: size.ws_row, columns: size.ws_col) }
}
