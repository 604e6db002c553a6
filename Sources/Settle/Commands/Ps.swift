import ArgumentParser
import Linux
import Processes
import Stack

struct Ps: StackCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "Lists the containers, as the kernel shows them.",
        discussion: """
              settle ps -a
              settle ps --format json

            Without --all, those that run, are paused, or will be started again.
            """)

    enum ListFormat: String, ExpressibleByArgument, CaseIterable { case table, json }

    @Option(help: "table, or json: one object per line, shaped as Docker Compose's.") var format: ListFormat = .table
    @Flag(name: .shortAndLong, help: "Those that ended, too.") var all = false
    @Flag(name: .shortAndLong, help: "Only the IDs.") var quiet = false
    @Flag(help: "Only the names of the services.") var services = false
    @Flag(help: "Do not cut commands.") var noTrunc = false
    @Option(help: "Only these states: created, running, paused, restarting, exited.")
    var status: [ContainerList.State] = []
    @Argument(help: "Services; all where none is named.") var names: [String] = []
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: FileOption

    var options: StackOptions { StackOptions(shared, files) }

    func run() throws {
        let scene = try Scene(naming: options)
        let observation = try scene.observe(format == .json ? .details : .states)
        var list = ContainerList(observation, project: scene.name, now: MachineClock.realtime)
        let wanted = Set(names.isEmpty ? [] : try scene.containers(of: names, in: observation.ledger))
        list.rows.removeAll { row in
            if !names.isEmpty && !wanted.contains(row.id) { return true }
            return status.isEmpty ? !all && !row.state.isLive : !status.contains(row.state)
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

extension ContainerList.State: ExpressibleByArgument {}
