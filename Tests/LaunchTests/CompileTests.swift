import Foundation
import Launch
import Testing

@Suite struct CompileTests {
    let facts = Facts(
        identity: Identity(uid: 1000, gid: 100, groups: [27], home: "/home/u"),
        bounding: ["CHOWN", "NET_RAW", "SYS_ADMIN"],
        hidden: [HiddenPath("/etc/shadow", above: [.init(path: "/etc", mode: 0o755, uid: 0, gid: 0)])],
        masked: [KnownPath("/proc/kcore", isFolder: false)], readOnly: ["/proc/sys"],
        targets: [KnownPath("/srv", isFolder: true)])

    var spec: LaunchSpec {
        LaunchSpec(
            arguments: ["nginx", "-g", "x"], environment: ["SECRET=1", "PATH=/usr/bin:/bin"], workingDirectory: "/srv",
            user: "u", hostname: "web",
            root: RootFileSystem(lower: .host, upper: "/state/up,per", work: "/state/work"),
            mounts: [Mount(.bind(source: "/site"), on: "/srv", readOnly: true, key: "volumes[0]")],
            capabilities: ["cap_net_raw"], namespaces: [.net: .join])
    }

    @Test func textIsOneCallPerLine() {
        let text = compile(spec, facts).text
        #expect(text == golden, "\(text)")
    }

    @Test func everyProgramIsValid() {
        #expect(compile(spec, facts).validate() == [])
        var spec = spec
        spec.initProcess = true
        spec.noNewPrivileges = true
        spec.readOnly = true
        spec.namespaces = [.mnt: .host, .pid: .host, .net: .host, .ipc: .host, .uts: .host]
        #expect(compile(spec, facts).validate() == [])
        spec.namespaces = [.mnt: .join, .pid: .join, .net: .join, .ipc: .join, .uts: .join]
        #expect(compile(spec, facts).validate() == [])
        #expect(compile(ExecSpec(arguments: ["sh"], terminal: true), facts).validate() == [])
    }

    @Test func aPartOfAVolumeIsLookedUpWithinIt() {
        var spec = spec
        spec.mounts = [Mount(.bind(source: "/volume", below: "a/b"), on: "/srv", key: "volumes[0]")]
        let program = compile(spec, facts)
        #expect(program.validate() == [])
        #expect(
            program.text.contains(
                #"openat2(volume, "a/b", {flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24) = part"#
            ))
        #expect(!program.text.contains("/volume/a"))
    }

    @Test func whatIsPassedOnIsTakenBeforeTheMountsPart() throws {
        var spec = spec
        spec.mounts[0].content = .bind(source: "/site", propagation: .rslave)
        let steps = compile(spec, facts).steps
        let parting = try #require(steps.firstIndex { $0.purpose == "separate from the host's mounts" })
        let taken = try #require(steps.firstIndex { $0.call == .open_tree })
        #expect(taken < parting)
        #expect(steps[taken + 2].text.contains("{propagation=MS_SLAVE}"))
        spec.mounts[0].content = .bind(source: "/site", propagation: .rprivate)
        let own = compile(spec, facts).steps
        let first = try #require(own.firstIndex { $0.purpose == "separate from the host's mounts" })
        #expect(try #require(own.firstIndex { $0.call == .open_tree }) > first)
    }

    @Test func validationFindsFaults() {
        var program = compile(spec, facts)
        program.steps.removeFirst(2)
        #expect(program.validate() == ["no gate at the start"])
        program = compile(spec, facts)
        program.steps.removeAll { $0.call == .open_tree }
        #expect(program.validate().first?.contains("mount0 is used before it is there") == true)
        program = compile(spec, facts)
        program.steps.removeAll { $0.call == .capset }
        #expect(program.validate() == ["capabilities are not set"])
        program = compile(spec, facts)
        program.steps.append(program.steps.first { $0.call == .mount }!)
        #expect(program.validate().count == 2)
    }

    @Test func aFailingStepNamesItsKey() throws {
        let program = compile(spec, facts)
        let index = try #require(program.steps.firstIndex { $0.call == .open_tree })
        let (key, message) = program.explain(step: index, errno: 13, reason: "permission denied")
        #expect(key == "volumes[0]")
        #expect(message == "cannot mount /site on /srv: permission denied")
        let last = program.steps.count - 1
        #expect(
            program.explain(step: last, errno: 2, reason: "").message
                == "cannot run 'nginx': no such file in any folder of PATH")
    }

    @Test func secretsStayOutOfTheText() {
        #expect(!compile(spec, facts).text.contains("SECRET"))
    }

    @Test func aSpecificationSurvivesCoding() throws {
        let text = try JSONEncoder().encode(spec)
        #expect(try JSONDecoder().decode(LaunchSpec.self, from: text) == spec)
        #expect(String(decoding: text, as: UTF8.self).contains(#""namespaces":{"net":"join"}"#))
    }
}

