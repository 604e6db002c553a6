import Engine
import Stack
import Usage

struct Create: SettleCommand {
    static let about = About(
        "create", "Makes containers without starting them.",
        """
          settle create
          settle start web

        As `up --no-start`, which takes the same options.
        """)

    private let create: CreateOptions
    private let names: [String]

    init(_ line: inout Line) {
        create = CreateOptions(&line)
        names = line.operands("SERVICE", "Services, with what they need; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(loading: options, services: names) { try $0.scaled(create.replicas) }
        var wish = create.wish(names, in: scene)
        wish.starts = false
        _ = try Apply(
            scene: scene, wish: wish, wishes: create.wishes, named: options.projectName, command: "settle create"
        ).run()
    }
}

struct Scale: SettleCommand {
    static let about = About(
        "scale", "Changes how many containers services have.",
        """
          settle scale web=3 worker=0

        Until the next `up`, which makes as many as the file says.
        """)

    private let noDeps: Bool
    private let replicas: [String: Int]

    init(_ line: inout Line) {
        noDeps = line.flag("no-deps", "Leave what they depend on alone.")
        let texts = line.operands("SERVICE=NUMBER", "A service and how many it shall have.", required: true)
        replicas = line.replicas(texts, "scale")
    }

    func run(_ options: StackOptions) throws {
        let names = replicas.keys.sorted()
        let scene = try Scene(loading: options, services: names) { try $0.scaled(replicas) }
        var wish = Prospect.Wish(services: names)
        wish.withDependencies = !noDeps
        _ = try Apply(
            scene: scene, wish: wish, wishes: StackRoots.Wishes(), named: options.projectName, command: "settle scale"
        ).run()
    }
}
