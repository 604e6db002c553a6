import Glibc
import Images
import OCI
import Syscalls
import Testing

/// `up`, where an image cannot be had: every service that has none is named, with its place and the way out, and nothing
/// of the stack is touched.
@Suite(.serialized) struct FaultTests {
    private let db = "  db: {rootfs: host, command: [sleep, infinity], network_mode: none, stop_grace_period: 0s}\n"
    private let changed = "  db: {rootfs: host, command: [sleep, '1000'], network_mode: none, stop_grace_period: 0s}\n"

    private func head(_ sandbox: Sandbox) -> String { "name: \(sandbox.project)\nservices:\n" }

    /// A service that runs is there, and as it was; no other is.
    private func expectUntouched(_ sandbox: Sandbox, _ before: String) throws {
        #expect(try containers(sandbox) == before)
        #expect(before.words.count == 2 && before.hasPrefix("db"))
    }

    private func containers(_ sandbox: Sandbox) throws -> String {
        try Files.replace("\(sandbox.path)/ps", try sandbox.run("ps -a --format json").text.utf8)
        return try sandbox.python(
            """
            for line in open('ps'):
                if line.startswith('{'): print(json.loads(line)['Service'], json.loads(line)['Pid'])
            """)
    }

    private func expect(
        _ outcome: Outcome, _ line: Int, _ service: String, _ words: String, _ hint: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.status == 3, sourceLocation: sourceLocation)
        let start = "compose.yaml:\(line):"
        let problem = outcome.text.lines.firstIndex {
            $0.contains(start) && $0.contains(": error: services.\(service).image: image ") && $0.contains(words)
        }
        guard let problem else {
            Issue.record("\(service): \(outcome.text)", sourceLocation: sourceLocation)
            return
        }
        let place = outcome.text.lines[problem].split(separator: ":").dropFirst(2).first.flatMap { Int($0) }
        #expect(place == 13 + service.utf8.count, sourceLocation: sourceLocation)
        #expect(outcome.text.lines[problem + 1].contains(hint), "\(service)", sourceLocation: sourceLocation)
    }

    @Test func whatIsMissingIsToldAtOnceAndNothingIsTouched() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        try sandbox.make("layout('arm', {'arm': image('arm', [layer('a', [entry('x')])], arch='arm64')})")
        let registry = try Registry(in: sandbox)
        let locked = try Registry(in: sandbox, hasPassword: true)
        try registry.push("oci:layout:one", as: "one:1", in: sandbox)
        try registry.push("oci:arm:arm", as: "arm:1", in: sandbox)
        try locked.push("oci:layout:two", as: "two:1", in: sandbox, "--dest-creds user:password")
        try sandbox.write(auth: locked, "user:no")
        let services =
            [
                ("good", registry, "one:1"), ("unknown", registry, "one:2"), ("foreign", registry, "arm:1"),
                ("locked", locked, "two:1"),
            ].map { "  \($0): {image: \"\($1.address)/\($2)\", command: [/bin/true], network_mode: none}\n" }.joined()
        try sandbox.withStack(head(sandbox) + db) {
            #expect(try sandbox.run("up -d").status == 0)
            let before = try containers(sandbox)
            try sandbox.write(head(sandbox) + changed + services)
            let outcome = try sandbox.run("up -d", with: "REGISTRY_AUTH_FILE=auth.json")
            let host = registry.address
            expect(outcome, 5, "unknown", "\(host) has no such image", "skopeo list-tags docker://\(host)/one")
            expect(
                outcome, 6, "foreign", "it is not made for linux/amd64, only for linux/arm64", "platform: linux/arm64")
            expect(
                outcome, 7, "locked", "\(locked.address) refuses the login of user", "skopeo login \(locked.address)")
            try expectUntouched(sandbox, before)
            expect(try sandbox.run("up -d"), 7, "locked", "\(locked.address) wants a login", "skopeo login")
            try expectUntouched(sandbox, before)
            locked.stop()
            expect(
                try sandbox.run("up -d", with: "REGISTRY_AUTH_FILE=auth.json"), 7, "locked",
                "\(locked.address) does not answer: connect: connection refused", "check that it is up")
            try expectUntouched(sandbox, before)
        }
    }

    @Test func whenTheDiskIsFullNothingIsTouched() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let registry = try Registry(in: sandbox)
        try registry.push("oci:layout:two", as: "two:1", in: sandbox)
        let disk = try sandbox.folder("machine/images")
        try shell("mount -t tmpfs -o size=2m tmpfs \(disk)")
        defer { _ = try? shell("umount -l \(disk)") }
        try sandbox.withStack(head(sandbox) + db) {
            #expect(try sandbox.run("up -d").status == 0)
            let before = try containers(sandbox)
            try sandbox.write(
                head(sandbox) + changed
                    + "  two: {image: \"\(registry.address)/two:1\", command: [x], network_mode: none}\n"
            )
            expect(try sandbox.run("up -d"), 4, "two", "no space left", "make room: settle image prune")
            try expectUntouched(sandbox, before)
            #expect(sandbox.machine.entries().isEmpty)
            #expect(try shell("ls \(disk)/fetching") == "")
        }
    }

    /// One that takes the question and says nothing, one that stops in the middle of a layer.
    @Test func aRegistryThatFallsSilentIsGivenUp() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let registry = try SilentRegistry(in: sandbox)
        defer { registry.stop() }
        try sandbox.withStack(head(sandbox) + db) {
            #expect(try sandbox.run("up -d").status == 0)
            let before = try containers(sandbox)
            let services = ["mute", "stalls"].map { name in
                "  \(name): {image: \"\(registry.address)/\(name):two\", command: [x], network_mode: none}\n"
            }
            try sandbox.write(head(sandbox) + changed + services.joined())
            let outcome = try sandbox.run("up -d", with: "SETTLE_PULL_TIMEOUT=2")
            expect(outcome, 4, "mute", "\(registry.address) does not answer: ", "check that it is up")
            expect(
                outcome, 5, "stalls", "\(registry.address) does not answer: nothing has come for 2 s",
                "what was fetched is kept")
            try expectUntouched(sandbox, before)
            #expect(try shell("ls \(sandbox.path)/machine/images/fetching") == "")
        }
    }
}

