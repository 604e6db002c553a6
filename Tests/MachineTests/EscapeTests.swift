import Foundation
import Glibc
import Testing

extension MachineTests {
    /// What root in a container tries, through the whole program; `docs/security.md` names each of these tests.
    @Suite(.serialized) struct EscapeTests {
        /// A container that has what a careless author gives, short of what says `everything`.
        private func contained(_ keys: String = "", _ body: (Stack) throws -> Void) throws {
            let yaml = """
                services:
                  jail:
                    rootfs: host
                    init: true
                    command: [sleep, infinity]
                    stop_grace_period: 0s
                    volumes: ["data:/data"]
                    mem_limit: 128m
                    pids_limit: 60
                    \(keys)
                volumes: {data: {}}
                """
            try withStack(yaml) { stack in
                try stack.up()
                try body(stack)
            }
        }

        /// Each of the commands must fail.
        private func allFail(
            _ stack: Stack, _ commands: [String], sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let script = commands.map {
                "( \($0) ) >/dev/null 2>&1 && echo 'done: \($0.replacingOccurrences(of: "'", with: "\""))'"
            }
            let out = try stack.shell("jail", script.joined(separator: "\n") + "\ntrue", sourceLocation: sourceLocation)
            #expect(out == "", sourceLocation: sourceLocation)
        }

        @Test func procSys() throws {
            let before = Machine.text("/proc/sys/kernel/core_pattern")
            try contained { stack in
                try allFail(
                    stack,
                    [
                        "echo '|/bin/sh' > /proc/sys/kernel/core_pattern", "echo 1 > /proc/sys/kernel/panic",
                        "echo h > /proc/sysrq-trigger", "echo 1 > /proc/irq/default_smp_affinity",
                        "echo 0 > /proc/sys/net/ipv4/ip_forward", "mount -o remount,rw /proc/sys", "umount /proc/sys",
                    ])
            }
            #expect(Machine.text("/proc/sys/kernel/core_pattern") == before)
        }

        @Test func masked() throws {
            try contained { stack in
                let out = try stack.shell(
                    "jail",
                    "for f in kcore keys timer_list; do head -c 1 /proc/$f 2>/dev/null; done; ls -A /sys/firmware")
                #expect(out == "")
                try allFail(
                    stack, ["umount /proc/keys", "umount -l /sys/firmware", "head -c 1 /proc/kcore | grep -q ."])
            }
        }

        @Test func sysfs() throws {
            try contained { stack in
                try allFail(
                    stack,
                    [
                        "touch /sys/x", "echo 1 > /sys/kernel/profiling", "mkdir /sys/fs/cgroup/x",
                        "mount -o remount,rw /sys", "echo offline > /sys/devices/system/cpu/cpu1/online",
                        "mount -t sysfs sysfs /mnt", "mount -t cgroup2 none /mnt",
                        "mount -t cgroup -o memory none /mnt",
                    ])
            }
        }

        @Test func mount() throws {
            try contained { stack in
                try allFail(
                    stack,
                    [
                        "mount -t tmpfs none /mnt", "mount --bind / /mnt", "mount -t proc none /mnt",
                        "unshare -m true", "unshare -n true", "unshare -U true", "unshare -Ur true",
                        "nsenter -t 1 -m true", "chroot / mount -t tmpfs none /mnt", "pivot_root / /mnt",
                    ])
            }
        }

        @Test func devices() throws {
            var status = stat()
            try #require(stat("/", &status) == 0)
            let numbers = "\(status.st_dev >> 8 & 0xFFF) \(status.st_dev & 0xFF)"
            try contained { stack in
                for folder in ["/", "/dev", "/dev/shm", "/tmp", "/data"] {
                    let script = "cd \(folder) && mknod disk b \(numbers) && echo made; head -c 1 disk; rm disk"
                    let ended = try stack.run("exec", "-T", "jail", "sh", "-c", script)
                    #expect(ended.out == "made\n" && ended.err.contains("Permission denied"), "\(folder): \(ended)")
                }
                try allFail(
                    stack,
                    [
                        "mount -o remount,dev /", "mknod /data/mem c 1 1 && head -c 1 /data/mem",
                        "mknod /data/kmsg c 1 11 && head -c 1 /data/kmsg",
                    ])
                let names = try stack.shell("jail", "ls /dev | tr '\\n' ' '")
                #expect(names == "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ")
            }
        }

