import Diagnostics

/// What an image's maker wanted of its containers. Read as leniently as Docker reads it.
package struct ImageConfig: Hashable, Sendable {
    package var architecture = ""
    package var os = "linux"
    package var variant: String?
    /// RFC 3339.
    package var created: String?
    package var author: String?
    /// `K=V`, in the maker's order.
    package var environment: [String] = []
    package var entrypoint: [String]?
    package var command: [String]?
    /// Empty for root.
    package var user = ""
    /// Empty for `/`.
    package var workingDirectory = ""
    /// Paths, sorted.
    package var volumes: [String] = []
    /// `80/tcp`, sorted.
    package var exposedPorts: [String] = []
    /// `SIGQUIT` or a number.
    package var stopSignal: String?
    /// Seconds.
    package var stopTimeout: Int?
    package var labels: [String: String] = [:]
    package var healthcheck: Healthcheck?
    package var shell: [String]?
    package var onBuild: [String] = []
    /// The SHA-256 of each layer's archive, unpacked; the lowest first.
    package var diffIDs: [Digest] = []
    package var history: [History] = []

    package init() {}

    package struct Healthcheck: Hashable, Sendable {
        /// `["NONE"]`, `["CMD", …]`, `["CMD-SHELL", …]`.
        package var test: [String] = []
        /// Nanoseconds, 0 for the default; as the three below.
        package var interval: Int64 = 0
        package var timeout: Int64 = 0
        package var startPeriod: Int64 = 0
        package var startInterval: Int64 = 0
        /// 0 for the default.
        package var retries = 0

        package init() {}
    }

    package struct History: Hashable, Sendable {
        package var created: String?
        package var createdBy: String?
        package var author: String?
        package var comment: String?
        /// Whether it changed the configuration only.
        package var isEmptyLayer = false

        package init() {}
    }

    package var platform: Platform { Platform(os: os, architecture: architecture, variant: variant) }
}

extension ImageConfig {
    package init(parsing bytes: [UInt8]) throws(OCIFault) {
        let json = try JSON(document: bytes, what: "image's configuration")
        guard let rootfs = json["rootfs"], let identifiers = rootfs["diff_ids"]?.texts else {
            throw OCIFault("the image's configuration names no layers")
        }
        for text in identifiers {
            guard let digest = Digest(text) else {
                throw OCIFault("the image's configuration has the layer \"\(text)\"")
            }
            diffIDs.append(digest)
        }
        architecture = json["architecture"]?.text ?? ""
        os = json["os"]?.text ?? "linux"
        variant = json["variant"]?.text
        created = json["created"]?.text
        author = json["author"]?.text
        history = (json["history"]?.items ?? []).map(History.init)
        if let config = json["config"] { read(config) }
    }

    private mutating func read(_ json: JSON) {
        environment = json["Env"]?.texts ?? []
        entrypoint = json["Entrypoint"]?.texts
        command = json["Cmd"]?.texts
        user = json["User"]?.text ?? ""
        workingDirectory = json["WorkingDir"]?.text ?? ""
        volumes = (json["Volumes"]?.entries ?? []).map(\.0).sorted()
        exposedPorts = (json["ExposedPorts"]?.entries ?? []).map { $0.0.contains("/") ? $0.0 : "\($0.0)/tcp" }.sorted()
        stopSignal = json["StopSignal"]?.text
        stopTimeout = json["StopTimeout"]?.number.map { Int($0) }
        labels = json["Labels"]?.dictionary ?? [:]
        shell = json["Shell"]?.texts
        onBuild = json["OnBuild"]?.texts ?? []
        if let check = json["Healthcheck"], case .object = check { healthcheck = Healthcheck(check) }
    }
}

extension ImageConfig.Healthcheck {
    fileprivate init(_ json: JSON) {
        test = json["Test"]?.texts ?? []
        interval = json["Interval"]?.number ?? 0
        timeout = json["Timeout"]?.number ?? 0
        startPeriod = json["StartPeriod"]?.number ?? 0
        startInterval = json["StartInterval"]?.number ?? 0
        retries = Int(json["Retries"]?.number ?? 0)
    }
}

extension ImageConfig.History {
    fileprivate init(_ json: JSON) {
        created = json["created"]?.text
        createdBy = json["created_by"]?.text
        author = json["author"]?.text
        comment = json["comment"]?.text
        if case .bool(true)? = json["empty_layer"] { isEmptyLayer = true }
    }
}
