import CProcesses
import Diagnostics
import Glibc
import Processes
package import Syscalls

/// A layer that is being unpacked by a process of its own. It ends with this value, and leaves nothing behind then.
package final class LayerUnpack {
    package enum State: Hashable, Sendable {
        /// Bytes of the archive.
        case running(read: Int64, of: Int64)
        case done(Layer)
        case failed(LayerError)
    }

    private let source: LayerSource
    private let store: LayerStore
    private var channel: LineChannel?
    package private(set) var state: State

    /// Readable when there is something to `advance`; -1 once it has ended.
    package var descriptor: Int32 { channel?.socket.raw ?? -1 }

    init(source: LayerSource, store: LayerStore, channel: LineChannel?, state: State) {
        self.source = source
        self.store = store
        self.channel = channel
        self.state = state
    }

    /// Takes in what the unpacker has said; never blocks.
    @discardableResult
    package func advance() -> State {
        guard let channel else { return state }
        for line in channel.receive() {
            if let report = try? JSON.decode(UnpackReport.self, from: line) { take(report) }
        }
        if channel.isClosed, case .running = state {
            state = .failed(LayerError(source.path, "the process that unpacked it was killed", hint: "try again"))
        }
        if case .running = state {} else { self.channel = nil }
        return state
    }

    private func take(_ report: UnpackReport) {
        if let read = report.read, case .running(_, let size) = state { state = .running(read: read, of: size) }
        if let error = report.error { state = .failed(error) }
        if let layer = report.layer { state = .done(layer) }
    }

    /// Blocks until the end.
    package func wait() -> State {
        while channel != nil {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            poll(&entry, 1, -1)
            advance()
        }
        return state
    }

    package func cancel() {
        channel = nil
        if case .running = state { state = .failed(LayerError(source.path, "its unpacking was given up")) }
    }
}

extension LayerStore {
    /// Starts to unpack a layer, unless it is there; returns at once.
    /// - Parameters:
    ///   - limit: how many bytes it may become; without it the greater of 1 GiB and a hundred times its size.
    ///   - executable: settle.
    package func unpack(_ source: LayerSource, limit: Int64? = nil, executable: String = "/proc/self/exe")
        throws(SystemError) -> LayerUnpack
    {
        if let diffID = source.diffID ?? diffID(ofArchive: source.path), let layer = layer(diffID) {
            return LayerUnpack(source: source, store: self, channel: nil, state: .done(layer))
        }
        let blob = try Descriptor(source.path, O_RDONLY | O_NONBLOCK)
        var status = stat()
        try check("fstat", on: source.path) { fstat(blob.raw, &status) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let error = LayerError(source.path, "it is no file", hint: "a layer is a tar archive")
            return LayerUnpack(source: source, store: self, channel: nil, state: .failed(error))
        }
        let request = UnpackRequest(store: folder, source: source, limit: limit)
        let channel = try start(request, blob.raw, executable)
        return LayerUnpack(
            source: source, store: self, channel: channel, state: .running(read: 0, of: Int64(status.st_size)))
    }

    private func start(_ request: UnpackRequest, _ blob: Int32, _ executable: String) throws(SystemError) -> LineChannel
    {
        var ends: [Int32] = [0, 0]
        try check("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) }
        let outer = Descriptor(ends[0])
        let inner = Descriptor(ends[1])
        let null = try Descriptor("/dev/null", O_RDWR)
        guard let words = try? JSON.encode(request) else { throw SystemError("execve", errno: EINVAL) }
        let arguments = ["settle", UnpackRole.name, String(decoding: words, as: UTF8.self)]
        let descriptors = [null.raw, null.raw, null.raw, blob, inner.raw]
        var gate: Int32 = -1
        var outcome: Int32 = -1
        let result = withCStrings(arguments) { arguments in
            withCStrings([]) { environment in
                descriptors.withUnsafeBufferPointer { descriptors in
                    executable.withCString { executable in
                        var start = settle_start(
                            executable: executable, arguments: arguments, environment: environment,
                            descriptors: descriptors.baseAddress, count: Int32(descriptors.count), cgroup: -1)
                        return settle_start(&start, &gate, &outcome)
                    }
                }
            }
        }
        if result < 0 { throw SystemError("fork", errno: errno) }
        let door = Descriptor(gate)
        let ending = Descriptor(outcome)
        try Files.write([1], to: door.raw, named: "gate of settle \(UnpackRole.name)")
        let failure = try Files.bytes(from: ending.raw, named: "outcome of settle \(UnpackRole.name)")
        if failure.count == MemoryLayout<Int32>.size {
            throw SystemError("execve", on: executable, errno: failure.withUnsafeBytes { $0.load(as: Int32.self) })
        }
        return LineChannel(outer)
    }
}
