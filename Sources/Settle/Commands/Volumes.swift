import Diagnostics
import Linux
import Stack
import Syscalls
import Usage

struct VolumesCommand: SettleCommand {
    static let about = About(
        "volumes", "Lists the volumes of the stack.",
        """
          settle volumes
          settle volumes --format json db
        """)

    private let format: Format
    private let quiet: Bool
    private let names: [String]

    private enum Format: String, Choosable { case table, json }

    init(_ line: inout Line) {
        format = line.choice("format", "A table, or one object per line shaped as Docker's.", default: .table)
        quiet = line.flag("quiet", short: "q", "Only the names.")
        names = line.operands("SERVICE", "Those of these services; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        let ledger = try scene.store.read()
        let ids = Set(try scene.containers(of: names, in: ledger))
        let used = Set(ledger.entries.filter { ids.contains($0.instance.id) }.flatMap(\.spec.mounts).map(\.source))
        let volumes = ledger.goal.volumes.filter { names.isEmpty || used.contains(.volume($0.key)) }
            .filter { Files.exists(scene.paths.source(of: $0)) }
            .sorted { $0.name < $1.name }
        if quiet { return scene.output.write(volumes.map { "\($0.name)\n" }.joined()) }
        switch format {
        case .table:
            let rows = [["DRIVER", "VOLUME NAME"]] + volumes.map { ["local", $0.name] }
            scene.output.write(aligned(rows, gap: 4, limit: 1000).map { printable($0) + "\n" }.joined())
        case .json: scene.output.write(volumes.map { json($0, scene.paths).compact + "\n" }.joined())
        }
    }

    private func json(_ volume: VolumeSpec, _ paths: ProjectPaths) -> JSON {
        let labels = volume.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return .object([
            ("Driver", .string("local")), ("Labels", .string(labels.joined(separator: ","))),
            ("Mountpoint", .string(paths.source(of: volume))), ("Name", .string(volume.name)),
            ("Scope", .string("local")),
        ])
    }
}
