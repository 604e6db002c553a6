import Glibc
import Images
import OCI
import Syscalls
import Testing

/// The same three layers, written by buildah, by umoci and as `docker save` has it, with whiteouts, opaque folders, and
/// folders that became files: they unpack to what umoci and podman show, and run alike.
@Suite(.serialized) struct WriterTests {
    @Test func theTreesAreThoseOfUmociAndPodmanAndRunAlike() throws {
        let sandbox = try Sandbox()
        try sandbox.withWriters("for writer in WRITERS.values(): writer()")
        let sources = ["oci:by-buildah:it", "oci:by-umoci:it", "docker-archive:by-docker.tar"]
        for (index, source) in sources.enumerated() {
            try sandbox.withWriters("peers('\(source)', '\(index)')")
            let image = try sandbox.fetched(source)
            let ours = try sandbox.merged(image.layers.map { "\($0.diffID)" })
            #expect(ours.count == 31, "\(source)")
            try expectSame(ours, sandbox.lines("\(index)-umoci"), source)
            // umoci's layers do not list the folders that they write into. podman then makes up how these look.
            let implied = source.contains("umoci") ? ["usr", "usr/lib"] : []
            let isListed = { (line: String) in !implied.contains { line.hasPrefix("'\($0) ") } }
            try expectSame(ours.filter(isListed), sandbox.lines("\(index)-podman").filter(isListed), source)
        }
        #expect(try shell("grep \(sandbox.path)/ /proc/self/mountinfo || :") == "")
        try expectThatTheyRunAlike(sandbox, sources)
    }

    private func expectSame(_ ours: [String], _ theirs: [String], _ source: String) throws {
        #expect(ours == theirs, "\(source)")
    }

    private func expectThatTheyRunAlike(_ sandbox: Sandbox, _ sources: [String]) throws {
        let services = sources.enumerated().map { index, source in
            "  s\(index): {image: \"\(source)\", hostname: same, network_mode: none}\n"
        }
        try sandbox.withStack("name: \(sandbox.project)\nservices:\n\(services.joined())") {
            let up = try sandbox.run("up --no-log-prefix")
            #expect(up.status == 0, "\(up.text)")
            let outputs = try sources.indices.map { try sandbox.run("logs --no-log-prefix s\($0)").text }
            #expect(Set(outputs).count == 1, "\(outputs)")
            let lines = outputs[0].lines.map(String.init)
            for line in [
                "WHO=image", "SPACES=a b", "/srv/work", "uid=33(www) gid=44(web) groups=55(log)", "seen",
                "file became folder", "-rwsr-xr-x 0:0 regular file /bin/ping", "2",
                "drwxrwxrwt 0:0 directory /tmp", "lrwxrwxrwx 0:0 symbolic link '/lib' -> 'usr/lib'",
                "drwxrwsr-x 0:5 directory /srv/work", "-rw-r--r-- 0:0 regular file /was-folder",
                "prw-r--r-- 0:0 fifo /kept-pipe",
            ] {
                #expect(lines.contains(line), "\(line): \(outputs[0])")
            }
            for gone in ["/etc/a", "/pipe", "/opt/x"] {
                #expect(!lines.contains { $0.hasSuffix(" \(gone)") }, "\(gone)")
            }
        }
    }
}

extension Sandbox {
    /// A Python program that begins with `writers.py`, too.
    @discardableResult
    func withWriters(_ program: String) throws -> String {
        try python(try Files.text(#filePath.replacing("WriterTests.swift", with: "writers.py")) + program)
    }

    /// A name for a stack that no other test has.
    var project: String { "images-\(path.suffix(6).lowercased())" }

    func lines(_ name: String) throws -> [String] { try Files.text("\(path)/\(name)").lines.map(String.init) }

    /// What an overlay of the layers shows.
    func merged(_ diffIDs: [String]) throws -> [String] {
        let lower = try images.layers.lowerFolders(chain: diffIDs).joined(separator: ":")
        let place = try folder("merged")
        try shell("mount -t overlay -o ro,lowerdir=\(lower) overlay \(place)")
        defer { _ = try? shell("umount \(place)") }
        return try listing(place)
    }
}
