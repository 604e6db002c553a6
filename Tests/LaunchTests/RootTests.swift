import Glibc
import Launch
import Launcher
import Syscalls
import Testing

@Suite(.serialized) struct RootTests {
    let sandbox: Sandbox
    init() throws { sandbox = try Sandbox() }

    @Test func writesDoNotReachTheHost() throws {
        let name = "settle-test-\(getpid())"
        let script =
            "touch /etc/\(name) /\(name); rm /etc/hostname; mv /etc/init.d /etc/other; echo $?; ls /etc/\(name)"
        #expect(try run(shell(script, in: sandbox)).output == "0\n/etc/\(name)\n")
        #expect(!Files.exists("/etc/\(name)") && !Files.exists("/\(name)"))
        #expect(Files.exists("/etc/hostname") && Files.exists("/etc/init.d"))
        // They stay for the next start.
        #expect(try run(shell("ls /etc/\(name) /etc/hostname 2>/dev/null", in: sandbox)).output == "/etc/\(name)\n")
    }

    @Test func secretsOfTheHostAreHidden() throws {
        var spec = shell(
            "cat /etc/shadow; ls -A /root; ls \(sandbox.path); echo kept > /root/x; stat -c %a /root /etc; ls /etc/passwd",
            in: sandbox)
        spec.hiddenPaths.append(sandbox.path)
        let output = try run(spec).output
        #expect(
            output == """
                cat: /etc/shadow: No such file or directory
                ls: cannot access '\(sandbox.path)': No such file or directory
                700
                755
                /etc/passwd

                """)
        spec.arguments[2] = "cat /root/x; echo new > /etc/shadow; cat /etc/shadow"
        #expect(try run(spec).output == "kept\nnew\n")
        #expect(try run(spec).output == "kept\nnew\n")
    }

    @Test func aHiddenPathShowsWhatIsMountedThere() throws {
        let folder = try sandbox.folder("named")
        _ = try sandbox.file("named/file", "x")
        var spec = shell("ls /root/deep", in: sandbox)
        spec.mounts = [Mount(.bind(source: folder), on: "/root/deep", key: "volumes[0]")]
        #expect(try run(spec).output == "file\n")
    }

    @Test func noLinkLeadsOutOfAVolume() throws {
        let volume = try sandbox.folder("volume")
        _ = try sandbox.folder("volume/inner")
        _ = try sandbox.file("volume/inner/file", "inside")
        _ = try sandbox.file("volume/passwd", "the volume's own")
        symlink("/", volume + "/up")
        symlink("../../../../..", volume + "/relative")
        symlink("inner", volume + "/link")
        func see(_ part: String, _ script: String, on target: String = "/v") throws -> String {
            var spec = shell(script, in: sandbox)
            spec.mounts = [Mount(.bind(source: volume, below: part), on: target, key: "volumes[0]")]
            return try run(spec).output
        }
        #expect(try see("link", "cat /v/file") == "inside")
        #expect(try see("inner/file", "cat /file", on: "/file") == "inside")
        // Of the host there is nothing to be seen, whatever the way.
        for way in ["up", "relative", "up/relative"] { #expect(try see(way, "ls /v/inner") == "file\n") }
        #expect(throws: LaunchError.self) { try see("up/etc", "ls /v") }
        #expect(throws: LaunchError.self) { try see("nothing", "ls /v") }
    }

    @Test func onlyTheContainersMountsAreThere() throws {
        let output = try run(shell("cut -d' ' -f5 /proc/self/mountinfo | sort | tr '\\n' ' '", in: sandbox)).output
        let mounts = output.split(separator: " ").filter { !$0.hasPrefix("/proc/") && !$0.hasPrefix("/sys/") }
        #expect(
            mounts == [
                "/", "/dev", "/dev/full", "/dev/mqueue", "/dev/null", "/dev/pts", "/dev/random", "/dev/shm", "/dev/tty",
                "/dev/urandom", "/dev/zero", "/proc", "/sys",
            ])
    }

    @Test func mountsAreWritableOrNot() throws {
        let folder = try sandbox.folder("data")
        let file = try sandbox.file("hosts", "1.2.3.4 x\n")
        var spec = shell(
            """
            touch /rw/deep/a && echo ok; touch /ro/b; cat /etc/hosts; touch /tmp-1/c && stat -c '%a %u %g' /tmp-1; \
            df -k /tmp-1 | tail -1 | tr -s ' ' | cut -d' ' -f2; cat /etc/resolv.conf
            """, in: sandbox)
        spec.mounts = [
            Mount(.tmpfs(size: 1 << 20, mode: 0o750, uid: 5, gid: 6), on: "/tmp-1", key: "tmpfs[0]"),
            Mount(.bind(source: folder), on: "/rw/deep", key: "volumes[0]"),
            Mount(.bind(source: folder), on: "/ro", readOnly: true, key: "volumes[1]"),
            Mount(.bind(source: file), on: "/etc/hosts", key: "extra_hosts"),
            Mount(.bind(source: file), on: "/etc/resolv.conf", readOnly: true, key: "dns"),
        ]
        #expect(
            try run(spec).output == """
                ok
                touch: cannot touch '/ro/b': Read-only file system
                1.2.3.4 x
                750 5 6
                1024
                1.2.3.4 x

                """)
        #expect(Files.names(in: folder) == ["a"])
    }

    @Test func aReadOnlyRootKeepsItsMountsWritable() throws {
        var spec = shell("touch /x; touch /w/x && echo ok", in: sandbox)
        spec.readOnly = true
        spec.mounts = [Mount(.tmpfs(size: nil, mode: nil, uid: nil, gid: nil), on: "/w", key: "tmpfs[0]")]
        #expect(try run(spec).output == "touch: cannot touch '/x': Read-only file system\nok\n")
    }

    @Test func aBareFolderIsARootFileSystem() throws {
        let root = try sandbox.busybox()
        symlink("/nowhere/resolv.conf", root + "/resolv.conf")
        let file = try sandbox.file("resolv", "nameserver 1.1.1.1\n")
        var spec = LaunchSpec(
            arguments: ["sh", "-c", "ls /; cat /resolv.conf; echo x > /new; cat /etc/hosts"],
            root: sandbox.root(.directory(root)))
        spec.mounts = [
            Mount(.bind(source: file), on: "/resolv.conf", key: "dns"),
            Mount(.bind(source: file), on: "/etc/hosts", key: "extra_hosts"),
        ]
        let output = try run(spec).output
        #expect(
            output == "bin\ndev\netc\nnowhere\nproc\nresolv.conf\nsys\nnameserver 1.1.1.1\nnameserver 1.1.1.1\n",
            "\(output)")
        #expect(Files.names(in: root) == ["bin", "resolv.conf"])
    }

    @Test func linksOfTheRootFileSystemDoNotLeadOut() throws {
        let root = try sandbox.busybox()
        let outside = try sandbox.folder("outside")
        let file = try sandbox.file("secret", "s\n")
        try Files.makeFolders(root + "/etc")
        symlink(outside, root + "/data")
        symlink("/../../../..\(outside)/file", root + "/etc/hosts")
        var spec = LaunchSpec(arguments: ["cat", "/etc/hosts"], root: sandbox.root(.directory(root)))
        spec.mounts = [
            Mount(.bind(source: file), on: "/etc/hosts", key: "extra_hosts"),
            Mount(.tmpfs(size: nil, mode: nil, uid: nil, gid: nil), on: outside, key: "tmpfs[0]"),
        ]
        #expect(try run(spec).output == "s\n")
        let tmpfs = Mount.Content.tmpfs(size: nil, mode: nil, uid: nil, gid: nil)
        spec.root = sandbox.root(.directory(root), layer: "b")
        spec.mounts = [Mount(tmpfs, on: "/data/x", key: "tmpfs[1]")]
        #expect(
            throws: LaunchError(
                "tmpfs[1]", "cannot make the folder /data/x: no such file or directory", errno: ENOENT)
        ) { try run(spec) }
        #expect(Files.names(in: outside) == [])
    }
}
