import Diagnostics
package import OCI

/// A line of the store's `index.json`: one image of one platform under one name.
package struct StoredImage: Hashable, Sendable {
    /// nil where the name has gone over to another image.
    package var reference: ImageReference?
    package let manifest: BlobDescriptor
    /// The image's ID.
    package let id: Digest
    package var repoDigest: Digest?
    /// When it was last fetched, seconds since 1970.
    package var pulled: Int64
    /// Of a local folder or archive: which state of it this is.
    package var stamp: String?

    package init(
        reference: ImageReference?, manifest: BlobDescriptor, id: Digest, repoDigest: Digest?, pulled: Int64,
        stamp: String? = nil
    ) {
        self.reference = reference
        self.manifest = manifest
        self.id = id
        self.repoDigest = repoDigest
        self.pulled = pulled
        self.stamp = stamp
    }

    private enum Key {
        /// image-spec's own, by which other tools find an image in a layout.
        static let name = "org.opencontainers.image.ref.name"
        static let id = "settle.id"
        static let repoDigest = "settle.digest"
        static let pulled = "settle.pulled"
        static let stamp = "settle.stamp"
    }

    /// - Returns: nil for what Settle did not write.
    init?(_ json: JSON) {
        guard let manifest = try? BlobDescriptor(json, what: "entry"), let text = manifest.annotations[Key.id],
            let id = Digest(text)
        else { return nil }
        self.init(
            reference: manifest.annotations[Key.name].flatMap { try? ImageReference(parsing: $0) }, manifest: manifest,
            id: id, repoDigest: manifest.annotations[Key.repoDigest].flatMap { Digest($0) },
            pulled: manifest.annotations[Key.pulled].flatMap { Int64($0) } ?? 0, stamp: manifest.annotations[Key.stamp])
    }

    var json: JSON {
        var annotations = [Key.id: "\(id)", Key.pulled: "\(pulled)"]
        annotations[Key.name] = reference?.canonical
        annotations[Key.repoDigest] = repoDigest?.description
        annotations[Key.stamp] = stamp
        return BlobDescriptor(
            mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.size, platform: manifest.platform,
            annotations: annotations
        ).json
    }

    package var platform: Platform { manifest.platform ?? Platform(architecture: "amd64") }

    /// Whether it is what somebody means by the reference. A digest says more than a tag.
    func answers(_ wanted: ImageReference) -> Bool {
        guard let reference else { return false }
        guard let name = wanted.name, let digest = name.digest else { return reference == wanted }
        guard let own = reference.name, own.registry == name.registry, own.path == name.path else { return false }
        return repoDigest == digest || manifest.digest == digest
    }
}

/// What the store's entries become.
extension [StoredImage] {
    /// The new image takes its name over; the one that had it stays, without a name, for those who use it.
    mutating func add(_ image: StoredImage) {
        for index in indices where self[index].reference == image.reference && self[index].platform == image.platform {
            if self[index].manifest.digest != image.manifest.digest { self[index].reference = nil }
        }
        removeAll {
            $0.manifest.digest == image.manifest.digest && ($0.reference == image.reference || $0.reference == nil)
        }
        append(image)
    }

    /// The one that runs best on the platform, the newest of those.
    func find(_ reference: ImageReference, _ platform: Platform) -> StoredImage? {
        let fit = filter { $0.answers(reference) && platform.accepts($0.platform) }
        return fit.min {
            let left = platform.preference($0.platform) ?? 0
            let right = platform.preference($1.platform) ?? 0
            return left == right ? $0.pulled > $1.pulled : left < right
        }
    }
}
