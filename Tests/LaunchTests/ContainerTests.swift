import Glibc
import Launch
import Launcher
import Syscalls
import Testing

@Suite(.serialized) struct ContainerTests {
    let sandbox: Sandbox
    init() throws { sandbox = try Sandbox() }

    @Test func aCommandRunsAndItsStatusComesBack() throws {
        #expect(try run(shell("echo hello; exit 7", in: sandbox)) == Ended(status: 7, output: "hello\n"))
        #expect(try run(shell("kill -9 $$", in: sandbox)).status == 0, "pid 1 ignores itself")
    }

    @Test func environmentFolderAndHostname() throws {
        var spec = shell("echo $A $HOME $HOSTNAME; pwd; hostname; umask; cat", in: sandbox)
        spec.environment = ["A=1 2"]
        spec.workingDirectory = "/new/folder"
        spec.hostname = "web-1"
        #expect(try run(spec).output == "1 2 /root web-1\n/new/folder\nweb-1\n0022\n")
    }

    @Test func theUserIsResolvedInTheContainer() throws {
        let root = try sandbox.busybox()
        try Files.makeFolders(root + "/etc")
        try Files.replace(root + "/etc/passwd", Array("app:x:500:501::/app:/bin/sh\n".utf8), mode: 0o644)
        try Files.replace(root + "/etc/group", Array("one:x:501:\ntwo:x:502:app\n".utf8), mode: 0o644)
        var spec = LaunchSpec(
            arguments: ["sh", "-c", "id -u; id -g; id -G; echo $HOME; cat /proc/self/status"], user: "app",
            root: sandbox.root(.directory(root)))
        let output = try run(spec).output
        #expect(output.hasPrefix("500\n501\n501 502\n/app\n"), "\(output)")
        #expect(output.contains("CapEff:\t0000000000000000") && output.contains("CapPrm:\t0000000000000000"))
        #expect(output.contains("CapBnd:\t00000000a80425fb") && output.contains("Groups:\t502"))
        spec.user = "nobody"
        #expect(throws: LaunchError("user", "no user 'nobody' in the container's /etc/passwd")) { try run(spec) }
    }

