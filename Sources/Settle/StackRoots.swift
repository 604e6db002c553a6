import Compose
import Diagnostics
import Glibc
import Images
import OCI
import Processes
import Stack
import Syscalls

/// What the containers of a stack are made from beside folders: images and tar files.
struct StackRoots {
    let scene: Scene
    let project: Project
    let store: ImageStore
    /// The services that are made from either.
    private let services: [Service]

    /// - Parameter services: those of the project that the command is about.
    init(_ scene: Scene, _ project: Project, _ services: [Service]) {
        self.scene = scene
        self.project = project
        store = scene.images
        self.services = services.filter { service in
            switch service.root {
            case .archive, .image: true
            case .host, .directory: false
            }
        }
    }

    /// Held until what runs says that it uses them; nil where nothing is needed.
    func use() throws -> StoreLock? { services.isEmpty ? nil : try store.use() }

    // MARK: What is here

    /// By service, what is here and unpacked.
    func found() -> [String: FoundRoot] {
        Dictionary(uniqueKeysWithValues: services.compactMap { service in found(service).map { (service.name, $0) } })
    }

    private func found(_ service: Service) -> FoundRoot? {
        switch service.root {
        case .host, .directory: return nil
        case .archive(let path):
            guard let diffID = store.layers.diffID(ofArchive: path).flatMap({ Digest($0) }) else { return nil }
            return FoundRoot(LayeredRoot(name: path, id: diffID, layers: [diffID]))
        case .image:
            guard let image = stored(service), image.layers.allSatisfy({ store.layers.layer("\($0.diffID)") != nil })
            else { return nil }
            let name = project.image(of: service)?.description ?? ""
            return FoundRoot(LayeredRoot(name: name, id: image.id, layers: image.layers.map(\.diffID)), image.config)
        }
    }

    func stored(_ service: Service) -> OCI.Image? {
        project.image(of: service).flatMap { store.image($0, service.image?.platform ?? .host) }
    }

    // MARK: Bringing it here

    /// What a command line asks for beside the file.
    struct Wishes {
        /// `--pull`
        var policy: PullPolicy?
        /// `--build`
        var builds = false
        /// `--no-build`
        var refusesBuilds = false
        var isQuiet = false
    }

    /// Builds, fetches and unpacks what is needed and is not here, or is wanted anew. Nothing else is touched.
    func provide(_ wishes: Wishes) throws {
        if services.isEmpty { return }
        let images = services.filter { $0.root == .image }
        let built = images.filter { isToBeBuilt($0, wishes) }
        // What another service has built may be run, so it need not be here yet.
        let names = Set(built.compactMap { project.image(of: $0) })
        let others = images.filter { service in !built.contains { $0.name == service.name } }
        var problems: [Diagnostic] = []
        var fetched: Set<String> = []
        for service in others where !names.contains(where: { $0 == project.image(of: service) }) {
            switch decide(service, wishes) {
            case .fetch: fetched.insert(service.name)
            case .use: break
            case .build, .refuse: problems.append(missing(service))
            }
        }
        for case (let service, let path) in archives where Files.isFolder(path) != false {
            problems.append(
                diagnostic(service, "rootfs", "there is no file \(path)", hint: "name a tar file, or a folder"))
        }
        if !problems.isEmpty { throw Complaint(problems, status: Complaint.notReached) }
        for (service, path) in archives where found(service) == nil { try unpack(path, for: service) }
        try StackBuilds(self).build(built, StackBuilds.Wishes(isQuiet: wishes.isQuiet))
        try pull(others, fetched, isQuiet: wishes.isQuiet)
    }

    private var archives: [(Service, String)] {
        services.compactMap { service in
            if case .archive(let path) = service.root { (service, path) } else { nil }
        }
    }

    private func pull(_ others: [Service], _ fetched: Set<String>, isQuiet: Bool) throws {
        if others.isEmpty { return }
        let wanted = try scene.imageServices(others.map(\.name))
            .filter { service in fetched.contains(service.name) || project.service(service.name).flatMap(found) == nil }
            .map { service in
                let isFetched = fetched.contains(service.name)
                return (service, PullRequest(service.reference, platform: service.platform, isFetched: isFetched))
            }
        if wanted.isEmpty { return }
        let output = isQuiet ? Output(progress: .quiet) : scene.output
        let faults = try scene.pull(wanted, output).map(\.diagnostic)
        if !faults.isEmpty { throw Complaint(faults, status: Complaint.notReached) }
    }

    private func isToBeBuilt(_ service: Service, _ wishes: Wishes) -> Bool {
        guard let image = service.image, image.build != nil, !wishes.refusesBuilds else { return false }
        if wishes.builds || image.pullPolicy == .build { return true }
        return image.pullPolicy == nil && stored(service) == nil
    }

    private func decide(_ service: Service, _ wishes: Wishes) -> PullPolicy.Decision {
        guard let image = service.image, let reference = project.image(of: service) else { return .use }
        let stored = stored(service)
        // What is built here is in no registry, unless somebody says so.
        if image.build != nil && image.pullPolicy == nil && wishes.policy == nil && stored != nil { return .use }
        let policy = wishes.policy ?? image.pullPolicy ?? .missing
        let now = MachineClock.realtime / 1_000_000_000
        let decision = store.decide(policy, reference, image.platform ?? .host, now: now)
        switch decision {
        case .fetch, .use: return decision
        case .build, .refuse: return stored == nil ? decision : .use
        }
    }

    private func missing(_ service: Service) -> Diagnostic {
        let name = project.image(of: service)?.description ?? ""
        return diagnostic(
            service, "image", "the image \(name) is not here, and is not to be fetched",
            hint: "settle pull \(service.name), or another pull_policy:")
    }

    private func unpack(_ path: String, for service: Service) throws {
        switch try store.layers.unpack(LayerSource(path: path)).wait() {
        case .done: return
        case .failed(let error): throw complaint(service, key: "rootfs", error.description, hint: error.hint)
        case .running: throw complaint(service, key: "rootfs", "\(path) was not unpacked")
        }
    }

    func complaint(_ service: Service, key: String, _ message: String, hint: String? = nil) -> Complaint {
        Complaint([diagnostic(service, key, message, hint: hint)], status: Complaint.notReached)
    }

    private func diagnostic(_ service: Service, _ key: String, _ message: String, hint: String?) -> Diagnostic {
        Diagnostic(.error, message, at: service.places[key], path: "services.\(service.name).\(key)", hint: hint)
    }
}
