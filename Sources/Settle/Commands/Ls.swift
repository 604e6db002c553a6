import Diagnostics
import Glibc
import Linux
import Processes
import Stack
import Syscalls
import Usage

struct Ls: SettleCommand {
    static let about = About(
        "ls", "Lists the stacks of this machine.",
        """
          settle ls
          settle ls --all --filter name=shop --format json

        Without --all, those of which something runs.
        """)

    private let all: Bool
    private let format: Format
    private let quiet: Bool
    private let patterns: [String]

    private enum Format: String, Choosable { case table, json }

    init(_ line: inout Line) {
        all = line.flag("all", short: "a", "Those of which nothing runs, too.")
        format = line.choice("format", "A table, or an array shaped as Docker Compose's.", default: .table)
        quiet = line.flag("quiet", short: "q", "Only the names.")
        let filters = line.texts("filter", "name=PATTERN", "Only those whose name has this in it; may be repeated.")
        patterns = filters.compactMap { $0.hasPrefix("name=") ? String($0.dropFirst(5)) : nil }
        if let filter = filters.first(where: { !$0.hasPrefix("name=") }) {
            line.refuse("--filter takes name=PATTERN, not \"\(filter)\"")
        }
    }

    func run(_ options: StackOptions) throws {
        let roots = Roots(environment: environment)
        var stacks = Files.names(in: roots.projects).compactMap { Listed($0, roots) }
        if !patterns.isEmpty { stacks.removeAll { stack in !patterns.contains { fits(stack.name, $0) } } }
        if !all { stacks.removeAll { !$0.isLive } }
        if quiet { return options.output.write(stacks.map { "\($0.name)\n" }.joined()) }
        switch format {
        case .json: options.output.write(JSON.array(stacks.map(\.json)).compact + "\n")
        case .table:
            let rows = [["NAME", "STATUS", "CONFIG FILES"]] + stacks.map { [$0.name, $0.status, $0.files] }
            options.output.write(aligned(rows, gap: 3, limit: 1000).map { printable($0) + "\n" }.joined())
        }
    }

    /// A regular expression (regex(7)), as in Docker Compose; what is none is looked for as it stands.
    private func fits(_ name: String, _ pattern: String) -> Bool {
        var expression = regex_t()
        guard regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) == 0 else { return name.contains(pattern) }
        defer { regfree(&expression) }
        return regexec(&expression, name, 0, nil, 0) == 0
    }
}

private struct Listed {
    let name: String
    let files: String
    /// `exited(1), running(2)`
    let status: String
    let isLive: Bool

    init?(_ name: String, _ roots: Roots) {
        let paths = roots.paths(of: name)
        guard let ledger = try? Store(paths).read(), !ledger.isEmpty,
            let observation = try? Observer(paths).observe(ledger, .states)
        else { return nil }
        self.name = name
        files = (ledger.goal.configFiles ?? []).joined(separator: ",")
        let rows = ContainerList(observation, project: name, now: MachineClock.realtime).rows
        isLive = rows.contains { $0.state.isLive }
        let counts = Dictionary(grouping: rows, by: \.state.rawValue).mapValues(\.count)
        status = counts.sorted { $0.key < $1.key }.map { "\($0.key)(\($0.value))" }.joined(separator: ", ")
    }

    var json: JSON {
        .object([("Name", .string(name)), ("Status", .string(status)), ("ConfigFiles", .string(files))])
    }
}
