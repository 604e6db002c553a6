import CSyscalls
import Glibc
import Launch
import Launcher
import Stack
import Syscalls

/// The files of a container that does not run, put together as they will be when it does, in a mount namespace of their
/// own. Whoever makes one holds the project's lock: two mounts of one writable layer must not both be written to.
final class StillRoot {
    private let start: Start
    /// Without this end the process that holds the mounts ends, however this one does.
    private let input: Pipe

    /// Of the process that holds them.
    var pid: Int32 { start.pid }

    init(_ entry: Ledger.Entry, _ paths: ProjectPaths, _ goal: Goal) throws {
        let id = entry.instance.id
        do {
            var spec = try LaunchSpec(entry.spec, entry.instance, paths: paths, goal: goal)
            guard spec.source(of: .mnt) == .new else {
                throw Copying.Misfit(description: "\(id) has no files of its own, and does not run")
            }
            // What is only there while it runs. Anything else that is missing is an error: what is meant for a volume
            // must not land beside it.
            let passing = Set(["rootfs"] + entry.spec.files.map(\.key))
            spec.mounts.removeAll { mount in
                guard passing.contains(mount.key), case .bind(let source, _, _) = mount.content else { return false }
                return !Files.exists(source)
            }
            (spec.user, spec.groups, spec.sharedMemory) = (nil, [], .size(1 << 16))
            let input = try Pipe()
            var start = try Launcher.start(
                compile(still: spec, try Launcher.look(spec)),
                Launcher.Attachments(input: input.reader.raw, output: -1, errors: -1))
            try start.release()
            self.start = start
            self.input = input
        } catch let error as LaunchError {
            throw Self.misfit(id, error)
        }
        var report = pollfd(fd: start.readiness, events: Int16(POLLIN), revents: 0)
        poll(&report, 1, 30_000)
        switch try start.outcome() {
        case .running: break
        case .failed(let error): throw Self.misfit(id, error)
        case .waiting: throw Copying.Misfit(description: "the files of \(id) cannot be put together in time")
        }
    }

    private static func misfit(_ id: ContainerID, _ error: LaunchError) -> Copying.Misfit {
        Copying.Misfit(description: "the files of \(id) cannot be put together: \(error.key): \(error.message)")
    }

    deinit {
        settle_pidfd_send_signal(start.process.raw, SIGKILL)
        waitpid(start.pid, nil, 0)
    }
}
