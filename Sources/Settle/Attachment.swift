import Compose
import Engine
import Glibc
import Linux
import Processes
import Stack
import Syscalls

/// Our standard streams on those of a container, until it ends or somebody leaves it.
///
/// Output is read from its log, which the supervisor writes: so it is there for others, too, and whoever dies in between
/// takes nothing along. Input goes straight to the container.
final class Attachment {
    struct Manner {
        var passesInput = true
        var passesSignals = true
        /// Its input is over with ours.
        var takesInput = false
        var keys: DetachKeys? = .usual
        /// The program may have drawn its screen already.
        var isLate = false
    }

    enum Ending {
        case ended(Stack.ExitStatus)
        /// By the keys for that.
        case detached
        /// By a signal: Ctrl-C, or the end of our terminal.
        case interrupted(Int32)
        /// By whoever read what we write.
        case unread
    }

    private let life: ContainerLife
    private let spec: ContainerSpec
    private let manner: Manner
    private let output: LogFollower
    private let errors: LogFollower?
    private let loop = EventLoop()
    private let own = OwnTerminal()
    private var terminal = Descriptor(-1)
    private var pump: InputPump?
    private var departure: Ending?
    private var interrupts = 0
    private var failure: (any Error)?
    /// Whether our terminal is gone: then nothing is printed any more, and the container goes on.
    private var isMute = false

    init(_ life: ContainerLife, _ spec: ContainerSpec, _ output: LogFollower, _ errors: LogFollower?, _ manner: Manner)
    {
        self.life = life
        self.spec = spec
        self.output = output
        self.errors = errors
        self.manner = manner
    }

    func run(_ paths: ProjectPaths) throws -> Ending {
        // Whoever reads us may leave; we learn of it by what write(2) says.
        Glibc.signal(SIGPIPE, SIG_IGN)
        defer { own.restore() }
        let changes = try watchLog(paths)
        defer { if changes >= 0 { close(changes) } }
        // Before anything is changed about our terminal: from here on no signal ends us unseen.
        try watchSignals()
        try connect(paths)
        life.watch(loop) { [unowned self] in self.loop.stop() }
        let idle = loop.every(.milliseconds(200)) { [unowned self] in self.printMore() }
        printMore()
        try loop.run()
        loop.cancel(idle)
        if let departure { return departure }
        if let failure { throw failure }
        try awaitWholeLog()
        printMore()
        return .ended(life.status)
    }

    // MARK: Output

    /// By inotify(7): a terminal's echo must not wait for a clock.
    private func watchLog(_ paths: ProjectPaths) throws -> Int32 {
        let changes = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard changes >= 0 else { return -1 }
        // A container that has said nothing yet has no log.
        try Files.makeFolders(paths.log(life.instance.id), mode: 0o700)
        for folder in [paths.log(life.instance.id), paths.errors(life.instance.id)] where Files.exists(folder) {
            inotify_add_watch(changes, folder, UInt32(IN_MODIFY | IN_CREATE))
        }
        loop.watch(changes) { [unowned self] _ in
            var events = [UInt8](repeating: 0, count: 4096)
            while read(changes, &events, events.count) > 0 {}
            self.printMore()
        }
        return changes
    }

    private func printMore() {
        do throws(SystemError) {
            try pass(output, to: STDOUT_FILENO)
            if let errors { try pass(errors, to: STDERR_FILENO) }
        } catch {
            if error.errno == EPIPE {
                leave(.unread)
            } else if error.errno == EIO {
                isMute = true
            } else {
                failure = error
                loop.stop()
            }
        }
    }

    private func pass(_ follower: LogFollower, to descriptor: Int32) throws(SystemError) {
        while true {
            let bytes = try follower.read()
            if bytes.isEmpty { return }
            if !isMute { try Files.write(bytes, to: descriptor, named: "output") }
        }
    }

    /// A supervisor that is being started again gets its time; on a full disk it is not waited for without end.
    private func awaitWholeLog() throws {
        let deadline = MachineClock.monotonic + 10_000_000_000
        while !life.hasWholeLog && MachineClock.monotonic < deadline {
            printMore()
            usleep(2_000)
        }
    }

    // MARK: Input

    private func connect(_ paths: ProjectPaths) throws {
        if spec.terminal == nil && spec.standardInput == nil { return }
        // A new holder gets what it is to hold from the supervisor, which may just be starting.
        let deadline = MachineClock.monotonic + 2_000_000_000
        while try !take(paths), !life.hasEnded, MachineClock.monotonic < deadline { usleep(5_000) }
    }

    /// - Returns: whether what it has is there.
    private func take(_ paths: ProjectPaths) throws -> Bool {
        guard let held = try? HeldStreams(life.instance, paths) else { return false }
        if spec.terminal != nil {
            guard let outer = try held.terminal() else { return false }
            let copy = try Descriptor(copyOf: outer.raw)
            terminal = outer
            redraw()
            if manner.passesInput && spec.standardInput != nil {
                try own.makeRaw()
                pump(to: copy)
            }
        } else {
            guard let input = try held.input(takes: manner.takesInput) else {
                return spec.standardInput == .once && !manner.takesInput
            }
            if manner.passesInput { pump(to: input) }
        }
        return true
    }

    private func pump(to target: consuming Descriptor) {
        pump = InputPump(loop, to: target, keys: isatty(STDIN_FILENO) == 1 ? manner.keys : nil) { [unowned self] in
            self.leave(.detached)
        }
    }

    /// A program that was started before draws its screen anew when its size changes.
    private func redraw() {
        let outer = terminal.raw
        guard outer >= 0, let size = OwnTerminal.size else { return }
        var other = size
        other.ws_row += 1
        var now = winsize()
        let isSame = ioctl(outer, UInt(TIOCGWINSZ), &now) == 0 && now.ws_row == size.ws_row && now.ws_col == size.ws_col
        if manner.isLate && isSame {
            _ = ioctl(outer, UInt(TIOCSWINSZ), &other)
        }
        resize()
    }

    private func resize() {
        let outer = terminal.raw
        guard outer >= 0, var size = OwnTerminal.size else { return }
        _ = ioctl(outer, UInt(TIOCSWINSZ), &size)
    }

    // MARK: Signals

    private func watchSignals() throws {
        // Whoever started us with nohup(1) wants us to stay.
        var hangUp = sigaction()
        sigaction(SIGHUP, nil, &hangUp)
        let isKept = unsafeBitCast(hangUp.__sigaction_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
        try loop.watchSignals(
            [SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH] + (isKept ? [] : [SIGHUP])
        ) { [unowned self] signal in
            switch signal {
            case SIGWINCH: resize()
            case SIGTSTP: suspend()
            case SIGCONT: break
            case _: passOn(signal)
            }
        }
    }

    private func passOn(_ signal: Int32) {
        if manner.passesSignals { life.signal(signal) }
        // What a first process ignores, nothing but a kill ends: the person at the keyboard is not held for that.
        if signal == SIGINT { interrupts += 1 }
        // Without a terminal there is nobody whom we are attached to.
        if !manner.passesSignals || interrupts == 3 || signal == SIGHUP { leave(.interrupted(signal)) }
    }

    private func leave(_ departure: Ending) {
        self.departure = departure
        loop.stop()
    }

    /// Asked for by another process, since keys are the container's.
    private func suspend() {
        own.restore()
        kill(getpid(), SIGSTOP)
        if terminal.raw >= 0 && pump != nil { try? own.makeRaw() }
        resize()
    }
}
