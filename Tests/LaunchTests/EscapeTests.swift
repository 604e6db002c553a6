import Glibc
import Launch
import Launcher
import Syscalls
import Testing

/// What the root user of a container tries.
@Suite(.serialized) struct EscapeTests {
    let sandbox: Sandbox
    init() throws { sandbox = try Sandbox() }

    /// The status is 0 where every one of the commands failed.
    private func allFail(_ commands: [String], as change: (inout LaunchSpec) -> Void = { _ in }) throws {
        for command in commands {
            var spec = shell("(\(command)) >/dev/null 2>&1 && echo done; true", in: sandbox)
            change(&spec)
            #expect(try run(spec).output == "", "\(command)")
        }
    }

    @Test func knobsOfTheMachineRefuseWrites() throws {
        try allFail([
            "echo x > /proc/sys/kernel/core_pattern", "echo h > /proc/sysrq-trigger",
            "echo 1 > /proc/irq/default_smp_affinity",
            "touch /sys/x", "echo 1 > /sys/kernel/profiling", "mkdir /sys/fs/cgroup/x", "mount -o remount,rw /sys",
            "mount -o remount,rw /proc/sys", "umount /proc/sys", "mount -t tmpfs none /mnt", "mount --bind / /mnt",
        ])
    }

    @Test func maskedPathsAreEmpty() throws {
        let script = LaunchSpec.defaultMaskedPaths.map { "test -d \($0) && ls -A \($0); cat \($0)" }.joined(
            separator: "; ")
        #expect(try run(shell("(\(script)) 2>/dev/null; true", in: sandbox)).output == "")
        #expect(Files.exists("/proc/timer_list") && Files.exists("/sys/firmware"), "else this shows nothing")
    }

    @Test func deviceNodesAreDead() throws {
        var status = stat()
        #expect(stat("/", &status) == 0)
        let major = status.st_dev >> 8 & 0xFFF, minor = status.st_dev & 0xFF
        for folder in ["/", "/dev", "/dev/shm", "/tmp-1", "/bind"] {
            let bind = try sandbox.folder("bind")
            var spec = shell("cd \(folder) && mknod n b \(major) \(minor) && echo made; head -c 1 n; rm n", in: sandbox)
            spec.mounts = [
                Mount(.tmpfs(size: nil, mode: nil, uid: nil, gid: nil), on: "/tmp-1", key: "tmpfs[0]"),
                Mount(.bind(source: bind), on: "/bind", key: "volumes[0]"),
            ]
            let output = try run(spec).output
            #expect(output == "made\nhead: cannot open 'n' for reading: Permission denied\n")
        }
        try allFail([
            "mount -o remount,dev /", "umount /dev/null && mknod /dev/n b \(major) \(minor) && head -c 1 /dev/n",
        ])
    }

    @Test func theUsualDevicesWork() throws {
        let script = """
            head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c; echo x > /dev/null; head -c 1 /dev/zero > /dev/full; \
            stat -c '%a %t:%T' /dev/null /dev/tty; ls -l /dev/ptmx /dev/fd | tr -s ' ' | cut -d' ' -f9-; ls /dev
            """
        let output = try run(shell(script, in: sandbox)).output
        #expect(output.hasPrefix("3\n3\n") && output.contains("No space left on device"))
        #expect(output.contains("666 1:3\n666 5:0\n") && output.contains("/dev/ptmx -> pts/ptmx"))
        #expect(
            output.hasSuffix(
                "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"))
    }

    @Test func anyUserOpensStandardOutput() throws {
        let fifo = sandbox.path + "/out"
        #expect(mkfifo(fifo, 0o666) == 0 && chmod(fifo, 0o666) == 0)
        let held = try Descriptor(fifo, O_RDWR | O_NONBLOCK)
        let end = try Descriptor(fifo, O_WRONLY)
        var spec = shell("echo one > /dev/stdout; echo two > /dev/stderr", in: sandbox)
        spec.user = "1000:1000"
        let raw = end.raw
        #expect(
            try run(spec) {
                $0.output = raw
                $0.errors = raw
            }.status == 0)
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(held.raw, &bytes, bytes.count)
        #expect(String(decoding: bytes[..<max(count, 0)], as: UTF8.self) == "one\ntwo\n")
    }

    @Test func userNamespacesNeedTheCapability() throws {
        try allFail(["unshare -U true", "unshare -Ur true", "unshare -n true", "unshare -m true"])
        var spec = shell("unshare -U true && echo done", in: sandbox)
        spec.capabilities.append("SYS_ADMIN")
        #expect(try run(spec).output == "done\n")
    }

    @Test func rareSystemCallsAreRefused() throws {
        #if arch(x86_64)
            let calls = ["keyctl": 250, "add_key": 248, "bpf": 321, "io_uring_setup": 425, "open_by_handle_at": 304]
        #else
            let calls = ["keyctl": 219, "add_key": 217, "bpf": 280, "io_uring_setup": 425, "open_by_handle_at": 265]
        #endif
        for (name, number) in calls {
            let script = "syscall(\(number), 0, 0, 0, 0, 0); print $! + 0"
            let spec = LaunchSpec(arguments: ["perl", "-e", script], root: sandbox.root())
            #expect(try run(spec).output == "\(EPERM)", "\(name)")
        }
        let clone = LaunchSpec(arguments: ["perl", "-e", "syscall(435, 0, 0); print $! + 0"], root: sandbox.root())
        #expect(try run(clone).output == "\(ENOSYS)")
    }

    @Test func otherProcessesAreOutOfReach() throws {
        try allFail([
            "kill -0 \(getpid())", "ls /proc/\(getpid())/root", "cat /proc/1/root/etc/shadow",
            "perl -e 'exit(syscall(101, 16, \(getpid()), 0, 0) < 0)'",
        ])
        // Even where it sees the host's processes, it may not reach into those that hold more than it does.
        try allFail([
            "readlink /proc/\(getpid())/fd/0", "cat /proc/\(getpid())/environ", "ls /proc/\(getpid())/root/",
            "cat /proc/\(getpid())/mem",
        ]) {
            $0.namespaces[.pid] = .host
        }
    }

    @Test func privilegesCanBeRefused() throws {
        var spec = shell("grep NoNewPrivs /proc/self/status", in: sandbox)
        #expect(try run(spec).output == "NoNewPrivs:\t0\n")
        spec.noNewPrivileges = true
        #expect(try run(spec).output == "NoNewPrivs:\t1\n")
    }
}
