/// An image, whole: what to unpack and what its maker wanted.
package struct Image: Hashable, Sendable {
    package var reference: ImageReference
    /// The digest of its configuration, as Docker counts.
    package let id: Digest
    package let manifestDigest: Digest
    /// What its registry calls it: of the index, where it has one.
    package var repoDigest: Digest?
    /// The lowest first.
    package let layers: [ImageLayer]
    package let config: ImageConfig
    /// Seconds since 1970.
    package var pulled: Int64

    /// - Throws: where manifest and configuration speak of different layers.
    package init(
        reference: ImageReference, manifest: ImageManifest, manifestDigest: Digest, repoDigest: Digest?,
        config: ImageConfig, pulled: Int64
    ) throws(OCIFault) {
        guard manifest.layers.count == config.diffIDs.count else {
            throw OCIFault(
                "the manifest has \(manifest.layers.count) layers, the configuration \(config.diffIDs.count)")
        }
        self.reference = reference
        self.manifestDigest = manifestDigest
        self.repoDigest = repoDigest
        self.config = config
        self.pulled = pulled
        id = manifest.config.digest
        var layers: [ImageLayer] = []
        for (blob, diffID) in zip(manifest.layers, config.diffIDs) {
            guard let compression = LayerCompression(mediaType: blob.mediaType) else {
                throw OCIFault("a layer has the unknown media type \(blob.mediaType)")
            }
            // What is called the same packed and unpacked is not packed, whatever its type says: skopeo gives a layer of
            // an archive the type of a compressed one.
            layers.append(
                ImageLayer(
                    digest: blob.digest, size: blob.size, mediaType: blob.mediaType,
                    compression: blob.digest == diffID ? .none : compression, diffID: diffID))
        }
        self.layers = layers
    }

    /// Bytes of its layers as they are packed.
    package var size: Int64 { layers.reduce(0) { $0 + $1.size } }
}

/// One archive of an image.
package struct ImageLayer: Hashable, Codable, Sendable {
    /// Of the bytes as they are packed.
    package let digest: Digest
    package let size: Int64
    package let mediaType: String
    package let compression: LayerCompression
    /// Of the archive, unpacked.
    package let diffID: Digest

    package init(digest: Digest, size: Int64, mediaType: String, compression: LayerCompression, diffID: Digest) {
        self.digest = digest
        self.size = size
        self.mediaType = mediaType
        self.compression = compression
        self.diffID = diffID
    }
}
