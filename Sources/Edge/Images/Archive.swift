import Diagnostics
import Glibc
package import OCI
import Processes
package import Syscalls

/// The images in an archive that `docker save`, `podman save` or skopeo(1) wrote.
package struct ImageArchive {
    package struct Entry: Hashable, Sendable {
        package let source: ImageReference
        /// What the archive calls it.
        package let names: [ImageReference]
    }

    package let entries: [Entry]

    /// Why a file is no archive of images.
    package struct Unreadable: Error { package let reason: String }

    /// - Parameter path: absolute, packed in any way that tar(1) knows.
    /// - Throws: `Unreadable`, `PullInterrupted`, `SystemError`.
    package init(_ path: String) throws {
        if let json = try Self.member("manifest.json", of: path) {
            entries = json.items.enumerated().map { index, item in
                Entry(
                    source: .dockerArchive(file: path, name: "@\(index)"),
                    names: (item["RepoTags"]?.texts ?? []).compactMap { try? ImageReference(parsing: $0) })
            }
        } else if let json = try Self.member("index.json", of: path) {
            entries = (json["manifests"]?.items ?? []).map { item in
                let annotations = item["annotations"]?.dictionary ?? [:]
                let short = annotations["org.opencontainers.image.ref.name"]
                let name = annotations["io.containerd.image.name"] ?? short.map(Self.fullName)
                return Entry(
                    source: .ociArchive(file: path, name: short),
                    names: [name].compactMap { $0.flatMap { try? ImageReference(parsing: $0) } })
            }
        } else {
            throw Unreadable(reason: "it has neither manifest.json nor index.json")
        }
        if entries.isEmpty { throw Unreadable(reason: "it has no images") }
    }

    /// A layout's names are often tags only.
    private static func fullName(_ name: String) -> String {
        name.contains("/") || name.contains(":") ? name : "localhost/\(name)"
    }

    private static func member(_ name: String, of path: String) throws -> JSON? {
        let output = try MemoryFile(name)
        let errors = try MemoryFile("errors")
        let program = ChildProcess.find("tar") ?? "/bin/tar"
        let words = ["-xOf", path, "--occurrence=1", name]
        let child = try ChildProcess(program, words, output: output.raw, errors: errors.raw)
        guard try child.waitOrInterrupt() == 0 else {
            if errors.text.contains("Not found in archive") { return nil }
            throw Unreadable(reason: "tar cannot read it")
        }
        guard let json = try? JSON(parsing: output.bytes()) else { throw Unreadable(reason: "its \(name) is no JSON") }
        return json
    }
}

extension ImageStore {
    /// Gives the image that is there under one name others in its place.
    package func retag(_ old: ImageReference, as names: [ImageReference], _ platform: Platform) throws {
        try update { entries in
            guard let entry = entries.find(old, platform), let index = entries.firstIndex(of: entry) else { return }
            entries.remove(at: index)
            for name in names.isEmpty ? [nil] : names.map(Optional.some) {
                var entry = entry
                entry.reference = name
                entry.stamp = nil
                entries.add(entry)
            }
        }
    }
}

/// What containers were made from.
package enum UsedDigests {
    /// Every digest that a project's ledger speaks of: images' IDs and layers' diffIDs are among them.
    ///
    /// - Parameter folder: `STATE/projects`.
    /// - Throws: where a ledger cannot be read: what it speaks of is not known then.
    package static func find(in folder: String) throws(SystemError) -> Set<Digest> {
        var digests: Set<Digest> = []
        for project in Files.names(in: folder) {
            let ledger = "\(folder)/\(project)/state.json"
            if !Files.exists(ledger) { continue }
            scan(try Files.bytes(ledger)) { digests.insert($0) }
        }
        return digests
    }

    private static let prefix = Array("sha256:".utf8)

    private static func scan(_ bytes: [UInt8], _ found: (Digest) -> Void) {
        var index = 0
        let length = prefix.count + 64
        while index + length <= bytes.count {
            guard bytes[index] == prefix[0], bytes[index..<index + prefix.count].elementsEqual(prefix),
                let digest = Digest(String(decoding: bytes[index..<index + length], as: UTF8.self))
            else {
                index += 1
                continue
            }
            found(digest)
            index += length
        }
    }
}

/// What registries have under names, asked all at once.
package struct Resolver {
    package init() {}

    /// The digest of what each name stands for now, in the same order.
    ///
    /// - Throws: `PullInterrupted`, `SystemError`.
    package func digests(of references: [ImageReference]) throws -> [Result<Digest, ImageFault>] {
        guard let skopeo = Skopeo.find() else { return references.map { .failure(.noSkopeo($0)) } }
        let questions = try references.map { reference in
            let output = try MemoryFile("manifest")
            let errors = try MemoryFile("errors")
            return (reference, output, errors, try skopeo.inspect(reference, output: output.raw, errors: errors.raw))
        }
        return try questions.map { reference, output, errors, child in
            guard try child.waitOrInterrupt() == 0 else { return .failure(skopeo.fault(reference, errors.text)) }
            guard let digest = Digest(SHA256.digest(of: output.bytes())) else {
                return .failure(ImageFault(.damaged, reference, "its manifest has no digest"))
            }
            return .success(digest)
        }
    }
}
