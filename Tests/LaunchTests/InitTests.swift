import Glibc
import Launch
import Launcher
import Syscalls
import Testing

@Suite(.serialized) struct InitTests {
    let sandbox: Sandbox
    let binary: Int32

    init() throws {
        sandbox = try Sandbox()
        binary = try settleBinary().take()
    }

    private func program(_ arguments: [String]) -> LaunchSpec {
        LaunchSpec(arguments: arguments, root: sandbox.root(), initProcess: true)
    }

    private func begin(_ script: String) throws -> Running {
        let binary = binary
        return try LaunchTests.begin(program(["sh", "-c", script])) { $0.binary = binary }
    }

    @Test func theProgramsStatusIsTheContainers() throws {
        defer { close(binary) }
        #expect(
            try begin("test $$ != 1; cat /proc/1/cmdline | tr '\\0' ' ' | cut -c1-11; exit 9").wait()
                == Ended(status: 9, output: "settle-init\n"))
        #expect(try begin("kill -9 $$").wait().status == 137)
    }

    @Test func aProgramThatCannotRunFailsTheStart() throws {
        defer { close(binary) }
        func failure(_ name: String) -> LaunchError? {
            do { _ = try run(program([name])) { [binary] in $0.binary = binary } } catch {
                return error as? LaunchError
            }
            return nil
        }
        #expect(
            failure("no-such")
                == LaunchError("command", "cannot run 'no-such': no such file in any folder of PATH", errno: ENOENT))
        #expect(failure("/etc/passwd")?.errno == EACCES)
        let plain = Mount(
            .bind(source: try sandbox.file("plain", "exit 3", mode: 0o755)), on: "/plain", key: "volumes[0]")
        var spec = program(["/plain"])
        spec.mounts = [plain]
        #expect(throws: LaunchError.self) { try run(spec) { [binary] in $0.binary = binary } }
    }

    @Test func anInitThatCannotRunIsNotTheProgramsFault() throws {
        close(binary)
        let data = try Launcher.ownBinary(sandbox.file("data", "no program", mode: 0o755))
        let raw = data.raw
        #expect(
            throws: LaunchError(
                "init", "cannot run Settle's init, which 'init: true' asks for: exec format error", errno: ENOEXEC)
        ) { try run(program(["true"])) { $0.binary = raw } }
    }

    @Test func orphansAreReaped() throws {
        defer { close(binary) }
        // The inner shell ends at once and leaves its child to pid 1; gone from /proc means reaped.
        let running = try begin(
            """
            orphan=$(sh -c 'sleep 0.05 >/dev/null & echo $!')
            for i in $(seq 500); do test -e /proc/$orphan || break; sleep 0.02; done
            test -e /proc/$orphan || echo reaped
            """)
        #expect(try running.wait() == Ended(status: 0, output: "reaped\n"))
    }

    @Test func signalsArePassedOn() throws {
        defer { close(binary) }
        let running = try begin("trap 'echo term; exit 5' TERM; echo up; while :; do sleep 0.01; done")
        try running.expect("up")
        kill(running.pid, SIGTERM)
        #expect(try running.wait() == Ended(status: 5, output: "up\nterm\n"))
    }

    @Test func theBinaryCannotBeChangedFromInside() throws {
        defer { close(binary) }
        let running = try begin("head -c 4 /proc/1/exe | tail -c 3; echo; echo > /proc/1/exe; ls -l /proc/1/fd | wc -l")
        let output = try running.wait().output
        #expect(output.contains("ELF\n") && output.contains("cannot create /proc/1/exe"))
        // "total", and the three standard streams.
        #expect(output.hasSuffix("\n4\n"), "\(output)")
    }
}
