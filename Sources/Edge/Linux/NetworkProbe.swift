import Compose
import Glibc
import Network
import Processes
import Stack
import Syscalls

/// A connection, and perhaps a request, from inside a container's network namespace: a socket belongs to the namespace
/// that it was made in, so no process has to be there, and nothing of the container's image is needed.
final class NetworkProbe: RunningProbe {
    private let loop: EventLoop
    private let namespace: Int32
    private let request: HTTPProbe?
    private let port: UInt16
    /// Where to try, one after the other.
    private var addresses: ArraySlice<IPAddress>
    private var socket = Descriptor(-1)
    private var watch: EventLoop.Watch?
    private var answer: ((Health.Answer) -> Void)?
    private var unsent: ArraySlice<UInt8> = []
    private var reply: [UInt8] = []
    private var failure = ""

    /// - Parameters:
    ///   - container: pidfd of its first process, whose network namespace it is.
    ///   - addresses: the container's own; the loopback comes before them.
    init(
        _ port: UInt16, _ request: HTTPProbe?, container: Int32, addresses: [IPAddress], _ loop: EventLoop,
        answer: @escaping (Health.Answer) -> Void
    ) {
        self.port = port
        self.request = request
        namespace = container
        self.loop = loop
        self.answer = answer
        self.addresses = (["127.0.0.1", "::1"].compactMap { IPAddress($0) } + addresses)[...]
        // Later: whoever begins a probe is not called back in the middle of that.
        _ = loop.after(.zero) { [weak self] in self?.tryNext() }
    }

    func stop() -> String {
        close()
        answer = nil
        return reply.isEmpty ? failure : String(decoding: reply, as: UTF8.self)
    }

    private func close() {
        if let watch { loop.forget(watch) }
        watch = nil
        socket = Descriptor(-1)
    }

    private func finish(_ result: Health.Answer) {
        close()
        let answer = answer
        self.answer = nil
        answer?(result)
    }

    private func tryNext() {
        close()
        guard answer != nil else { return }
        while let address = addresses.popFirst() {
            do throws(SystemError) {
                socket = try NetworkNamespace.within(namespace) { () throws(SystemError) in
                    try StreamSocket.connecting(to: address, port)
                }
                watch = loop.watch(socket.raw, .writable) { [unowned self] _ in self.connected(to: address) }
                return
            } catch {
                note(address, error)
            }
        }
        finish(Health.Answer(exitCode: 1, output: failure))
    }

    /// The first reason is the one that says most: the others are of addresses that hardly anybody listens to.
    private func note(_ address: IPAddress, _ error: SystemError) {
        if failure.isEmpty { failure = "\(address) port \(port): \(error.reason)" }
    }

    private func connected(to address: IPAddress) {
        if let error = StreamSocket.failure(of: socket.raw) {
            note(address, error)
            return tryNext()
        }
        guard let request else { return finish(Health.Answer(exitCode: 0, output: "")) }
        unsent = Array(request.request.utf8)[...]
        if let watch { loop.forget(watch) }
        watch = loop.watch(socket.raw, .writable) { [unowned self] _ in self.send() }
    }

    private func send() {
        let count = unsent.withUnsafeBytes { Glibc.send(socket.raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        // What keeps it from taking the request, reading tells.
        if count > 0 { unsent = unsent.dropFirst(count) } else if errno == EAGAIN || errno == EINTR { return }
        if count > 0 && !unsent.isEmpty { return }
        if let watch { loop.forget(watch) }
        watch = loop.watch(socket.raw) { [unowned self] _ in self.receive() }
    }

    private func receive() {
        guard let request else { return }
        do throws(SystemError) {
            let bytes = try Files.read(HTTPProbe.longestAnswer, from: socket.raw, named: "probe")
            reply += bytes
            if let result = request.judge(reply, isOver: bytes.isEmpty) { finish(result) }
        } catch {
            if error.errno == EAGAIN { return }
            finish(request.judge(reply, isOver: true) ?? Health.Answer(exitCode: 1, output: error.reason))
        }
    }
}
