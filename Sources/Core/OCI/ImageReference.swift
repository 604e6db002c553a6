/// Where an image comes from, as `image:` says it.
package enum ImageReference: Hashable, Sendable, CustomStringConvertible {
    /// `NAME[:TAG][@DIGEST]`
    case registry(ImageName)
    /// `oci:DIR[:NAME]`: a folder in the OCI image layout.
    case ociLayout(folder: String, name: String?)
    /// `oci-archive:FILE[:NAME]`: such a folder as a tar archive.
    case ociArchive(file: String, name: String?)
    /// `docker-archive:FILE[:NAME]`: what `docker save` writes. `@N` as the name is the Nth image, from 0.
    case dockerArchive(file: String, name: String?)
    /// `containers-storage:NAME`: what buildah and podman keep on this machine.
    case containersStorage(String)

    package init(parsing text: String) throws(ReferenceFault) {
        if text.isEmpty {
            throw ReferenceFault("no image is named", hint: "write NAME, NAME:TAG or NAME@DIGEST")
        }
        if text.contains(where: { $0.isNewline || $0 == "\0" }) {
            throw ReferenceFault("an image's name is one line", hint: "write NAME, NAME:TAG or NAME@DIGEST")
        }
        for scheme in Scheme.allCases where text.hasPrefix(scheme.prefix) {
            self = try scheme.reference(to: text.dropFirst(scheme.prefix.count), in: text)
            return
        }
        if text.hasPrefix("docker://") {
            self = .registry(try ImageName(parsing: String(text.dropFirst("docker://".count))))
        } else {
            self = .registry(try ImageName(parsing: text))
        }
    }

    private enum Scheme: String, CaseIterable {
        case oci
        case ociArchive = "oci-archive"
        case dockerArchive = "docker-archive"
        case containersStorage = "containers-storage"

        var prefix: String { rawValue + ":" }

        func reference(to rest: Substring, in text: String) throws(ReferenceFault) -> ImageReference {
            // The first colon ends the path, as skopeo has it: a path with a colon cannot be named.
            let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let path = String(parts.first ?? "")
            let name = parts.count > 1 && !parts[1].isEmpty ? String(parts[1]) : nil
            if path.isEmpty {
                throw ReferenceFault("\"\(text)\" is no image: nothing follows \(prefix)", hint: "write \(usage)")
            }
            switch self {
            case .oci: return .ociLayout(folder: path, name: name)
            case .ociArchive: return .ociArchive(file: path, name: name)
            case .dockerArchive: return .dockerArchive(file: path, name: name)
            case .containersStorage: return .containersStorage(String(rest))
            }
        }

        private var usage: String {
            switch self {
            case .oci: "oci:DIR or oci:DIR:NAME"
            case .ociArchive: "oci-archive:FILE or oci-archive:FILE:NAME"
            case .dockerArchive: "docker-archive:FILE or docker-archive:FILE:NAME"
            case .containersStorage: "containers-storage:NAME"
            }
        }
    }

    /// The registry's name for it, where it comes from one.
    package var name: ImageName? { if case .registry(let name) = self { name } else { nil } }

    /// As people write it.
    package var description: String {
        switch self {
        case .registry(let name): name.familiar
        case .ociLayout, .ociArchive, .dockerArchive, .containersStorage: canonical
        }
    }

    /// Nothing left out: two texts for the same image have the same canonical form.
    package var canonical: String {
        switch self {
        case .registry(let name): name.canonical
        case .ociLayout(let folder, let name): Self.text("oci", folder, name)
        case .ociArchive(let file, let name): Self.text("oci-archive", file, name)
        case .dockerArchive(let file, let name): Self.text("docker-archive", file, name)
        case .containersStorage(let name): "containers-storage:\(name)"
        }
    }

    /// As skopeo(1) wants it. It takes no name with both tag and digest, of which the digest says more.
    package var skopeo: String {
        switch self {
        case .registry(let name):
            "docker://\(name.registry)/\(name.path)"
                + (name.digest.map { "@\($0)" } ?? name.tag.map { ":\($0)" } ?? "")
        case .ociLayout, .ociArchive, .dockerArchive, .containersStorage: canonical
        }
    }

    private static func text(_ scheme: String, _ path: String, _ name: String?) -> String {
        "\(scheme):\(path)" + (name.map { ":\($0)" } ?? "")
    }

    /// The folder or file that must be there.
    package var path: String? {
        switch self {
        case .registry, .containersStorage: nil
        case .ociLayout(let path, _), .ociArchive(let path, _), .dockerArchive(let path, _): path
        }
    }

    /// With a relative path made absolute.
    package func resolved(in folder: String) -> ImageReference {
        func absolute(_ path: String) -> String {
            if path.hasPrefix("/") { return path }
            let plain = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
            return folder == "/" ? "/\(plain)" : "\(folder)/\(plain)"
        }
        switch self {
        case .registry, .containersStorage: return self
        case .ociLayout(let path, let name): return .ociLayout(folder: absolute(path), name: name)
        case .ociArchive(let path, let name): return .ociArchive(file: absolute(path), name: name)
        case .dockerArchive(let path, let name): return .dockerArchive(file: absolute(path), name: name)
        }
    }
}

extension ImageReference: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            try self.init(parsing: text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(canonical)
    }
}
