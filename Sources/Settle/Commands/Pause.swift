import Cgroups
import Diagnostics
import Engine
import Linux
import Stack
import Usage

struct Pause: SettleCommand {
    static let about = About(
        "pause", "Freezes containers: they stay where they are, and do nothing.",
        """
          settle pause web
          settle pause

        Without names, or with all of them, the whole stack stands still at once, Settle's own processes included.
        settle unpause lets it go on; stop, kill, restart and down do so for what they are about.
        """)

    private let names: [String]

    init(_ line: inout Line) { names = line.operands("SERVICE", "Services; all where none is named.", .services) }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        try scene.locked("settle pause") {
            let observation = try scene.observe(.states)
            let targets = try scene.targets(names, observation) { container in
                if !container.isRunning { return "is not running" }
                return container.isPaused && !names.isEmpty ? "is already paused" : nil
            }
            let awake = targets.filter { !$0.isPaused }
            if awake.isEmpty { return scene.output.warn("nothing of \(scene.name) runs that is not paused") }
            let running = observation.containers.values.filter(\.isRunning)
            let isWhole = running.count == targets.count
            try scene.change(.pause(awake.map(\.entry.instance.id).sorted(), atOnce: isWhole))
            if isWhole { try Cgroups.detect(root: scene.paths.roots.cgroup).project(scene.name).freeze() }
        }
    }
}

struct Unpause: SettleCommand {
    static let about = About("unpause", "Lets containers that were paused go on.", "  settle unpause web")

    private let names: [String]

    init(_ line: inout Line) { names = line.operands("SERVICE", "Services; all where none is named.", .services) }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        try scene.locked("settle unpause") {
            let paused = try scene.targets(names, try scene.observe(.states)) {
                // By whomever.
                $0.isRunning && $0.isFrozen ? nil : "is not paused"
            }
            if paused.isEmpty { return scene.output.warn("nothing of \(scene.name) is paused") }
            try scene.change(.unpause(paused.map(\.entry.instance.id).sorted()))
        }
    }
}

extension Scene {
    /// Those of the services that it can be done to; of services that were named, all of them.
    ///
    /// - Parameter fault: why it cannot be done to a container.
    fileprivate func targets(
        _ names: [String], _ observation: Observation, _ fault: (ObservedContainer) -> String?
    ) throws -> [ObservedContainer] {
        let containers = try containers(of: names, in: observation.ledger).compactMap { observation.containers[$0] }
        let problems = containers.compactMap { container in
            fault(container).map { Diagnostic(.error, "\(container.entry.instance.id) \($0)") }
        }
        if !names.isEmpty && !problems.isEmpty { throw Complaint(problems) }
        return containers.filter { fault($0) == nil }
    }
}