        @Test func mounts() throws {
            try contained { stack in
                // Files on other mounts of the host are not in the lower layer, and no mount of the host's is left.
                let secret = "\(stack.runtime)/secret"
                try "secret".write(toFile: secret, atomically: false, encoding: .utf8)
                let table = try stack.shell("jail", "cut -d' ' -f5 /proc/self/mountinfo")
                let places = table.split(separator: "\n").filter { place in
                    !["/proc", "/sys", "/dev"].contains { place == $0 || place.hasPrefix($0 + "/") }
                }
                #expect(
                    Set(places) == ["/", "/data", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"], "\(places)")
                try allFail(stack, ["cat \(secret)", "ls /old_root/etc", "cat /../../etc/shadow"])
            }
        }

        @Test func hidden() throws {
            #expect(access("/etc/shadow", R_OK) == 0 && access("/root", R_OK) == 0, "else this shows nothing")
            try contained { stack in
                try stack.shell("jail", "touch /data/mine")
                try allFail(
                    stack,
                    [
                        "cat /etc/shadow", "cat /etc/gshadow", "ls -A /root | grep .", "rm /etc/shadow",
                        "ls \(stack.state)/projects", "ls \(stack.state)/volumes",
                        "cat \(stack.state)/projects/\(stack.project)/state.json",
                        "ls -A \(stack.runtime) | grep .", "ls \(stack.runtime)/\(stack.project)/control.sock",
                        "ls -A /run/systemd | grep .", "ls -A /etc/ssl/private | grep .",
                    ])
                // What takes the place of what is hidden is the container's own.
                let shadow = Machine.text("/etc/shadow")
                try stack.shell("jail", "echo own > /etc/shadow; cat /etc/shadow")
                #expect(Machine.text("/etc/shadow") == shadow)
            }
        }

        @Test func ownBinary() throws {
            let before = try Data(contentsOf: URL(fileURLWithPath: Stack.binary))
            try contained { stack in
                #expect(try stack.shell("jail", "cat /proc/1/comm") == "settle", "init is Settle's")
                try allFail(
                    stack,
                    [
                        "echo x >> /proc/1/exe", "echo x > /proc/1/exe", "cp /bin/true /proc/1/exe",
                        "truncate -s 0 /proc/1/exe", "mount -o remount,rw /proc/1/exe",
                        "dd if=/dev/zero of=/proc/1/exe count=1", "rm $(readlink /proc/1/exe)/etc",
                    ])
                // Overwriting the program of exec while it is on its way in: the child has no link to give away.
                let watcher =
                    "for i in $(seq 300); do for p in /proc/[0-9]*; do "
                    + "case $(readlink $p/exe) in */settle) [ $p != /proc/1 ] && echo $p;; esac; done; done 2>/dev/null"
                let watching = try stack.start(["exec", "-T", "jail", "sh", "-c", watcher])
                for _ in 0..<5 { try stack.shell("jail", "true") }
                watching.kill()
                #expect(watching.out == "")
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: Stack.binary)) == before)
        }

