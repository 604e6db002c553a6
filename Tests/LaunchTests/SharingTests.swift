import CLaunch
import Glibc
import Launch
import Launcher
import Syscalls
import Testing

/// Several processes, or containers, in one namespace.
@Suite(.serialized) struct SharingTests {
    let sandbox: Sandbox
    init() throws { sandbox = try Sandbox() }

    private func server(_ script: String = "echo up; exec sleep 1000") throws -> Running {
        let running = try begin(shell(script, in: sandbox))
        try running.expect("up")
        return running
    }

    private func namespace(_ kind: NamespaceKind, of running: borrowing Running) throws -> Descriptor {
        try Descriptor("/proc/\(running.pid)/ns/\(kind.rawValue)", O_RDONLY)
    }

    private func exec(_ spec: ExecSpec, in running: borrowing Running) throws -> Ended {
        let program = compile(spec, try Launcher.look(spec, process: running.pid))
        let container = running.process.raw
        return try begin(program) {
            $0.container = container
            $0.input = 0
        }.wait()
    }

    @Test func aProcessNamespaceIsShared() throws {
        let first = try server()
        let processes = try namespace(.pid, of: first)
        var spec = shell("cat /proc/1/comm; kill -9 1; echo $?; test $$ != 1", in: sandbox)
        spec.root = sandbox.root(layer: "b")
        spec.namespaces[.pid] = .join
        let ended = try run(spec) { $0.namespaces[.pid] = processes.raw }
        #expect(ended == Ended(status: 0, output: "sleep\n0\n"))
        // The launching process itself has stayed where it was.
        let second = try run(shell("echo $$", in: sandbox))
        #expect(second.output == "1\n")
        try first.kill()
    }

    @Test func hostNamespacesAreTheLaunchers() throws {
        var spec = shell("for n in pid net ipc uts mnt; do readlink /proc/self/ns/$n; done", in: sandbox)
        let own = try ["pid", "net", "ipc", "uts", "mnt"].map { try link("/proc/self/ns/" + $0) }
        let new = try run(spec).output.split(separator: "\n").map(String.init)
        #expect(new.count == 5 && Set(new).isDisjoint(with: own))
        spec.namespaces = [.pid: .host, .net: .host, .ipc: .host, .uts: .host]
        let shared = try run(spec).output.split(separator: "\n").map(String.init)
        #expect(Array(shared.dropLast()) == Array(own.dropLast()) && shared.last != own.last)
        spec.namespaces[.mnt] = .host
        #expect(try run(spec).output.split(separator: "\n").map(String.init) == own)
    }

    @Test func aMountNamespaceIsShared() throws {
        let first = try server("echo data > /only-here; echo up; exec sleep 1000")
        let mounts = try namespace(.mnt, of: first)
        var spec = shell("cat /only-here; ls /root", in: sandbox)
        spec.root.lower = .directory("/proc/\(first.pid)/root")
        spec.namespaces[.mnt] = .join
        #expect(try run(spec) { $0.namespaces[.mnt] = mounts.raw }.output == "data\n")
        try first.kill()
    }

    @Test func memoryIsSharedWithTheNamespace() throws {
        let shared = try sandbox.folder("shm")
        let first = try server()
        let ipc = try namespace(.ipc, of: first)
        var spec = shell("readlink /proc/self/ns/ipc; echo x > /dev/shm/a", in: sandbox)
        spec.root = sandbox.root(layer: "b")
        spec.namespaces[.ipc] = .join
        spec.sharedMemory = .folder(shared)
        let output = try run(spec) { $0.namespaces[.ipc] = ipc.raw }.output
        #expect(output == (try link("/proc/\(first.pid)/ns/ipc")) + "\n")
        #expect(Files.names(in: shared) == ["a"])
        try first.kill()
        let size = try run(
            shell("df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2; stat -c %a /dev/shm", in: sandbox))
        #expect(size.output == "65536\n1777\n")
    }

    @Test func execEntersTheContainer() throws {
        let first = try server("echo mark > /mark; echo up; exec sleep 1000")
        let script =
            "cat /mark /proc/1/comm; id -u; pwd; echo $A; grep -E 'Cap(Eff|Bnd)' /proc/self/status; ls /proc/self/fd"
        let ended = try exec(
            ExecSpec(
                arguments: ["sh", "-c", script], environment: ["A=b"], workingDirectory: "/etc", user: "daemon"),
            in: first)
        #expect(
            ended.output == """
                mark
                sleep
                1
                /etc
                b
                CapEff:\t0000000000000000
                CapBnd:\t00000000a80425fb
                0
                1
                2
                3

                """)
        try first.kill()
    }

    @Test func execEntersAContainerWithNamespacesOfTheHost() throws {
        var spec = shell("echo mark > /mark; echo up; exec sleep 1000", in: sandbox)
        spec.namespaces = [.pid: .host, .net: .host, .ipc: .host, .uts: .host]
        let first = try begin(spec)
        try first.expect("up")
        let ended = try exec(ExecSpec(arguments: ["sh", "-c", "cat /mark; readlink /proc/self/ns/pid"]), in: first)
        #expect(ended.output == "mark\n\(try link("/proc/self/ns/pid"))\n")
        try first.kill()
    }

    @Test func execTellsWhyItCannot() throws {
        let first = try server()
        func failure(_ spec: ExecSpec) -> LaunchError? {
            do { _ = try exec(spec, in: first) } catch { return error as? LaunchError }
            return nil
        }
        #expect(failure(ExecSpec(arguments: ["no-such"]))?.exitStatus == 127)
        #expect(failure(ExecSpec(arguments: ["/etc/passwd"]))?.exitStatus == 126)
        #expect(failure(ExecSpec(arguments: ["/etc"]))?.exitStatus == 126)
        let folder = failure(ExecSpec(arguments: ["true"], workingDirectory: "/no/such"))
        #expect(folder?.exitStatus == 126 && folder?.key == "working_dir")
        try first.kill()
    }

    @Test func execGetsATerminalOfTheContainer() throws {
        let first = try server()
        let spec = ExecSpec(
            arguments: ["sh", "-c", "tty; stat -c '%u %a' $(tty); echo $TERM; exec < /dev/tty && echo controls"],
            user: "daemon", terminal: true)
        let facts = try Launcher.look(spec, process: first.pid)
        let terminal = try Terminal(inContainerOf: first.pid, owner: facts.identity.uid)
        let inside = terminal.inside.raw, container = first.process.raw
        let running = try begin(compile(spec, facts)) {
            $0.container = container
            $0.input = inside
            $0.output = inside
            $0.errors = inside
        }
        #expect(try running.wait().status == 0)
        // The kernel hands over what was written in pieces, some time after.
        var text = ""
        var ready = pollfd(fd: terminal.master.raw, events: Int16(POLLIN), revents: 0)
        while !text.contains("controls"), poll(&ready, 1, 5_000) > 0 {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = read(terminal.master.raw, &bytes, bytes.count)
            if count <= 0 { break }
            text += String(decoding: bytes[..<count], as: UTF8.self)
        }
        #expect(text == "/dev/pts/0\r\n1 620\r\nxterm\r\ncontrols\r\n")
        try first.kill()
    }

    private func link(_ path: String) throws -> String {
        var target = [CChar](repeating: 0, count: 4096)
        let count = try check("readlink", on: path) { readlink(path, &target, target.count) }
        return String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
