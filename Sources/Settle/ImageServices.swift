import Compose
import Diagnostics
import Glibc
import Images
import Linux
import OCI
import Stack

/// A service that is made from an image.
struct ImageService {
    let name: String
    let source: ImageSource
    /// What its image is called.
    let reference: ImageReference
    let platform: Platform
    /// Where the file says so.
    let place: Place?

    var isBuilt: Bool { source.build != nil }

    func diagnostic(_ message: String, hint: String?) -> Diagnostic {
        let key = source.reference == nil ? "build" : "image"
        return Diagnostic(.error, message, at: place, path: "services.\(name).\(key)", hint: hint)
    }
}

extension Platform {
    /// What this machine is.
    static let host: Platform = {
        var names = utsname()
        uname(&names)
        return Platform.host(
            machine: withUnsafeBytes(of: names.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }()
}

extension Scene {
    var images: ImageStore { ImageStore(folder: paths.roots.images) }

    /// Every digest that containers were made from.
    func digestsInUse() throws -> Set<Digest> { try UsedDigests.find(in: paths.roots.projects) }

    /// The services that are made from images: those named, all where none is.
    func imageServices(_ names: [String], withDependencies: Bool = false) throws -> [ImageService] {
        guard let project else { throw StackFiles.missing }
        let unknown = names.filter { project.service($0) == nil }
        if !unknown.isEmpty { throw Complaint(unknown.map { Diagnostic(.error, "no such service: \($0)") }) }
        let chosen = withDependencies ? project.closure(of: names) : project.services
        return chosen.filter { withDependencies || names.isEmpty || names.contains($0.name) }.compactMap { service in
            guard let source = service.image, let reference = project.image(of: service) else { return nil }
            return ImageService(
                name: service.name, source: source, reference: reference, platform: source.platform ?? .host,
                place: service.places[source.reference == nil ? "build" : "image"])
        }
    }

    /// Fetches images, each once, and tells how they come.
    ///
    /// - Returns: what was not fetched, at each service that wants it.
    func pull(
        _ wanted: [(ImageService, PullRequest)], _ output: Output
    ) throws -> [(service: ImageService, diagnostic: Diagnostic)] {
        var requests: [PullRequest] = []
        for (_, request) in wanted where !requests.contains(request) { requests.append(request) }
        let results = try fetch(requests, output)
        return wanted.compactMap { service, request in
            guard let index = requests.firstIndex(of: request), case .failure(let fault) = results[index] else {
                return nil
            }
            return (service, service.diagnostic(fault.message, hint: fault.hint))
        }
    }

    func fetch(_ requests: [PullRequest], _ output: Output) throws -> [Result<Image, ImageFault>] {
        let board = PullOutput(output)
        defer { board.finish() }
        return try interruptible { try Puller(images, images.layers, tell: board.tell).run(requests) }
    }
}

/// Ctrl-C ends the command, and needs no words.
func interruptible<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch is PullInterrupted {
        throw Complaint([], status: Complaint.interrupted)
    }
}
