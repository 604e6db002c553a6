package import OCI

/// The image that the containers of a service are made from: `image:`, `build:` and how they are to be had.
package struct ImageSource: Codable, Hashable, Sendable {
    /// nil: the image of a build that the file gives no name; `Project.image(of:)` has one for it.
    package var reference: ImageReference?
    package var build: Build?
    /// nil: what is missing is built where there is a `build:`, else fetched.
    package var pullPolicy: PullPolicy?
    /// nil: the machine's own.
    package var platform: Platform?

    package init(_ reference: ImageReference? = nil) { self.reference = reference }
}

/// `build:`, every value in its canonical form.
package struct Build: Codable, Hashable, Sendable {
    /// An absolute folder, or an address that the builder fetches it from.
    package var context: String
    /// Relative to the context, or absolute. nil: the builder's default.
    package var dockerfile: String?
    package var inlineDockerfile: String?
    /// A value of nil is taken from the environment of the build.
    package var arguments: [String: String?] = [:]
    package var target: String?
    package var tags: [ImageReference] = []
    package var labels: [String: String] = [:]
    package var platforms: [Platform] = []
    package var network: String?
    /// `NAME:ADDRESS`, sorted.
    package var extraHosts: [String] = []
    package var secrets: [BuildSecret] = []
    /// `default`, or `ID=PATH`.
    package var ssh: [String] = []
    /// Bytes.
    package var sharedMemory: Int64?
    /// `NAME=SOFT:HARD`, sorted.
    package var ulimits: [String] = []
    package var isPrivileged = false
    package var cacheFrom: [String] = []
    package var cacheTo: [String] = []
    package var isCacheless = false
    package var pullsBase = false
    /// Name to folder or address.
    package var additionalContexts: [String: String] = [:]

    package init(context: String) { self.context = context }
}

/// A secret that steps of a build may read.
package struct BuildSecret: Codable, Hashable, Sendable {
    /// A key of the project's secrets.
    package var source: String
    /// The name by which the steps ask for it.
    package var id: String

    package init(source: String, id: String) {
        self.source = source
        self.id = id
    }
}

extension Project {
    /// The image of a service; as in Docker Compose `PROJECT-SERVICE` where it is built and has no name.
    package func image(of service: Service) -> ImageReference? {
        guard let image = service.image else { return nil }
        return image.reference ?? (try? ImageReference(parsing: "\(name)-\(service.name)"))
    }
}
