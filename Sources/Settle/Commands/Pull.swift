import Compose
import Diagnostics
import Images
import OCI
import Processes
import Usage

struct Pull: SettleCommand {
    static let about = About(
        "pull", "Fetches the images of the services, and unpacks them.",
        """
          settle pull
          settle pull --policy missing web

        What was fetched before an interruption is kept. `skopeo login REGISTRY` logs in.
        """)

    private let policy: Policy?
    private let ignoresFailures: Bool
    private let includesDependencies: Bool
    private let ignoresBuildable: Bool
    private let quiet: Bool
    private let names: [String]

    private enum Policy: String, Choosable { case always, missing }

    init(_ line: inout Line) {
        policy = line.choice("policy", "In place of what the file says. (default: always)")
        ignoresFailures = line.flag("ignore-pull-failures", "Fetch what can be fetched, and warn of the rest.")
        ignoresBuildable = line.flag("ignore-buildable", "Leave out images that can be built.")
        includesDependencies = line.flag("include-deps", "With what the services need.")
        quiet = line.flag("quiet", short: "q", "Nothing of the progress.")
        names = line.operands("SERVICE", "Services; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(loading: options, services: names)
        let services = try scene.imageServices(names, withDependencies: includesDependencies)
        let wanted = services.compactMap { service in request(service, in: scene).map { (service, $0) } }
        let output = quiet ? Output(progress: .quiet) : scene.output
        let faults = try scene.pull(wanted, output)
        let fatal = ignoresFailures ? [] : faults.filter { !$0.service.isBuilt }.map(\.diagnostic)
        if !fatal.isEmpty { throw Complaint(fatal) }
        for fault in faults {
            let way = fault.service.isBuilt ? "; settle build \(fault.service.name) makes it" : ""
            scene.output.warn(fault.diagnostic.message + way)
        }
    }

    /// nil where there is nothing to fetch: the name of what is only built is in no registry.
    private func request(_ service: ImageService, in scene: Scene) -> PullRequest? {
        if service.isBuilt && (ignoresBuildable || service.source.reference == nil) { return nil }
        let policy =
            policy.map { $0 == .missing ? PullPolicy.missing : .always } ?? service.source.pullPolicy ?? .always
        let now = MachineClock.realtime / 1_000_000_000
        switch scene.images.decide(policy, service.reference, service.platform, now: now) {
        case .fetch: return PullRequest(service.reference, platform: service.platform)
        case .use: return PullRequest(service.reference, platform: service.platform, isFetched: false)
        case .build, .refuse: return nil
        }
    }
}

struct Push: SettleCommand {
    static let about = About(
        "push", "Sends the images of the services to their registries.",
        """
          settle push web

        Of services that are built, with the names in `image:` and `build.tags`.
        """)

    private let ignoresFailures: Bool
    private let includesDependencies: Bool
    private let quiet: Bool
    private let names: [String]

    init(_ line: inout Line) {
        ignoresFailures = line.flag("ignore-push-failures", "Send what can be sent, and warn of the rest.")
        includesDependencies = line.flag("include-deps", "With what the services need.")
        quiet = line.flag("quiet", short: "q", "Nothing of the progress.")
        names = line.operands("SERVICE", "Services; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(loading: options, services: names)
        var faults: [Diagnostic] = []
        for service in try scene.imageServices(names, withDependencies: includesDependencies) {
            // As with Docker Compose: what is not built here came from a registry.
            guard let build = service.source.build, let name = service.source.reference else { continue }
            guard let image = scene.images.image(name, service.platform) else {
                faults.append(service.diagnostic("image \(name) is not here", hint: "settle build \(service.name)"))
                continue
            }
            for target in [name] + build.tags where target.name != nil {
                if !quiet { scene.output.progress("image/\(target)", "pushing") }
                do {
                    try interruptible { try Exporter(scene.images).copy(image, to: target) }
                    if !quiet { scene.output.progress("image/\(target)", "pushed") }
                } catch let fault as ImageFault {
                    faults.append(service.diagnostic(fault.message, hint: fault.hint))
                }
            }
        }
        if faults.isEmpty { return }
        if !ignoresFailures { throw Complaint(faults) }
        for fault in faults { scene.output.warn(fault.message) }
    }
}
