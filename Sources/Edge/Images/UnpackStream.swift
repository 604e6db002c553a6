import CCompress
import Glibc
import Syscalls

/// The bytes of the archive as they are stored, hashed on the way.
final class BlobReader {
    private let descriptor: Int32
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    private var hash = SHA256()
    private let hashes: Bool
    private let progress: (Int64) -> Void
    private(set) var count: Int64 = 0
    private var told: Int64 = 0

    /// - Parameter hashes: whether somebody will ask for the digest.
    init(_ descriptor: Int32, hashes: Bool, progress: @escaping (Int64) -> Void) {
        self.descriptor = descriptor
        self.hashes = hashes
        self.progress = progress
    }

    deinit { buffer.deallocate() }

    /// The first bytes, without reading past them.
    func peek(_ most: Int) -> [UInt8] {
        let count = pread(descriptor, buffer.baseAddress, most, 0)
        return Array(buffer.prefix(max(count, 0)))
    }

    /// Empty at the end; valid until the next call.
    func next() throws -> UnsafeRawBufferPointer {
        let length = try check("read") { read(descriptor, buffer.baseAddress, buffer.count) }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<length])
        if hashes { hash.update(bytes) }
        count += Int64(length)
        if count - told >= 1 << 20 || length == 0 {
            told = count
            progress(count)
        }
        return bytes
    }

    func digest() -> String { hash.digest() }
}

enum Compression: String {
    case none, gzip, zstd

    /// What a media type says; nil for one that is no layer's.
    init?(mediaType: String) {
        switch mediaType {
        case "application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar",
            "application/vnd.oci.image.layer.nondistributable.v1.tar":
            self = .none
        case "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":
            self = .gzip
        case "application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.docker.image.rootfs.diff.tar.zstd",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd":
            self = .zstd
        case _: return nil
        }
    }

    /// What the first bytes say.
    init(magic: [UInt8]) {
        if magic.starts(with: [0x1F, 0x8B]) {
            self = .gzip
        } else if magic.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) || Self.isSkippableFrame(magic) {
            self = .zstd
        } else {
            self = .none
        }
    }

    private static func isSkippableFrame(_ magic: [UInt8]) -> Bool {
        magic.count >= 4 && magic[0] & 0xF0 == 0x50 && magic[1...3].elementsEqual([0x2A, 0x4D, 0x18])
    }
}

/// The archive, uncompressed, hashed on the way.
final class LayerStream {
    private let blob: BlobReader
    private let decoder: Decoder
    private var hash = SHA256()
    private(set) var count: Int64 = 0
    private let limit: UnpackLimit

    private enum Decoder {
        case none
        case gzip(GzipDecoder)
        case zstd(ZstdDecoder)
    }

    init(_ blob: BlobReader, _ compression: Compression, _ limit: UnpackLimit) throws {
        self.blob = blob
        self.limit = limit
        decoder =
            switch compression {
            case .none: .none
            case .gzip: .gzip(try GzipDecoder(blob))
            case .zstd: .zstd(try ZstdDecoder(blob))
            }
    }

    /// Empty at the end; valid until the next call.
    func next() throws -> UnsafeRawBufferPointer {
        let bytes =
            switch decoder {
            case .none: try blob.next()
            case .gzip(let decoder): try decoder.next()
            case .zstd(let decoder): try decoder.next()
            }
        hash.update(bytes)
        count += Int64(bytes.count)
        if count > limit.stream { throw limit.refusal }
        return bytes
    }

    /// To the end: what stands behind the archive's own end counts for its digest.
    func drain() throws {
        while try !next().isEmpty {}
    }

    func digest() -> String { hash.digest() }
}