    @Test func capabilitiesAreDockersUnlessAsked() throws {
        let spec = shell("grep Cap /proc/self/status", in: sandbox)
        #expect(
            try run(spec).output == """
                CapInh:\t0000000000000000
                CapPrm:\t00000000a80425fb
                CapEff:\t00000000a80425fb
                CapBnd:\t00000000a80425fb
                CapAmb:\t0000000000000000

                """)
        var few = spec
        few.capabilities = ["cap_kill"]
        #expect(try run(few).output.contains("CapEff:\t0000000000000020"))
    }

    @Test func aFailingStepNamesItsKey() throws {
        func failure(_ change: (inout LaunchSpec) -> Void) -> LaunchError? {
            var spec = shell("true", in: sandbox)
            change(&spec)
            do {
                _ = try run(spec)
                return nil
            } catch { return error as? LaunchError }
        }
        #expect(failure { $0.hostname = String(repeating: "x", count: 65) }?.key == "hostname")
        #expect(failure { $0.workingDirectory = "/etc/passwd/x" }?.key == "working_dir")
        #expect(failure { $0.root.upper = "/proc/self/x" }?.key == "rootfs")
        let missing = failure { $0.mounts = [Mount(.bind(source: "/no/such"), on: "/x", key: "volumes[3]")] }
        #expect(missing?.key == "volumes[3]")
        let file = failure {
            $0.mounts = [Mount(.tmpfs(size: nil, mode: nil, uid: nil, gid: nil), on: "/etc/passwd", key: "tmpfs[0]")]
        }
        #expect(file?.key == "tmpfs[0]")
        #expect(file?.errno == ENOTDIR)
    }

    @Test func programsAreLookedForInThePath() throws {
        let tools = try sandbox.folder("tools")
        _ = try sandbox.file("tools/plain", "exit 3", mode: 0o755)
        _ = try sandbox.file("tools/script", "#!/bin/sh\nexit 4\n", mode: 0o755)
        _ = try sandbox.file("tools/data", "#!/bin/sh\nexit 4\n", mode: 0o644)
        func attempt(_ name: String) throws -> Int32 {
            var spec = LaunchSpec(arguments: [name], root: sandbox.root())
            spec.environment = ["PATH=/nowhere:/tools:/usr/bin:/bin"]
            spec.mounts = [Mount(.bind(source: tools), on: "/tools", key: "volumes[0]")]
            return try run(spec).status
        }
        #expect(try attempt("script") == 4)
        #expect(try attempt("/tools/script") == 4)
        let command = "cannot run "
        #expect(
            throws: LaunchError(
                "command", command + "'plain': neither a program for this machine nor a script that begins with #!",
                errno: ENOEXEC)
        ) { try attempt("plain") }
        #expect(
            throws: LaunchError(
                "command", command + "'data': permission denied: the file is not executable for this user",
                errno: EACCES)
        ) { try attempt("data") }
        #expect(
            throws: LaunchError("command", command + "'nginx-x': no such file in any folder of PATH", errno: ENOENT)
        ) { try attempt("nginx-x") }
    }

    @Test func nothingIsInherited() throws {
        let stray = open("/etc/hostname", O_RDONLY)  // without O_CLOEXEC
        defer { close(stray) }
        signal(SIGUSR1, SIG_IGN)
        defer { signal(SIGUSR1, SIG_DFL) }
        let script = "ls /proc/self/fd | tr '\\n' ' '; readlink /proc/$$/fd/0; grep -E 'Sig(Blk|Ign)' /proc/self/status"
        let output = try run(shell(script, in: sandbox)).output
        // 3 is the folder that ls itself reads.
        #expect(
            output == "0 1 2 3 /dev/null\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", "\(output)")
    }

    @Test func withoutReleaseTheChildEnds() throws {
        let program = compile(shell("true", in: sandbox), try Launcher.look(shell("true", in: sandbox)))
        let pid: Int32
        do {
            let start = try Launcher.start(program, Launcher.Attachments(output: 1, errors: 2))
            pid = start.pid
        }
        var status: Int32 = 0
        #expect(waitpid(pid, &status, 0) == pid)
        #expect(status >> 8 == 127)
    }

    @Test func aChildKilledAtTheGateIsNoHarm() throws {
        let spec = shell("true", in: sandbox)
        var start = try Launcher.start(
            compile(spec, try Launcher.look(spec)), Launcher.Attachments(output: 1, errors: 2))
        kill(start.pid, SIGKILL)
        var status: Int32 = 0
        #expect(waitpid(start.pid, &status, 0) == start.pid && status == SIGKILL)
        try start.release()
        #expect(try start.outcome() == .running)
    }

    @Test func aContainerIsBornInItsControlGroup() throws {
        let roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        let root = try #require(roots.first { Files.exists($0 + "/cgroup.procs") })
        let group = "\(root)/settle-test/launch-\(getpid())"
        try Files.makeFolders(group)
        let folder = try Descriptor(group, O_DIRECTORY)
        let raw = folder.raw
        let running = try begin(shell("echo up; exec sleep 1000", in: sandbox)) { $0.cgroup = raw }
        #expect(try Files.text(group + "/cgroup.procs") == "\(running.pid)\n")
        // It sees its group as the root of all.
        let spec = ExecSpec(arguments: ["grep", "^0::", "/proc/1/cgroup"])
        let container = running.process.raw
        let program = compile(spec, try Launcher.look(spec, process: running.pid))
        let exec = try begin(program) {
            $0.container = container
            $0.input = 0
            $0.cgroup = raw
        }
        #expect(try exec.wait().output == "0::/\n")
        try running.kill()
        #expect(rmdir(group) == 0)
        rmdir(root + "/settle-test")
    }
}
