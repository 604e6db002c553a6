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
            let host = try NetworkNamespace.current()
            try Egress.disconnect(alias: names.egressAlias, host: host.raw)
            try Firewall.remove(.ip, FirewallTable.hostName(project: paths.project), in: host.raw)
            try store.journal("remove namespaces")
            for kind in ["net", "ipc", "uts", "pid"] {
                for endpoint in Files.names(in: "\(paths.pins)/\(kind)") { try removeEndpoint(endpoint) }
            }
            try NamespaceFiles.unpin(paths.stackPin)
            unlink(paths.name(of: nil))
            try store.journal("end helpers")
            let helpers = Helpers(paths, cgroups)
            let found = helpers.found()
            holder.end()
            helpers.end(found.proxy)
            Surroundings(paths).removeRuntimeFolder()
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

    private func leaveCgroups(_ found: ProjectProcesses) throws {
        for pid in [found.keeper?.pid, getpid()].compactMap({ $0 }) where pid == getpid() || pid == getppid() {
            for mount in cgroups.mode.mounts { try Files.poke("\(mount)/cgroup.procs", "\(pid)") }
        }
        // The holder and the proxy were told to end. Whoever else is there has come too late to look after anything, like
        // a keeper that a command started meanwhile; the command notices. Not by cgroup.kill: a crash would leave a group
        // that no process can be born in.
        let group = cgroups.supervisor(of: paths.project)
        for _ in 0..<500 {
            let pids = group.pids
            if pids.isEmpty { return }
            for pid in pids { Glibc.kill(pid, SIGKILL) }
            usleep(2_000)
        }
    }
}
