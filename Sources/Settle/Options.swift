import Glibc
import OCI
import Stack
import Usage

/// What every command takes: which stack it is about, and how it is told.
struct StackOptions {
    let files: [String]
    let projectName: String?
    let projectDirectory: String?
    let profiles: [String]
    let envFiles: [String]
    let allResources: Bool
    private(set) var progress: ProgressMode
    let colours: ColourMode

    init(_ line: inout Line) {
        files = line.texts(
            "file", short: "f", "FILE",
            "Compose file, `-` for standard input (default: settle.yaml, compose.yaml, … here or above).", .files)
        projectName = line.text("project-name", short: "p", "NAME", "Name of the project.")
        projectDirectory = line.text(
            "project-directory", "DIR", "What relative paths are resolved against (default: the first file's folder).",
            .files)
        profiles = line.texts("profile", "NAME", "A profile to enable, `*` for all; may be repeated.", .profiles)
        envFiles = line.texts(
            "env-file", "FILE", "A file of variables, in place of `.env`; may be repeated.", .files)
        allResources = line.flag(
            "all-resources", "Keep networks, volumes, secrets and configs that no service uses.")
        let progress: ProgressMode? = line.choice("progress", "How progress is told. (default: auto)")
        self.progress = progress ?? environment["COMPOSE_PROGRESS"].flatMap { ProgressMode(rawValue: $0) } ?? .auto
        let colours: ColourMode? = line.choice("ansi", "Whether to print colours. (default: auto)")
        self.colours = colours ?? environment["COMPOSE_ANSI"].flatMap { ColourMode(rawValue: $0) } ?? .auto
        if Settle.isCompose {
            _ = line.flag("compatibility", "Accepted: names have hyphens all the same.")
            _ = line.flag("verbose", "Accepted.")
            _ = line.number("parallel", "NUMBER", "Accepted.", in: -1...Int.max)
        }
    }

    var quiet: StackOptions {
        var options = self
        options.progress = .quiet
        return options
    }

    /// Which stack it is about, as it was given, to be given again.
    var words: [String] {
        func repeated(_ option: String, _ values: [String]) -> [String] { values.flatMap { [option, $0] } }
        return repeated("--project-name", [projectName].compactMap(\.self))
            + repeated("--project-directory", [projectDirectory].compactMap(\.self)) + repeated("--file", files)
            + repeated("--profile", profiles) + repeated("--env-file", envFiles)
            + (allResources ? ["--all-resources"] : [])
    }

    var output: Output { Output(progress: progress, colours: colours) }
}

enum ProgressMode: String, Choosable { case auto, tty, plain, json, quiet }

enum ColourMode: String, Choosable {
    case never, always, auto

    /// <https://no-color.org>: the variable counts if it is not empty.
    func palette(for descriptor: Int32) -> Palette {
        switch self {
        case .never: return .plain
        case .always: return Palette(isOn: true)
        case .auto:
            if isatty(descriptor) == 0 || environment["TERM"] == "dumb" { return .plain }
            return Palette(isOn: environment["NO_COLOR"].map(\.isEmpty) ?? true)
        }
    }
}

/// What several commands ask for.
extension Line {
    mutating func timeout() -> Int? {
        number("timeout", short: "t", "SECONDS", "Before a container that has to stop is killed.")
    }

    mutating func pullPolicy() -> PullPolicy? {
        let words = ["always", "missing", "never"]
        return option(
            "pull", "POLICY", "When images are fetched, in place of what the file says: always, missing or never.",
            .words(words), expects: "always, missing or never"
        ) { words.contains($0) ? try? PullPolicy(parsing: $0) : nil }
    }

    mutating func replica() -> Int { givenReplica() ?? 1 }

    mutating func givenReplica() -> Int? { number("index", "N", "Which replica. (default: 1)", in: 1...Int.max) }
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
