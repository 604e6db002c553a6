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
            let doomed = volumes ? try removable(scene) : []
            if try Remains(scene.paths).isEmpty && doomed.isEmpty {
                scene.output.warn("nothing of \(scene.name) is on this machine")
            } else {
                try scene.change(.down(timeout: timeout, volumes: doomed))
            }
            if verify { try check(scene) }
        }
    }

    /// The project's own volumes: of the project as it runs, of the file, and whatever else is recorded as its own, since
    /// a plain `down` before has forgotten what ran.
    private func removable(_ scene: Scene) throws -> [VolumeSpec] {
        let volumes = Volumes(scene.paths.roots)
        let recorded = try Store(scene.paths).read().goal.volumes
        let described = (scene.project?.volumes ?? []).map {
            VolumeSpec(key: $0.key, name: $0.name, labels: $0.labels, isExternal: $0.isExternal)
        }
        var all = recorded + described.filter { volume in !recorded.contains { $0.name == volume.name } }
        for (name, record) in volumes.records().sorted(by: { $0.key < $1.key })
        where record.project == scene.name && !all.contains(where: { $0.name == name }) {
            all.append(VolumeSpec(key: record.key ?? name, name: name))
        }
        return all.filter { volume in
            guard !volume.isExternal, volumes.exists(volume.name) else { return false }
            let users = volumes.users(of: volume.name).filter { $0 != scene.name }
            let owner = volumes.record(volume.name).map { $0.project ?? "" } ?? scene.name
            if owner == scene.name && users.isEmpty { return true }
            let why =
                users.first.map { "the project \($0) uses it" }
                ?? (owner.isEmpty ? "it was made by settle volume create" : "it is the project \(owner)'s")
            scene.output.warn("the volume \(volume.name) stays: \(why)")
            return false
        }
    }

    private func check(_ scene: Scene) throws {
        let leftovers = try Remains(scene.paths).find()
        if !leftovers.isEmpty { throw Complaint(leftovers.map { Diagnostic(.error, "left over: \($0)") }) }
    }
}
