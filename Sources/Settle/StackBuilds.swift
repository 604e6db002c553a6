import Compose
import Diagnostics
import Glibc
import Images
import OCI
import Stack
import Syscalls

/// `build:` of services, one after the other: a build may begin with what another made.
struct StackBuilds {
    let roots: StackRoots

    init(_ roots: StackRoots) { self.roots = roots }

    /// What a command line asks for beside the file.
    struct Wishes {
        var isCacheless = false
        var pullsBase = false
        /// `NAME=VALUE`
        var arguments: [String] = []
        var isQuiet = false
    }

    func build(_ services: [Service], _ wishes: Wishes) throws {
        if services.isEmpty { return }
        guard let builder = Builder(roots.store) else {
            throw roots.complaint(
                services[0], key: "build", "images are built by buildah, which is not installed",
                hint: "apt-get install buildah, or name an image: that is there already")
        }
        for service in ordered(services) { try build(service, builder, wishes) }
    }

    /// Those first that others begin with; what one begins with and is not here is built as well.
    private func ordered(_ services: [Service]) -> [Service] {
        var result: [Service] = []
        func add(_ service: Service, _ above: Set<String>) {
            if above.contains(service.name) || result.contains(where: { $0.name == service.name }) { return }
            for name in service.image?.build?.services ?? [] {
                guard let base = roots.project.service(name), base.image?.build != nil else { continue }
                let isWanted = services.contains { $0.name == name } || roots.stored(base) == nil
                if isWanted { add(base, above.union([service.name])) }
            }
            result.append(service)
        }
        for service in services { add(service, []) }
        return result
    }

    private func build(_ service: Service, _ builder: Builder, _ wishes: Wishes) throws {
        guard var build = service.image?.build, let name = roots.project.image(of: service) else { return }
        for argument in wishes.arguments {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            build.arguments[parts[0]] = .some(parts.count > 1 ? parts[1] : environment[parts[0]])
        }
        let output = wishes.isQuiet ? Output(progress: .quiet) : roots.scene.output
        let folder = try PrivateFolder()
        defer { extendLifetime(folder) }
        var given = Build.Surroundings(image: name)
        given.platform = service.image?.platform
        given.isCacheless = wishes.isCacheless
        given.pullsBase = wishes.pullsBase
        for service in roots.project.services { given.images[service.name] = roots.project.image(of: service) }
        if let text = build.inlineDockerfile {
            given.inlineDockerfile = "\(folder.path)/Dockerfile"
            try Files.replace("\(folder.path)/Dockerfile", text.utf8)
        }
        for secret in build.secrets {
            guard let file = roots.project.file(.secret, secret.source) else { continue }
            let path = "\(folder.path)/\(given.secrets.count)"
            try Files.replace(path, try roots.scene.content(of: file))
            given.secrets[secret.source] = path
        }
        output.progress("image/\(name)", "building")
        var lines = BuildLines()
        let outcome = try builder.build(build.words(given), sharedMemory: build.sharedMemory) { bytes in
            for line in lines.take(bytes) {
                output.tell(line, of: "image/\(name)", by: service.oneOff?.service ?? service.name)
            }
        }
        switch outcome {
        case .interrupted: throw Complaint([], status: Complaint.interrupted)
        case .failed:
            throw roots.complaint(
                service, key: "build", "the build of \(name) failed: \(lines.last)",
                hint: "its output stands above; settle build \(service.name) repeats it")
        case .built: break
        }
        let request = PullRequest(builder.result(name), as: name, platform: service.image?.platform ?? .host)
        if case .failure(let fault) = try roots.scene.fetch([request], Output(progress: .quiet))[0] {
            throw roots.complaint(service, key: "build", fault.message, hint: fault.hint)
        }
        output.progress("image/\(name)", "built")
    }
}

/// What a builder says, line by line.
private struct BuildLines {
    private var rest: [UInt8] = []
    private(set) var last = "it said nothing"

    mutating func take(_ bytes: [UInt8]) -> [String] {
        rest += bytes
        guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        let lines = rest[..<end].split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        rest.removeSubrange(...end)
        if let line = lines.last { last = line }
        return lines
    }
}

/// A folder of this process's own, in memory, that goes with it. Not in /dev/shm: builds have one of their own. While it
/// lives its lock is held, flock(2): one without a holder was left by a process that was killed, and the next removes it.
final class PrivateFolder {
    let path: String
    private let lock: Descriptor

    private static let parent = "/run"
    private static let prefix = "settle-build."

    init() throws(SystemError) {
        Self.removeLeftovers()
        while true {
            let path = try Self.make()
            let raw = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            if raw < 0 && errno == ENOENT { continue }
            if raw < 0 { throw SystemError("open", on: path, errno: errno) }
            let lock = Descriptor(raw)
            try check("flock", on: path) { flock(raw, LOCK_EX) }
            // Another may have taken it for a leftover before it had its lock.
            if !Files.exists(path) { continue }
            self.path = path
            self.lock = lock
            return
        }
    }

    deinit { Self.remove(path) }

    private static func make() throws(SystemError) -> String {
        var template = Array("\(parent)/\(prefix)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", on: parent, errno: errno) }
        return template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    private static func removeLeftovers() {
        for name in Files.names(in: parent) where name.hasPrefix(prefix) {
            let path = "\(parent)/\(name)"
            guard let folder = try? Descriptor(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
                flock(folder.raw, LOCK_EX | LOCK_NB) == 0
            else { continue }
            remove(path)
        }
    }

    private static func remove(_ path: String) {
        for name in Files.names(in: path) { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}

extension Output {
    /// A line of a builder's.
    fileprivate func tell(_ line: String, of resource: String, by service: String) {
        switch style {
        case .quiet: return
        case .plain: complain("\(service)  | \(line)")
        case .json: complain(JSON.object([("resource", .string(resource)), ("output", .string(line))]).compact)
        }
    }
}
