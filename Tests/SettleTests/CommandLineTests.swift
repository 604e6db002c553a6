import Testing

@Suite(.serialized) struct CommandLineTests {
    private let file = """
        name: shop
        services:
          web:
            command: sleep 1000
            network_mode: none
          job:
            command: "true"
            network_mode: none

        """

    private func folder(_ name: String = "compose.yaml") throws -> Folder {
        let folder = try Folder()
        try folder.write(name, file)
        return folder
    }

    // MARK: What is said of a wrong file

    @Test func aTerminalIsShownTheLine() throws {
        let folder = try Folder()
        try folder.write("compose.yaml", "services:\n  web:\n    imag: nginx\n    command: \"true\"\n")
        let run = try Command(["config"], in: folder, variables: ["NO_COLOR": "1"], isOnTerminal: true)
        #expect(run.status == 1)
        let lines = run.output.split(whereSeparator: \.isNewline)
        #expect(
            lines == [
                "compose.yaml:3:5: error: services.web.imag: unknown key", "  3 |     imag: nginx", "    |     ^",
                "  hint: did you mean image?",
            ])
        let piped = try Command(["config"], in: folder)
        #expect(!piped.errors.contains("|"))
    }

    @Test func problemsComeAsJSONWhereItIsAskedFor() throws {
        let folder = try Folder()
        try folder.write("compose.yaml", "services:\n  web:\n    imag: nginx\n    command: \"true\"\n")
        let run = try Command(["config", "--format", "json"], in: folder)
        #expect(run.status == 1)
        #expect(run.errors.hasPrefix("compose.yaml:3:5: error: services.web.imag: "))
        for part in [#""diagnostics""#, #""line": 3"#, #""column": 5"#, #""path": "services.web.imag""#] {
            #expect(run.output.contains(part), "\(run.output)")
        }
    }

    // MARK: Where options stand

    @Test(arguments: [
        ["-f", "other.yaml", "config", "--services"], ["config", "-f", "other.yaml", "--services"],
        ["config", "--services", "--file=other.yaml"], ["--file", "other.yaml", "config", "--services"],
        ["-fother.yaml", "config", "--services"], ["config", "--services", "-fother.yaml"],
    ])
    func globalOptionsStandBeforeOrAfterTheCommand(arguments: [String]) throws {
        let run = try Command(arguments, in: folder("other.yaml"))
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output == "job\nweb\n")
    }

    @Test(arguments: [["-p", "else", "config"], ["config", "-p", "else"], ["-pelse", "config"]])
    func theProjectCanBeNamedOnEitherSide(arguments: [String]) throws {
        #expect(try Command(arguments, in: folder()).output.hasPrefix("name: else\n"))
    }

    @Test func aGlobalFileIsNotTheFOfLogs() throws {
        let run = try Command(["-f", "compose.yaml", "logs", "nobody"], in: folder())
        #expect(run.status == 1)
        #expect(run.errors == "error: no such service: nobody\n")
    }

    @Test func theFileMayComeFromStandardInput() throws {
        let run = try Command(["-f", "-", "config", "--services"], in: Folder(), input: file)
        #expect(run.output == "job\nweb\n", "\(run.errors)")
    }

    @Test func theFileIsFoundAbove() throws {
        let folder = try folder("settle.yaml")
        try folder.write("a/b/c", "")
        let run = try Command(["--project-directory", "a/b", "config", "--services"], in: folder)
        #expect(run.output == "job\nweb\n", "\(run.errors)")
    }

    @Test func theEnvironmentNamesFileAndProject() throws {
        let variables = ["COMPOSE_FILE": "other.yaml", "COMPOSE_PROJECT_NAME": "else"]
        let run = try Command(["config"], in: folder("other.yaml"), variables: variables)
        #expect(run.output.hasPrefix("name: else\n"), "\(run.errors)")
    }

    // MARK: Exit codes

    @Test func everyProblemOfTheFileIsToldAtOnce() throws {
        let folder = try Folder()
        try folder.write(
            "compose.yaml", "services:\n  web:\n    comand: x\n    mem_limit: much\n    network_mode: none\n")
        let run = try Command(["config"], in: folder)
        #expect(run.status == 1)
        #expect(run.output.isEmpty)
        #expect(run.errors.contains("compose.yaml:3:5: error: services.web.comand: "))
        #expect(run.errors.contains("compose.yaml:4:16: error: services.web.mem_limit: "))
        #expect(!run.errors.contains("\u{1b}"))
    }

    @Test func problemsAreJSONWhenProgressIs() throws {
        let folder = try Folder()
        try folder.write("compose.yaml", "services:\n  web:\n    comand: x\n")
        let run = try Command(["--progress", "json", "config"], in: folder)
        #expect(run.status == 1)
        let lines = run.errors.split(separator: "\n")
        #expect(!lines.isEmpty)
        #expect(lines.allSatisfy { $0.hasPrefix("{\"severity\":\"error\",\"file\":\"compose.yaml\",\"line\":") })
    }

    @Test(arguments: [
        ["config", "--bogus"], ["bogus"], ["up", "--timeout", "soon"], ["logs", "-n", "x"], ["exec", "web"],
        ["kill", "-s", "NONE"], ["help", "bogus"], ["completion", "tcsh"],
    ])
    func wrongUsageIsOne(arguments: [String]) throws {
        let run = try Command(arguments, in: folder())
        #expect(run.status == 1)
        #expect(run.output.isEmpty)
        #expect(run.errors.contains("rror: "))
    }

    @Test func aMissingFileIsOne() throws {
        #expect(try Command(["config"], in: Folder()).errors.contains("no Compose file in this folder or above it"))
        let run = try Command(["-f", "nowhere.yaml", "config"], in: Folder())
        #expect(run.status == 1)
        #expect(run.errors.contains("nowhere.yaml: no such file"))
    }

    @Test(arguments: ["../escape", "Shop", "a.b", ""])
    func aNameThatIsNoneIsRefused(name: String) throws {
        let run = try Command(["-p", name, "ps"], in: Folder())
        #expect(run.status == 1)
        #expect(!run.errors.isEmpty)
    }

    @Test func helpIsZeroAndHasExamples() throws {
        for command in [[], ["up"], ["down"], ["diff"], ["ps"], ["logs"], ["exec"], ["config"], ["doctor"], ["schema"]]
        {
            let run = try Command(command + ["--help"], in: Folder())
            #expect(run.status == 0)
            #expect(run.output.contains("  settle "))
            #expect(run.output.contains("USAGE: "))
        }
    }

    /// What the script sees of bash, and does with what Settle answers.
    @Test(arguments: [
        (["logs", ""], ["job", "web"]), (["logs", "w"], ["web"]), (["-f", "other.yaml", "up", ""], ["lone"]),
        (["diff", "--format", "=", "j"], ["json"]), (["di"], ["diff", "disable"]), (["exec", "web", "x"], []),
    ])
    func bashCompletesWords(words: [String], offered: [String]) throws {
        let folder = try folder()
        try folder.write("other.yaml", "services: {lone: {rootfs: host, command: x}}\n")
        let quoted = words.map { "'\($0)'" }.joined(separator: " ")
        let script = try Command(["completion", "bash"], in: folder).output
        try folder.write(
            "complete",
            """
            settle() { \(Command.binary) "$@"; }
            compopt() { :; }
            \(script)
            COMP_WORDS=(settle \(quoted))
            COMP_CWORD=\(words.count)
            _settle
            printf '%s\\n' "${COMPREPLY[@]}"

            """)
        let run = try Command(shell: "bash complete", in: folder)
        #expect(run.output.split(separator: "\n").map(String.init) == offered, "\(run.errors)")
    }

    @Test func theVersionIsTold() throws {
        #expect(try Command(["version", "--short"], in: Folder()).output == "0.1.0\n")
        #expect(try Command(["version", "-f", "json"], in: Folder()).output == "{\"version\":\"0.1.0\"}\n")
    }

    // MARK: Without a file

    @Test func aStackThatIsNotThereIsEmpty() throws {
        let folder = try Folder()
        let list = try Command(["-p", "nowhere", "ps", "--format", "json"], in: folder)
        #expect(list.status == 0, "\(list.errors)")
        #expect(list.output.isEmpty)
        let down = try Command(["-p", "nowhere", "down", "--verify"], in: folder)
        #expect(down.status == 0)
        #expect(down.errors == "warning: nothing of nowhere is on this machine\n")
    }

    @Test func aBrokenFileIsNotInTheWayOfDown() throws {
        let folder = try Folder()
        try folder.write("compose.yaml", "services: [")
        #expect(try Command(["-p", "nowhere", "down"], in: folder).status == 0)
        let unnamed = try Command(["down"], in: folder)
        #expect(unnamed.status == 1)
        #expect(unnamed.errors.contains("give it with -p"))
        try folder.write("compose.yaml", "name: nowhere\nservices: {web: {imag: x}}\n")
        for command in ["down", "ps", "stop"] { #expect(try Command([command], in: folder).status == 0) }
        #expect(try Command(["config"], in: folder).status == 1)
    }

    @Test func diffNamesPlacesAndCounts() throws {
        let folder = try folder()
        let text = try Command(["diff"], in: folder)
        #expect(text.status == 0, "\(text.errors)")
        #expect(text.output.contains("+ container/web/1"))
        #expect(text.output.contains("compose.yaml:3"))
        #expect(
            text.output.hasSuffix("Plan: 3 to create, 0 to update in place, 0 to restart, 0 to replace, 0 to remove.\n")
        )
        #expect(try Command(["diff", "--exit-code"], in: folder).status == 2)
        #expect(try Command(["diff", "nobody"], in: folder).status == 1)
    }

    @Test func aRehearsalShowsTheCallsAndLeavesNothing() throws {
        let folder = try folder()
        let run = try Command(["up", "--dry-run"], in: folder)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("container/web/1:\n  clone3("))
        #expect(run.output.contains("execve("))
        let state = try Command(["ps", "-a", "--format", "json"], in: folder)
        #expect(state.output.isEmpty)
    }
}
