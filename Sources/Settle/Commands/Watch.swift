import Compose
import Glibc
import Linux
import Processes
import Stack
import Syscalls
import Usage

struct WatchCommand: SettleCommand {
    static let about = About(
        "watch", "Copies, restarts and builds services while their files are edited.",
        """
          settle watch
          settle watch --no-up web

        What happens to which files is said by develop: in the file. The stack is brought up first. Ctrl-C ends the
        watching, and leaves the stack as it is.
        """)

    private let noUp: Bool
    private let wishes: Watching.Wishes
    private let names: [String]

    init(_ line: inout Line) {
        noUp = line.flag("no-up", "Do not bring the stack up first.")
        let prunes = line.flag("prune", "Remove images that lose their name to one built anew.")
        let isQuiet = line.flag("quiet", "Say nothing of how builds go.")
        wishes = Watching.Wishes(prunes: prunes, isQuiet: isQuiet)
        names = line.operands("SERVICE", "Services; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(loading: options, services: names)
        let loop = EventLoop()
        let watching = try Watching(scene, options, services: names, wishes, on: loop)
        var isInterrupted = false
        let signals = try loop.watchSignals([SIGINT, SIGTERM, SIGHUP]) { _ in
            isInterrupted = true
            loop.stop()
        }
        defer { loop.forget(signals) }
        if !noUp { try up(options, loop) }
        if !isInterrupted {
            try watching.attach()
            try loop.run()
            watching.detach()
        }
        throw Complaint([], status: Complaint.interrupted)
    }

    /// A Ctrl-C is heard meanwhile; what the supervisor has begun then goes on.
    private func up(_ options: StackOptions, _ loop: EventLoop) throws {
        let child = try ChildProcess(
            "/proc/self/exe", options.words + ["up", "--detach"] + names, output: STDERR_FILENO, errors: STDERR_FILENO)
        var status: Int32 = 0
        let watch = loop.watchProcess(child.process.raw) {
            status = child.wait()
            loop.stop()
        }
        defer { loop.forget(watch) }
        try loop.run()
        if status != 0 { throw Complaint([], status: max(status >> 8, 1)) }
    }
}
