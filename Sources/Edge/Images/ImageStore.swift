import Diagnostics
import Glibc
package import OCI
import Syscalls

/// The images of this machine, `STATE/images`: a folder in the OCI image layout, with what is unpacked of it beside.
///
/// - `blobs/sha256/HEX`: manifests, configurations and layers, each whole: a blob appears by rename(2);
/// - `index.json`: the images, replaced as a whole; every blob of an image is there before its line is;
/// - `fetching/HEX`: a blob on its way. Who fetches it holds its lock, flock(2): others wait for it; without a holder it is
///   a leftover;
/// - `lock`: shared by whoever relies on what is there, alone for who removes.
package struct ImageStore: Hashable, Sendable {
    package let folder: String

    package init(folder: String) { self.folder = folder }

    package func blob(_ digest: Digest) -> String { "\(folder)/blobs/sha256/\(digest.hex)" }
    var fetching: String { "\(folder)/fetching" }
    private var indexPath: String { "\(folder)/index.json" }

    func makeFolders() throws(SystemError) {
        try Files.makeFolders("\(folder)/blobs/sha256", mode: 0o700)
        try Files.makeFolders(fetching, mode: 0o700)
        if !Files.exists("\(folder)/oci-layout") {
            try Files.replace("\(folder)/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}\n".utf8, mode: 0o644)
        }
    }

    // MARK: Images

    /// All images, in the order in which they came. What cannot be read is not there: it will be fetched again.
    package func entries() -> [StoredImage] {
        guard let bytes = try? Files.bytes(indexPath), let json = try? JSON(parsing: bytes) else { return [] }
        return (json["manifests"]?.items ?? []).compactMap { StoredImage($0) }
    }

    /// The image that runs best on the platform; nil where it is not there. Reads three small files.
    package func image(_ reference: ImageReference, _ platform: Platform) -> Image? {
        entries().find(reference, platform).flatMap { image($0, as: reference) }
    }

    package func image(_ entry: StoredImage, as reference: ImageReference? = nil) -> Image? {
        guard let name = reference ?? entry.reference ?? Self.nameless(entry.id),
            let manifest = manifest(entry.manifest.digest), let bytes = bytes(manifest.config),
            let config = try? ImageConfig(parsing: bytes)
        else { return nil }
        return try? Image(
            reference: name, manifest: manifest, manifestDigest: entry.manifest.digest, repoDigest: entry.repoDigest,
            config: config, pulled: entry.pulled)
    }

    private static func nameless(_ id: Digest) -> ImageReference? {
        try? ImageReference(parsing: "docker.io/library/none@\(id)")
    }

    func manifest(_ digest: Digest) -> ImageManifest? {
        guard let bytes = bytes(digest), case .image(let manifest)? = try? Manifest(parsing: bytes) else { return nil }
        return manifest
    }

    /// A small blob; nil where it is not there or not what it is called.
    package func bytes(_ digest: Digest) -> [UInt8]? {
        guard let bytes = try? Files.bytes(blob(digest)), SHA256.digest(of: bytes) == digest.description else {
            return nil
        }
        return bytes
    }

    private func bytes(_ descriptor: BlobDescriptor) -> [UInt8]? { bytes(descriptor.digest) }

    /// Changes the list of images; no other command changes it meanwhile.
    func update(_ body: (inout [StoredImage]) throws -> Void) throws {
        try makeFolders()
        let lock = try StoreLock("\(folder)/index.lock", isShared: false)
        defer { extendLifetime(lock) }
        var entries = entries()
        try body(&entries)
        let json = JSON.object([
            ("schemaVersion", .int(2)), ("mediaType", .string(Manifest.MediaType.ociIndex)),
            ("manifests", .array(entries.map(\.json))),
        ])
        // On the disk before it has its name: a list that is lost is every image lost.
        let draft = "\(folder)/index.json.new"
        let file = try Descriptor(draft, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try file.write(json.compact + "\n", named: draft)
        try check("fdatasync", on: draft) { fdatasync(file.raw) }
        try check("rename", on: indexPath) { rename(draft, indexPath) }
    }

    /// Every blob that an image of the list is made of, with what it is by the manifests.
    func referenced(by entries: [StoredImage]) -> Set<Digest> {
        var digests: Set<Digest> = []
        for entry in entries {
            digests.insert(entry.manifest.digest)
            digests.insert(entry.id)
            for layer in manifest(entry.manifest.digest)?.layers ?? [] { digests.insert(layer.digest) }
        }
        return digests
    }

    /// What a policy asks for. A local folder or archive that has changed is fetched, whatever the policy: what is there is
    /// not what is named.
    ///
    /// - Parameter now: seconds since 1970.
    package func decide(
        _ policy: PullPolicy, _ source: ImageReference, as name: ImageReference? = nil, _ platform: Platform, now: Int64
    ) -> PullPolicy.Decision {
        let entry = entries().find(name ?? source, platform)
        let decision = policy.decide(pulled: entry?.pulled, now: now)
        guard decision == .use, policy != .never, let path = source.path else { return decision }
        return SourceStamp.of(path) == entry?.stamp ? .use : .fetch
    }

    package var layers: LayerStore { LayerStore(folder: "\(folder)/layers") }

    // MARK: Locks

    /// To be held from looking for an image until something says that it is used.
    package func use() throws -> StoreLock {
        try makeFolders()
        return try StoreLock("\(folder)/lock", isShared: true)
    }

    /// To be held while something is removed.
    package func claim() throws -> StoreLock {
        try makeFolders()
        return try StoreLock("\(folder)/lock", isShared: false)
    }
}

/// flock(2) on a file of the store, until its last reference goes.
package final class StoreLock {
    private let file: Descriptor

    /// - Parameter waits: or fails with EWOULDBLOCK.
    init(_ path: String, isShared: Bool, waits: Bool = true) throws(SystemError) {
        let file = try Descriptor(path, O_RDWR | O_CREAT)
        try check("flock", on: path) { flock(file.raw, (isShared ? LOCK_SH : LOCK_EX) | (waits ? 0 : LOCK_NB)) }
        self.file = file
    }
}
