package import OCI

extension Build {
    /// Where the words of a build come from that the file does not have.
    package struct Surroundings {
        /// The image that the build makes.
        package var image: ImageReference
        /// A file with what `dockerfile_inline:` says.
        package var inlineDockerfile: String?
        /// Files with what the secrets hold, by the secrets' keys.
        package var secrets: [String: String]
        /// Contexts `service:NAME`, by the services' names.
        package var images: [String: ImageReference]
        package var platform: Platform?
        package var isCacheless = false
        package var pullsBase = false

        package init(image: ImageReference, secrets: [String: String] = [:], images: [String: ImageReference] = [:]) {
            self.image = image
            self.secrets = secrets
            self.images = images
        }
    }

    /// What buildah-build(1) is given: its options, then the context. The format is Docker's, since health checks have no
    /// place in the other.
    package func words(_ given: Surroundings) -> [String] {
        var words = ["build", "--format", "docker", "--layers", "--tag", given.image.canonical]
        func add(_ option: String, _ values: [String]) {
            for value in values { words += [option, value] }
        }
        add("--tag", tags.map(\.canonical))
        add("--file", [given.inlineDockerfile ?? file].compactMap { $0 })
        add(
            "--build-arg",
            arguments.sorted { $0.key < $1.key }.compactMap { name, value in value.map { "\(name)=\($0)" } })
        add("--target", [target].compactMap { $0 })
        add("--label", labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
        add(
            "--platform",
            platforms.isEmpty
                ? [given.platform?.description].compactMap { $0 }
                : [platforms.map(\.description).joined(separator: ",")])
        add("--network", [network].compactMap { $0 == "default" ? nil : $0 })
        add("--add-host", extraHosts)
        add(
            "--secret",
            secrets.compactMap { secret in given.secrets[secret.source].map { "id=\(secret.id),src=\($0)" } })
        add("--ssh", ssh)
        add("--shm-size", [sharedMemory.map { "\($0)b" }].compactMap { $0 })
        add("--ulimit", ulimits)
        add("--cap-add", isPrivileged ? ["all"] : [])
        add("--cache-from", cacheFrom)
        add("--cache-to", cacheTo)
        add(
            "--build-context",
            additionalContexts.sorted { $0.key < $1.key }.map { "\($0.key)=\(context($0.value, given))" })
        if isCacheless || given.isCacheless { words.append("--no-cache") }
        words.append(pullsBase || given.pullsBase ? "--pull=always" : "--pull=false")
        return words + [context]
    }

    /// Services whose images the build begins with, by `service:NAME`.
    package var services: [String] {
        additionalContexts.values.compactMap { $0.hasPrefix("service:") ? String($0.dropFirst(8)) : nil }.sorted()
    }

    private func context(_ source: String, _ given: Surroundings) -> String {
        guard source.hasPrefix("service:") else { return source }
        return given.images[String(source.dropFirst(8))].map { "docker-image://\($0.canonical)" } ?? source
    }

    /// Relative to the context where that is a folder; the builder looks there by itself for its own names.
    private var file: String? {
        guard let dockerfile else { return nil }
        return dockerfile.hasPrefix("/") || !context.hasPrefix("/") ? dockerfile : "\(context)/\(dockerfile)"
    }
}
