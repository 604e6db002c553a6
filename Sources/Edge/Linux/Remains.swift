import Cgroups
import Glibc
import Network
import Processes
import Stack
import Syscalls

/// What is left of a project on the machine: everything Settle makes, looked for by its own marks rather than by a list
/// that could be lost. Volumes and what `down` leaves on purpose are not among it.
package struct Remains {
    let paths: ProjectPaths
    let cgroups: Cgroups

    package init(_ paths: ProjectPaths) throws {
        self.paths = paths
        cgroups = try Cgroups.detect(root: paths.roots.cgroup)
    }

    /// One line for each thing.
    package func find() -> [String] {
        processes + groups + mounts + namespaces + network + files
    }

    /// Asks first where the answer is at hand.
    package var isEmpty: Bool {
        groups.isEmpty && files.isEmpty && namespaces.isEmpty && mounts.isEmpty && network.isEmpty && processes.isEmpty
    }

    private var project: Cgroup { cgroups.project(paths.project) }

    private var processes: [String] {
        project.allPids.map { pid in
            let name = (try? Files.text("/proc/\(pid)/comm"))?.split(separator: "\n").first ?? "?"
            return "process \(pid) (\(name))"
        }
    }

    private var groups: [String] { project.folders.filter(Files.exists).map { "cgroup \($0)" } }

    private var mounts: [String] {
        let folders = [paths.runtime, paths.mountedVolumes]
        return MountEntry.all().map(\.point)
            .filter { point in folders.contains { point == $0 || point.hasPrefix($0 + "/") } }
            .map { "mount \($0)" }
    }

    private var namespaces: [String] {
        let own = paths.name(of: nil).split(separator: "/").last ?? ""
        return Files.names(in: ProjectPaths.namedNamespaces).filter { $0 == own || $0.hasPrefix("\(own).") }
            .map { "name \(ProjectPaths.namedNamespaces)/\($0)" }
    }

    private var network: [String] {
        guard let host = try? NetworkNamespace.current(), let links = try? Links(in: host.raw).observe() else {
            return []
        }
        let alias = NetworkNames(project: paths.project).egressAlias
        let found = links.filter { $0.alias == alias }.map { "link \($0.name)" }
        let table = FirewallTable.hostName(project: paths.project)
        switch try? Firewall.observe(.ip, table, in: host.raw) {
        case .absent, nil: return found
        case .intact, .altered: return found + ["nft table ip \(table)"]
        }
    }

    private var files: [String] { [paths.runtime, paths.state].filter(Files.exists).map { "folder \($0)" } }
}
