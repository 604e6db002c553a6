import Diagnostics
import Glibc
import OCI
import Processes
import Syscalls

/// One image on its way: its name is resolved to a manifest, its blobs are fetched, its layers unpacked as they come, and
/// when all of that is done it is entered in the list.
final class ImageFetch {
    let request: PullRequest
    private(set) var result: Result<Image, ImageFault>?
    private(set) var hasStarted = false
    var isRunning: Bool { hasStarted && result == nil }

    private unowned let puller: Puller
    private var job: Job?
    private var proxy: ImageProxy?
    private var proxyImage: Int64 = 0

    /// Of what the name stands for, which may be an index.
    private var repoDigest: Digest?
    private var manifestDigest: Digest?
    private var manifest: ImageManifest?
    private var image: Image?
    /// Blobs that are wanted and not asked for yet, in order.
    private var wanted: [BlobDescriptor] = []
    private var running: Set<Digest> = []
    private var arrived: Set<Digest> = []
    private var unpacked: Set<Digest> = []
    private var unpacking: Set<Digest> = []
    /// Blobs that were in the store, turned out to be broken and are fetched once more.
    private var renewed: Set<Digest> = []
    private var stamp: String?
    /// What skopeo is asked for: not the reference itself where that had to be unpacked first.
    private var source: ImageReference?
    private var scratch: TemporaryFolder?

    init(_ request: PullRequest, _ puller: Puller) {
        self.request = request
        self.puller = puller
    }

    private var reference: ImageReference { request.source }
    private var store: ImageStore { puller.store }

    func start() {
        hasStarted = true
        if !request.isFetched, let known = store.image(request.name, request.platform) {
            image = known
            manifestDigest = known.manifestDigest
            manifest = store.manifest(known.manifestDigest)
            for layer in known.layers { unpack(layer) }
            return advance()
        }
        tell(.resolving)
        stamp = reference.path.flatMap { SourceStamp.of($0) }
        attempt {
            try prepare { [unowned self] source in try ask(source, resolved) }
        }
    }

    /// Makes the source one that can be read blob by blob.
    private func prepare(_ then: @escaping (ImageReference) throws -> Void) throws {
        guard let skopeo = puller.skopeo else { throw ImageFault.noSkopeo(reference) }
        if let source { return try then(source) }
        guard let work = SourceWork(reference, skopeo) else {
            source = reference
            return try then(reference)
        }
        let name = SHA256.digest(of: Array(reference.canonical.utf8)).suffix(12)
        let scratch = try TemporaryFolder(in: store.fetching, "source-\(name)")
        self.scratch = scratch
        perform(try work.start(in: scratch.path, on: puller.loop)) { [unowned self] in
            let result = work.result(in: scratch.path)
            source = result
            try then(result)
        }
    }

    // MARK: The manifest

    /// Longer ones are refused by registries, too.
    private static let longestManifest = 4 << 20

    private func ask(_ reference: ImageReference, _ answer: @escaping ([UInt8]) throws -> Void) throws {
        guard let skopeo = puller.skopeo else { throw ImageFault.noSkopeo(reference) }
        let output = try MemoryFile("manifest")
        let errors = try MemoryFile("errors")
        let child = try skopeo.inspect(reference, output: output.raw, errors: errors.raw)
        perform(Job(child, output: output, errors: errors, on: puller.loop)) {
            try answer(output.bytes(most: Self.longestManifest + 1))
        }
    }

    private func perform(_ job: Job, _ then: @escaping () throws -> Void) {
        self.job = job
        job.whenDone { [unowned self, errors = job.errors] isFine in
            self.job = nil
            attempt {
                guard isFine else { throw self.fault(errors.text) }
                try then()
            }
        }
    }

    private func resolved(_ bytes: [UInt8]) throws {
        let digest = try digest(of: bytes)
        if let pinned = reference.name?.digest, pinned != digest {
            throw ImageFault(.damaged, reference, "its source gave \(digest) for \(pinned)")
        }
        repoDigest = digest
        switch try Manifest(parsing: bytes) {
        case .image: try take(bytes, digest)
        case .index(let index):
            guard let entry = index.choose(request.platform) else {
                throw ImageFault.wrongPlatform(reference, wanted: request.platform, offered: index.platforms)
            }
            guard let name = reference.name else {
                // A layout's manifests are blobs of it.
                return try open(source ?? reference) { [unowned self] in fetch([entry]) }
            }
            let chosen = ImageReference.registry(name.pinned(to: entry.digest))
            try ask(chosen) { [unowned self] bytes in try take(bytes, entry.digest) }
        }
    }

    private func digest(of bytes: [UInt8]) throws -> Digest {
        if bytes.count > Self.longestManifest {
            throw ImageFault(.unsupported, reference, "its manifest is longer than 4 MiB")
        }
        guard let digest = Digest(SHA256.digest(of: bytes)) else { throw ImageFault(.damaged, reference, "no digest") }
        return digest
    }

