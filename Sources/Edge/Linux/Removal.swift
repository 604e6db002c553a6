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
            try? finishActions()
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
            awaitRemoval()
            try store.journal("leave cgroups")
            try leaveCgroups(found)
            try store.journal("remove cgroups")
            try cgroups.remove(paths.project)
            try store.journal("remove files")
            for name in Files.names(in: paths.state) where !(keepingLogs && "\(paths.state)/\(name)" == paths.logs) {
                try removeTree("\(paths.state)/\(name)")
            }
            rmdir(paths.logs)
            rmdir(paths.state)
            rmdir(paths.roots.projects)
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
    func beginRemoval() {
        guard removal == nil else { return }
        let folders = instances.map { paths.folder($0) }
        let child = withCStrings(folders) { settle_remove_trees($0) }
        if child > 0 { removal = child }
    }

    func awaitRemoval() {
        if let child = removal { settle_await(child) }
        removal = nil
    }

    private func leaveCgroups(_ found: ProjectProcesses) throws {
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
