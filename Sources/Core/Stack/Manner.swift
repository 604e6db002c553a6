/// How a command line wants a goal to be reached: what is no part of the goal itself.
package struct Manner: Hashable, Codable, Sendable {
    /// Who may be started again where it ended; nil for all. An undo wakes those that ran before, a command line those
    /// that it was asked for.
    package var wakes: Set<ContainerID>?
    /// Lives that are followed by another one, whatever they are. A plan made anew after a crash finds the next one there.
    package var again: Set<Instance> = []
    /// Without this what is new is made and does not run: `--no-start`.
    package var starts = true
    /// Without this nobody waits for what is not part of the change: `--no-deps`.
    package var awaitsOthers = true
    /// The one-off that this is about. Every other that the goal speaks of and that is gone by now stays gone.
    package var oneOff: ContainerID?

    package init(wakes: Set<ContainerID>? = nil, again: Set<Instance> = []) {
        self.wakes = wakes
        self.again = again
    }
}

extension Goal {
    /// What a command line has planned, by the time that it is done: a one-off may have ended and gone meanwhile.
    package func without(oneOffsGoneFrom ledger: Ledger, except id: ContainerID?) -> Goal {
        var goal = self
        goal.containers.removeAll { $0.oneOff != nil && $0.id != id && ledger.entry($0.id) == nil }
        return goal
    }

    /// The same with these containers as they are recorded, and with the networks that they are in: `--no-recreate`.
    package func keeping(_ ids: Set<ContainerID>, of ledger: Ledger) -> Goal {
        var goal = self
        goal.containers = containers.map { spec in
            ids.contains(spec.id) ? ledger.entry(spec.id)?.spec ?? spec : spec
        }
        let used = Set(goal.endpoints.flatMap(\.attachments).map(\.network))
        let missing = ledger.goal.networks.filter { used.contains($0.key) && network($0.key) == nil }
        goal.networks = (networks + missing).sorted { $0.key < $1.key }
        return goal
    }

    /// The same with empty volumes in place of those that these containers have to themselves: `--renew-anon-volumes`.
    /// The old ones stay, for `down -v`.
    package func renewingVolumes(of ids: Set<ContainerID>) -> Goal {
        var goal = self
        for id in ids {
            for volume in volumes where volume.isAnonymous(of: id) && !volume.key.contains("#") {
                guard let index = goal.volumes.firstIndex(of: volume) else { continue }
                let count = goal.volumes.count { $0.key.hasPrefix("\(volume.key)#") } + 1
                goal.volumes[index].key = "\(volume.key)#\(count)"
                var renewed = volume
                renewed.name = "\(anonymousVolumeName(volume.key, project: project))_\(count + 1)"
                goal.volumes.append(renewed)
            }
        }
        goal.volumes.sort { $0.key < $1.key }
        // Those that have them by `volumes_from`, too.
        for index in goal.containers.indices { goal.containers[index].nameVolumes(goal.volumes) }
        return goal
    }
}

extension VolumeSpec {
    /// Whether no other container can have it: no key of the file holds a colon.
    package func isAnonymous(of id: ContainerID) -> Bool { key.hasPrefix("\(id.fileName):") }
}
