import Glibc
import Images
import OCI
import Syscalls
import Testing

/// Builds by buildah, through the command line: how they end, and where what they make goes.
@Suite(.serialized) struct BuildTests {
    /// A stack whose build has one step that sleeps for so many seconds: nobody else does.
    private func prepare(_ sandbox: Sandbox, sleeps seconds: Int? = nil, image: String = "it") throws {
        let step = seconds.map { "RUN [\"/bin/busybox\", \"sleep\", \"\($0)\"]\n" } ?? ""
        try shell("mkdir -p \(sandbox.path)/context && cp /bin/busybox \(sandbox.path)/context/")
        try Files.replace(
            "\(sandbox.path)/context/Dockerfile",
            "FROM scratch\nCOPY busybox /bin/busybox\n\(step)CMD [\"/bin/busybox\", \"sleep\", \"1000\"]\n".utf8)
        try sandbox.write(
            """
            name: \(sandbox.project)
            services:
              web: {build: ./context, image: "\(image)", network_mode: none}
            """)
    }

    /// Starts settle in the background, where shells have SIGINT ignored unless told otherwise.
    private func start(_ sandbox: Sandbox, _ words: String) throws -> Int32 {
        let words = try shell(
            "cd \(sandbox.path); env --default-signal=INT \(sandbox.variables) setsid \(settle) \(words) >out 2>&1 & echo $!"
        )
        return try #require(Int32(words.lines.first ?? ""))
    }

    /// Of the step that sleeps.
    private func step(_ seconds: Int) -> Int32? {
        Files.names(in: "/proc").compactMap { Int32($0) }.first {
            (try? Files.text("/proc/\($0)/cmdline")) == "/bin/busybox\0sleep\0\(seconds)\0"
        }
    }

    private func containers(_ sandbox: Sandbox) -> String {
        let file = "\(sandbox.path)/machine/images/build/storage/overlay-containers/containers.json"
        return (try? Files.text(file)) ?? "none"
    }

    /// A zombie is not.
    private func isAlive(_ pid: Int32) -> Bool {
        (try? Files.text("/proc/\(pid)/status")).map { !$0.contains("State:\tZ") } ?? false
    }

    @Test func anInterruptedBuildLeavesNothing() throws {
        let sandbox = try Sandbox()
        let seconds = 100_000 + Int(getpid())
        try prepare(sandbox, sleeps: seconds)
        let build = try start(sandbox, "build")
        try sandbox.waitUntil("the step") { step(seconds) != nil }
        #expect(containers(sandbox).hasPrefix("[{"))
        kill(build, SIGINT)
        try sandbox.waitUntil("the end") { !isAlive(build) }
        #expect(step(seconds) == nil)
        #expect(containers(sandbox) == "[]")
        #expect(
            try shell("ls \(sandbox.path)/machine/images/build/tmp; grep \(sandbox.path)/ /proc/self/mountinfo || :")
                == "")
    }

    @Test func aKilledBuildEndsAndIsClearedAwayLater() throws {
        let sandbox = try Sandbox()
        let seconds = 200_000 + Int(getpid())
        try prepare(sandbox, sleeps: seconds)
        for next in ["image prune --force", "build"] {
            try prepare(sandbox, sleeps: seconds)
            let build = try start(sandbox, "build")
            try sandbox.waitUntil("the step") { step(seconds) != nil }
            kill(build, SIGKILL)
            try sandbox.waitUntil("the end of the step") { step(seconds) == nil }
            #expect(containers(sandbox).hasPrefix("[{"))
            try prepare(sandbox)
            let outcome = try sandbox.run(next)
            #expect(outcome.status == 0, "\(outcome.text)")
            #expect(containers(sandbox) == "[]", "\(next)")
            if next == "build" { #expect(try shell("ls -d /run/settle-build.* 2>/dev/null || :") == "") }
            #expect(
                try shell(
                    "ls \(sandbox.path)/machine/images/build/tmp; grep \(sandbox.path)/ /proc/self/mountinfo || :")
                    == "")
        }
    }

    @Test func stepsHaveASharedMemoryOfTheirSize() throws {
        let sandbox = try Sandbox()
        try prepare(sandbox)
        try Files.replace(
            "\(sandbox.path)/context/Dockerfile",
            "FROM scratch\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"df\", \"-k\", \"/dev/shm\"]\n".utf8)
        for (key, size) in [("", "65536"), (", shm_size: 8m", "8192")] {
            try sandbox.write(
                "name: \(sandbox.project)\nservices: {web: {build: {context: ./context\(key)}, network_mode: none}}\n")
            let outcome = try sandbox.run("build --no-cache")
            let line = outcome.text.lines.first { $0.contains("/dev/shm") && $0.contains("%") }
            #expect(line?.words.contains(Substring(size)) == true, "\(outcome.text)")
        }
    }

    /// After a build, too.
    @Test func whoWaitsForTheProjectsLockCanBeInterrupted() throws {
        let sandbox = try Sandbox()
        try prepare(sandbox)
        let lock = "\(try sandbox.folder("machine/locks"))/\(sandbox.project)"
        let file = try Descriptor(lock, O_RDWR | O_CREAT)
        #expect(flock(file.raw, LOCK_EX | LOCK_NB) == 0)
        let up = try start(sandbox, "up -d --build")
        try sandbox.waitUntil("the wait for the lock") {
            (try? Files.text("\(sandbox.path)/out"))?.contains("waiting for ") == true
        }
        kill(up, SIGINT)
        try sandbox.waitUntil("the end") { !isAlive(up) }
        #expect(sandbox.machine.entries().count == 1)
    }

    @Test func whatWasBuiltAndPushedComesElsewhere() throws {
        let sandbox = try Sandbox()
        let registry = try Registry(in: sandbox, hasPassword: true)
        let name = "\(registry.address)/team/it:1"
        try prepare(sandbox, image: name)
        #expect(try sandbox.run("build").status == 0)
        let built = try #require(sandbox.machine.entries().first)
        let refused = try sandbox.run("push")
        #expect(refused.status == 1)
        #expect(
            refused.text.contains("compose.yaml:3:") && refused.text.contains("services.web.image: image \(name): ")
                && refused.text.contains("\(registry.address) wants a login") && refused.text.contains("skopeo login"),
            "\(refused.text)")
        try sandbox.write(auth: registry, "user:password")
        let push = try sandbox.run("push", with: "REGISTRY_AUTH_FILE=auth.json")
        #expect(push.status == 0 && push.text.contains("image/\(name) pushed"), "\(push.text)")
        try shell("mv \(sandbox.path)/machine \(sandbox.path)/here")
        let pull = try sandbox.run("pull", with: "REGISTRY_AUTH_FILE=auth.json")
        #expect(pull.status == 0, "\(pull.text)")
        let pulled = try #require(sandbox.machine.entries().first)
        #expect(pulled.id == built.id)
        // Under the digest that the push has noted.
        let pushed = try #require(ImageStore(folder: "\(sandbox.path)/here/images").entries().first?.repoDigest)
        #expect(pulled.repoDigest == pushed && pulled.manifest.digest == pushed)
    }
}
