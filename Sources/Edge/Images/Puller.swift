import Diagnostics
import Glibc
package import OCI
import Processes
import Syscalls

/// An image that is wanted.
package struct PullRequest: Hashable, Sendable {
    /// Where it comes from.
    package var source: ImageReference
    /// What it is called in the store.
    package var name: ImageReference
    package var platform: Platform
    /// Whether its source is asked even though it is there.
    package var isFetched: Bool

    package init(_ source: ImageReference, as name: ImageReference? = nil, platform: Platform, isFetched: Bool = true) {
        self.source = source
        self.name = name ?? source
        self.platform = platform
        self.isFetched = isFetched
    }
}

/// Ctrl-C.
package struct PullInterrupted: Error { package init() {} }

/// Brings images here and unpacks them, several at once, from one poll loop: each blob is fetched and each layer unpacked
/// once, however many images and commands want it.
package final class Puller {
    package struct Limits: Sendable {
        /// Images that are being fetched at once.
        package var images = 4
        /// Blobs of one image.
        package var blobs = 4
        /// Layers that are being unpacked.
        package var unpacks = max(2, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        /// Bytes that one layer may unpack to; nil for the usual limit.
        package var layerBytes: Int64?

        package init() {}
    }

    let store: ImageStore
    let layers: LayerStore
    let loop = EventLoop()
    let limits: Limits
    let tell: (PullEvent) -> Void
    let executable: String
    private(set) lazy var trusted = store.referenced(by: store.entries())
    private(set) lazy var skopeo = Skopeo.find()
    private var fetches: [ImageFetch] = []
    private var isTurning = false
    private var hasWork: Bool { fetches.contains { $0.result == nil } }
    private var blobs: [Digest: BlobFetch] = [:]
    private var listeners: [Digest: [ImageFetch]] = [:]
    private var unpackings: [Digest: Unpacking] = [:]

    /// - Parameter executable: Settle's own, which unpacks in a process of its own.
    package init(
        _ store: ImageStore, _ layers: LayerStore, limits: Limits = Limits(), executable: String = "/proc/self/exe",
        tell: @escaping (PullEvent) -> Void = { _ in }
    ) {
        self.store = store
        self.layers = layers
        self.limits = limits
        self.executable = executable
        self.tell = tell
    }

    /// - Returns: what became of each, in the same order. Whatever fails, the others come.
    /// - Throws: `PullInterrupted`: nothing runs any more, what was fetched whole is kept.
    package func run(_ requests: [PullRequest]) throws -> [Result<Image, ImageFault>] {
        let use = try store.use()
        defer {
            clear()
            TemporaryFolder.removeLeftovers(in: store.fetching)
            extendLifetime(use)
        }
        fetches = requests.map { ImageFetch($0, self) }
        let isInterrupted = try loop.untilInterrupted { loop in
            startImages()
            isTurning = true
            defer { isTurning = false }
            if hasWork { try loop.run() }
        }
        if isInterrupted { throw PullInterrupted() }
        return fetches.map { $0.result ?? .failure(ImageFault(.other, $0.request.source, "was not fetched")) }
    }

    /// Whatever runs ends with the last that speaks of it.
    private func clear() {
        fetches = []
        blobs = [:]
        listeners = [:]
        unpackings = [:]
    }

    private func startImages() {
        while fetches.count(where: { $0.isRunning }) < limits.images,
            let next = fetches.first(where: { !$0.hasStarted })
        {
            next.start()
        }
    }

    /// An image is through: the next one's turn, or the end.
    func hasEnded(_ image: ImageFetch) {
        release(image)
        startImages()
        if isTurning && !hasWork { loop.stop() }
    }

    // MARK: Blobs

    /// The fetch of a blob, the same for all images that want it; `fetch` makes one where there is none.
    func blob(_ digest: Digest, for image: ImageFetch, _ fetch: () -> BlobFetch) -> BlobFetch {
        listeners[digest, default: []].append(image)
        if let known = blobs[digest] {
            if case .failed = known.phase {} else { return known }
        }
        let new = fetch()
        blobs[digest] = new
        new.changed = { [unowned self, unowned new] in
            for image in listeners[digest] ?? [] where image.result == nil { image.blobChanged(new) }
        }
        new.start()
        return new
    }

    /// The image has failed: what only it wanted is given up.
    private func release(_ image: ImageFetch) {
        for (digest, waiting) in listeners where waiting.contains(where: { $0 === image }) {
            let others = waiting.filter { $0 !== image && $0.result == nil }
            listeners[digest] = others
            if others.isEmpty { blobs[digest] = nil }
        }
    }

    /// Fetched again: what is there is damaged.
    func forget(_ digest: Digest) {
        blobs[digest] = nil
        listeners[digest] = nil
        trusted.remove(digest)
    }

    // MARK: Layers

    /// Ends with its last reference.
    private final class Unpacking {
        private let start: () throws -> LayerUnpack
        private let loop: EventLoop
        private(set) var work: LayerUnpack?
        private var watch: EventLoop.Watch?
        var handlers: [(LayerUnpack.State) -> Void]

        init(
            on loop: EventLoop, _ start: @escaping () throws -> LayerUnpack,
            _ handler: @escaping (LayerUnpack.State) -> Void
        ) {
            self.start = start
            self.loop = loop
            handlers = [handler]
        }

        deinit { stop() }

        func begin(_ changed: @escaping (LayerUnpack.State) -> Void) throws {
            let work = try start()
            self.work = work
            guard case .running = work.state else { return changed(work.state) }
            watch = loop.watch(work.descriptor) { [unowned self] _ in
                let state = work.advance()
                if case .running = state {} else { stop() }
                changed(state)
            }
        }

        private func stop() {
            if let watch { loop.forget(watch) }
            watch = nil
            work?.cancel()
        }
    }

    /// Unpacks a layer, once for all images that have it; the handler is told each step.
    func unpack(_ layer: ImageLayer, _ handler: @escaping (LayerUnpack.State) -> Void) {
        if let known = layers.layer("\(layer.diffID)") { return handler(.done(known)) }
        if let running = unpackings[layer.diffID] { return running.handlers.append(handler) }
        let source = LayerSource(
            path: store.blob(layer.digest), mediaType: layer.archiveType, digest: "\(layer.digest)", size: layer.size,
            diffID: "\(layer.diffID)")
        let start = { [layers, limits, executable] in
            try layers.unpack(source, limit: limits.layerBytes, executable: executable)
        }
        unpackings[layer.diffID] = Unpacking(on: loop, start, handler)
        startUnpackings()
    }

    private func startUnpackings() {
        while unpackings.values.count(where: { $0.work != nil }) < limits.unpacks,
            let (diffID, next) = unpackings.first(where: { $0.value.work == nil })
        {
            do {
                try next.begin { [unowned self] in unpackingChanged(diffID, $0) }
            } catch {
                finish(diffID, .failed(LayerError("layer \(diffID.short)", "\(error)")))
            }
        }
    }

    private func unpackingChanged(_ diffID: Digest, _ state: LayerUnpack.State) {
        switch state {
        case .running: for handler in unpackings[diffID]?.handlers ?? [] { handler(state) }
        case .done, .failed: finish(diffID, state)
        }
    }

    private func finish(_ diffID: Digest, _ state: LayerUnpack.State) {
        let handlers = unpackings.removeValue(forKey: diffID)?.handlers ?? []
        for handler in handlers { handler(state) }
        startUnpackings()
    }
}

extension ImageLayer {
    /// What the unpacker is told it is: by how it is packed, which for some sources is not what their manifest says.
    var archiveType: String {
        switch compression {
        case .none: "application/vnd.oci.image.layer.v1.tar"
        case .gzip: "application/vnd.oci.image.layer.v1.tar+gzip"
        case .zstd: "application/vnd.oci.image.layer.v1.tar+zstd"
        }
    }
}
