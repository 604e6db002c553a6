import Compose
import Diagnostics
import Glibc
import Linux
import Processes
import Stack
import Syscalls
import Usage

struct Enable: SettleCommand {
    static let about = About(
        "enable", "Has systemd bring the stack up when the machine starts.",
        """
          settle enable
          settle enable --now

        Writes a unit, settle-PROJECT.service, that runs `settle up --detach` with the options given here, and
        `settle stop` before the machine stops. Without --now it counts from the next start on.
        """)

    private let folder: String
    private let now: Bool

    init(_ line: inout Line) {
        now = line.flag("now", "Start the unit as well: what is up already stays as it is.")
        folder = line.unitFolder()
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(loading: options)
        guard !options.files.contains("-") else {
            throw Complaint("standard input is not there when the machine starts", hint: "write it into a file")
        }
        let kept = environment.filter { Self.isKept($0.key) }
        try refuseLostVariables(options, kept, scene.project?.files ?? [])
        let here = try StackFiles.workingFolder()
        let unit = BootUnit(
            project: scene.name, folder: here, program: try Self.program(), options: options.words,
            environment: kept.map { "\($0.key)=\($0.value)" }.sorted(),
            needs: [here, scene.project?.directory ?? here, scene.paths.roots.state].uniqueSorted)
        let system = UnitFolder(folder)
        try system.write(unit)
        scene.output.write("\(system.path(of: unit.name))\n")
        if !UnitFolder.isWatched {
            let when = "the unit counts where it does, from the next start of the machine on"
            return scene.output.warn("systemd does not run here: \(when)")
        }
        try system.reload()
        if now { try system.systemctl("start", unit.name) }
    }

    /// What the commands go by; everything else that the shell has set is not there when the machine starts.
    private static func isKept(_ name: String) -> Bool {
        ["HOME", "PATH"].contains(name) || name.hasPrefix("COMPOSE_") || name.hasPrefix("SETTLE_")
    }

    private static func program() throws -> String {
        guard let path = realpath("/proc/self/exe", nil) else { throw SystemError("realpath", errno: errno) }
        defer { free(path) }
        return String(cString: path)
    }

    /// A stack that says another thing without the shell's variables would not be the same one after a start.
    private func refuseLostVariables(
        _ options: StackOptions, _ kept: [String: String], _ files: [SharedFile]
    ) throws {
        func text(_ known: [String: String]) throws -> String? {
            try StackFiles.find(options, known: known)?.load(options).model?.yaml()
        }
        let variables = try StackFiles.find(options, known: kept)?.variables ?? [:]
        // What secrets hold is in no text.
        var lost = Set(files.compactMap(\.variable).filter { environment[$0] != nil && variables[$0] == nil })
        let whole = try text(environment)
        if try text(kept) != whole {
            for name in environment.keys where !Self.isKept(name) {
                var without = environment
                without[name] = nil
                if try text(without) != whole { lost.insert(name) }
            }
        }
        if lost.isEmpty { return }
        throw Complaint(
            lost.sorted().map { name in
                Diagnostic(
                    .error, "the file uses the variable \(name), which only this shell has set",
                    hint: "write it into .env beside the file, or into a file named by --env-file")
            })
    }
}

struct Disable: SettleCommand {
    static let about = About(
        "disable", "Takes away what `enable` has written.",
        """
          settle disable
          settle -p shop disable

        What runs goes on.
        """)

    private let folder: String

    init(_ line: inout Line) { folder = line.unitFolder() }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        let system = UnitFolder(folder)
        let name = BootUnit.name(of: scene.name)
        guard Files.exists(system.path(of: name)) else {
            return scene.output.warn("\(scene.name) is not enabled: there is no \(system.path(of: name))")
        }
        system.remove(name)
        try system.reload()
    }
}

/// Where systemd looks for units.
private struct UnitFolder {
    private static let usual = "/etc/systemd/system"
    let folder: String

    init(_ folder: String) { self.folder = folder.isEmpty ? Self.usual : folder }

    func path(of name: String) -> String { "\(folder)/\(name)" }
    private func link(of name: String) -> String { "\(folder)/\(BootUnit.target).wants/\(name)" }

    /// sd_booted(3)
    static var isWatched: Bool { Files.isFolder("/run/systemd/system") == true }

    func write(_ unit: BootUnit) throws {
        try Files.makeFolders("\(folder)/\(BootUnit.target).wants")
        try Files.replace(path(of: unit.name), unit.text.utf8, mode: 0o644)
        if Files.exists(link(of: unit.name)) { return }
        try check("symlink", on: link(of: unit.name)) { symlink("../\(unit.name)", link(of: unit.name)) }
    }

    func remove(_ name: String) {
        unlink(link(of: name))
        unlink(path(of: name))
        rmdir("\(folder)/\(BootUnit.target).wants")
    }

    /// Of another folder than the usual one systemd knows nothing.
    func reload() throws { if folder == Self.usual && Self.isWatched { try systemctl("daemon-reload") } }

    func systemctl(_ words: String...) throws {
        guard let program = ["/usr/bin/systemctl", "/bin/systemctl"].first(where: Files.exists) else {
            throw Complaint(
                "there is no program systemctl, and yet systemd runs", hint: "systemctl \(words.joined(separator: " "))"
            )
        }
        let said = try MemoryFile("systemctl")
        if try ChildProcess(program, words, errors: said.raw).wait() == 0 { return }
        throw Complaint(
            "systemctl \(words.joined(separator: " ")): \(said.text.lines.first.map(String.init) ?? "failed")")
    }
}

extension Line {
    /// Empty where it is the usual one.
    fileprivate mutating func unitFolder() -> String {
        text("unit-dir", "DIR", "Where units are (default: SETTLE_UNIT_DIR, else /etc/systemd/system).", .files)
            ?? environment["SETTLE_UNIT_DIR"] ?? ""
    }
}

extension SharedFile {
    /// The variable that holds it.
    fileprivate var variable: String? {
        switch source {
        case .environment(let name): name
        case .file, .content: nil
        }
    }
}

extension [String] {
    fileprivate var uniqueSorted: [String] { Set(self).sorted() }
}
