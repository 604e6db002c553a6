import Glibc
import Syscalls

/// The processes of Settle that work for one project, as the kernel shows them.
package struct ProjectProcesses: Hashable, Sendable {
    package var keeper: ProcessIdentity?
    package var supervisor: ProcessIdentity?
    package var holder: ProcessIdentity?
    package var proxy: ProcessIdentity?
    /// Those of them that somebody stopped: they do nothing until they are told to go on.
    package var stopped: Set<ProcessIdentity> = []

    package init() {}

    /// Looks through the processes of the project's `.supervisor` cgroup for `settle ROLE PROJECT`. Being in that cgroup
    /// is the proof: a container cannot get there.
    /// - Parameter cgroupProcs: paths of `cgroup.procs` files, of which missing ones count as empty.
    package static func find(cgroupProcs: [String], project: String) -> ProjectProcesses {
        let pids = Set(
            cgroupProcs.flatMap { path in
                ((try? Files.text(path)) ?? "").split(separator: "\n").compactMap { Int32($0) }
            })
        return find(among: pids, project: project)
    }

    package static func find(among pids: some Collection<Int32>, project: String) -> ProjectProcesses {
        var found = ProjectProcesses()
        for pid in pids {
            guard let role = role(of: pid, project: project), let status = ProcessStatus(pid: pid), !status.isZombie
            else { continue }
            let path: WritableKeyPath<ProjectProcesses, ProcessIdentity?>
            switch role {
            case "keep": path = \.keeper
            case "supervise": path = \.supervisor
            case "hold": path = \.holder
            case "proxy": path = \.proxy
            default: continue
            }
            // A child between clone and execve still has its parent's command line: the eldest is the one.
            if status.isStopped { found.stopped.insert(status.identity) }
            let eldest = found[keyPath: path]
            if eldest.map({ status.identity.isElder(than: $0) }) ?? true { found[keyPath: path] = status.identity }
        }
        return found
    }

    private static func role(of pid: Int32, project: String) -> Substring? {
        guard let line = try? Files.text("/proc/\(pid)/cmdline") else { return nil }
        let words = line.split(separator: "\0", omittingEmptySubsequences: false)
        guard words.count >= 3, words[2] == project,
            words[0].split(separator: "/").last == "settle"
        else { return nil }
        return words[1]
    }
}

extension ProcessIdentity {
    fileprivate func isElder(than other: ProcessIdentity) -> Bool {
        (startTime, pid) < (other.startTime, other.pid)
    }
}
