import Linux
import Processes
import Stack
import Usage

struct Ps: SettleCommand {
    static let about = About(
        "ps", "Lists the containers, as the kernel shows them.",
        """
          settle ps -a
          settle ps --format json

        Without --all, those that run, are paused, or will be started again.
        """)

    private let format: Format
    private let all: Bool
    private let quiet: Bool
    private let services: Bool
    private let noTrunc: Bool
    private let states: [ContainerList.State]
    private let names: [String]

    private enum Format: String, Choosable { case table, json }

    init(_ line: inout Line) {
        format = line.choice("format", "A table, or one object per line shaped as Docker Compose's.", default: .table)
        all = line.flag("all", short: "a", "Those that ended, too.")
        quiet = line.flag("quiet", short: "q", "Only the IDs.")
        services = line.flag("services", "Only the names of the services.")
        noTrunc = line.flag("no-trunc", "Do not cut commands.")
        states = line.choices("status", "Only this state; may be repeated.")
        names = line.operands("SERVICE", "Services; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        let observation = try scene.observe(format == .json ? .details : .states)
        var list = ContainerList(observation, project: scene.name, now: MachineClock.realtime)
        let wanted = Set(names.isEmpty ? [] : try scene.containers(of: names, in: observation.ledger))
        list.rows.removeAll { row in
            if !names.isEmpty && !wanted.contains(row.id) { return true }
            // As in Docker Compose, those of `run` are shown when all are.
            if !all && names.isEmpty && states.isEmpty && row.container.entry.spec.oneOff != nil { return true }
            return states.isEmpty ? !all && !row.state.isLive : !states.contains(row.state)
        }
        if quiet { return scene.output.write(list.identifiers()) }
        if services {
            return scene.output.write(Set(list.rows.map(\.id.service)).sorted().map { $0 + "\n" }.joined())
        }
        switch format {
        case .table: scene.output.write(list.table(isCut: !noTrunc))
        case .json: scene.output.write(list.jsonLines())
        }
    }
}

extension ContainerList.State: Choosable {}