/// Written as it is on purpose: whoever changes it reads what a container start now does.
private let golden = #"""
    clone3({flags=CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_PIDFD|CLONE_CLEAR_SIGHAND}) = pid
    close(gate_keeper)
    read(gate, &byte, 1)
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    umask(00)
    setsid()
    keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)
    setns(net_namespace, CLONE_NEWNET)
    unshare(CLONE_NEWCGROUP)
    mount(NULL, "/", NULL, MS_REC|MS_PRIVATE, NULL)
    open_tree(AT_FDCWD, "/site", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE) = mount0
    mount_setattr(mount0, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY|MOUNT_ATTR_NODEV}, 32)
    mkdirat(AT_FDCWD, "/state/up,per", 0755)
    mkdirat(AT_FDCWD, "/state/work", 0755)
    mount("tmpfs", "/proc", "tmpfs", MS_NOSUID|MS_NODEV|MS_NOEXEC, "mode=755")
    mkdirat(AT_FDCWD, "/proc/etc", 0755)
    mknodat(AT_FDCWD, "/proc/etc/shadow", S_IFCHR, makedev(0, 0))
    mount("overlay", "/state/up,per", "overlay", MS_NODEV, "lowerdir=/proc:/,upperdir=/state/up\\,per,workdir=/state/work,redirect_dir=on,index=off,xino=on")
    chdir("/state/up,per")
    pivot_root(".", ".")
    umount2(".", MNT_DETACH)
    chdir("/")
    mkdirat(AT_FDCWD, "/proc", 0755)
    mount("proc", "/proc", "proc", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)
    mkdirat(AT_FDCWD, "/sys", 0755)
    mount("sysfs", "/sys", "sysfs", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)
    mount_setattr(AT_FDCWD, "/sys", 0, {attr_set=MOUNT_ATTR_RDONLY}, 32)
    mkdirat(AT_FDCWD, "/dev", 0755)
    mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k")
    mknodat(AT_FDCWD, "/dev/null", S_IFCHR|0666, makedev(1, 3))
    mount("/dev/null", "/dev/null", NULL, MS_BIND, NULL)
    mknodat(AT_FDCWD, "/dev/zero", S_IFCHR|0666, makedev(1, 5))
    mount("/dev/zero", "/dev/zero", NULL, MS_BIND, NULL)
    mknodat(AT_FDCWD, "/dev/full", S_IFCHR|0666, makedev(1, 7))
    mount("/dev/full", "/dev/full", NULL, MS_BIND, NULL)
    mknodat(AT_FDCWD, "/dev/random", S_IFCHR|0666, makedev(1, 8))
    mount("/dev/random", "/dev/random", NULL, MS_BIND, NULL)
    mknodat(AT_FDCWD, "/dev/urandom", S_IFCHR|0666, makedev(1, 9))
    mount("/dev/urandom", "/dev/urandom", NULL, MS_BIND, NULL)
    mknodat(AT_FDCWD, "/dev/tty", S_IFCHR|0666, makedev(5, 0))
    mount("/dev/tty", "/dev/tty", NULL, MS_BIND, NULL)
    mount_setattr(AT_FDCWD, "/dev", 0, {attr_set=MOUNT_ATTR_NODEV}, 32)
    symlinkat("/proc/self/fd", AT_FDCWD, "/dev/fd")
    symlinkat("/proc/self/fd/0", AT_FDCWD, "/dev/stdin")
    symlinkat("/proc/self/fd/1", AT_FDCWD, "/dev/stdout")
    symlinkat("/proc/self/fd/2", AT_FDCWD, "/dev/stderr")
    symlinkat("pts/ptmx", AT_FDCWD, "/dev/ptmx")
    mkdirat(AT_FDCWD, "/dev/pts", 0755)
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID|MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5")
    mkdirat(AT_FDCWD, "/dev/mqueue", 0755)
    mount("mqueue", "/dev/mqueue", "mqueue", MS_NOSUID|MS_NODEV|MS_NOEXEC, NULL)
    mkdirat(AT_FDCWD, "/dev/shm", 0755)
    mount("shm", "/dev/shm", "tmpfs", MS_NOSUID|MS_NODEV|MS_NOEXEC, "mode=1777,size=67108864")
    mkdirat(AT_FDCWD, "/srv", 0755)
    move_mount(mount0, "", AT_FDCWD, "/srv", MOVE_MOUNT_F_EMPTY_PATH)
    close(mount0)
    mount("/proc/sys", "/proc/sys", NULL, MS_BIND|MS_REC, NULL)
    mount_setattr(AT_FDCWD, "/proc/sys", 0, {attr_set=MOUNT_ATTR_RDONLY}, 32)
    mount("/dev/null", "/proc/kcore", NULL, MS_BIND, NULL)
    sethostname("web", 3)
    openat(AT_FDCWD, "/dev/null", O_RDWR|O_CLOEXEC, 0) = null
    dup3(null, 0, 0)
    dup3(stdout, 1, 0)
    dup3(stderr, 2, 0)
    umask(022)
    chdir("/srv")
    dup3(report, 3, O_CLOEXEC) = report
    close_range(4, ~0U, 0)
    seccomp(SECCOMP_SET_MODE_FILTER, 0, {default filter, with 1 capabilities})
    prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0)
    prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0)
    setgroups(1, [27])
    setresgid(100, 100, 100)
    setresuid(1000, 1000, 1000)
    capset({version=3, pid=0}, {effective=permitted=0})
    execve("/usr/bin/nginx", ["nginx", "-g", "x"], /* 4 vars */)
    execve("/bin/nginx", ["nginx", "-g", "x"], /* 4 vars */)

    """#
