import Engine
import Processes
import Stack

extension Supervisor {
    /// One-offs that have ended and are to go by themselves, unless somebody still reads what they wrote: that one removes
    /// them, or dies and leaves them to us.
    func removeOneOffs() {
        guard active == nil, waiting.isEmpty else { return }
        let ids = ledger.entries.filter { entry in
            entry.spec.isTransient && watched[entry.instance] == nil
        }.map(\.instance.id).filter { !LogFollower.isHeld(paths.log($0)) }
        if ids.isEmpty { return }
        // A command line that is planning must not see its ground move: it is waited for.
        guard let lock = try? HeldLock(paths.lock, command: "settle supervise") else { return }
        ownChange = lock
        waiting.append((Request(.remove(ids, volumes: true)), nil))
        takeNext()
        if active == nil { ownChange = nil }
    }
}
