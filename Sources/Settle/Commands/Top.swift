import Cgroups
import Linux
import Processes
import Stack
import Syscalls
import Usage

struct Top: SettleCommand {
    static let about = About(
        "top", "Shows the processes of the containers.",
        """
          settle top web

        Process ids are the host's, and so are the names of users.
        """)

    private let names: [String]

    init(_ line: inout Line) { names = line.operands("SERVICE", "Services; all where none is named.", .services) }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        let observation = try scene.observe(.states)
        let ids = try scene.containers(of: names, in: observation.ledger)
        let groups = try Cgroups.detect(root: scene.paths.roots.cgroup)
        let users = Self.users()
        let rows = ids.compactMap { observation.containers[$0] }.filter(\.isRunning).flatMap { container in
            let instance = container.entry.instance
            return groups.container("\(instance)", of: scene.name).allPids.compactMap { ProcessRow(pid: $0) }.map {
                [container.entry.spec.serviceName, "\(instance.id.index)"] + cells($0, users)
            }
        }
        if rows.isEmpty { return }
        let header = ["SERVICE", "#", "UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
        scene.output.write(aligned([header] + rows).map { $0 + "\n" }.joined())
    }

    private func cells(_ process: ProcessRow, _ users: [UInt32: String]) -> [String] {
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let seconds = process.seconds
        return [
            users[process.user] ?? "\(process.user)", "\(process.pid)", "\(process.parent)", "\(process.load)",
            process.startText(), process.terminal,
            "\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60))", printable(process.command),
        ]
    }

    private static func users() -> [UInt32: String] {
        let lines = ((try? Files.text("/etc/passwd")) ?? "").lines
        let pairs = lines.compactMap { line -> (UInt32, String)? in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            return fields.count > 2 ? UInt32(fields[2]).map { ($0, String(fields[0])) } : nil
        }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }
}
