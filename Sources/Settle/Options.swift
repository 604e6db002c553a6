import ArgumentParser
import Glibc
import Stack

/// A command that speaks of one stack.
protocol StackCommand: ParsableCommand {
    var options: StackOptions { get }
}

/// What every command takes.
struct SharedOptions: ParsableArguments {
    @Option(name: [.customShort("p", allowingJoined: true), .customLong("project-name")], help: "Name of the project.")
    var projectName: String?

    @Option(help: "What relative paths are resolved against (default: the folder of the first file).")
    var projectDirectory: String?

    @Option(help: "A profile to enable, `*` for all; may be repeated.")
    var profile: [String] = []

    @Option(help: "A file of variables, in place of `.env`; may be repeated.")
    var envFile: [String] = []

    @Flag(help: "Keep networks, volumes, secrets and configs that no service uses.")
    var allResources = false

    @Option(help: "How progress is told: auto, plain, json or quiet.")
    var progress: ProgressMode = .auto

    @Option(help: "Whether to print colours: never, always or auto.")
    var ansi: ColourMode = .auto
}

struct FileOption: ParsableArguments {
    @Option(
        name: [.customShort("f", allowingJoined: true), .customLong("file")],
        help: "Compose file, `-` for standard input (default: settle.yaml, compose.yaml, … here or above).")
    var paths: [String] = []
}

/// For commands where `-f` means another thing.
struct LongFileOption: ParsableArguments {
    @Option(name: .customLong("file"), help: "Compose file, `-` for standard input.")
    var paths: [String] = []
}

enum ProgressMode: String, ExpressibleByArgument, CaseIterable { case auto, plain, json, quiet }

enum ColourMode: String, ExpressibleByArgument, CaseIterable {
    case never, always, auto

    /// <https://no-color.org>: the variable counts if it is not empty.
    func palette(for descriptor: Int32) -> Palette {
        switch self {
        case .never: return .plain
        case .always: return Palette(isOn: true)
        case .auto:
            let isWanted = environment["NO_COLOR"].map(\.isEmpty) ?? true
            return Palette(isOn: isWanted && environment["TERM"] != "dumb" && isatty(descriptor) == 1)
        }
    }
}

struct StackOptions {
    let shared: SharedOptions
    let files: [String]

    init(_ shared: SharedOptions, _ files: FileOption) {
        self.shared = shared
        self.files = files.paths
    }

    init(_ shared: SharedOptions, _ files: LongFileOption) {
        self.shared = shared
        self.files = files.paths
    }

    var output: Output { Output(progress: shared.progress, colours: shared.ansi) }
}

/// The environment as it was at the start.
let environment: [String: String] = {
    var result: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
        if let equals = strchr(entry, Int32(UInt8(ascii: "="))) {
            let name = UnsafeRawBufferPointer(start: entry, count: equals - entry)
            result[String(decoding: name, as: UTF8.self)] = String(cString: equals + 1)
        }
        next += 1
    }
    return result
}()
