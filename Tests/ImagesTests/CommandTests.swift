import Glibc
import Images
import OCI
import Syscalls
import Testing

/// What the command line makes of images.
@Suite(.serialized) struct CommandTests {
    private func compose(_ sandbox: Sandbox, _ services: [(String, String)]) throws {
        let text = services.map { "  \($0):\n    command: [x]\n    image: \($1)\n" }.joined()
        try Files.replace("\(sandbox.path)/compose.yaml", "name: test\nservices:\n\(text)".utf8)
    }

    private func listing(_ sandbox: Sandbox) throws -> [String] {
        try shell("cd \(sandbox.path)/machine/images/blobs && sha256sum */*").lines.map(String.init)
            + sandbox.listing("\(sandbox.path)/machine/images/layers").filter { $0.contains("/tree") }
    }

    @Test func faultsNameTheServiceThePlaceAndTheWayOut() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        try sandbox.make("layout('arm', {'arm': image('arm', [layer('a', [entry('x')])], arch='arm64')})")
        let registry = try Registry(in: sandbox)
        let locked = try Registry(in: sandbox, hasPassword: true)
        try registry.push("oci:layout:one", as: "one:1", in: sandbox)
        try compose(
            sandbox,
            [
                ("good", "\(registry.address)/one:1"), ("unknown", "\(registry.address)/one:2"),
                ("locked", "\(locked.address)/one:1"), ("arm", "oci:arm"), ("down", "127.0.0.1:1/x"),
                ("nowhere", "registry.invalid/x"), ("gone", "docker-archive:none.tar"),
            ])
        let outcome = try sandbox.run("pull --progress plain")
        #expect(outcome.status == 1)
        for (line, service, words, hint) in [
            (7, "unknown", "\(registry.address) has no such image", "skopeo list-tags"),
            (10, "locked", "\(locked.address) wants a login for it", "skopeo login \(locked.address)"),
            (13, "arm", "it is not made for linux/amd64, only for linux/arm64", "platform: linux/arm64"),
            (16, "down", "127.0.0.1:1 does not answer: connect: connection refused", "check that it is up"),
            (19, "nowhere", "there is no host registry.invalid", "check the spelling"),
            (22, "gone", "\(sandbox.path)/none.tar is not there", "docker-archive:FILE"),
        ] {
            let start = "compose.yaml:\(line + 1):12: error: services.\(service).image: image "
            let found = outcome.text.lines.firstIndex { $0.contains(start) && $0.contains(words) }
            let index = try #require(found, "\(service): \(outcome.text)")
            #expect(outcome.text.lines[index + 1].contains(hint), "\(service)")
        }
        #expect(sandbox.machine.entries().map { $0.reference?.description } == ["\(registry.address)/one:1"])
        #expect(outcome.text.contains("image/\(registry.address)/one:1 done\n"))
        let lenient = try sandbox.run("pull --ignore-pull-failures -q")
        #expect(lenient.status == 0 && lenient.text.contains("warning: image 127.0.0.1:1/x:latest: "))
        let missing = try sandbox.run("pull good", with: "PATH=/nowhere")
        #expect(missing.status == 1 && missing.text.contains("skopeo is not installed"))
    }

    @Test func whenTheDiskIsFull() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let disk = try sandbox.folder("machine")
        try shell("mount -t tmpfs -o size=2m tmpfs \(disk)")
        try compose(sandbox, [("two", "oci:layout:two")])
        let outcome = try sandbox.run("pull")
        #expect(outcome.status == 1)
        #expect(
            outcome.text.contains(
                "compose.yaml:5:12: error: services.two.image: image oci:\(sandbox.path)/layout:two: no space left"),
            "\(outcome.text)")
        #expect(outcome.text.contains("hint: make room: settle image prune"))
        #expect(sandbox.machine.entries().isEmpty)
        #expect(try shell("ls \(disk)/images/fetching") == "")
        try shell("mount -o remount,size=64m \(disk)")
        #expect(try sandbox.run("pull").status == 0)
    }

    @Test func twoCommandsFetchEachBlobOnce() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let registry = try Registry(in: sandbox)
        for name in ["one", "two"] {
            try registry.push("oci:layout:\(name)", as: "\(name):1", in: sandbox)
            try Files.replace(
                "\(sandbox.path)/\(name).yaml",
                "services: {\(name): {image: \"\(registry.address)/\(name):1\", command: [x]}}\n".utf8)
        }
        try sandbox.python(
            """
            os.environ.update(word.split('=') for word in '\(sandbox.variables)'.split())
            pulls = [subprocess.Popen(['\(settle)', '-f', name + '.yaml', 'pull']) for name in ('one', 'two', 'two')]
            assert [pull.wait() for pull in pulls] == [0, 0, 0]
            """)
        let requests = try registry.requests()
        #expect(requests.count == 4 && requests.values.allSatisfy { $0 == 1 }, "\(requests)")
        #expect(sandbox.machine.entries().count == 2)
    }

    /// Whatever is killed, and whenever, the next pull completes, and everything is as if nothing had been.
    @Test func killedAtTwentyMoments() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let registry = try Registry(in: sandbox)
        try registry.push("oci:layout:two", as: "two:1", in: sandbox)
        try compose(sandbox, [("two", "\(registry.address)/two:1")])
        #expect(try sandbox.run("pull").status == 0)
        let wanted = try listing(sandbox)
        var interrupted = 0
        for round in 0..<20 {
            if round % 2 == 0 {
                // An unpacker that has lost its caller may still be tidying up.
                try shell("until rm -rf \(sandbox.path)/machine 2>/dev/null; do sleep 0.05; done")
            }
            let words = try sandbox.python(
                """
                import random, time
                os.environ.update(word.split('=') for word in '\(sandbox.variables)'.split())
                pull = subprocess.Popen(['\(settle)', 'pull', '-q'])
                time.sleep(random.uniform(0, 0.2))
                children = open('/proc/%d/task/%d/children' % (pull.pid, pull.pid)).read().split()
                victim = int(children[0]) if \(round) % 3 == 2 and children else pull.pid
                os.kill(victim, 2 if \(round) % 5 == 4 and victim == pull.pid else 9)
                print(pull.wait())
                """)
            if words.lines.last != "0" { interrupted += 1 }
            for entry in sandbox.machine.entries() { #expect(sandbox.machine.image(entry) != nil) }
        }
        #expect(interrupted > 0)
        #expect(try sandbox.run("pull").status == 0)
        #expect(try listing(sandbox) == wanted)
        #expect(try shell("ls \(sandbox.path)/machine/images/fetching") == "")
        try shell(
            """
            for _ in $(seq 100); do
                pgrep -ax skopeo | grep -q '\(registry.address)' || exit 0
                sleep 0.05
            done
            exit 1
            """)
    }

    @Test func progress() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        try compose(sandbox, [("two", "oci:layout:two")])
        let outcome = try sandbox.run("pull --progress json")
        #expect(outcome.status == 0)
        try Files.replace(
            "\(sandbox.path)/lines", outcome.text.lines.filter { $0.hasPrefix("{") }.joined(separator: "\n").utf8)
        let words = try sandbox.python(
            """
            lines = [json.loads(line) for line in open('lines')]
            assert all(line['resource'] == 'image/oci:\(sandbox.path)/layout:two' for line in lines)
            layers = {line['layer'] for line in lines if 'layer' in line}
            for name in layers:
                own = [line for line in lines if line.get('layer') == name]
                assert all(0 <= line['bytes'] <= line['total'] for line in own), own
                assert own[-1]['status'] == 'done' and own[-1]['bytes'] == own[-1]['total'], own
            print(len(layers), lines[0]['status'], lines[-1]['status'])
            """)
        #expect(words == "2 resolving done\n")
        #expect(try sandbox.run("pull --progress quiet").text == "status 0\n")
        let terminal = try shell(
            "cd \(sandbox.path) && export \(sandbox.variables) && TERM=xterm script -qec '\(settle) pull' /dev/null")
        #expect(terminal.contains("\u{1b}[2Koci:\(sandbox.path)/layout:two"), "\(terminal)")
        #expect(terminal.contains("  done       4.2 MB"), "\(terminal)")
    }

    @Test func imagesComeAndGo() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        try shell(
            "cd \(sandbox.path) && skopeo --insecure-policy copy -q oci:layout:two docker-archive:two.tar:example/two:1"
        )
        #expect(try sandbox.run("load -q -i two.tar").text == "Loaded image: example/two:1\nstatus 0\n")
        #expect(try sandbox.run("load -q", input: "two.tar").text == "Loaded image: example/two:1\nstatus 0\n")
        #expect(try sandbox.run("load -q -i layout").status == 1)
        #expect(try sandbox.run("save -o out.tar example/two:1").text == "status 0\n")
        let digest = try #require(sandbox.machine.entries().first?.id)

        let list = try sandbox.run("images --all").text
        #expect(list.contains("REPOSITORY") && list.contains("example/two") && list.contains(digest.short))
        #expect(list.contains("disk usage: ") && list.contains(" could be freed: settle image prune --all"))
        try Files.replace("\(sandbox.path)/inspect.json", try inspect(sandbox).utf8)
        let words = try sandbox.python(
            """
            it = json.load(open('inspect.json'))[0]
            print(it['Id'], it['RepoTags'], it['Architecture'], it['Config']['Env'])
            """)
        #expect(words == "\(digest) ['example/two:1'] amd64 []\n")

        // A container's image stays.
        _ = try sandbox.folder("machine/projects/p")
        let ledger = "\(sandbox.path)/machine/projects/p/state.json"
        try Files.replace(ledger, "{\"id\":\"\(digest)\"}".utf8)
        let used = try sandbox.run("rmi example/two:1")
        #expect(used.status == 1 && used.text.contains("image example/two:1 is in use"))
        #expect(try sandbox.run("image prune --all --force").text.contains("Total reclaimed space: "))
        #expect(sandbox.machine.entries().count == 1)
        #expect(try sandbox.run("image prune --all").text.contains("nobody is there to be asked"))
        unlink(ledger)
        #expect(try sandbox.run("rmi \(digest.short)").text.contains("Deleted: \(digest)\n"))
        #expect(try sandbox.run("rmi \(digest.short)").text.contains("no such image"))
        #expect(
            try shell("ls \(sandbox.path)/machine/images/blobs/sha256 \(sandbox.path)/machine/images/layers | wc -l")
                .hasPrefix("3"))
        #expect(try sandbox.run("load -q -i out.tar").text == "Loaded image: example/two:1\nstatus 0\n")
        #expect(sandbox.machine.entries().first?.id == digest)
    }

    private func inspect(_ sandbox: Sandbox) throws -> String {
        let text = try sandbox.run("image inspect example/two:1").text
        return String(text[..<(text.firstRange(of: "status ")?.lowerBound ?? text.endIndex)])
    }

    @Test func digestsAreLocked() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let registry = try Registry(in: sandbox)
        try registry.push("oci:layout:one", as: "one:1", in: sandbox)
        try compose(sandbox, [("b", "\(registry.address)/one:1"), ("a", "oci:layout:one")])
        let digest = try sandbox.fetched("\(registry.address)/one:1").manifestDigest
        let name = "\(registry.address)/one:1@\(digest)"
        let lock = try sandbox.run("config --lock-image-digests")
        #expect(
            lock.text == "services:\n  b:\n    image: \(name)\nstatus 0\n" || lock.text.contains("image: \"\(name)\""),
            "\(lock.text)")
        let resolved = try sandbox.run("config --resolve-image-digests").text
        #expect(resolved.contains(name) && resolved.contains("oci:layout:one"))
        registry.stop()
        let down = try sandbox.run("config --lock-image-digests")
        #expect(down.status == 1 && down.text.contains("error: services.b.image: image \(registry.address)/one:1: "))
    }
}
