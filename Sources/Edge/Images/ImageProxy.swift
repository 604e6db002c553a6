import CProcesses
import Diagnostics
import Glibc
import OCI
import Processes
import Syscalls

/// `skopeo experimental-image-proxy`, which opens an image and gives out its blobs, each through a pipe and checked.
///
/// Requests are JSON, one message of a SOCK_SEQPACKET socket each, and answered in their order.
final class ImageProxy {
    struct Answer {
        let value: JSON
        /// The reading end of a pipe; whoever gets the answer closes it.
        let pipe: Int32?
        let pipeNumber: Int64
    }

    /// What skopeo said.
    struct Refusal: Error { let words: String }

    private let child: ChildProcess
    private let socket: Descriptor
    private let errors: MemoryFile
    private let loop: EventLoop
    private var watch: EventLoop.Watch?
    private var pending: [(Result<Answer, Refusal>) -> Void] = []
    private var timer: EventLoop.Timer?
    private var heardAt: Int64 = 0

    init(_ skopeo: Skopeo, _ reference: ImageReference, _ platform: Platform, on loop: EventLoop) throws(SystemError) {
        var pair: [Int32] = [0, 0]
        try check("socketpair") {
            socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair)
        }
        socket = Descriptor(pair[0])
        let far = Descriptor(pair[1])
        errors = try MemoryFile("errors")
        self.loop = loop
        child = try skopeo.proxy(reference, platform, socket: far.raw, errors: errors.raw)
        _ = fcntl(socket.raw, F_SETFL, fcntl(socket.raw, F_GETFL) | O_NONBLOCK)
        watch = loop.watch(socket.raw) { [unowned self] _ in receive() }
    }

    deinit {
        if let watch { loop.forget(watch) }
        if let timer { loop.cancel(timer) }
    }

    func call(_ method: String, _ arguments: [JSON], then handler: @escaping (Result<Answer, Refusal>) -> Void) {
        let text = JSON.object([("method", .string(method)), ("args", .array(arguments))]).compact
        let bytes = Array(text.utf8)
        guard watch != nil, settle_send(socket.raw, bytes, UInt(bytes.count), nil, 0, 0) == bytes.count else {
            return handler(.failure(Refusal(words: errors.text)))
        }
        if pending.isEmpty { heard() }
        pending.append(handler)
        if timer == nil { limit() }
    }

    /// The source has sent something.
    func heard() { heardAt = MachineClock.monotonic }

    /// skopeo(1) itself waits without end for a registry that has fallen silent.
    private func limit() {
        timer = nil
        if pending.isEmpty || watch == nil { return }
        let left = heardAt + Int64(Skopeo.patience) * 1_000_000_000 - MachineClock.monotonic
        if left <= 0 { return end("nothing has come for \(Skopeo.patience) s") }
        timer = loop.after(.nanoseconds(left)) { [unowned self] in limit() }
    }

    private func receive() {
        while watch != nil {
            var bytes = [UInt8](repeating: 0, count: 65536)
            var descriptor: Int32 = -1
            var count: Int32 = 1
            let length = settle_receive(socket.raw, &bytes, UInt(bytes.count), &descriptor, &count, 0)
            if length < 0 && errno == EAGAIN { return }
            guard length > 0, !pending.isEmpty, let json = try? JSON(parsing: bytes.prefix(length)) else {
                if count > 0 && descriptor >= 0 { close(descriptor) }
                return end()
            }
            heard()
            answer(json, pipe: count > 0 ? descriptor : nil)
        }
    }

    private func answer(_ json: JSON, pipe: Int32?) {
        let handler = pending.removeFirst()
        guard json["success"] == .bool(true) else {
            if let pipe { close(pipe) }
            return handler(.failure(Refusal(words: json["error"]?.text ?? "")))
        }
        handler(.success(Answer(value: json["value"] ?? .null, pipe: pipe, pipeNumber: json["pipeid"]?.number ?? 0)))
    }

    /// It is gone: nothing that was asked for will come.
    private func end(_ reason: String? = nil) {
        if let watch { loop.forget(watch) }
        watch = nil
        child.kill()
        child.wait()
        let handlers = pending
        pending = []
        for handler in handlers { handler(.failure(Refusal(words: reason ?? errors.text))) }
    }
}