        @Test func descriptors() throws {
            try contained { stack in
                let script = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:-1])"
                let own = try stack.expect(0, "exec", "-T", "jail", "python3", "-c", script).out
                let main = try stack.shell("jail", "ls /proc/2/fd | tr '\\n' ' '; readlink /proc/2/fd/0 /proc/2/cwd")
                #expect(own == "[0, 1, 2]\n")
                #expect(main == "0 1 2 /dev/null\n/")
            }
        }

        @Test func ptrace() throws {
            try contained { stack in
                let outside = try stack.pid(of: "jail")
                let seen = try stack.shell("jail", "ls -d /proc/[0-9]* | wc -l")
                #expect(Int(seen)! < 10, "only its own processes are seen")
                try allFail(
                    stack,
                    [
                        "kill -0 \(outside)", "kill -9 \(getpid())", "ls /proc/\(getpid())/root/",
                        "cat /proc/1/root/etc/shadow", "ls /proc/1/root\(stack.state)/projects",
                    ])
            }
        }

        @Test func keys() throws {
            try contained { stack in
                #if arch(x86_64)
                    let calls = [250, 248, 249, 321, 298, 323, 425, 304, 175, 246]
                #else
                    let calls = [219, 217, 218, 280, 241, 282, 425, 265, 105, 104]
                #endif
                // keyctl, add_key, request_key, bpf, perf_event_open, userfaultfd, io_uring_setup, open_by_handle_at,
                // init_module, kexec_load: refused before the kernel looks at what they ask for.
                let script = """
                    import ctypes
                    libc = ctypes.CDLL(None, use_errno=True)
                    for number in \(calls):
                        assert libc.syscall(number, 0, 0, 0, 0, 0) == -1 and ctypes.get_errno() == 1, number
                    """
                try stack.expect(0, "exec", "-T", "jail", "python3", "-c", script)
            }
        }

        @Test func otherServices() throws {
            let yaml = """
                services:
                  jail: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
                  neighbour: {rootfs: host, init: true, command: [sh, -c, "echo secret > /srv/secret; sleep infinity"],
                              environment: {SECRET: word}, stop_grace_period: 0s}
                """
            try withStack(yaml) { stack in
                try stack.up()
                try waitUntil("the secret") {
                    try stack.run("exec", "-T", "neighbour", "cat", "/srv/secret").status == 0
                }
                try allFail(
                    stack,
                    [
                        "cat /srv/secret", "grep -r SECRET=word /proc/[0-9]*/environ",
                        "find /srv /var/lib -name secret | grep srv",
                    ])
                #expect(access("/srv/secret", F_OK) != 0, "the host's own folder is only read")
            }
        }

        @Test func forkBomb() throws {
            try contained { stack in
                let bomb = try stack.start([
                    "exec", "-T", "jail", "sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 1",
                ])
                let file = try Machine.limitFile(stack, "jail", v1: "pids.current", v2: "pids.current")
                for _ in 0..<20 {
                    #expect(Int(Machine.text(file)?.trimmingCharacters(in: .newlines) ?? "")! <= 60)
                    usleep(10000)
                }
                bomb.kill()
                try stack.expect(0, "restart", "-t", "0", "jail")
                #expect(try stack.shell("jail", "echo fine") == "fine")
            }
        }

        @Test func memoryHog() throws {
            try contained { stack in
                let ended = try stack.run("exec", "-T", "jail", "python3", "-c", "x = bytearray(1 << 29)")
                #expect(ended.status == 137, "\(ended)")
                #expect(try stack.row("jail").State == "running")
            }
        }

        @Test func survivor() throws {
            try contained { stack in
                let script =
                    "import os, signal, time\nfor i in range(4):\n  if os.fork() == 0:\n    os.setsid(); os.setpgid\n"
                    + "for s in range(1, 32):\n  try: signal.signal(s, signal.SIG_IGN)\n  except OSError: pass\ntime.sleep(1e6)"
                try stack.expect(0, "exec", "-d", "jail", "python3", "-c", script)
                let file = try Machine.limitFile(stack, "jail", v1: "cgroup.procs", v2: "cgroup.procs")
                try waitUntil("the survivors") { Machine.text(file)!.split(separator: "\n").count > 10 }
                let pids = Machine.text(file)!.split(separator: "\n").compactMap { Int32($0) }
                let freezer = try Machine.limitFile(stack, "jail", v1: "freezer.state", v2: "cgroup.freeze")
                try (freezer.hasSuffix("state") ? "FROZEN" : "1").write(
                    toFile: freezer, atomically: false, encoding: .utf8)
                try stack.expect(0, "down", "-t", "0", "--verify")
                #expect(pids.filter(Machine.isAlive) == [])
            }
        }
    }
}
