import Diagnostics
import Glibc
import OCI
import Processes
import Syscalls

/// What policy.json(5) says of signatures. `skopeo copy` holds images to it, the proxy of many a version does not.
enum SignaturePolicy {
    private static var path: String {
        let home = getenv("HOME").map { "\(String(cString: $0))/.config/containers/policy.json" }
        return home.flatMap { Files.exists($0) ? $0 : nil } ?? "/etc/containers/policy.json"
    }

    /// Whether every image is accepted, as it is where nobody has changed the policy.
    private static var acceptsAnything: Bool {
        guard let bytes = try? Files.bytes(path), let policy = try? JSON(parsing: bytes) else { return false }
        let scopes = (policy["transports"]?.entries ?? []).flatMap { $0.1.entries.map(\.1) }
        let rules = (scopes + [policy["default"] ?? .null]).map(\.items)
        return rules.allSatisfy { rule in
            !rule.isEmpty && rule.allSatisfy { $0["type"]?.text == "insecureAcceptAnything" }
        }
    }

    /// Has skopeo copy the image to where all its blobs are already: it refuses what the policy forbids.
    static func check(_ image: Image, _ skopeo: Skopeo, _ source: ImageReference, _ store: ImageStore) throws {
        if acceptsAnything { return }
        let folder = try TemporaryFolder(in: store.fetching, "policy")
        defer { extendLifetime(folder) }
        try Files.makeFolders("\(folder.path)/blobs/sha256", mode: 0o700)
        let blobs = [image.id] + image.layers.map(\.digest)
        try folder.link(blobs.map { (store.blob($0), "blobs/sha256/\($0.hex)") })
        let pinned = source.name.map { ImageReference.registry($0.pinned(to: image.manifestDigest)) } ?? source
        let errors = try MemoryFile("errors")
        let words =
            Skopeo.short + Skopeo.global(image.config.platform) + ["copy", "--quiet"]
            + Skopeo.security(pinned, side: "src-")
            + ["--dest-shared-blob-dir", "\(folder.path)/blobs", pinned.skopeo, "oci:\(folder.path)/layout:checked"]
        let child = try ChildProcess(skopeo.program, words, errors: errors.raw)
        if child.wait() != 0 { throw skopeo.fault(source, errors.text) }
    }
}

/// Which state of a local folder or archive an image was made from.
enum SourceStamp {
    static func of(_ path: String) -> String? {
        let file = Files.isFolder(path) == true ? "\(path)/index.json" : path
        var status = stat()
        guard stat(file, &status) == 0 else { return nil }
        return "\(status.st_dev).\(status.st_ino).\(status.st_size).\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    }
}

extension SHA256 {
    static func digest(ofFile path: String) throws(SystemError) -> String {
        let file = try Descriptor(path, O_RDONLY)
        var hash = SHA256()
        while true {
            let bytes = try Files.read(1 << 20, from: file.raw, named: path)
            if bytes.isEmpty { return hash.digest() }
            bytes.withUnsafeBytes { hash.update($0) }
        }
    }
}
