import Glibc
import Syscalls

/// A layer that is unpacked: a folder of the store, shared by every image and container that has it.
package struct Layer: Hashable, Sendable, Codable {
    /// SHA-256 of the archive, uncompressed: `sha256:…`.
    package let diffID: String
    /// What its files hold; every entry counts as 4 KiB more.
    package let bytes: Int64
    package let entries: Int
    /// Whether it hides everything below it.
    package let isOpaque: Bool
}

/// An archive to be unpacked.
package struct LayerSource: Hashable, Sendable, Codable {
    /// The whole blob, or the tar file.
    package var path: String
    /// As the manifest says; nil for a file that says itself what it is.
    package var mediaType: String?
    /// Of the blob.
    package var digest: String?
    package var size: Int64?
    /// What the image's configuration says it is uncompressed; nil where nobody says so.
    package var diffID: String?

    package init(
        path: String, mediaType: String? = nil, digest: String? = nil, size: Int64? = nil, diffID: String? = nil
    ) {
        self.path = path
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.diffID = diffID
    }
}

/// Why an archive was not unpacked. Nothing is left of it.
package struct LayerError: Error, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The archive, or the layer.
    package var archive: String
    /// The path in it.
    package var entry: String?
    package var reason: String
    /// The way out.
    package var hint: String?

    package init(_ archive: String, entry: String? = nil, _ reason: String, hint: String? = nil) {
        self.archive = archive
        self.entry = entry
        self.reason = reason
        self.hint = hint
    }

    package var description: String {
        "\(archive): \(entry.map { "entry '\($0)': " } ?? "")\(reason)"
    }
}

extension LayerError {
    init(_ archive: String, _ error: SystemError) {
        self.init(archive, "\(error)", hint: error.wayOut)
    }
}

extension SystemError {
    /// What to do about it, where the kernel's reason does not say it.
    var wayOut: String? {
        [ENOSPC, EDQUOT].contains(errno)
            ? "make room in the state folder: `settle image prune` removes what no container uses" : nil
    }
}
