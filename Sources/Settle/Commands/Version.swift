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
        let number = Settle.isCompose ? composeVersion : settleVersion
        switch format {
        case _ where short: options.output.write("\(number)\n")
        case .json:
            let text = Settle.isCompose ? "v\(number)" : number
            options.output.write(JSON.object([("version", .string(text))]).compact + "\n")
        case .text, .pretty:
            options.output.write(
                Settle.isCompose
                    ? "Docker Compose version v\(number) (settle \(settleVersion))\n" : "settle version \(number)\n")
        }
    }
}
