import Diagnostics
import Glibc
import Linux
import Stack
import Usage

struct Cp: SettleCommand {
    static let about = About(
        "cp", "Copies files between a container and the host.",
        """
          settle cp web:/etc/nginx ./nginx
          settle cp ./site/. web:/srv
          settle cp web:/var/log - | tar -t

        As in Docker: onto a folder that is there, SRC gets its own name in it, and SRC/. is what is in SRC. `-` is a tar
        archive on standard input or output. No link leads out of the container. Without --index, files go to all
        replicas and come from the first.
        """)

    private let all: Bool
    private let archive: Bool
    private let followLink: Bool
    private let index: Int?
    private let source: String
    private let target: String

    init(_ line: inout Line) {
        archive = line.flag("archive", short: "a", "Keep the numbers of owners and groups; else all is root's.")
        followLink = line.flag("follow-link", short: "L", "Copy what a link leads to in its place.")
        index = line.number("index", "N", "Which replica.", in: 1...Int.max)
        all = line.flag("all", "Those that `run` has made of the service, too.")
        source = line.operand("SOURCE", "SERVICE:PATH, a path here, or `-`.", .files)
        target = line.operand("TARGET", "Likewise, one of the two in a service.", .files)
    }

    func run(_ options: StackOptions) throws {
        let (from, to) = (Side(source), Side(target))
        if from.service != nil && to.service != nil {
            throw Complaint("nothing is copied from service to service", hint: "go by a file here, or by `-`")
        }
        let scene = try Scene(naming: options)
        guard let service = from.service ?? to.service else {
            throw Complaint("neither side is in a service", hint: "write SERVICE:PATH for one of them")
        }
        let observation = try scene.observe(.states)
        if try containers(of: service, scene, observation).allSatisfy(\.isRunning) {
            return try copy(from, to, scene, observation)
        }
        // What is put together from outside must not be started meanwhile.
        try scene.locked("settle cp") { try copy(from, to, scene, try scene.observe(.states)) }
    }

    private func copy(_ from: Side, _ to: Side, _ scene: Scene, _ observation: Observation) throws {
        var copying = Copying()
        copying.keepsOwners = archive
        copying.followsLink = followLink
        copying.skipped = { scene.output.warn("\($0) is left out: neither file, folder, link nor pipe") }
        do {
            if let service = from.service {
                let root = try root(try containers(of: service, scene, observation)[0], scene, observation)
                if to.path == "-" { return try copying.write(from.path, in: root, to: STDOUT_FILENO) }
                try copying.copy(from.path, in: root, to: to.path, in: CopyRoot())
            } else if let service = to.service {
                let roots = try containers(of: service, scene, observation).map { try root($0, scene, observation) }
                if from.path == "-" && roots.count > 1 {
                    throw Complaint("standard input is there once only", hint: "name the replica with --index")
                }
                for root in roots {
                    if from.path == "-" {
                        try copying.read(STDIN_FILENO, to: to.path, in: root)
                    } else {
                        try copying.copy(from.path, in: CopyRoot(), to: to.path, in: root)
                    }
                }
            }
        } catch let misfit as Copying.Misfit {
            throw Complaint(misfit.description)
        }
    }

    private func containers(
        of service: String, _ scene: Scene, _ observation: Observation
    ) throws -> [ObservedContainer] {
        let entries = observation.ledger.entries.filter { $0.spec.serviceName == service }
        let oneOffs = entries.filter { all && $0.spec.oneOff != nil }.map(\.instance.id)
        let isRun = !oneOffs.isEmpty && !entries.contains { $0.spec.oneOff == nil }
        let replicas = isRun ? [] : try scene.containers(of: [service], in: observation.ledger)
        let wanted = replicas.filter { index == nil || $0.index == index } + oneOffs
        if wanted.isEmpty { throw Complaint("\(service) has no replica \(index ?? 1)") }
        return wanted.compactMap { observation.containers[$0] }
    }

    private func root(
        _ container: ObservedContainer, _ scene: Scene, _ observation: Observation
    ) throws -> CopyRoot {
        let entry = container.entry
        switch container.state {
        case .running: return try CopyRoot(container, scene.paths)
        case .created, .exited: return try CopyRoot(still: entry, scene.paths, observation.ledger.goal)
        case .restarting:
            throw Complaint(
                "\(entry.instance.id) is about to be started again", hint: "settle stop \(entry.spec.serviceName)")
        }
    }

    private struct Side {
        let service: String?
        let path: String

        /// A path that has a colon is written with a folder before it, `./a:b`.
        init(_ text: String) {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, !parts[0].isEmpty, !text.hasPrefix("/"), !text.hasPrefix(".") {
                service = String(parts[0])
                path = String(parts[1])
            } else {
                service = nil
                path = text
            }
        }
    }
}
