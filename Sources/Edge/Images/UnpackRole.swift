import CProcesses
import CSyscalls
import CUnpack
import Diagnostics
import Glibc
import Processes
import Syscalls

/// `settle unpack-layer REQUEST`: unpacks one layer for the process that started it, and ends with it. It holds the layer's
/// lock, lets a confined child do the reading, and puts the layer into the store.
package struct UnpackRole {
    package static let name = "unpack-layer"
    static let blob: Int32 = 3
    static let caller: Int32 = 4

    private let request: UnpackRequest
    private let store: LayerStore

    /// - Returns: the exit status.
    package static func run(_ arguments: [String]) -> Int32 {
        guard arguments.count == 2, let request = try? JSON.decode(UnpackRequest.self, from: Array(arguments[1].utf8))
        else { return 64 }
        return UnpackRole(request: request, store: LayerStore(folder: request.store)).run()
    }

    private func run() -> Int32 {
        do {
            tell(UnpackReport(layer: try work()))
        } catch let error as LayerError {
            tell(UnpackReport(error: error))
            return 1
        } catch let error as SystemError {
            tell(UnpackReport(error: LayerError(request.source.path, error)))
            return 1
        } catch {
            return 1
        }
        close(Self.caller)
        store.makeLast()
        return 0
    }

    private struct CallerIsGone: Error {}

    private func work() throws -> Layer {
        try Files.makeFolders(store.folder, mode: 0o700)
        if let layer = present() { return layer }
        let place = try StagingFolder(store: store, name: try stagingName(), waits: true)
        if let layer = present() {
            place.remove()
            return layer
        }
        do {
            let layer = try unpack(in: place.path, tree: try place.makeTree())
            if store.layer(layer.diffID) != nil {
                place.remove()
            } else {
                try commit(layer, place)
            }
            try note(layer)
            return layer
        } catch {
            place.remove()
            throw error
        }
    }

    /// Whether somebody else has done it meanwhile.
    private func present() -> Layer? {
        (request.source.diffID ?? store.diffID(ofArchive: request.source.path)).flatMap { store.layer($0) }
    }

    private func stagingName() throws -> String {
        if let diffID = request.source.diffID {
            guard let key = LayerKey(diffID) else {
                throw LayerError(
                    request.source.path, "its configuration calls it '\(diffID)', which is no sha256 digest")
            }
            return LayerStore.staging + key.name
        }
        return LayerStore.staging + ArchiveNote(try status()).name
    }

    private func status() throws(SystemError) -> stat {
        var status = stat()
        try check("fstat", on: request.source.path) { fstat(Self.blob, &status) }
        return status
    }

    private func commit(_ layer: Layer, _ place: borrowing StagingFolder) throws {
        guard let name = LayerKey(layer.diffID)?.name else { throw SystemError("rename", errno: EINVAL) }
        if let other = store.layer(named: name) {
            throw LayerError(request.source.path, "its diffID begins like that of another layer, \(other.diffID)")
        }
        let record = LayerRecord(layer: layer, boot: LayerRecord.thisBoot)
        try Files.replace("\(place.path)/layer.json", try JSON.encode(record))
        // One that was not on the disk when the machine went down.
        try store.discard(name)
        try place.commit(as: name)
    }

    /// So that the same file need not be read again.
    private func note(_ layer: Layer) throws {
        if request.source.diffID != nil { return }
        let note = ArchiveNote(try status())
        try Files.replace("\(store.folder)/\(note.name)", note.text(layer.diffID).utf8)
    }

    // MARK: The child

    private func unpack(in folder: String, tree: String) throws -> Layer {
        let size = Int64(try status().st_size)
        let implied = try Descriptor("\(folder)/implied", O_WRONLY | O_CREAT | O_APPEND)
        var ends: [Int32] = [0, 0]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) }
        let inner = Descriptor(ends[1])
        let channel = LineChannel(Descriptor(ends[0]))
        let child = try check("fork") { settle_unpack_fork() }
        if child == 0 {
            let kept = [2, Self.blob, implied.raw, inner.raw]
            for number: Int32 in 0..<256 where !kept.contains(number) { close(number) }
            let work = UnpackChild(
                request: request, blob: Self.blob, size: size, tree: tree, implied: implied.raw, report: inner.raw)
            _exit(work.run())
        }
        close(inner.take())
        defer {
            kill(child, SIGKILL)
            settle_await(child)
        }
        return try listen(channel)
    }

    private func listen(_ channel: LineChannel) throws -> Layer {
        let loop = EventLoop()
        var isAlone = false
        var report: UnpackReport?
        loop.watch(Self.caller, []) { _ in isAlone = true }
        loop.watch(channel.socket.raw) { _ in
            for line in channel.receive() {
                guard let latest = try? JSON.decode(UnpackReport.self, from: line) else { continue }
                if latest.read == nil { report = latest } else { tell(latest) }
            }
        }
        while report == nil && !channel.isClosed {
            if isAlone { throw CallerIsGone() }
            try loop.turn()
        }
        if let layer = report?.layer { return layer }
        throw report?.error
            ?? LayerError(
                request.source.path, "the process that unpacked it was killed",
                hint: "try again; if the kernel ran out of memory, `dmesg` says so")
    }

    /// A caller that is gone needs no telling.
    private func tell(_ report: UnpackReport) {
        guard let line = try? JSON.encode(report) + [10] else { return }
        var done = 0
        while done < line.count {
            let sent = line.withUnsafeBytes {
                settle_send(Self.caller, $0.baseAddress! + done, UInt($0.count - done), nil, 0, 0)
            }
            if sent < 0 && errno != EINTR { return }
            done += max(Int(sent), 0)
        }
    }
}
