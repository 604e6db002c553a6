import CProcesses
import Diagnostics
import Glibc
import OCI
import Processes
import Syscalls

/// Why a blob did not come.
enum BlobFault: Error {
    case refused(String)
    case system(SystemError)
    case damaged(String)
}

/// One blob on its way into the store: it is there, or another command fetches it, or we do.
final class BlobFetch {
    enum Phase { case waiting, fetching, done, failed(BlobFault) }

    let blob: BlobDescriptor
    private(set) var phase = Phase.waiting
    /// Bytes that have come.
    private(set) var received: Int64 = 0
    /// Whether this command fetched it.
    private(set) var isFresh = false
    /// Called at each step.
    var changed: () -> Void = {}

    private let store: ImageStore
    private let loop: EventLoop
    /// nil where nothing needs to be asked for.
    private let proxy: ImageProxy?
    private let image: Int64
    /// Whether what is there needs no check: an image of the list has it.
    private let isTrusted: Bool
    /// Ours while we fetch it.
    private var file: LockedFile?
    private var pipe: Pipe?
    private var timer: EventLoop.Timer?
    private var check: BlobCheck?

    init(
        _ blob: BlobDescriptor, _ store: ImageStore, from proxy: ImageProxy?, _ image: Int64, trusted: Bool,
        on loop: EventLoop
    ) {
        self.blob = blob
        self.store = store
        self.proxy = proxy
        self.image = image
        self.loop = loop
        isTrusted = trusted
    }

    deinit {
        if let timer { loop.cancel(timer) }
        pipe?.stop(loop)
        if file != nil { unlink(draft) }
    }

    func comes(from other: ImageProxy?) -> Bool { proxy === other }

    private var path: String { store.blob(blob.digest) }
    private var draft: String { "\(store.fetching)/\(blob.digest.hex)" }

    func start() {
        attempt {
            if let size = Files.size(path) {
                if size == blob.size && isTrusted { return finish() }
                // Somebody was interrupted before the image was whole: it is kept, and checked.
                if size == blob.size { return try startCheck() }
                unlink(path)
            }
            try lock()
        }
    }

    private func attempt(_ body: () throws -> Void) {
        do {
            try body()
        } catch let error as SystemError {
            fail(.system(error))
        } catch {
            fail(.refused("\(error)"))
        }
    }

    private func startCheck() throws {
        check = try BlobCheck(path)
        timer = loop.every(.zero) { [unowned self] in attempt { try advanceCheck() } }
    }

    private func advanceCheck() throws {
        guard let digest = try check?.advance() else { return }
        stopTimer()
        check = nil
        if digest == blob.digest.description { return finish() }
        unlink(path)
        try lock()
    }

    /// Takes the draft's lock, or comes back to it later.
    private func lock() throws {
        stopTimer()
        guard let file = try LockedFile(draft) else {
            phase = .waiting
            received = Files.size(draft) ?? received
            timer = loop.after(.milliseconds(50)) { [unowned self] in
                timer = nil
                start()
            }
            return changed()
        }
        // Whoever had the lock may have brought it.
        if Files.exists(path) {
            unlink(draft)
            return start()
        }
        self.file = file
        try file.empty()
        phase = .fetching
        received = 0
        guard let proxy else { return fail(.refused("blob unknown: \(blob.digest) is gone")) }
        proxy.call("GetBlob", [.int(image), .string("\(blob.digest)"), .int(blob.size)]) { [weak self] answer in
            guard let self else {
                if case .success(let answer) = answer, let pipe = answer.pipe { close(pipe) }
                return
            }
            opened(answer)
        }
        changed()
    }

    private func opened(_ answer: Result<ImageProxy.Answer, ImageProxy.Refusal>) {
        switch answer {
        case .failure(let refusal): fail(.refused(refusal.words))
        case .success(let answer):
            guard let raw = answer.pipe else { return fail(.refused("skopeo gave no pipe")) }
            pipe = Pipe(raw, number: answer.pipeNumber)
            pipe?.watch = loop.watch(raw) { [unowned self] _ in attempt { try read() } }
            if blob.size == 0 { return askForEnd() }
            var last: Int64 = -1
            timer = loop.every(.seconds(2)) { [unowned self] in
                if received == last { askForEnd() }
                last = received
            }
        }
    }

