import CLaunch
import Diagnostics
import Glibc
package import OCI
import Processes
import Syscalls

/// buildah(1), which makes images. What it keeps between builds is in the store's folder, beside the images.
package struct Builder: Sendable {
    private let program: String
    private let storage: String

    /// How a build ended.
    package enum Outcome: Hashable, Sendable {
        case built
        /// What buildah said is with whoever listened.
        case failed
        case interrupted
    }

    /// - Returns: nil where buildah is not installed.
    package init?(_ store: ImageStore) {
        guard let program = ChildProcess.find("buildah") else { return nil }
        self.program = program
        storage = "\(store.folder)/build"
    }

    private static let sharedMemory: Int64 = 64 << 20
    /// Else its folder would stay mounted on itself.
    private static let noMount = "overlay.skip_mount_home=true"
    private var root: String { "\(storage)/storage" }
    private var run: String { "\(storage)/run" }
    private var temporary: String { "\(storage)/tmp" }
    /// Shared by who builds, alone for who removes what builds left.
    private var lock: String { "\(storage)/lock" }
    private var options: [String] {
        ["--root", root, "--runroot", run, "--storage-driver", "overlay", "--storage-opt", Self.noMount]
    }

    /// Where the store finds what was built under a name.
    package func result(_ image: ImageReference) -> ImageReference {
        .containersStorage("[overlay@\(root)+\(run):\(Self.noMount)]\(image.canonical)")
    }

    /// - Parameters:
    ///   - words: as of `build`, see buildah-build(1).
    ///   - sharedMemory: the size of `/dev/shm` in its steps, in bytes; 64 MiB without it. buildah itself shows steps that
    ///     run in a changed root the host's.
    ///   - hear: gets what it says, in pieces.
    package func build(_ words: [String], sharedMemory: Int64?, hear: @escaping ([UInt8]) -> Void) throws -> Outcome {
        try Files.makeFolders(temporary, mode: 0o700)
        removeLeftovers()
        defer { removeLeftovers() }
        let use = try StoreLock(lock, isShared: true)
        defer { extendLifetime(use) }
        // Steps run in a changed root and not in a container of their own: that works wherever Settle does.
        let isolation = getenv("BUILDAH_ISOLATION") == nil ? ["--isolation", "chroot"] : []
        let containment = ChildProcess.Containment(sharedMemory: sharedMemory ?? Self.sharedMemory)
        let (child, reader) = try start(options + ["build"] + isolation + words.dropFirst(), containment)
        let raw = reader.raw
        let isInterrupted = try EventLoop().untilInterrupted { loop in
            loop.watch(raw) { _ in
                var bytes = [UInt8](repeating: 0, count: 65536)
                let count = read(raw, &bytes, bytes.count)
                if count > 0 { hear(Array(bytes[..<count])) } else { loop.stop() }
            }
            try loop.run()
        }
        // With it goes whatever its steps have started, and what they mounted.
        if isInterrupted { child.kill() }
        let status = child.wait()
        if isInterrupted { return .interrupted }
        return status == 0 ? .built : .failed
    }

    /// - Returns: with the end of a pipe that both its outputs go to.
    private func start(_ words: [String], _ containment: ChildProcess.Containment) throws -> (ChildProcess, PipeEnd) {
        var ends: [Int32] = [0, 0]
        try check("pipe2") { settle_pipe(&ends) }
        let reader = PipeEnd(ends[0])
        // Closed here once the program has it: the end of what writes is then the end of the pipe.
        let writer = Descriptor(ends[1])
        let child = try ChildProcess(
            program, words, output: writer.raw, errors: writer.raw, environment: environment,
            containment: containment)
        return (child, reader)
    }

    private var environment: [String] {
        ChildProcess.ownEnvironment.filter { !$0.hasPrefix("TMPDIR=") } + ["TMPDIR=\(temporary)"]
    }

    // MARK: What builds left

    /// Takes away what builds left that were killed, or have failed: containers that they worked in, and drafts. Only where
    /// nobody builds; a build removes its own.
    package func removeLeftovers() {
        guard Files.isFolder(storage) == true, let lock = try? StoreLock(lock, isShared: false, waits: false) else {
            return
        }
        defer { extendLifetime(lock) }
        if hasContainers, let errors = try? MemoryFile("errors") {
            let child = try? ChildProcess(
                program, options + ["rm", "--all"], errors: errors.raw, environment: environment,
                containment: ChildProcess.Containment(sharedMemory: Self.sharedMemory))
            child?.wait()
        }
        for name in Files.names(in: temporary) { TemporaryFolder.remove("\(temporary)/\(name)") }
    }

    private var hasContainers: Bool {
        guard let bytes = try? Files.bytes("\(root)/overlay-containers/containers.json") else { return false }
        return (try? JSON(parsing: bytes)).map { !$0.items.isEmpty } ?? true
    }
}

/// A descriptor that closures may hold.
private final class PipeEnd {
    private let descriptor: Descriptor
    var raw: Int32 { descriptor.raw }

    init(_ raw: Int32) { descriptor = Descriptor(raw) }
}
