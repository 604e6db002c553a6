import Glibc
import Images
import OCI
import Syscalls
import Testing

/// Images come here whole, from wherever they are.
@Suite struct FetchTests {
    @Test func fromARegistry() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let registry = try Registry(in: sandbox)
        try registry.push("oci:layout:one", as: "a/one:1", in: sandbox)
        try registry.push("oci:layout:two", as: "a/two:1", in: sandbox)
        try registry.push("oci:layout:one", as: "a/docker:1", in: sandbox, "--format v2s2")
        let names = ["a/one:1", "a/two:1", "a/docker:1"].map { "\(registry.address)/\($0)" }
        var events: [PullEvent] = []
        let images = try sandbox.fetch(names) { events.append($0) }.map { try $0.get() }

        #expect(try images.map { try sandbox.content($0, "etc/name") } == ["base", "two", "base"])
        #expect(images[0].config.environment == ["A=1"])
        // What OCI's own form has no place for.
        #expect(images[2].config.healthcheck?.retries == 4)
        #expect(images[0].layers == Array(images[1].layers.prefix(1)))
        #expect(try sandbox.brokenBlobs() == "")
        #expect(try registry.requests().values.allSatisfy { $0 == 1 })
        for (name, image) in zip(names, images) {
            let found = try #require(sandbox.images.image(try sandbox.reference(name), image.config.platform))
            #expect(found == image)
            let pinned = try sandbox.reference("\(name)@\(try #require(image.repoDigest))")
            #expect(sandbox.images.image(pinned, image.config.platform)?.id == image.id)
        }

        // Every layer is told of from its beginning to its end.
        let layer = images[1].layers[1]
        let told = events.filter { $0.layer == layer.digest }
        #expect(told.first?.phase == .waiting && told.last?.phase == .done)
        #expect(told.contains { $0.phase == .fetching && $0.bytes > 0 && $0.total == layer.size })
        #expect(events.filter { $0.layer == nil && $0.phase == .done }.count == 3)