    /// Moves what is there to the file. At most 16 MiB at once: others want to be served, too.
    private func read() throws {
        guard let pipe, let file else { return }
        for _ in 0..<16 {
            var offset = received
            let moved = settle_splice(pipe.raw, file.raw, &offset, 1 << 20)
            if moved < 0 {
                if errno == EAGAIN { break }
                if errno == EINTR { continue }
                throw SystemError("write", on: draft, errno: errno)
            }
            if moved == 0 {
                pipe.stop(loop)
                break
            }
            received = offset
            proxy?.heard()
            if received > blob.size { return fail(.damaged("\(blob.digest) is longer than the manifest says")) }
        }
        if received == blob.size { askForEnd() }
        changed()
    }

    /// skopeo closes its end of the pipe, and says what it thinks of the bytes, when it is asked to; until then it answers
    /// nothing else. So it is asked when all bytes have come, or when none come any more: it may have given up.
    private func askForEnd() {
        stopTimer()
        guard let pipe, !pipe.isFinishing else { return }
        pipe.isFinishing = true
        proxy?.call("FinishPipe", [.int(pipe.number)]) { [weak self] answer in
            guard let self, self.pipe != nil else { return }
            switch answer {
            case .failure(let refusal): fail(.refused(refusal.words))
            case .success:
                attempt {
                    // What came before the answer is still in the pipe.
                    try self.read()
                    try self.keep()
                }
            }
        }
    }

    private func keep() throws {
        guard let pipe else { return }
        pipe.stop(loop)
        self.pipe = nil
        guard received == blob.size else {
            return fail(.damaged("\(blob.digest) has \(received) bytes, by the manifest \(blob.size)"))
        }
        try Syscalls.check("rename", on: path) { rename(draft, path) }
        file = nil
        isFresh = true
        finish()
    }

    private func finish() {
        received = blob.size
        phase = .done
        changed()
    }

    private func fail(_ fault: BlobFault) {
        stopTimer()
        pipe?.stop(loop)
        pipe = nil
        if file != nil { unlink(draft) }
        file = nil
        phase = .failed(fault)
        changed()
    }

    private func stopTimer() {
        if let timer { loop.cancel(timer) }
        timer = nil
    }

    /// The end of a pipe that is read.
    private final class Pipe {
        let number: Int64
        var watch: EventLoop.Watch?
        var isFinishing = false
        private let descriptor: Descriptor
        var raw: Int32 { descriptor.raw }

        init(_ raw: Int32, number: Int64) {
            descriptor = Descriptor(raw)
            self.number = number
            _ = settle_pipe_size(raw, 1 << 20)
        }

        func stop(_ loop: EventLoop) {
            if let watch { loop.forget(watch) }
            watch = nil
        }
    }
}

/// A file that we hold the lock of, flock(2), and that has its name.
final class LockedFile {
    private let file: Descriptor
    var raw: Int32 { file.raw }

    /// nil where another has the lock.
    init?(_ path: String) throws(SystemError) {
        while true {
            let file = try Descriptor(path, O_RDWR | O_CREAT, mode: 0o644)
            if flock(file.raw, LOCK_EX | LOCK_NB) < 0 {
                if errno == EWOULDBLOCK { return nil }
                throw SystemError("flock", on: path, errno: errno)
            }
            // Its holder may have renamed or removed it between open and flock: once more then.
            var held = stat()
            var named = stat()
            if fstat(file.raw, &held) == 0, stat(path, &named) == 0, held.st_dev == named.st_dev,
                held.st_ino == named.st_ino
            {
                self.file = file
                return
            }
        }
    }

    func empty() throws(SystemError) { try check("ftruncate") { ftruncate(file.raw, 0) } }
}

/// The SHA-256 of a file, in portions.
private final class BlobCheck {
    private let file: Descriptor
    private let path: String
    private var hash = SHA256()

    init(_ path: String) throws(SystemError) {
        self.path = path
        file = try Descriptor(path, O_RDONLY)
    }

    /// The digest, once the end is reached.
    func advance() throws(SystemError) -> String? {
        let bytes = try Files.read(4 << 20, from: file.raw, named: path)
        if bytes.isEmpty { return hash.digest() }
        bytes.withUnsafeBytes { hash.update($0) }
        return nil
    }
}

extension Files {
    /// nil where there is no file.
    static func size(_ path: String) -> Int64? {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : nil
    }
}
