import Compose
import Engine
import Images
import Stack

/// Making the machine as the file says, for every command that does.
struct Apply {
    let scene: Scene
    let wish: Prospect.Wish
    let wishes: StackRoots.Wishes
    var timeout: Int?
    /// The project's name, where the command line gives one.
    let named: String?
    /// For the lock: `settle up`.
    let command: String

    /// - Returns: what was done.
    func run() throws -> Prospect {
        let use = try provide()
        defer { extendLifetime(use) }
        return try scene.locked(command) { try runLocked() }
    }

    /// Within the project's lock; what is needed is here.
    func runLocked() throws -> Prospect {
        let prospect = try Prospect(scene, wish, status: Complaint.notReached)
        try prospect.check(scene)
        try scene.offerFormerVolumes(prospect, named: named)
        if !prospect.isReached {
            try scene.change(
                .apply(prospect.goal, timeout: timeout, contents: prospect.contents, manner: prospect.manner),
                status: Complaint.notReached)
        }
        return prospect
    }

    /// Before the project is locked: it may take its time. What came stays until it is used.
    func provide() throws -> StoreLock? {
        guard let project = scene.project else { return nil }
        let chosen = project.closure(of: wish.services, withDependencies: wish.withDependencies)
        let roots = StackRoots(scene, project, chosen)
        let use = try roots.use()
        try roots.provide(wishes)
        return use
    }
}

extension Prospect {
    /// Whether even the supervisor would have nothing to do or to note.
    var isReached: Bool {
        let processes = observation.supervisor
        return plan.isEmpty && plan.ledger == observation.ledger && processes.keeper != nil
            && processes.supervisor != nil
    }
}
