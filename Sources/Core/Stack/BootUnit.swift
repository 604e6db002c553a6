/// The unit by which systemd brings a stack up when the machine starts, and stops it before the machine does.
package struct BootUnit: Hashable, Sendable {
    package var project: String
    /// The folder that relative paths of the options count from.
    package var folder: String
    /// Settle's own program, absolute.
    package var program: String
    /// The global options, as they were given.
    package var options: [String]
    /// What the commands find in their environment, as `NAME=value`.
    package var environment: [String]
    /// Folders whose file systems have to be mounted before.
    package var needs: [String]

    package init(
        project: String, folder: String, program: String, options: [String] = [], environment: [String] = [],
        needs: [String] = []
    ) {
        self.project = project
        self.folder = folder
        self.program = program
        self.options = options
        self.environment = environment
        self.needs = needs
    }

    package static func name(of project: String) -> String { "settle-\(project).service" }
    package var name: String { Self.name(of: project) }
    /// The target that wants it.
    package static let target = "multi-user.target"

    /// One shot: once everything has started, nothing of the unit is left that could die. What runs is in control groups
    /// of Settle's own, which systemd leaves alone; where a hierarchy of systemd's has it in the unit all the same, only
    /// the command itself is ended with the unit.
    ///
    /// A status of 1 says that the file is wrong: trying again would not help.
    package var text: String {
        let command = ([program] + options).map(Self.argument).joined(separator: " ")
        let lines =
            [
                "# Written by `settle enable`; `settle disable` takes it away.",
                "[Unit]",
                "Description=The stack \(project), run by Settle",
                "Documentation=man:settle(8)",
                "Wants=network-online.target",
                "After=network-online.target local-fs.target remote-fs.target",
                "RequiresMountsFor=" + needs.map(Self.word).joined(separator: " "),
                "",
                "[Service]",
                "Type=oneshot",
                "RemainAfterExit=yes",
                "WorkingDirectory="
                    + folder.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%"),
            ] + environment.map { "Environment=" + Self.word($0) } + [
                "ExecStart=\(command) up --detach",
                "ExecStop=\(command) stop",
                "KillMode=process",
                "TimeoutStartSec=infinity",
                "TimeoutStopSec=infinity",
                "Restart=on-failure",
                "RestartSec=10",
                "RestartPreventExitStatus=1",
                "",
                "[Install]",
                "WantedBy=\(Self.target)",
            ]
        return lines.map { $0 + "\n" }.joined()
    }

    /// systemd.syntax(7): quotes and backslashes are escaped within double quotes, `%` begins a specifier.
    private static func word(_ text: String) -> String {
        let isPlain =
            !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "+,-./:=@_".utf8.contains(byte)
                }
            }
        if isPlain { return text }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "%": quoted += "%%"
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// systemd.service(5): in a command `$` begins a variable.
    private static func argument(_ text: String) -> String {
        word(text).split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$")
    }
}
