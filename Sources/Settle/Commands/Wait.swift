import Engine
import Glibc
import Linux
import Processes
import Stack
import Usage

struct Wait: SettleCommand {
    static let about = About(
        "wait", "Waits until containers have ended.",
        """
          settle wait migrate
          settle wait --down-project tests

        The exit status is that of the last one that ends.
        """)

    private let downProject: Bool
    private let names: [String]

    init(_ line: inout Line) {
        downProject = line.flag("down-project", "Take the project down then.")
        names = line.operands("SERVICE", "Services.", .services, required: true)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        let ledger = try scene.store.read()
        let ids = try scene.containers(of: names, in: ledger)
        let loop = EventLoop()
        var status: Int32 = 0
        var waiting = 0
        let lives = try ids.compactMap { id in
            try ledger.entry(id).flatMap { try ContainerLife($0.instance, scene.store) }
        }
        for life in lives {
            waiting += 1
            life.watch(loop) {
                status = life.status.shellCode
                let name = ledger.entry(life.instance.id)?.spec.name(in: scene.name) ?? "\(life.instance.id)"
                scene.output.write("container \"\(name)\" exited with status code \(status)\n")
                waiting -= 1
            }
        }
        if lives.isEmpty { throw Complaint("\(names.joined(separator: ", ")) was never started") }
        var isInterrupted = false
        try loop.watchSignals([SIGINT, SIGTERM]) { _ in isInterrupted = true }
        while waiting > 0 && !isInterrupted { try loop.turn() }
        if isInterrupted { throw Complaint([], status: Complaint.interrupted) }
        if downProject { try scene.locked("settle wait") { try scene.change(.down(timeout: nil, volumes: [])) } }
        if status != 0 { throw Complaint([], status: status) }
    }
}
