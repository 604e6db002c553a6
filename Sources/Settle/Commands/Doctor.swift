import Diagnostics
import Launcher
import Linux
import Stack
import Usage

struct Doctor: SettleCommand {
    static let about = About(
        "doctor", "Says what this machine can do, and how to mend what it cannot.",
        "  settle doctor --format json")

    private let format: Format

    private enum Format: String, Choosable { case text, json }

    init(_ line: inout Line) { format = line.choice("format", "How it is printed.", default: .text) }

    func run(_ options: StackOptions) throws {
        let output = options.output
        let checks = try Host.doctor(Roots(environment: environment)).map { Row($0) }
        let rows = checks + [Row(capabilities: Set(Launcher.boundingCapabilities))]
        switch format {
        case .text: output.write(text(rows, output.palette))
        case .json: output.write(JSON.object([("checks", .array(rows.map(\.json)))]).compact + "\n")
        }
        if rows.contains(where: { !$0.isGood }) { throw Complaint([]) }
    }

    private func text(_ rows: [Row], _ palette: Palette) -> String {
        let lines = aligned(rows.map { [$0.isGood ? "ok" : "bad", $0.name, $0.detail] }, limit: 100)
        return zip(rows, lines).map { row, line in
            let fix = row.fix.map { "\n     fix: \($0)" } ?? ""
            return palette.paint(line, row.isGood ? nil : .red) + fix + "\n"
        }.joined()
    }
}

/// One thing that was looked at.
private struct Row {
    let name: String
    let isGood: Bool
    let detail: String
    let fix: String?

    init(_ check: Host.Check) {
        name = check.name
        isGood = check.isGood
        detail = check.detail
        fix = check.fix
    }

    /// What a container runtime needs of root's privileges, of which a container around us may have been given a part.
    init(capabilities here: Set<String>) {
        let needed = [
            "CHOWN", "DAC_OVERRIDE", "KILL", "MKNOD", "NET_ADMIN", "SETGID", "SETUID", "SYS_ADMIN", "SYS_PTRACE",
        ]
        let missing = needed.filter { !here.contains($0) }.joined(separator: " ")
        name = "capabilities"
        isGood = missing.isEmpty
        detail = missing.isEmpty ? "all that are needed" : "missing: \(missing)"
        fix = missing.isEmpty ? nil : "let whatever started this shell give it the missing ones"
    }

    var json: JSON {
        .object([
            ("name", .string(name)), ("ok", .bool(isGood)), ("detail", .string(detail)),
            ("fix", fix.map(JSON.string) ?? .null),
        ])
    }
}
