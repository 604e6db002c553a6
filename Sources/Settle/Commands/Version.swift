import Diagnostics
import Usage

struct Version: SettleCommand {
    static let about = About(
        "version", "Shows the version.",
        "  settle version --short")

    private let short: Bool
    private let format: Format

    private enum Format: String, Choosable { case text, pretty, json }

    init(_ line: inout Line) {
        short = line.flag("short", "Only the number.")
        format = line.choice("format", short: "f", "How it is printed.", default: .text)
    }

    func run(_ options: StackOptions) {
        switch format {
        case .json: options.output.write(JSON.object([("version", .string(settleVersion))]).compact + "\n")
        case .text, .pretty:
            options.output.write(short ? "\(settleVersion)\n" : "settle version \(settleVersion)\n")
        }
    }
}