        // Asked again, the registry gives the manifest only.
        let before = try registry.requests()
        _ = try sandbox.fetched(names[1])
        #expect(try registry.requests() == before)
    }

    @Test func fromFoldersAndArchives() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        try shell(
            """
            cd \(sandbox.path) && skopeo --insecure-policy copy -q oci:layout:two docker-archive:docker.tar:example/two:1 &&
            skopeo --insecure-policy copy -q oci:layout:two oci-archive:oci.tar:two && gzip -k docker.tar
            """)
        for name in [
            "oci:layout:two", "docker-archive:docker.tar", "docker-archive:docker.tar:example/two:1",
            "docker-archive:docker.tar.gz", "oci-archive:oci.tar",
        ] {
            let image = try sandbox.fetched(name)
            #expect(try sandbox.content(image, "etc/name") == "two", "\(name)")
            #expect(sandbox.images.image(try sandbox.reference(name), image.config.platform)?.id == image.id)
        }
        #expect(try sandbox.brokenBlobs() == "")
        let archive = try ImageArchive("\(sandbox.path)/docker.tar")
        #expect(archive.entries.map { $0.names.map(\.description) } == [["example/two:1"]])
        #expect(
            try ImageArchive("\(sandbox.path)/oci.tar").entries.map { $0.names.map(\.description) } == [
                ["localhost/two:latest"]
            ])
    }

    /// A folder that has changed is not what was fetched from it.
    @Test func aChangedFolderIsFetchedAgain() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let source = try sandbox.reference("oci:layout:one")
        let platform = Platform(architecture: "amd64")
        func decide(_ policy: PullPolicy) -> PullPolicy.Decision {
            sandbox.images.decide(policy, source, platform, now: 1_000_000)
        }
        #expect(decide(.missing) == .fetch && decide(.never) == .refuse)
        let old = try sandbox.fetched("oci:layout:one")
        #expect(decide(.missing) == .use && decide(.never) == .use)
        try sandbox.make(
            "layout('layout', {'one': image('layout', [layer('other', [entry('etc/name', data=b'other')])])})")
        #expect(decide(.missing) == .fetch && decide(.never) == .use)
        let new = try sandbox.fetched("oci:layout:one")
        #expect(new.id != old.id)
        #expect(decide(.missing) == .use)
        // The old one is still there for those who use it.
        #expect(sandbox.images.entries().map { $0.reference == nil } == [true, false])
    }

    @Test func oneNameForSeveralPlatforms() throws {
        let sandbox = try Sandbox()
        try sandbox.make(
            """
            def made(arch):
                return image('layout', [layer(arch, [entry('arch', data=arch.encode())])], arch=arch)
            layout('layout', {'all': [made('arm64'), made('amd64')], 'arm': made('arm64')})
            """)
        let registry = try Registry(in: sandbox)
        try registry.push("oci:layout:all", as: "all:1", in: sandbox, "--multi-arch all")
        for name in ["\(registry.address)/all:1", "oci:layout:all"] {
            let image = try sandbox.fetched(name)
            #expect(try sandbox.content(image, "arch") == "amd64")
            let other = try sandbox.fetched(name, platform: "linux/arm64")
            #expect(try sandbox.content(other, "arch") == "arm64")
            #expect(image.repoDigest == other.repoDigest && image.manifestDigest != other.manifestDigest)
            let fault = try sandbox.fault(name, platform: "linux/s390x")
            #expect(fault?.kind == .wrongPlatform)
            #expect(fault?.reason == "it is not made for linux/s390x, only for linux/arm64, linux/amd64")
        }
        let fault = try sandbox.fault("oci:layout:arm")
        #expect(fault?.kind == .wrongPlatform && fault?.reason.contains("only for linux/arm64") == true)
        #expect(fault?.hint?.contains("platform: linux/arm64") == true)
        #expect(!sandbox.images.entries().contains { $0.reference?.description == "oci:\(sandbox.path)/layout:arm" })
    }

    /// What a crash of the machine left of a blob is seen when it is unpacked, and fetched anew.
    @Test func aDamagedBlobIsFetchedAgain() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let image = try sandbox.fetched("oci:layout:two")
        let blob = sandbox.images.blob(image.layers[1].digest)
        let size = try Files.bytes(blob).count
        try Files.replace(blob, [UInt8](repeating: 0, count: size))
        try sandbox.images.layers.remove("\(image.layers[1].diffID)")
        let again = try sandbox.fetch(["oci:layout:two"], isFetched: false)[0].get()
        #expect(try sandbox.content(again, "etc/name") == "two")
        #expect(try sandbox.brokenBlobs() == "")
        // And where the source is gone, it is said, and nothing is taken for whole.
        try Files.replace(blob, [UInt8](repeating: 0, count: size))
        try sandbox.images.layers.remove("\(image.layers[1].diffID)")
        try shell("rm -r \(sandbox.path)/layout")
        guard case .failure(let fault) = try sandbox.fetch(["oci:layout:two"], isFetched: false)[0] else {
            Issue.record("it was taken")
            return
        }
        #expect(fault.kind == .missingFile)
        #expect(sandbox.images.layers.layer("\(image.layers[1].diffID)") == nil)
    }

    /// A registry whose blob is not what its name says.
    @Test func aRegistryThatLies() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let registry = try Registry(in: sandbox)
        try registry.push("oci:layout:two", as: "two:1", in: sandbox)
        try shell(
            """
            find \(registry.folder)/data -path '*blobs/sha256*' -name data -size +2000k -exec \
            dd if=/dev/zero of={} bs=1 count=9 seek=1000 conv=notrunc status=none ';'
            """)
        let fault = try sandbox.fault("\(registry.address)/two:1")
        #expect(fault?.kind == .damaged, "\(fault.map { "\($0)" } ?? "no fault")")
        #expect(sandbox.images.entries().isEmpty)
        #expect(try sandbox.brokenBlobs() == "")
    }

    /// The others come, whatever becomes of one.
    @Test func faultsAreTheirImagesOwn() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let registry = try Registry(in: sandbox)
        try registry.push("oci:layout:two", as: "two:1", in: sandbox)
        let results = try sandbox.fetch(["\(registry.address)/none:1", "\(registry.address)/two:1", "oci:none"])
        guard case .failure(let unknown) = results[0], case .success = results[1],
            case .failure(let missing) = results[2]
        else {
            Issue.record("\(results)")
            return
        }
        #expect(
            unknown.kind == .unknown && unknown.hint?.contains("list-tags docker://\(registry.address)/none") == true)
        #expect(missing.kind == .missingFile)
        registry.stop()
        let down = try sandbox.fault("\(registry.address)/two:2")
        #expect(down?.kind == .unreachable && down?.reason.contains("connection refused") == true)
        #expect(try sandbox.fault("registry.invalid/a")?.kind == .unknownHost)
    }

    @Test func logins() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let registry = try Registry(in: sandbox, hasPassword: true)
        try registry.push("oci:layout:one", as: "one:1", in: sandbox, "--dest-creds user:password")
        let name = "\(registry.address)/one:1"
        let missing = try sandbox.fault(name)
        #expect(missing?.kind == .loginMissing)
        #expect(missing?.hint == "skopeo login \(registry.address)")
        func login(_ word: String) throws {
            let text = try shell("printf %s user:\(word) | base64")
            try Files.replace(
                "\(sandbox.path)/auth.json",
                "{\"auths\": {\"\(registry.address)\": {\"auth\": \"\(text.lines[0])\"}}}".utf8)
        }
        setenv("REGISTRY_AUTH_FILE", "\(sandbox.path)/auth.json", 1)
        defer { unsetenv("REGISTRY_AUTH_FILE") }
        try login("wrong")
        let refused = try sandbox.fault(name)
        #expect(refused?.kind == .loginRefused && refused?.reason.hasSuffix("refuses the login of user") == true)
        try login("password")
        #expect(try sandbox.content(try sandbox.fetched(name), "etc/name") == "base")
    }
}
