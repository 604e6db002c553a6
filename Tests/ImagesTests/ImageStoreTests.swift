import Glibc
import Images
import OCI
import Syscalls
import Testing

/// What is there, what goes and what stays.
@Suite struct ImageStoreTests {
    private func listing(_ sandbox: Sandbox) throws -> String {
        try shell("cd \(sandbox.images.folder) && find blobs layers -maxdepth 2 | grep -v '/\\.' | sort")
    }

    @Test func whatIsInUseStays() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let images = sandbox.images
        let one = try sandbox.fetched("oci:layout:one")
        let two = try sandbox.fetched("oci:layout:two")
        let used = Set([two.id] + two.layers.map(\.diffID))
        let before = try listing(sandbox)
        // Nothing but `one`'s own manifest and configuration may go.
        let removed = try images.prune(.unused, images.layers) { used }
        #expect(removed.images == [one.id] && removed.names == [one.reference.description])
        #expect(try sandbox.content(two, "etc/name") == "two")
        #expect(images.image(two.reference, two.config.platform) == two)
        let fault = #expect(throws: RemovalFault.self) {
            try images.remove([two.reference.description], images.layers) { used }
        }
        #expect(fault?.problems == [.used(two.reference.description)])
        #expect(images.image(two.reference, two.config.platform) == two)
        _ = try sandbox.fetched("oci:layout:one")
        #expect(try listing(sandbox) == before)

        let none: Set<Digest> = []
        #expect(try images.prune(.nameless, images.layers) { none }.images == [])
        let first = try images.remove([two.id.short], images.layers) { none }
        #expect(first.images == [two.id] && first.bytes > two.layers[1].size)
        #expect(try sandbox.content(one, "etc/name") == "base")
        _ = try images.prune(.unused, images.layers) { none }
        #expect(try listing(sandbox) == "blobs\nblobs/sha256\nlayers\n")
    }

    @Test func namesGoOverAndGo() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let images = sandbox.images
        let one = try sandbox.fetched("oci:layout:one")
        let names = try ["example/one:1", "example/one:2"].map { try ImageReference(parsing: $0) }
        try images.retag(one.reference, as: names, one.config.platform)
        #expect(images.entries().map { $0.reference?.description } == ["example/one:1", "example/one:2"])
        #expect(images.image(one.reference, one.config.platform) == nil)
        let none: Set<Digest> = []
        #expect(try images.remove(["example/one:1"], images.layers) { [one.id] }.images == [])
        #expect(throws: RemovalFault.self) { try images.remove(["example/one:2"], images.layers) { [one.id] } }
        #expect(throws: RemovalFault.self) { try images.remove(["no/such"], images.layers) { none } }
        #expect(try images.remove(["example/one:2"], images.layers) { none }.images == [one.id])
        #expect(images.entries().isEmpty)
    }

    @Test func whatLedgersSpeakOf() throws {
        let sandbox = try Sandbox()
        let digests = try ["a", "b"].map { try #require(Digest(hex: String(repeating: $0, count: 64))) }
        for (project, digest) in zip(["one", "two"], digests) {
            _ = try sandbox.folder("projects/\(project)")
            try Files.replace(
                "\(sandbox.path)/projects/\(project)/state.json", "{\"x\":[\"\(digest)\",\"sha256:short\"]}".utf8)
        }
        _ = try sandbox.folder("projects/empty")
        #expect(try UsedDigests.find(in: "\(sandbox.path)/projects") == Set(digests))
        #expect(try UsedDigests.find(in: "\(sandbox.path)/nowhere") == [])
        // What cannot be read might speak of anything.
        _ = try sandbox.folder("projects/odd/state.json")
        #expect(throws: SystemError.self) { try UsedDigests.find(in: "\(sandbox.path)/projects") }
    }

    @Test func archivesOfSeveralImages() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let made = try ["one", "two"].map { try sandbox.fetched("oci:layout:\($0)") }
        let names = try ["example/one:1", "example/two:1"].map { try ImageReference(parsing: $0).name }
        try Exporter(sandbox.images).save(made, names: names, to: "\(sandbox.path)/both.tar")
        let entries = try ImageArchive("\(sandbox.path)/both.tar").entries
        #expect(entries.map { $0.names.map(\.description) } == [["example/one:1"], ["example/two:1"]])
        let other = try Sandbox()
        let images = try entries.map { try other.fetched($0.source.canonical) }
        #expect(images.map(\.id) == made.map(\.id))
        #expect(try other.content(images[1], "etc/name") == "two")
        #expect(throws: ImageArchive.Unreadable.self) { try ImageArchive("\(sandbox.path)/base") }
    }

    @Test func pushedAsItIs() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let registry = try Registry(in: sandbox)
        let two = try sandbox.fetched("oci:layout:two")
        let target = try ImageReference(parsing: "\(registry.address)/pushed:1")
        try Exporter(sandbox.images).copy(two, to: target)
        let other = try Sandbox()
        #expect(try other.fetched(target.description).manifestDigest == two.manifestDigest)
        #expect(try sandbox.brokenBlobs() == "")
        registry.stop()
        let fault = #expect(throws: ImageFault.self) { try Exporter(sandbox.images).copy(two, to: target) }
        #expect(fault?.kind == .unreachable)
    }

    @Test func withoutSkopeo() throws {
        #expect(Skopeo.find(path: "/nowhere:/proc") == nil)
        #expect(Skopeo.find() != nil)
    }

    /// Images that policy.json(5) forbids are not taken, even where everything of them is here.
    @Test func policiesOfSignaturesHold() throws {
        let sandbox = try Sandbox()
        try sandbox.makeTwo()
        let home = try sandbox.folder("home/.config/containers")
        let old = getenv("HOME").map { String(cString: $0) } ?? "/root"
        setenv("HOME", "\(sandbox.path)/home", 1)
        defer { setenv("HOME", old, 1) }
        try Files.replace("\(home)/policy.json", "{\"default\": [{\"type\": \"reject\"}]}".utf8)
        let fault = try sandbox.fault("oci:layout:two")
        #expect(fault?.kind == .rejected, "\(fault.map { "\($0)" } ?? "no fault")")
        #expect(sandbox.images.entries().isEmpty)
        try Files.replace(
            "\(home)/policy.json",
            """
            {"default": [{"type": "reject"}], "transports": {"oci": {"\(sandbox.path)": [{"type": "insecureAcceptAnything"}]}}}
            """.utf8)
        #expect(try sandbox.content(try sandbox.fetched("oci:layout:two"), "etc/name") == "two")
        #expect(try sandbox.brokenBlobs() == "")
    }
}