    /// The manifest of the one image that is wanted.
    private func take(_ bytes: [UInt8], _ wanted: Digest) throws {
        guard try digest(of: bytes) == wanted else {
            throw ImageFault(.damaged, reference, "its source gave another manifest than \(wanted)")
        }
        guard case .image(let manifest) = try Manifest(parsing: bytes) else {
            throw ImageFault(.unsupported, reference, "an index within its index")
        }
        self.manifest = manifest
        manifestDigest = wanted
        try keep(bytes, wanted)
        if isComplete(manifest) { return try opened() }
        let source = reference.name.map { ImageReference.registry($0.pinned(to: wanted)) } ?? self.source ?? reference
        try open(source) { [unowned self] in try opened() }
    }

    /// Whether nothing has to be asked of the source any more.
    private func isComplete(_ manifest: ImageManifest) -> Bool {
        if store.bytes(manifest.config.digest) == nil { unlink(store.blob(manifest.config.digest)) }
        return ([manifest.config] + manifest.layers).allSatisfy {
            puller.trusted.contains($0.digest) && Files.size(store.blob($0.digest)) == $0.size
        }
    }

    private func keep(_ bytes: [UInt8], _ digest: Digest) throws {
        if store.bytes(digest) != nil { return }
        // Under a name of its own: another command may be keeping the same one. Locked, or it would be a leftover.
        let draft = "\(store.fetching)/\(digest.hex).\(getpid())"
        guard let file = try LockedFile(draft) else { throw SystemError("flock", on: draft, errno: EWOULDBLOCK) }
        try file.empty()
        try Files.write(bytes, to: file.raw, named: draft)
        try check("rename", on: draft) { rename(draft, store.blob(digest)) }
    }

    // MARK: Blobs

    private func open(_ source: ImageReference, _ then: @escaping () throws -> Void) throws {
        if proxy != nil { return try then() }
        guard let skopeo = puller.skopeo else { throw ImageFault.noSkopeo(reference) }
        let proxy = try ImageProxy(skopeo, source, request.platform, on: puller.loop)
        self.proxy = proxy
        proxy.call("Initialize", []) { [weak self] answer in
            if case .failure(let refusal) = answer { self?.fail(refusal.words) }
        }
        proxy.call("OpenImage", [.string(source.skopeo)]) { [weak self] answer in
            guard let self, result == nil else { return }
            switch answer {
            case .failure(let refusal): fail(refusal.words)
            case .success(let answer):
                proxyImage = answer.value.number ?? 0
                attempt { try then() }
            }
        }
    }

    /// The configuration first: it says what the layers are, so that they can be unpacked as they come.
    private func opened() throws {
        guard let manifest else { return }
        tell(.fetching)
        for layer in manifest.layers { tell(.waiting, layer, 0) }
        var seen: Set<Digest> = []
        fetch(([manifest.config] + manifest.layers).filter { seen.insert($0.digest).inserted })
    }

    private func fetch(_ blobs: [BlobDescriptor]) {
        wanted += blobs
        advance()
    }

    /// Asks for the next blobs, and sees whether everything is done.
    private func advance() {
        while result == nil, running.count < puller.limits.blobs, !wanted.isEmpty { request(wanted.removeFirst()) }
        if result == nil, let image, wanted.isEmpty, running.isEmpty,
            image.layers.allSatisfy({ unpacked.contains($0.diffID) })
        {
            attempt { try finish(image) }
        }
    }

    private func request(_ blob: BlobDescriptor) {
        running.insert(blob.digest)
        let isTrusted = puller.trusted.contains(blob.digest)
        let fetch = puller.blob(blob.digest, for: self) {
            BlobFetch(blob, store, from: proxy, proxyImage, trusted: isTrusted, on: puller.loop)
        }
        blobChanged(fetch)
    }

    func blobChanged(_ fetch: BlobFetch) {
        let blob = fetch.blob
        guard running.contains(blob.digest) else { return }
        switch fetch.phase {
        case .waiting: tell(.waiting, blob, fetch.received)
        case .fetching: tell(.fetching, blob, fetch.received)
        case .done:
            running.remove(blob.digest)
            attempt { try arrive(blob) }
            advance()
        case .failed(let fault):
            // Another image's source failed; ours may do better.
            if !fetch.comes(from: proxy) {
                running.remove(blob.digest)
                wanted.insert(blob, at: 0)
                return advance()
            }
            switch fault {
            case .refused(let words): fail(words)
            case .system(let error): finish(.failure(ImageFault(reference, error, storing: store.folder)))
            case .damaged(let reason):
                finish(
                    .failure(
                        ImageFault(.damaged, reference, reason, hint: "try again; if it stays so, the source is broken")
                    ))
            }
        }
    }

    private func arrive(_ blob: BlobDescriptor) throws {
        arrived.insert(blob.digest)
        guard let manifest else {
            guard let bytes = store.bytes(blob.digest) else {
                throw ImageFault(.damaged, reference, "its manifest is gone")
            }
            return try take(bytes, blob.digest)
        }
        if blob.digest == manifest.config.digest {
            try read(manifest)
            for layer in image?.layers ?? [] where arrived.contains(layer.digest) { unpack(layer) }
        } else {
            tell(.fetched, blob, blob.size)
            for layer in image?.layers ?? [] where layer.digest == blob.digest { unpack(layer) }
        }
    }

