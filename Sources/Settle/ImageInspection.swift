import Diagnostics
import Images
import OCI
import Processes

/// An image as `docker image inspect` shows it.
struct ImageInspection {
    private let image: Image
    private let entry: StoredImage
    private let store: ImageStore

    init(_ image: Image, _ entry: StoredImage, _ store: ImageStore) {
        self.image = image
        self.entry = entry
        self.store = store
    }

    var json: JSON {
        let config = image.config
        let names = store.entries().filter { $0.id == entry.id }.compactMap(\.reference)
        let unpacked = image.layers.reduce(0) { $0 + (store.layers.layer("\($1.diffID)")?.bytes ?? $1.size) }
        var members: [(String, JSON)] = [
            ("Id", .string("\(image.id)")),
            ("RepoTags", .array(names.filter { $0.name?.tag != nil }.map { .string($0.description) })),
            ("RepoDigests", .array(repoDigests(names).map(JSON.string))),
            ("Created", .string(config.created ?? "")), ("Author", .string(config.author ?? "")),
            ("Architecture", .string(config.architecture)),
        ]
        if let variant = config.variant { members.append(("Variant", .string(variant))) }
        members += [
            ("Os", .string(config.os)), ("Size", .int(unpacked)), ("Config", configuration),
            (
                "RootFS",
                .object([
                    ("Type", .string("layers")), ("Layers", .array(image.layers.map { .string("\($0.diffID)") })),
                ])
            ),
            ("Metadata", .object([("LastTagTime", .string(MachineClock.rfc3339(image.pulled * 1_000_000_000)))])),
        ]
        return .object(members)
    }

    private func repoDigests(_ names: [ImageReference]) -> [String] {
        guard let digest = entry.repoDigest else { return [] }
        var seen: Set<String> = []
        return names.compactMap { $0.name.map { "\($0.repository)@\(digest)" } }.filter { seen.insert($0).inserted }
    }

    private var configuration: JSON {
        let config = image.config
        func list(_ items: [String]?) -> JSON { items.map { .array($0.map(JSON.string)) } ?? .null }
        func set(_ items: [String]) -> JSON { .object(items.map { ($0, .object([])) }) }
        var members: [(String, JSON)] = [
            ("User", .string(config.user)), ("ExposedPorts", set(config.exposedPorts)),
            ("Env", list(config.environment)), ("Entrypoint", list(config.entrypoint)), ("Cmd", list(config.command)),
            ("WorkingDir", .string(config.workingDirectory)), ("Volumes", set(config.volumes)),
            ("Labels", .object(config.labels.sorted { $0.key < $1.key }.map { ($0, .string($1)) })),
        ]
        if let signal = config.stopSignal { members.append(("StopSignal", .string(signal))) }
        if let seconds = config.stopTimeout { members.append(("StopTimeout", .int(Int64(seconds)))) }
        if let check = config.healthcheck {
            members.append(
                (
                    "Healthcheck",
                    .object([
                        ("Test", list(check.test)), ("Interval", .int(check.interval)),
                        ("Timeout", .int(check.timeout)),
                        ("StartPeriod", .int(check.startPeriod)), ("StartInterval", .int(check.startInterval)),
                        ("Retries", .int(Int64(check.retries))),
                    ])
                ))
        }
        if let shell = config.shell { members.append(("Shell", list(shell))) }
        if !config.onBuild.isEmpty { members.append(("OnBuild", list(config.onBuild))) }
        return .object(members)
    }
}
