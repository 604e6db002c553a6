import Compose
import Engine
import Linux
import Stack
import Usage

struct Restart: SettleCommand {
    static let about = About(
        "restart", "Stops containers and starts the same ones again.",
        """
          settle restart web
          settle restart --apply web

        What has been changed in the file since is only counted, unless --apply makes it so as well.
        """)

    private let timeout: Int?
    private let noDeps: Bool
    private let apply: Bool
    private let names: [String]

    init(_ line: inout Line) {
        timeout = line.timeout()
        noDeps = line.flag("no-deps", "Leave those alone that depend on them with `restart: true`.")
        apply = line.flag("apply", "Make the changes of the file, too, as `up` does.")
        names = line.operands("SERVICE", "Services; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        if apply { return try applyAndRestart(try Scene(loading: options, services: names), options) }
        let scene = try Scene(naming: options)
        try scene.locked("settle restart") {
            let ids = try scene.containers(of: names, in: try scene.store.read())
            if ids.isEmpty { return scene.output.warn("\(scene.name) has no containers") }
            try restart(scene, ids)
            let count = pending(scene, ids)
            if count == 0 { return }
            scene.output.warn(
                "\(count) pending change\(count == 1 ? "" : "s") in the file: use `settle up`, or `settle restart --apply`"
            )
        }
    }

    private func restart(_ scene: Scene, _ ids: [ContainerID]) throws {
        if !ids.isEmpty { try scene.change(.restart(ids, timeout: timeout, alone: noDeps)) }
    }

    private func applyAndRestart(_ scene: Scene, _ options: StackOptions) throws {
        let work = Apply(
            scene: scene, wish: Prospect.Wish(services: names), wishes: StackRoots.Wishes(), timeout: timeout,
            named: options.projectName, command: "settle restart")
        let use = try work.provide()
        defer { extendLifetime(use) }
        try scene.locked("settle restart") {
            let begun = Set(try work.runLocked().plan.turnovers.map(\.id))
            let ids = try scene.containers(of: names, in: try scene.store.read())
            try restart(scene, ids.filter { !begun.contains($0) })
        }
    }

    /// Whatever keeps the file from being read keeps nobody from restarting.
    private func pending(_ scene: Scene, _ ids: [ContainerID]) -> Int {
        if scene.project == nil { return 0 }
        var wish = Prospect.Wish(services: names)
        wish.ignoresOrphans = true
        guard let prospect = try? Prospect(scene, wish, status: Complaint.wrong) else { return 0 }
        return prospect.plan.changes.count { change in
            guard case .container(let id) = change.resource else { return false }
            return !change.isDrift && ids.contains(id)
        }
    }
}
