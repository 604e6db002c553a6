import CUnpack
import Diagnostics
import Glibc
import Syscalls

/// What an unpacker is to do.
struct UnpackRequest: Codable {
    /// The layers' folder.
    let store: String
    let source: LayerSource
    /// SETTLE_UNPACK_LIMIT.
    let limit: Int64?
}

/// What the unpacker says, a line each; the last one has a layer or an error.
struct UnpackReport: Codable {
    /// Bytes of the archive that were read.
    var read: Int64?
    var layer: Layer?
    var error: LayerError?

    func send(to descriptor: Int32) throws {
        try Files.write(try JSON.encode(self) + [10], to: descriptor, named: "report")
    }
}

/// The process that reads the archive: it trusts nothing in it, and is trusted with nothing but the folder that it fills.
struct UnpackChild {
    let request: UnpackRequest
    let blob: Int32
    let size: Int64
    /// Becomes the process's root folder.
    let tree: String
    /// Takes the implied folders.
    let implied: Int32
    let report: Int32

    /// - Returns: the exit status; what there is to say went to the report.
    func run() -> Int32 {
        do {
            try UnpackReport(layer: try unpack()).send(to: report)
            return 0
        } catch {
            return (try? UnpackReport(error: explained(error)).send(to: report)) == nil ? 2 : 1
        }
    }

    private func unpack() throws -> Layer {
        let isPrivileged = geteuid() == 0
        let limit = UnpackLimit(set: request.limit, compressed: size)
        let root = try confined(isPrivileged, limit)
        let source = request.source
        let reader = BlobReader(blob, hashes: source.digest != nil) { [report] count in
            // Where nobody listens any more SIGPIPE ends the process.
            try? UnpackReport(read: count).send(to: report)
        }
        let stream = try LayerStream(reader, try compression(reader.peek(4)), limit)
        let tree = UnpackTree(root: root, isPrivileged: isPrivileged)
        var walk = UnpackWalk(try TarReader(stream), tree, limit)
        try walk.tar.open()
        try walk.run()
        try stream.drain()
        try verify(reader)
        for path in tree.implied where !path.isRoot {
            try Files.write(path.bytes + [0], to: implied, named: "implied")
        }
        let diffID = try checkedDiffID(stream)
        return Layer(diffID: diffID, bytes: walk.bytes, entries: walk.entries, isOpaque: walk.isOpaque)
    }

    /// - Returns: the root folder.
    private func confined(_ isPrivileged: Bool, _ limit: UnpackLimit) throws -> Int32 {
        let folder = try Descriptor(tree, O_RDONLY | O_DIRECTORY)
        let failed = tree.withCString { path in
            var confinement = settle_confinement(
                root: path, largest_file: limit.bytes, is_privileged: isPrivileged ? 1 : 0)
            return settle_unpack_confine(&confinement)
        }
        if let failed { throw SystemError(String(cString: failed), errno: errno) }
        return isPrivileged ? try Descriptor("/", O_RDONLY | O_DIRECTORY).take() : folder.take()
    }

    private func compression(_ magic: [UInt8]) throws -> Compression {
        guard let mediaType = request.source.mediaType else { return Compression(magic: magic) }
        guard Compression(mediaType: mediaType) != nil else {
            throw Refusal(
                "'\(mediaType)' is no media type of a layer",
                hint: "layers are tar archives, plain or with gzip or zstd")
        }
        // Some tools call an archive compressed which is not, or the other way round; its digest says that it is theirs.
        return Compression(magic: magic)
    }

    private func verify(_ reader: BlobReader) throws {
        let source = request.source
        if let size = source.size, size != reader.count {
            throw Refusal("it has \(reader.count) bytes, its manifest says \(size)")
        }
        if let digest = source.digest {
            let found = reader.digest()
            if found != digest { throw Refusal("its digest is \(found), its manifest says \(digest)") }
        }
    }

    private func checkedDiffID(_ stream: LayerStream) throws -> String {
        // Some images do have a layer of no bytes at all.
        if stream.count == 0 && request.source.diffID == nil { throw Refusal("it is empty") }
        let found = stream.digest()
        if let diffID = request.source.diffID, diffID != found {
            throw Refusal("uncompressed its digest is \(found), the image's configuration says \(diffID)")
        }
        return found
    }

    private func explained(_ error: any Error) -> LayerError {
        let archive = request.source.path
        switch error {
        case let error as EntryRefusal:
            return LayerError(archive, entry: error.name, error.refusal.reason, hint: error.refusal.hint)
        case let refusal as Refusal: return LayerError(archive, refusal.reason, hint: refusal.hint)
        case let error as SystemError: return LayerError(archive, Refusal(error).reason, hint: error.wayOut)
        case _: return LayerError(archive, "\(error)")
        }
    }
}
