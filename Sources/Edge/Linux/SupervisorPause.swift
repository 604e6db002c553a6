import Cgroups
import Engine
import Processes
import Stack

extension Supervisor {
    /// The note comes first: one of what is not frozen means nothing, so a crash between the two leaves running what runs.
    func pause(_ ids: [ContainerID], atOnce: Bool, _ client: Client?) throws {
        let instances = try note(ids, isPaused: true)
        if atOnce {
            isHeld = true
            // Whoever asked may be dead.
            _ = loop.after(.seconds(10)) { [unowned self] in self.isHeld = false }
        } else {
            for instance in instances { try freeze(instance) }
        }
        for instance in instances { tell(client, instance, .pause, "paused") }
        client?.send(.done)
    }

    private func freeze(_ instance: Instance) throws {
        do {
            try machine.group(instance).freeze()
        } catch {
            // Half frozen is neither one nor the other.
            try machine.group(instance).thaw()
            _ = try note([instance.id], isPaused: false)
            throw Event.Failure(
                resource: ResourceID.container(instance.id).description, key: "", message: "cannot be paused: \(error)")
        }
    }

    func unpause(_ ids: [ContainerID], _ client: Client?) throws {
        let paused = ids.compactMap { ledger.entry($0)?.instance }.filter { machine.group($0).isFrozen }
        for instance in paused { try machine.group(instance).thaw() }
        _ = try note(ids, isPaused: false)
        for instance in paused { tell(client, instance, .unpause, "unpaused") }
        client?.send(.done)
    }

    /// - Returns: those that run.
    private func note(_ ids: [ContainerID], isPaused: Bool) throws -> [Instance] {
        let running = ledger.entries.indices.filter { index in
            let instance = ledger.entries[index].instance
            return ids.contains(instance.id) && watched[instance] != nil
        }
        for index in running { ledger.entries[index].isPaused = isPaused }
        try store.write(ledger)
        return running.map { ledger.entries[$0].instance }
    }

    private func tell(_ client: Client?, _ instance: Instance, _ action: ContainerEvent.Action, _ word: String) {
        store.events.note(action, instance, ledgerSpec(instance))
        client?.send(.progress(resource: ResourceID.container(instance.id).description, word: word))
    }
}
