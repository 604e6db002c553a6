import Compose

/// What the kernel cannot know: the specification each resource was made from, and what a change in progress is about.
/// One file, `state.json` in the project's state folder, replaced as a whole.
package struct Ledger: Hashable, Codable, Sendable {
    /// The format's version; a reader refuses a newer one.
    package static let currentVersion = 1
    package var version = Ledger.currentVersion
    /// What was last applied. Its containers are those of `entries`.
    package var goal: Goal
    package var entries: [Entry]
    /// The change in progress; nil at rest.
    package var transaction: OpenTransaction?

    package struct Entry: Hashable, Codable, Sendable {
        package var instance: Instance
        package var spec: ContainerSpec
        /// Whether it shall run; false after `settle stop`.
        package var isWanted: Bool
        /// Whether `settle pause` has frozen this life. It is paused as long as the kernel says so, too: one that was
        /// thawed by hand, or ended, runs or ended, whatever stands here.
        package var isPaused: Bool

        package init(instance: Instance, spec: ContainerSpec, isWanted: Bool, isPaused: Bool = false) {
            self.instance = instance
            self.spec = spec
            self.isWanted = isWanted
            self.isPaused = isPaused
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            instance = try container.decode(Instance.self, forKey: .instance)
            spec = try container.decode(ContainerSpec.self, forKey: .spec)
            isWanted = try container.decode(Bool.self, forKey: .isWanted)
            isPaused = try container.decodeIfPresent(Bool.self, forKey: .isPaused) ?? false
        }
    }

    package struct OpenTransaction: Hashable, Codable, Sendable {
        /// What undo goes back to.
        package var goal: Goal
        package var entries: [Entry]
        /// The containers that ran when the change began.
        package var running: [ContainerID]

        package init(goal: Goal, entries: [Entry], running: [ContainerID]) {
            self.goal = goal
            self.entries = entries
            self.running = running
        }
    }

    package init(project: String) {
        goal = Goal(project: project)
        entries = []
    }

    package init(goal: Goal, entries: [Entry], transaction: OpenTransaction? = nil) {
        self.goal = goal
        self.entries = entries
        self.transaction = transaction
    }

    package func entry(_ id: ContainerID) -> Entry? { entries.first { $0.instance.id == id } }

    /// What containers are found by that somebody names: a one-off has a name of its own beside that of its service.
    package func keys(of names: [String]) -> [String] {
        names.map { name in
            if entries.contains(where: { $0.instance.id.service == name }) { return name }
            return entries.first { $0.spec.oneOff?.name == name }?.instance.id.service ?? name
        }
    }

    /// Whether nothing of the project is left to speak of.
    package var isEmpty: Bool { entries.isEmpty && goal.isEmpty && transaction == nil }

    /// The ledger after a crash in the middle of a change: a container whose new generation had started keeps that one,
    /// every other is what it was before, and what was nothing before is nothing. Networks and namespaces are those of the change: what is missing of them is
    /// seen as a difference and made, what is left over is seen as a stray and removed.
    ///
    /// - Parameter started: the instances that were ever started, from the list of runs.
    package func recovered(started: Set<Instance>) -> Ledger {
        guard let transaction else { return self }
        let ids = Set(entries.map(\.instance.id)).union(transaction.entries.map(\.instance.id)).sorted()
        let kept = ids.compactMap { id -> Entry? in
            let new = entry(id)
            let old = transaction.entries.first { $0.instance.id == id }
            if let new, started.contains(new.instance) { return new }
            return old
        }
        var goal = goal
        goal.containers = kept.map(\.spec)
        return Ledger(goal: goal, entries: kept)
    }
}
