import Compose
import Diagnostics
import Engine
import Linux
import Stack
import Syscalls
import Usage

struct Down: SettleCommand {
    static let about = About(
        "down", "Stops everything and removes it; volumes only when asked.",
        """
          settle down
          settle down -v --verify

        What there is comes from the machine: with -p no file is needed.
        """)

    private let volumes: Bool
    private let timeout: Int?
    private let verify: Bool

    init(_ line: inout Line) {
        volumes = line.flag("volumes", short: "v", "Remove the named volumes, too.")
        timeout = line.timeout()
        verify = line.flag("verify", "Look afterwards for anything left, and fail if there is.")
        _ = line.flag("remove-orphans", "Always so: accepted for scripts written for Docker Compose.")
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        try scene.locked("settle down") {
            let doomed = volumes ? try named(scene).filter { Files.exists(scene.paths.volume($0.name)) } : []
            if try Remains(scene.paths).isEmpty && doomed.isEmpty {
                scene.output.warn("nothing of \(scene.name) is on this machine")
            } else {
                try scene.change(.down(timeout: timeout, volumes: doomed))
            }
            if verify { try check(scene) }
        }
    }

    /// The volumes of the project as it runs, and of the file: a plain `down` before has forgotten the former.
    private func named(_ scene: Scene) throws -> [VolumeSpec] {
        let recorded = try Store(scene.paths).read().goal.volumes
        let described = (scene.project?.volumes ?? []).map { VolumeSpec(key: $0.key, name: $0.name, labels: $0.labels) }
        return recorded + described.filter { volume in !recorded.contains { $0.name == volume.name } }
    }

    private func check(_ scene: Scene) throws {
        let leftovers = try Remains(scene.paths).find()
        if !leftovers.isEmpty { throw Complaint(leftovers.map { Diagnostic(.error, "left over: \($0)") }) }
    }
}
