import Glibc
import Processes
import Stack
import Syscalls

/// The holder may die like every other process: what it held, the supervisor and the kernel still have.
extension Supervisor {
    func watchHolder() {
        guard holderWatch == nil, let holder = helpers.found().holder,
            let process = ProcessSignal.openProcess(holder)
        else { return }
        let descriptor = process.take()
        holderWatch = loop.watchProcess(descriptor) { [unowned self] in
            close(descriptor)
            self.holderWatch = nil
            self.refillHolder()
        }
    }

    private func refillHolder() {
        do {
            for container in watched.values {
                if container.pidfd.raw >= 0 {
                    try machine.holder.put(container.pidfd.raw, as: container.run.instance.processName)
                }
                for kept in container.kept { try machine.holder.put(kept.descriptor.raw, as: kept.name) }
            }
            try machine.holdNamespaces()
        } catch {
            complain("a new holder cannot be filled: \(error)")
        }
        watchHolder()
    }
}

extension LinuxMachine {
    /// Gives the holder every namespace that is pinned.
    func holdNamespaces() throws {
        for kind in [NamespaceKind.net, .ipc, .uts] {
            for endpoint in Files.names(in: "\(paths.pins)/\(kind.rawValue)")
            where NamespaceFiles.isPinned(paths.pin(endpoint, kind)) {
                try holder.put(try open(endpoint, kind).raw, as: holderName(endpoint, kind))
            }
        }
        guard NamespaceFiles.isPinned(paths.stackPin) else { return }
        try holder.put(try Descriptor(paths.stackPin, O_RDONLY).raw, as: stackHolderName)
    }
}
