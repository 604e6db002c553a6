import Compose
import Diagnostics
import Images
import OCI

/// The images of a file by the digests that their registries have for them now.
struct ImageDigests {
    /// By service.
    private var images: [String: String] = [:]

    /// - Throws: `Complaint` with every image whose digest is not to be had.
    init(_ model: Model) throws {
        var wanted: [(service: String, name: ImageName, place: Place)] = []
        for (service, text, place) in model.imageTexts {
            // What is no name of a registry's is a folder or a file here; what is wrong with it has been said.
            guard let name = (try? ImageReference(parsing: text))?.name else { continue }
            if name.digest == nil { wanted.append((service, name, place)) } else { images[service] = name.canonical }
        }
        let results = try interruptible { try Resolver().digests(of: wanted.map { .registry($0.name) }) }
        var faults: [Diagnostic] = []
        for ((service, name, place), result) in zip(wanted, results) {
            switch result {
            case .success(let digest): images[service] = name.pinned(to: digest).canonical
            case .failure(let fault):
                faults.append(
                    Diagnostic(
                        .error, fault.message, at: place, path: "services.\(service).image", hint: fault.hint))
            }
        }
        if !faults.isEmpty { throw Complaint(faults) }
    }

    func pin(_ model: inout Model) { model.setImages(images) }

    func override(isJSON: Bool) -> String { Model.imageLock(images, isJSON: isJSON) }
}
