package import Diagnostics

/// What a manifest says of a blob.
package struct BlobDescriptor: Hashable, Sendable {
    package let mediaType: String
    package let digest: Digest
    package let size: Int64
    package let platform: Platform?
    package let annotations: [String: String]

    package init(
        mediaType: String, digest: Digest, size: Int64, platform: Platform? = nil, annotations: [String: String] = [:]
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.platform = platform
        self.annotations = annotations
    }

    package init(_ json: JSON, what: String) throws(OCIFault) {
        guard let text = json["digest"]?.text, let digest = Digest(text) else {
            throw OCIFault("the \(what) has no sha256 digest")
        }
        guard let size = json["size"]?.number, size >= 0 else { throw OCIFault("the \(what) has no size") }
        let platform = json["platform"].flatMap { json -> Platform? in
            guard let architecture = json["architecture"]?.text, let os = json["os"]?.text else { return nil }
            return Platform(os: os, architecture: architecture, variant: json["variant"]?.text)
        }
        self.init(
            mediaType: json["mediaType"]?.text ?? "", digest: digest, size: size, platform: platform,
            annotations: json["annotations"]?.dictionary ?? [:])
    }

    package var json: JSON {
        var members: [(String, JSON)] = [
            ("mediaType", .string(mediaType)), ("digest", .string("\(digest)")), ("size", .int(size)),
        ]
        if !annotations.isEmpty {
            members.append(("annotations", .object(annotations.sorted { $0.key < $1.key }.map { ($0, .string($1)) })))
        }
        if let platform {
            var names: [(String, JSON)] = [
                ("architecture", .string(platform.architecture)), ("os", .string(platform.os)),
            ]
            if let variant = platform.variant { names.append(("variant", .string(variant))) }
            members.append(("platform", .object(names)))
        }
        return .object(members)
    }
}

/// One image for several platforms.
package struct ImageIndex: Hashable, Sendable {
    package let entries: [BlobDescriptor]

    package init(entries: [BlobDescriptor]) { self.entries = entries }

    /// What runs best on the platform. Entries without one, and attestations, which call theirs `unknown`, do not count.
    package func choose(_ platform: Platform) -> BlobDescriptor? {
        let ranked = entries.enumerated().compactMap { position, entry -> (Int, Int, BlobDescriptor)? in
            guard let offered = entry.platform, let preference = platform.preference(offered) else { return nil }
            return (preference, position, entry)
        }
        return ranked.min { ($0.0, $0.1) < ($1.0, $1.1) }?.2
    }

    /// For messages: what there is.
    package var platforms: [Platform] {
        var seen: Set<Platform> = []
        return entries.compactMap(\.platform).filter { $0.os != "unknown" && seen.insert($0).inserted }
    }
}

/// One image: its configuration and its layers, the lowest first.
package struct ImageManifest: Hashable, Sendable {
    package let mediaType: String
    package let config: BlobDescriptor
    package let layers: [BlobDescriptor]

    package init(mediaType: String, config: BlobDescriptor, layers: [BlobDescriptor]) {
        self.mediaType = mediaType
        self.config = config
        self.layers = layers
    }
}

/// What a registry or a layout gives for a name: image-spec's or Docker's.
package enum Manifest: Hashable, Sendable {
    case index(ImageIndex)
    case image(ImageManifest)

    package enum MediaType {
        package static let ociIndex = "application/vnd.oci.image.index.v1+json"
        package static let ociManifest = "application/vnd.oci.image.manifest.v1+json"
        package static let ociConfig = "application/vnd.oci.image.config.v1+json"
        package static let dockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
        package static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
        package static let dockerConfig = "application/vnd.docker.container.image.v1+json"
    }

    package init(parsing bytes: [UInt8]) throws(OCIFault) {
        let json = try JSON(document: bytes, what: "manifest")
        let version = json["schemaVersion"]?.number
        guard version == 2 else {
            throw OCIFault(
                version == 1
                    ? "the manifest has Docker's old form, schema 1, which registries no longer serve"
                    : "the manifest has no schemaVersion 2")
        }
        // Images were written without a media type before image-spec 1.1; their members tell them apart. Security: what
        // has the members of both kinds could be one image for the checker and another for the user.
        let hasEntries = json["manifests"] != nil
        if hasEntries && (json["config"] != nil || json["layers"] != nil) {
            throw OCIFault("the manifest is both an index and an image")
        }
        let type = json["mediaType"]?.text ?? (hasEntries ? MediaType.ociIndex : MediaType.ociManifest)
        switch type {
        case MediaType.ociIndex, MediaType.dockerList: self = .index(try Self.index(json))
        case MediaType.ociManifest, MediaType.dockerManifest: self = .image(try Self.image(json, type))
        case _: throw OCIFault("the manifest has the unknown media type \(type)")
        }
    }

    private static func index(_ json: JSON) throws(OCIFault) -> ImageIndex {
        var entries: [BlobDescriptor] = []
        for item in json["manifests"]?.items ?? [] {
            entries.append(try BlobDescriptor(item, what: "index's entry"))
        }
        return ImageIndex(entries: entries)
    }

    private static func image(_ json: JSON, _ type: String) throws(OCIFault) -> ImageManifest {
        guard let member = json["config"] else { throw OCIFault("the manifest names no configuration") }
        let config = try BlobDescriptor(member, what: "configuration")
        guard [MediaType.ociConfig, MediaType.dockerConfig].contains(config.mediaType) else {
            let type = config.mediaType.isEmpty ? "none" : config.mediaType
            throw OCIFault("this is no image to run: its configuration's media type is \(type)")
        }
        var layers: [BlobDescriptor] = []
        for (index, item) in (json["layers"]?.items ?? []).enumerated() {
            let layer = try BlobDescriptor(item, what: "layer \(index + 1)")
            guard LayerCompression(mediaType: layer.mediaType) != nil else {
                throw OCIFault("layer \(index + 1) has the unknown media type \(layer.mediaType)")
            }
            layers.append(layer)
        }
        return ImageManifest(mediaType: type, config: config, layers: layers)
    }
}

/// How a layer's archive is packed.
package enum LayerCompression: String, Hashable, Codable, Sendable, CaseIterable {
    case none, gzip, zstd

    /// - Returns: nil for what is no layer that we know, encrypted ones for example.
    package init?(mediaType: String) {
        switch mediaType {
        case "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "application/vnd.docker.image.rootfs.diff.tar":
            self = .none
        case "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":
            self = .gzip
        case "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
            "application/vnd.docker.image.rootfs.diff.tar.zstd":
            self = .zstd
        case _: return nil
        }
    }
}
