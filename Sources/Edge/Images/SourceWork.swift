import Glibc
import OCI
import Processes
import Syscalls

/// What has to be done before an image can be taken from its source blob by blob.
struct SourceWork {
    private enum Kind {
        /// skopeo(1) of Debian 12 does not read archives that gzip(1) packed.
        case unpack(String)
        /// What another tool's store has is not what its manifest says: layers are kept unpacked there.
        case copy
    }

    private let reference: ImageReference
    private let skopeo: Skopeo
    private let kind: Kind

    /// nil where nothing has to be done.
    init?(_ reference: ImageReference, _ skopeo: Skopeo) {
        self.reference = reference
        self.skopeo = skopeo
        switch reference {
        case .registry, .ociLayout: return nil
        case .containersStorage: kind = .copy
        case .ociArchive(let file, _), .dockerArchive(let file, _):
            guard Self.isGzip(file) else { return nil }
            kind = .unpack(file)
        }
    }

    private static func isGzip(_ path: String) -> Bool {
        guard let file = try? Descriptor(path, O_RDONLY) else { return false }
        return (try? Files.read(2, from: file.raw, named: path)) == [0x1F, 0x8B]
    }

    /// Where the image is once it is done.
    func result(in folder: String) -> ImageReference {
        let file = "\(folder)/archive.tar"
        switch reference {
        case .ociArchive(_, let name): return .ociArchive(file: file, name: name)
        case .dockerArchive(_, let name): return .dockerArchive(file: file, name: name)
        case .containersStorage, .registry, .ociLayout: return .dockerArchive(file: file, name: nil)
        }
    }

    func start(in folder: String, on loop: EventLoop) throws(SystemError) -> Job {
        let errors = try MemoryFile("errors")
        switch kind {
        case .unpack(let path):
            let output = try Descriptor("\(folder)/archive.tar", O_WRONLY | O_CREAT | O_TRUNC)
            let input = try Descriptor(path, O_RDONLY)
            let child = try ChildProcess(
                ChildProcess.find("gzip") ?? "/bin/gzip", ["-dc"], input: input.raw, output: output.raw,
                errors: errors.raw)
            return Job(child, errors: errors, on: loop)
        case .copy:
            let words = ["copy", "--quiet", reference.skopeo, result(in: folder).skopeo]
            return Job(try ChildProcess(skopeo.program, words, errors: errors.raw), errors: errors, on: loop)
        }
    }
}

/// A program whose end is waited for in a poll loop. It ends with its last reference.
final class Job {
    let output: MemoryFile?
    let errors: MemoryFile
    private let child: ChildProcess
    private let loop: EventLoop
    private var watch: EventLoop.Watch?

    init(_ child: ChildProcess, output: MemoryFile? = nil, errors: MemoryFile, on loop: EventLoop) {
        self.child = child
        self.output = output
        self.errors = errors
        self.loop = loop
    }

    deinit { if let watch { loop.forget(watch) } }

    /// - Parameter handler: is told whether it succeeded.
    func whenDone(_ handler: @escaping (Bool) -> Void) {
        watch = loop.watchProcess(child.process.raw) { [unowned self] in handler(child.wait() == 0) }
    }
}
