import CSyscalls
import Cgroups
package import Engine
import Glibc
import Network
import Processes
import Stack
import Syscalls

/// The end of a project.
extension LinuxMachine {
    /// Removes everything that is not a volume. The calling process and the keeper leave the project's cgroups first, so
    /// that nothing remains for anybody to clean up; the files go last, so that a crash before leaves a ledger.
    package func removeProject(keepingLogs: Bool) throws(Event.Failure) {
        do {
            try store.journal("remove network")
            try? finishFirewalls()
            let host = try NetworkNamespace.current()
            try Egress.disconnect(alias: names.egressAlias, host: host.raw)
            try Firewall.remove(.ip, FirewallTable.hostName(project: paths.project), in: host.raw)
            try store.journal("remove namespaces")
            removeNames()
            try store.journal("end helpers")
            let helpers = Helpers(paths, cgroups)
            let found = helpers.found()
            holder.end()
            helpers.end(found.proxy)
            // With every pin in it; the first processes of namespaces end with what is left in the control group.
            Surroundings(paths).removeRuntimeFolder()
            try unmountVolumes()
            try awaitRemoval()
            try store.journal("leave cgroups")
            try leaveCgroups(found)
            try store.journal("remove cgroups")
            try cgroups.remove(paths.project)
            try store.journal("remove files")
            try store.removeFiles(keepingLogs: keepingLogs)
        } catch {
            throw Event.Failure(resource: "project", key: "", message: "cannot be removed whole: \(error)")
        }
    }

    private func removeNames() {
        let own = paths.name(of: nil)
        unlink(own)
        for name in Files.names(in: ProjectPaths.namedNamespaces).map({ "\(ProjectPaths.namedNamespaces)/\($0)" })
        where name.hasPrefix("\(own).") {
            unlink(name)
        }
    }

    /// Begins to remove the folders of all containers, which have ended, beside what else there is to do. What is not
    /// removed by the end, the project's removal takes.
    func beginRemoval() throws {
        guard removal == nil else { return }
        openDoors()
        for instance in instances { try removeBeside(paths.folder(instance)) }
    }

    /// Removes a folder beside what else there is to do.
    func removeBeside(_ path: String) throws {
        if removal == nil { removal = try FolderRemoval() }
        removal!.add(path)
    }

    /// At the end this process and the keeper leave their control groups: the kernel's wait before that begins here, when
    /// nothing has to be killed any more. Until it is over, no control group can be killed, made or removed.
    func openDoors() {
        let now = MachineClock.monotonic
        // They close by themselves half a second after they were opened.
        if doors != nil, now < doorsOpened + 300_000_000 { return }
        doors = OpenDoors(cgroups)
        doorsOpened = now
    }

    func awaitRemoval() throws(SystemError) {
        guard let removal else { return }
        self.removal = nil
        try removal.finish()
    }

    private func leaveCgroups(_ found: ProjectProcesses) throws {
        doors = nil
        for pid in [found.keeper?.pid, getpid()].compactMap({ $0 }) where pid == getpid() || pid == getppid() {
            for mount in cgroups.mode.mounts { try Files.poke("\(mount)/cgroup.procs", "\(pid)") }
        }
        // The holder and the proxy were told to end. Whoever else is there has come too late to look after anything, like
        // a keeper that a command started meanwhile; the command notices. Not by cgroup.kill: a crash would leave a group
        // that no process can be born in.
        let group = cgroups.supervisor(of: paths.project)
        _ = group.wait(1_000) {
            let pids = group.pids
            for pid in pids { Glibc.kill(pid, SIGKILL) }
            return pids.isEmpty
        }
    }
}

/// A process that removes folders, and ends with this one: the next look at the machine shows what it did not come to.
final class FolderRemoval {
    private let child: Int32
    private let reader: Descriptor
    private var writer: Descriptor?
    private var paths: [String] = []

    init() throws(SystemError) {
        var pipe: [Int32] = [-1, -1]
        child = try check("fork") { settle_start_removing(&pipe) }
        reader = Descriptor(pipe[0])
        writer = Descriptor(pipe[1])
    }

    func add(_ path: String) {
        paths.append(path)
        // What it does not take is removed at the end.
        try? writer!.write("\(path)\0", named: "the removal of folders")
    }

    /// - Throws: why one of them is not gone.
    func finish() throws(SystemError) {
        writer = nil
        settle_await(child)
        for path in paths { try removeTree(path) }
    }
}