/// A server that gives out the manifests and configurations of the folder `layout`, and half of each layer; under the name
/// `mute` not even that.
private final class SilentRegistry {
    let address: String
    private let pid: Int32

    init(in sandbox: Sandbox) throws {
        let program = """
            import http.server, json, sys, threading, time
            digests = lambda name: 'layout/blobs/sha256/' + name.split(':')[1]
            index = json.load(open('layout/index.json'))
            top = [it for it in index['manifests'] if it['annotations']['org.opencontainers.image.ref.name'] == 'two'][0]
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_HEAD(self): self.answer()
                def do_GET(self): self.answer()
                def log_message(self, *words): pass
                def answer(self):
                    if self.path.startswith('/v2/mute'): time.sleep(600)
                    words = self.path.split('/')
                    name = top['digest'] if words[-1] == 'two' else words[-1]
                    data = open(digests(name), 'rb').read() if ':' in name else b'{}'
                    self.send_response(200)
                    kind = top['mediaType'] if words[-2] == 'manifests' else 'application/octet-stream'
                    self.send_header('Content-Type', kind)
                    self.send_header('Content-Length', str(len(data)))
                    self.end_headers()
                    if self.command == 'HEAD': return
                    self.wfile.write(data if len(data) < 4000 else data[:len(data) // 2])
                    self.wfile.flush()
                    if len(data) >= 4000: time.sleep(600)
            server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
            server.daemon_threads = True
            open('port', 'w').write(str(server.server_port))
            server.serve_forever()
            """
        try Files.replace("\(sandbox.path)/silent.py", program.utf8)
        let words = try shell("cd \(sandbox.path) && { setsid python3 silent.py >/dev/null 2>&1 & echo $!; }")
        pid = try #require(Int32(words.lines.first ?? ""))
        try sandbox.waitUntil("the server") { (try? Files.text("\(sandbox.path)/port"))?.isEmpty == false }
        address = "127.0.0.1:\(try Files.text("\(sandbox.path)/port"))"
    }

    func stop() { kill(pid, SIGKILL) }
}

extension Sandbox {
    /// Writes `auth.json` as `skopeo login` does.
    ///
    /// - Parameter login: `USER:PASSWORD`.
    func write(auth registry: Registry, _ login: String) throws {
        try python(
            """
            import base64
            login = base64.b64encode(b'\(login)').decode()
            write('auth.json', json.dumps({'auths': {'\(registry.address)': {'auth': login}}}).encode())
            """)
    }
}
