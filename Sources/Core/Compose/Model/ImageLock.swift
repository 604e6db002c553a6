package import Diagnostics
import YAML

// Images by their digests.
extension Model {
    /// What the services' `image:` says, and where.
    package var imageTexts: [(service: String, image: String, place: Place)] {
        services.compactMap { service in
            guard let node = service.value["image"], let image = node.string else { return nil }
            return (service.key, image, node.place)
        }
    }

    /// - Parameter images: by service.
    package mutating func setImages(_ images: [String: String]) {
        editServices { service in
            guard let image = images[service.key], let place = service.value["image"]?.place else { return }
            service.value.edit("image") { $0 = .text(image, at: place) }
        }
    }

    /// A file that says of services their images only, to be merged with the one that it was made of.
    package static func imageLock(_ images: [String: String], isJSON: Bool) -> String {
        let services = images.sorted { $0.key < $1.key }.map { service, image in
            (service, JSON.object([("image", .string(image))]))
        }
        let file = JSON.object([("services", .object(services))])
        return isJSON ? file.pretty + "\n" : YAMLText(file).text
    }
}
