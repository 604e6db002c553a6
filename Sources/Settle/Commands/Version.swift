import ArgumentParser
import Diagnostics

struct Version: StackCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Shows the version.", discussion: "  settle version --short")

    @Flag(help: "Only the number.") var short = false
    @Option(name: .shortAndLong, help: "text or json.") var format: VersionFormat = .text
    @OptionGroup var shared: SharedOptions
    @OptionGroup(visibility: .hidden) var files: LongFileOption

    enum VersionFormat: String, ExpressibleByArgument { case text, pretty, json }

    var options: StackOptions { StackOptions(shared, files) }

    func run() {
        switch format {
        case .json: options.output.write(JSON.object([("version", .string(settleVersion))]).compact + "\n")
        case .text, .pretty:
            options.output.write(short ? "\(settleVersion)\n" : "settle version \(settleVersion)\n")
        }
    }
}
