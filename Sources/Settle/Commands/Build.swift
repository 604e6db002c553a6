import Compose
import Images
import Stack
import Usage

struct BuildCommand: SettleCommand {
    static let about = About(
        "build", "Builds the images of services that have a `build:`.",
        """
          settle build
          settle build --no-cache web

        buildah(1) does the work; what its steps made is kept for the next build.
        """)

    private let wishes: StackBuilds.Wishes
    private let names: [String]

    init(_ line: inout Line) {
        wishes = StackBuilds.Wishes(
            isCacheless: line.flag("no-cache", "Run every step anew."),
            pullsBase: line.flag("pull", "Fetch the images anew that builds begin with."),
            arguments: line.texts("build-arg", "NAME=VALUE", "An argument of the builds; may be repeated."),
            isQuiet: line.flag("quiet", short: "q", "Say nothing but what fails."))
        names = line.operands("SERVICE", "Services; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(loading: options, services: names)
        guard let project = scene.project else { throw StackFiles.missing }
        let services = project.services.filter { names.isEmpty || names.contains($0.name) }
        let unbuilt = services.filter { $0.image?.build == nil && names.contains($0.name) }
        for service in unbuilt { scene.output.warn("\(service.name) has no build:") }
        let roots = StackRoots(scene, project, services)
        let use = try roots.use()
        defer { extendLifetime(use) }
        try StackBuilds(roots).build(services.filter { $0.image?.build != nil }, wishes)
    }
}
