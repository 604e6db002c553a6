import Testing
import Usage

@Suite struct TextTests {
    @Test func helpIsMadeOfTheDeclarations() {
        #expect(
            text(["up", "--bogus", "-h"]) == """
                Starts everything.

                USAGE: pilot up [OPTION…] [SERVICE…]

                  pilot up -d

                Undoes what cannot be done.

                ARGUMENTS:
                  SERVICE                 Services; all where none is named.

                OPTIONS:
                  -d, --detach            Return at once.
                  -t, --timeout SECONDS   Before a container is killed.
                      --format text|json  How it is printed.
                  -h, --help              Show this.

                GLOBAL OPTIONS:
                  -f, --file FILE         A file; may be repeated.
                  -p, --project-name NAME
                                          Name of the project.
                      --ansi auto|never   Colours. (default: auto)

                """)
    }

    @Test func helpOfTheProgramListsTheCommands() throws {
        for words in [[], ["--help"], ["-p", "x"]] {
            let help = try #require(text(words))
            #expect(help.hasPrefix("Flies stacks.\n\nUSAGE: pilot [OPTION…] COMMAND"))
            #expect(help.contains("\nSTACK:\n  up                      Starts everything.\n"))
            #expect(help.contains("\nCONTAINERS:\n  logs "))
            #expect(help.split(separator: "\n").allSatisfy { $0.count <= 80 })
        }
        #expect(text(["--version"]) == "pilot version 1.2\n")
    }

    @Test func aShortNameThatIsTakenIsNotShownTwice() throws {
        let help = try #require(text(["logs", "--help"]))
        #expect(help.contains("  -f, --follow"))
        #expect(help.contains("      --file FILE"))
    }

    @Test func theManualHasEveryCommandAndNothingThatRoffWouldRead() {
        let manual = program().manual
        #expect(manual.contains(".SS pilot exec [OPTION…] SERVICE COMMAND [ARGUMENT…]\nRuns a command.\n"))
        #expect(manual.contains(".TP\n\\fB\\-t, \\-\\-timeout SECONDS\\fR\nBefore a container is killed.\n"))
        let requests = Set(manual.split(separator: "\n").filter { $0.hasPrefix(".") }.map { $0.prefix(3) })
        #expect(requests == [".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi"])
    }

    // MARK: Completion

    private func offered(_ words: String...) -> [String] { program().completion(words).candidates.map(\.word) }
    private func others(_ words: String...) -> Suggestions { program().completion(words).others }

    @Test func commandsAndOptionsAreOffered() {
        #expect(offered("") == ["up", "logs", "exec", "port"])
        #expect(offered("-p", "shop", "l") == ["up", "logs", "exec", "port"])
        #expect(offered("--") == ["--file", "--project-name", "--ansi", "--version", "--help"])
        #expect(offered("logs", "-") == ["--follow", "--file", "--project-name", "--ansi", "--help"])
    }

    @Test func valuesAreOffered() {
        #expect(offered("up", "--format", "") == ["text", "json"])
        #expect(offered("up", "--format=") == ["--format=text", "--format=json"])
        // As bash has it.
        #expect(offered("up", "--format", "=", "j") == ["text", "json"])
        #expect(offered("up", "--format", "=") == ["text", "json"])
        #expect(others("-f") == .nothing)
        #expect(others("-f", "") == .files)
        #expect(others("up", "-t", "") == .nothing)
    }

    @Test func namesThatOnlyTheFilesKnowAreAskedFor() throws {
        #expect(others("up", "web", "") == .services)
        #expect(others("exec", "") == .services)
        #expect(others("exec", "web", "") == .files)
        #expect(offered("exec", "web", "-").isEmpty)
        #expect(others("port", "web", "") == .nothing)
        #expect(others("port", "web", "80", "") == .nothing)
        #expect(others("nothing", "") == .nothing)
        var completion = program().completion(["-f", "other.yaml", "up", "-p", "x", ""])
        #expect(Options(&completion.line).files == ["other.yaml"])
    }

    @Test(arguments: Shell.allCases) func aScriptAsksTheProgram(shell: Shell) {
        let script = shell.script("pilot")
        #expect(script.contains("pilot complete -- "))
        #expect(script.contains(":files"))
    }
}
