import Engine
import Glibc
import Linux
import Stack
import Usage

struct Rm: SettleCommand {
    static let about = About(
        "rm", "Removes containers that have ended.",
        """
          settle rm -f web
          settle rm -sfv

        What is in no volume is lost. Without --force it asks before. A one-off of `settle run` is named as `ps -a` shows
        it, without the project's name.
        """)

    private let force: Bool
    private let stop: Bool
    private let volumes: Bool
    private let names: [String]

    init(_ line: inout Line) {
        force = line.flag("force", short: "f", "Do not ask.")
        stop = line.flag("stop", short: "s", "Stop them first.")
        volumes = line.flag("volumes", short: "v", "Remove their anonymous volumes, too.")
        _ = line.flag("all", short: "a", "Accepted for old scripts.")
        names = line.operands("SERVICE", "Services; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        try scene.locked("settle rm") {
            let ids = try scene.containers(of: names, in: try scene.store.read())
            if stop && !ids.isEmpty { try scene.change(.stop(ids, timeout: nil)) }
            let ended = try scene.observe(.states).containers.filter { ids.contains($0.key) && !$0.value.state.isLive }
            if ended.isEmpty { return scene.output.warn("no container of \(scene.name) has ended") }
            let list = ended.values.map { $0.entry.spec.name(in: scene.name) }.sorted().joined(separator: ", ")
            scene.output.write("Going to remove \(list)\n")
            if force || isAgreed(scene) { try scene.change(.remove(ended.keys.sorted(), volumes: volumes)) }
        }
    }

    private func isAgreed(_ scene: Scene) -> Bool {
        scene.output.write("Are you sure? [yN] ")
        return ["y", "yes"].contains((readLine() ?? "").lowercased())
    }
}
