import CSyscalls
import Glibc
package import Processes
package import Stack
import Syscalls

/// The last life of a container as a command line watches it: by its process, without asking anybody.
package final class ContainerLife {
    package let instance: Instance
    private let process: ProcessIdentity
    /// -1 where it was over when we came.
    private let descriptor: Descriptor
    /// The keeper's file, which goes with the project: what it says at the end is wanted all the same.
    private let exits: Descriptor
    private let store: Store
    private let noted: Stack.ExitStatus?

    /// nil where it has not run.
    package init?(_ instance: Instance, _ store: Store) throws {
        guard let run = try store.runs().last(where: { $0.instance == instance }) else { return nil }
        self.instance = instance
        self.store = store
        process = run.process
        noted = run.boot == Run.currentBoot ? run.end : run.end ?? .unknown
        exits = (try? Descriptor(store.paths.exits, O_RDONLY)) ?? Descriptor(-1)
        descriptor = noted == nil ? ProcessSignal.openProcess(run.process) ?? Descriptor(-1) : Descriptor(-1)
    }

    package var hasEnded: Bool {
        var ready = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
        return descriptor.raw < 0 || poll(&ready, 1, 0) > 0
    }

    /// Calls the handler at its end; at once where it has ended.
    package func watch(_ loop: EventLoop, _ handler: @escaping () -> Void) {
        if descriptor.raw < 0 {
            loop.after(.zero, handler)
        } else {
            loop.watchProcess(descriptor.raw, handler)
        }
    }

    package func signal(_ number: Int32) { if descriptor.raw >= 0 { settle_pidfd_send_signal(descriptor.raw, number) } }

    /// Once it has ended.
    package var status: Stack.ExitStatus {
        if let noted { return noted }
        // The keeper writes down the end before it reaps; the pidfd may be faster than the keeper.
        let deadline = MachineClock.monotonic + 1_000_000_000
        while true {
            let pidfd = descriptor.raw < 0 ? nil : descriptor.raw
            let end = ProcessEnd.of(process, exits: "/proc/self/fd/\(exits.raw)", pidfd: pidfd)
            if let end, end.status != .unknown { return Stack.ExitStatus(end.status) }
            // Where the keeper was dead, the supervisor may know.
            if let noted = try? store.runs().last(where: { $0.process == process })?.end { return noted }
            if MachineClock.monotonic > deadline { return .unknown }
            usleep(2_000)
        }
    }

    /// Whether its log has all that it wrote: the supervisor empties the pipe and then notes the end.
    package var hasWholeLog: Bool {
        guard let runs = try? store.runs(), let run = runs.last(where: { $0.process == process }) else { return true }
        return run.end != nil
    }
}