    private func read(_ manifest: ImageManifest) throws {
        guard let bytes = store.bytes(manifest.config.digest), let manifestDigest else {
            throw ImageFault(.damaged, reference, "its configuration is not what its name says")
        }
        let config = try ImageConfig(parsing: bytes)
        if !config.architecture.isEmpty && !request.platform.accepts(config.platform) {
            throw ImageFault.wrongPlatform(reference, wanted: request.platform, offered: [config.platform])
        }
        image = try Image(
            reference: request.name, manifest: manifest, manifestDigest: manifestDigest, repoDigest: repoDigest,
            config: config, pulled: MachineClock.realtime / 1_000_000_000)
    }

    // MARK: Layers

    private func unpack(_ layer: ImageLayer) {
        guard unpacking.insert(layer.diffID).inserted else { return }
        puller.unpack(layer) { [weak self] state in
            guard let self, result == nil else { return }
            switch state {
            case .running(let read, let total):
                tell(.unpacking, layer.digest, read, total)
            case .done:
                unpacked.insert(layer.diffID)
                tell(.done, layer.digest, layer.size, layer.size)
                advance()
            case .failed(let error): renew(layer, after: error)
            }
        }
    }

    /// What a crash of the machine left of a blob is fetched anew, once.
    private func renew(_ layer: ImageLayer, after error: LayerError) {
        let path = store.blob(layer.digest)
        let isIntact = (try? SHA256.digest(ofFile: path)) == layer.digest.description
        if isIntact || !renewed.insert(layer.digest).inserted {
            return finish(.failure(ImageFault(.damaged, reference, "\(error)", hint: error.hint)))
        }
        unlink(path)
        puller.forget(layer.digest)
        unpacking.remove(layer.diffID)
        attempt {
            try prepare { [unowned self] source in
                let pinned = reference.name.flatMap { name in
                    manifestDigest.map { ImageReference.registry(name.pinned(to: $0)) }
                }
                try open(pinned ?? source) { [unowned self] in
                    fetch([BlobDescriptor(mediaType: layer.mediaType, digest: layer.digest, size: layer.size)])
                }
            }
        }
    }

    // MARK: The end

    private func finish(_ image: Image) throws {
        // Refuses layers that do not belong on top of each other.
        _ = try puller.layers.lowerFolders(chain: image.layers.map { "\($0.diffID)" })
        if repoDigest != nil { try enter(image) }
        finish(.success(image))
    }

    /// From here on it is there.
    private func enter(_ image: Image) throws {
        guard let manifest else { return }
        if let skopeo = puller.skopeo { try SignaturePolicy.check(image, skopeo, source ?? reference, store) }
        let bytes = Files.size(store.blob(image.manifestDigest)) ?? 0
        let entry = StoredImage(
            reference: image.reference,
            manifest: BlobDescriptor(
                mediaType: manifest.mediaType, digest: image.manifestDigest, size: bytes,
                platform: image.config.architecture.isEmpty ? request.platform : image.config.platform),
            id: image.id, repoDigest: image.repoDigest, pulled: image.pulled, stamp: stamp)
        try store.update { $0.add(entry) }
    }

    private func attempt(_ body: () throws -> Void) {
        do {
            try body()
        } catch let fault as ImageFault {
            finish(.failure(fault))
        } catch let fault as OCIFault {
            finish(.failure(ImageFault(.unsupported, reference, fault.message)))
        } catch let error as LayerError {
            finish(.failure(ImageFault(.damaged, reference, "\(error)", hint: error.hint)))
        } catch let error as SystemError {
            finish(.failure(ImageFault(reference, error, storing: store.folder)))
        } catch {
            finish(.failure(ImageFault(.other, reference, "\(error)")))
        }
    }

    private func fault(_ words: String) -> ImageFault {
        puller.skopeo?.fault(reference, words) ?? .noSkopeo(reference)
    }

    private func fail(_ words: String) {
        if result == nil { finish(.failure(fault(words))) }
    }

    private func finish(_ result: Result<Image, ImageFault>) {
        if self.result != nil { return }
        self.result = result
        job = nil
        proxy = nil
        scratch = nil
        switch result {
        case .success: tell(.done)
        case .failure: tell(.failed)
        }
        puller.hasEnded(self)
    }

    private func tell(_ phase: PullEvent.Phase) { puller.tell(PullEvent(request.name, nil, phase)) }

    private func tell(_ phase: PullEvent.Phase, _ blob: BlobDescriptor, _ bytes: Int64) {
        if blob.digest == manifest?.config.digest || manifest == nil { return }
        tell(phase, blob.digest, bytes, blob.size)
    }

    private func tell(_ phase: PullEvent.Phase, _ layer: Digest, _ bytes: Int64, _ total: Int64) {
        puller.tell(PullEvent(request.name, layer, phase, bytes: bytes, total: total))
    }
}
