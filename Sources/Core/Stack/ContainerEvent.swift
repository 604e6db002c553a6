package import Diagnostics

/// Something that happened to a container, for `events`. The words are Docker's.
package struct ContainerEvent: Hashable, Codable, Sendable {
    package enum Action: String, CaseIterable, Codable, Sendable {
        case create, start, restart, pause, unpause, kill, die, stop, oom, destroy
        case health = "health_status"
        case execCreate = "exec_create"
        case execStart = "exec_start"
        case execDie = "exec_die"

        /// The attribute that Docker puts behind the word.
        fileprivate var key: String? {
            switch self {
            case .health: "health"
            case .execCreate, .execStart: "command"
            case .create, .start, .restart, .pause, .unpause, .kill, .die, .stop, .oom, .destroy, .execDie: nil
            }
        }
    }

    /// Nanoseconds since 1970.
    package var time: Int64
    package var action: Action
    package var instance: Instance
    /// What Docker would add: `name`, `image`, `exitCode`, labels.
    package var attributes: [String: String]

    package init(time: Int64, _ action: Action, _ instance: Instance, _ attributes: [String: String] = [:]) {
        self.time = time
        self.action = action
        self.instance = instance
        self.attributes = attributes
    }

    /// - Parameters:
    ///   - spec: nil where it is known no more.
    ///   - details: those of the action.
    package init(
        time: Int64, _ action: Action, _ instance: Instance, of spec: ContainerSpec?, in project: String,
        _ details: [String: String] = [:]
    ) {
        var attributes = spec?.labels ?? [:]
        attributes["name"] = spec?.name(in: project) ?? instance.id.name(in: project)
        attributes["image"] = spec?.imageText
        self.init(time: time, action, instance, attributes.merging(details) { $1 })
    }

    /// `health_status: healthy`, `exec_start: sh -c ls`
    private var word: String {
        guard let key = action.key, let value = attributes[key] else { return action.rawValue }
        return "\(action.rawValue): \(value)"
    }

    private var details: [(String, String)] {
        attributes.filter { $0.key != action.key }.sorted { $0.key < $1.key }
    }

    private func identifier(_ project: String) -> String { "\(project).\(instance)" }

    /// Shaped as Docker Compose's.
    package func json(in project: String) -> JSON {
        .object([
            ("action", .string(word)), ("attributes", .object(details.map { ($0.0, .string($0.1)) })),
            ("id", .string(identifier(project))), ("service", .string(instance.id.service)),
            ("time", .string(moment("T") + "Z")), ("type", .string("container")),
        ])
    }

    /// `2026-11-21 09:30:00.123456 container start shop.web.1.1 (image=nginx, name=shop-web-1)`, in UTC.
    package func line(in project: String) -> String {
        let list = details.map { "\($0.0)=\($0.1)" }.joined(separator: ", ")
        return printable("\(moment(" ")) container \(word) \(identifier(project)) (\(list))")
    }

    private func moment(_ separator: String) -> String {
        let micros = String(time % 1_000_000_000 / 1000)
        let text = utcText(seconds: time / 1_000_000_000).prefix(19).split(separator: " ").joined(separator: separator)
        return "\(text).\(String(repeating: "0", count: 6 - micros.count))\(micros)"
    }
}

extension ContainerSpec {
    /// What its root is made from, as `ps` shows it.
    package var imageText: String {
        switch rootfs {
        case .image(let root): root.name
        case .host: "rootfs:host"
        case .directory(let path): "rootfs:\(path)"
        case .archive(let root): "rootfs:\(root.name)"
        }
    }
}
