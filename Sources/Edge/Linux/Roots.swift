import Glibc
import Images
import OCI
package import Stack

/// Where Settle keeps things on this machine. Three environment variables move everything, for tests and for several
/// installations side by side.
package struct Roots: Hashable, Sendable {
    /// `SETTLE_RUNTIME_DIR`, else `/run/settle`: gone after a reboot.
    package let runtime: String
    /// `SETTLE_STATE_DIR`, else `/var/lib/settle`.
    package let state: String
    /// `SETTLE_CGROUP`, else `settle`: relative to the hierarchies' roots.
    package let cgroup: String

    package init(environment: [String: String]) {
        runtime = environment["SETTLE_RUNTIME_DIR"] ?? "/run/settle"
        state = environment["SETTLE_STATE_DIR"] ?? "/var/lib/settle"
        cgroup = environment["SETTLE_CGROUP"] ?? "settle"
    }

    /// What a process started for a project needs to find the same roots.
    package var environment: [String] {
        ["SETTLE_RUNTIME_DIR=\(runtime)", "SETTLE_STATE_DIR=\(state)", "SETTLE_CGROUP=\(cgroup)"]
    }

    package func paths(of project: String) -> ProjectPaths { ProjectPaths(roots: self, project: project) }

    package var volumes: String { "\(state)/volumes" }
    package func volume(_ name: String) -> String { "\(volumes)/\(name)" }
    package var mounts: String { "\(state)/mounts" }
    /// What is known of a volume. No volume's name begins with a dot.
    package func volumeRecord(_ name: String) -> String { "\(volumes)/.\(name).json" }
    package var images: String { "\(state)/images" }
    package var layers: String { "\(images)/layers" }
    /// What an overlay of the root's layers has as its lower directories, the topmost first, relative to `layers`.
    ///
    /// - Throws: `LayerError` where a layer is not there, or the layers make no image.
    func lowerFolders(of root: LayeredRoot) throws -> [String] {
        try LayerStore(folder: layers).lowerFolders(chain: root.layers.map(\.description)).map {
            $0.hasPrefix("\(layers)/") ? String($0.dropFirst(layers.utf8.count + 1)) : $0
        }
    }
    package var projects: String { "\(state)/projects" }
}

/// The lower directories of roots, each looked for once: to read what is known of their layers takes longer than to mount
/// them. For as long as nobody removes a layer, so for one change.
package final class RootFolders {
    private let roots: Roots
    private var known: [[Digest]: [String]] = [:]

    package init(_ roots: Roots) { self.roots = roots }

    /// See `Roots.lowerFolders`.
    func of(_ root: LayeredRoot) throws -> [String] {
        if let folders = known[root.layers] { return folders }
        let folders = try roots.lowerFolders(of: root)
        known[root.layers] = folders
        return folders
    }
}

/// The files and folders of one project.
package struct ProjectPaths: Hashable, Sendable {
    package let roots: Roots
    package let project: String

    /// A tmpfs of its own: pins, sockets.
    package var runtime: String { "\(roots.runtime)/\(project)" }
    package var state: String { "\(roots.projects)/\(project)" }

    package var ledger: String { "\(state)/state.json" }
    package var runs: String { "\(state)/runs" }
    package var exits: String { "\(state)/exits" }
    package var journal: String { "\(state)/journal" }
    package var events: String { "\(state)/events" }
    package var olderEvents: String { "\(events).1" }
    package var lock: String { "\(roots.state)/locks/\(project)" }
    /// Held by a supervisor for as long as it lives: there is one at a time.
    package var supervisorLock: String { "\(lock).supervisor" }
    /// Held while somebody looks for a keeper and starts one.
    package var keeperLock: String { "\(lock).keeper" }
    package var supervisorLog: String { "\(state)/supervisor.log" }
    package var instances: String { "\(state)/containers" }
    package var logs: String { "\(state)/logs" }

    package var controlSocket: String { "\(runtime)/control.sock" }
    package var proxySocket: String { "\(runtime)/proxy.sock" }
    package var pins: String { "\(runtime)/ns" }
    package var stackPin: String { "\(pins)/stack" }

    package func pin(_ endpoint: String, _ kind: NamespaceKind) -> String { "\(pins)/\(kind.rawValue)/\(endpoint)" }
    package func sharedMemory(_ endpoint: String) -> String { "\(runtime)/shm/\(endpoint)" }
    /// What a one-off without a terminal writes to standard error: its standard output may be anything, an archive for example.
    package func errors(_ id: ContainerID) -> String { "\(log(id))/errors" }
    package func fifo(_ instance: Instance) -> String { "\(runtime)/io/\(instance)" }
    package func folder(_ instance: Instance) -> String { "\(instances)/\(instance)" }
    package func log(_ id: ContainerID) -> String { "\(logs)/\(id.fileName)" }
    package func volume(_ name: String) -> String { roots.volume(name) }
    /// Where volumes with a mount of their own have it. Not in the runtime folder, which anybody may remove with all that
    /// is in it: somebody's data may be mounted here.
    package var mountedVolumes: String { "\(roots.mounts)/\(project)" }
    /// Where a volume's content is.
    package func source(of volume: VolumeSpec) -> String {
        volume.mountName.map { "\(mountedVolumes)/\($0)" } ?? self.volume(volume.name)
    }

    /// The names under which `ip netns` finds the stack's namespaces: links to the pins. (Mounts of our own in there
    /// could not be removed once iproute2 has mounted the folder over itself.)
    package static let namedNamespaces = "/run/netns"
    package func name(of endpoint: String?) -> String {
        "\(Self.namedNamespaces)/settle.\(project)\(endpoint.map { ".\($0)" } ?? "")"
    }
}

extension Instance {
    /// The holder's names for what belongs to one life of a container.
    var outputName: String { "out:\(self)" }
    var errorsName: String { "err:\(self)" }
    /// The writing end of its standard input.
    var inputName: String { "in:\(self)" }
    /// Its terminal, see `ContainerTerminal`.
    var terminalName: String { "tty:\(self)" }
    var processName: String { "pid:\(self)" }

    var holderNames: [String] { [processName, outputName, errorsName, inputName, terminalName] }
}

/// The holder's name for a namespace of the stack.
func holderName(_ endpoint: String, _ kind: NamespaceKind) -> String { "ns:\(kind.rawValue):\(endpoint)" }
let stackHolderName = "ns:stack"
