import Testing

/// One stack through its life, by the command line alone.
@Suite(.serialized) struct StackLifeTests {
    private let file = """
        name: settle-command-life
        services:
          web:
            command: ["sh", "-c", "echo hello; trap 'exit 0' TERM; while :; do sleep 0.1; done"]
            network_mode: none
            init: true
          job:
            command: "true"
            network_mode: none

        """

    @Test func upDiffExecLogsStopStartDown() throws {
        let folder = try Folder()
        try folder.write("compose.yaml", file)
        defer { _ = try? Command(["-p", "settle-command-life", "down", "-v", "-t", "1"], in: folder) }

        let up = try Command(["up", "-d"], in: folder)
        #expect(up.status == 0, "\(up.errors)")
        #expect(up.errors.contains("container/web/1 started"))
        #expect(try Command(["diff", "--exit-code"], in: folder).status == 0)

        let list = try Command(["ps", "-a", "--format", "json"], in: folder)
        #expect(list.output.contains("\"Name\":\"settle-command-life-web-1\""))
        #expect(list.output.contains("\"State\":\"running\""))

        let exec = try Command(["exec", "-T", "-e", "X=1", "web", "sh", "-c", "echo $X; exit 7"], in: folder)
        #expect(exec.status == 7, "\(exec.errors)")
        #expect(exec.output == "1\n")
        #expect(try Command(["exec", "web", "cat"], in: folder, input: "passed on").output == "passed on")
        #expect(try Command(["exec", "web", "nosuch"], in: folder).status == 127)
        #expect(try Command(["exec", "web", "/etc"], in: folder).status == 126)

        #expect(try Command(["logs", "web"], in: folder).output == "web-1  | hello\n")
        #expect(try Command(["logs", "--no-log-prefix", "-n0", "web"], in: folder).output.isEmpty)

        #expect(try Command(["stop", "-t", "5", "web"], in: folder).status == 0)
        #expect(try Command(["ps", "-q"], in: folder).output.isEmpty)
        #expect(try Command(["exec", "web", "true"], in: folder).errors.contains("web is not running"))
        #expect(try Command(["start", "web"], in: folder).status == 0)
        #expect(try Command(["ps", "--services"], in: folder).output == "web\n")

        // Without the file, the machine is enough.
        try folder.write("compose.yaml", "services: [")
        let down = try Command(["-p", "settle-command-life", "down", "--verify"], in: folder)
        #expect(down.status == 0, "\(down.errors)")
        #expect(try Command(["-p", "settle-command-life", "ps", "-a", "-q"], in: folder).output.isEmpty)
    }

    @Test func whatCannotRunIsUndoneAndNamed() throws {
        let folder = try Folder()
        try folder.write(
            "compose.yaml",
            "name: settle-command-fail\nservices:\n  web:\n    command: [\"nosuchprogram\"]\n    network_mode: none\n")
        let up = try Command(["up", "-d"], in: folder)
        #expect(up.status == 3)
        #expect(up.errors.contains("compose.yaml:4:"))
        #expect(up.errors.contains("error: services.web.command: cannot run 'nosuchprogram'"))
        let down = try Command(["down", "--verify"], in: folder)
        #expect(down.status == 0, "\(down.errors)")
    }
}
