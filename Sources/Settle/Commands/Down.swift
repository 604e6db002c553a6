import Compose
import Diagnostics
import Engine
import Images
import Linux
import OCI
import Stack
import Syscalls
import Usage

struct Down: SettleCommand {
    static let about = About(
        "down", "Stops everything and removes it; volumes only when asked.",
        """
          settle down
          settle down -v --verify
          settle down web

        What there is comes from the machine: with -p no file is needed. With names only the containers of these services
        go, with their anonymous volumes if -v is given.
        """)

    private let volumes: Bool
    private let timeout: Int?
    private let verify: Bool
    private let images: ImageScope?
    private let names: [String]

    private enum ImageScope: String, Choosable { case all, local }

    init(_ line: inout Line) {
        volumes = line.flag("volumes", short: "v", "Remove the named volumes, too.")
        timeout = line.timeout()
        images = line.choice(
            "rmi", "Remove the images of the services, too: all, or those without a name in the file.")
        verify = line.flag("verify", "Look afterwards for anything left, and fail if there is.")
        _ = line.flag("remove-orphans", "Always so: accepted for scripts written for Docker Compose.")
        names = line.operands("SERVICE", "Services; everything where none is named.", .services)
        for (option, isGiven) in [("verify", verify), ("rmi", images != nil)] where isGiven && !names.isEmpty {
            line.refuse("--\(option) is about the whole project, not about services")
        }
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        if !names.isEmpty { return try remove(scene) }
        try scene.locked("settle down") {
            let doomed = volumes ? try removable(scene) : []
            if try Remains(scene.paths).isEmpty && doomed.isEmpty {
                scene.output.warn("nothing of \(scene.name) is on this machine")
            } else {
                try scene.change(.down(timeout: timeout, volumes: doomed))
            }
            if let images { try remove(images, scene) }
            if verify { try check(scene) }
        }
    }

    private func remove(_ scene: Scene) throws {
        try scene.locked("settle down") {
            let ids = try scene.containers(of: names, in: try scene.store.read())
            if let timeout { try scene.change(.stop(ids, timeout: timeout)) }
            try scene.change(.remove(ids, volumes: volumes))
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

    /// Of the file: what is used by another stack stays.
    private func remove(_ scope: ImageScope, _ scene: Scene) throws {
        guard let project = scene.project else {
            throw Complaint("--rmi needs the file, which says what the images are")
        }
        let chosen = project.services.filter { scope == .all || $0.image?.reference == nil }
        let wanted = Set(chosen.compactMap { project.image(of: $0) })
        let store = scene.images
        let here = Set(store.entries().compactMap(\.reference)).intersection(wanted)
        for name in here.map(\.description).sorted() {
            do {
                _ = try store.remove([name], store.layers) { try scene.digestsInUse() }
                scene.output.progress("image/\(name)", "removed")
            } catch is RemovalFault {
                scene.output.warn("the image \(name) stays: containers of another project are made from it")
            }
        }
    }

    private func check(_ scene: Scene) throws {
        let leftovers = try Remains(scene.paths).find()
        if !leftovers.isEmpty { throw Complaint(leftovers.map { Diagnostic(.error, "left over: \($0)") }) }
    }
}
