import Glibc
import Linux
import Processes
import Stack
import Usage

struct Attach: SettleCommand {
    static let about = About(
        "attach", "Connects the terminal with a container that runs.",
        """
          settle attach web
          settle attach --detach-keys ctrl-x web

        Its output is shown from now on; what is typed goes to its first process where it has `stdin_open: true`, on a
        terminal where it has `tty: true`. Ctrl-P Ctrl-Q leaves it; signals are passed on to it. The exit status is the
        container's.
        """)

    private let index: Int?
    private let noInput: Bool
    private let passesSignals: Bool
    private let keys: DetachKeys?
    private let service: String

    init(_ line: inout Line) {
        index = line.givenReplica()
        noInput = line.flag("no-stdin", "Leave standard input alone.")
        passesSignals = line.flag("sig-proxy", "Pass signals on (the default; --sig-proxy=false).", default: true)
        keys = line.option(
            "detach-keys", "KEYS", "What leaves the container. (default: ctrl-p,ctrl-q)",
            expects: "letters, or ctrl- with a letter, separated by commas"
        ) { DetachKeys($0) }
        service = line.operand("SERVICE", "The service.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        let entry = try scene.running(service, index).entry
        guard let life = try ContainerLife(entry.instance, scene.store) else {
            throw Complaint("\(service) has just ended")
        }
        var manner = Attachment.Manner(passesInput: !noInput, passesSignals: passesSignals)
        manner.keys = keys ?? .usual
        manner.isLate = true
        let id = entry.instance.id
        let errors =
            entry.spec.oneOff != nil && entry.spec.terminal == nil
            ? LogFollower(following: scene.paths.errors(id)) : nil
        let attachment = Attachment(life, entry.spec, LogFollower(following: scene.paths.log(id)), errors, manner)
        switch try attachment.run(scene.paths) {
        case .detached: return
        case .interrupted(let signal): throw Complaint([], status: 128 + signal)
        case .unread: throw Complaint([], status: Complaint.unread)
        case .ended(let status): if !status.isSuccess { throw Complaint([], status: status.shellCode) }
        }
    }
}
