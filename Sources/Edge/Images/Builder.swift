import CLaunch
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
    package init?(_ store: ImageStore, path: String? = getenv("PATH").map { String(cString: $0) }) {
        let folders = (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map(String.init)
        let programs: [String] = folders.map { "\($0)/buildah" }
        guard let program = programs.first(where: { access($0, X_OK) == 0 }) else { return nil }
        self.program = program
        storage = "\(store.folder)/build"
    }

    /// Else its folder would stay mounted on itself.
    private static let noMount = "overlay.skip_mount_home=true"
    private var root: String { "\(storage)/storage" }
    private var run: String { "\(storage)/run" }

    /// Where the store finds what was built under a name.
    package func result(_ image: ImageReference) -> ImageReference {
        .containersStorage("[overlay@\(root)+\(run):\(Self.noMount)]\(image.canonical)")
    }

    /// - Parameters:
    ///   - words: as of `build`, see buildah-build(1).
    ///   - hear: gets what it says, in pieces.
    package func build(_ words: [String], hear: @escaping ([UInt8]) -> Void) throws -> Outcome {
        try Files.makeFolders(storage, mode: 0o700)
        var ends: [Int32] = [0, 0]
        try check("pipe2") { settle_pipe(&ends) }
        let reader = Descriptor(ends[0])
        var writer: Descriptor? = Descriptor(ends[1])
        // Steps run in a changed root and not in a container of their own: that works wherever Settle does.
        let isolation = getenv("BUILDAH_ISOLATION") == nil ? ["--isolation", "chroot"] : []
        let all =
            [
                "--root", root, "--runroot", run, "--storage-driver", "overlay", "--storage-opt",
                Self.noMount, "build",
            ] + isolation + words.dropFirst()
        let child = try ChildProcess(program, all, output: ends[1], errors: ends[1])
        writer = nil
        _ = writer
        let loop = EventLoop()
        var isInterrupted = false
        let signals = try loop.watchSignals([SIGINT, SIGTERM, SIGHUP]) { _ in
            isInterrupted = true
            child.kill()
        }
        defer { loop.forget(signals) }
        var isOpen = true
        var watch: EventLoop.Watch?
        let raw = reader.raw
        watch = loop.watch(raw) { _ in
            var bytes = [UInt8](repeating: 0, count: 65536)
            let count = read(raw, &bytes, bytes.count)
            if count > 0 { return hear(Array(bytes[..<count])) }
            if let watch { loop.forget(watch) }
            isOpen = false
        }
        while isOpen && !isInterrupted { try loop.turn() }
        let status = child.wait()
        if isInterrupted { return .interrupted }
        return status == 0 ? .built : .failed
    }
}
