import Diagnostics

/// What `ps` prints: the containers of a project as they were observed.
package struct ContainerList: Sendable {
    package struct Row: Sendable {
        package let id: ContainerID
        package let state: State
        package let name: String
        package let container: ObservedContainer
        /// Of the file.
        package var service: String { container.entry.spec.serviceName }
    }

    /// Docker's words.
    package enum State: String, CaseIterable, Sendable {
        case created, running, paused, restarting, exited
    }

    package var rows: [Row]
    private let project: String
    private let now: Int64

    /// All containers, by id.
    ///
    /// - Parameter now: nanoseconds since 1970, as `startedAt`.
    package init(_ observation: Observation, project: String, now: Int64) {
        self.project = project
        self.now = now
        rows = observation.containers.sorted { $0.key < $1.key }.map {
            Row(id: $0, state: State($1), name: $1.entry.spec.name(in: project), container: $1)
        }
    }

    /// A header and one line per container, in the columns of Docker Compose, with the pid.
    ///
    /// - Parameter isCut: whether a command is cut to 20 characters.
    package func table(isCut: Bool = true) -> String {
        let header = ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PID", "PORTS"]
        let lines = rows.map { row in
            [
                row.name, row.image, row.command(isCut: isCut), row.service, age(row).map { "\($0) ago" } ?? "",
                status(row), row.container.pid.map(String.init) ?? "", row.ports,
            ]
        }
        return aligned([header] + lines, gap: 3).map { $0 + "\n" }.joined()
    }

    /// One JSON object per line, shaped as Docker Compose's, with `Pid`, `Cgroup` and `Namespaces`.
    package func jsonLines() -> String { rows.map { json($0).compact + "\n" }.joined() }

    /// What identifies one life of one container.
    package func identifiers() -> String { rows.map { "\(identifier($0))\n" }.joined() }

    private func identifier(_ row: Row) -> String { "\(project).\(row.container.entry.instance)" }

    private func json(_ row: Row) -> JSON {
        let spec = row.container.entry.spec
        let labels = spec.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let namespaces = row.container.namespaces.sorted { $0.key < $1.key }
        let ago = age(row).map { "\($0) ago" } ?? ""
        let created = row.container.startedAt.map { utcText(seconds: $0 / 1_000_000_000) } ?? ""
        let log = row.health.map { [("HealthLog", JSON.array($0.log(since: row.container.startedAt)))] } ?? []
        return .object(
            [
                ("Cgroup", .string(row.container.cgroup)), ("Command", .string(row.command(isCut: false))),
                ("CreatedAt", .string(created)), ("ExitCode", .int(Int64(row.exitCode))),
                ("Health", .string(row.health?.status.rawValue ?? "")),
            ] + log + [
                ("ID", .string(identifier(row))), ("Image", .string(row.image)),
                ("Labels", .string(labels.joined(separator: ","))),
                ("Mounts", .string(spec.mounts.map(\.text).joined(separator: ","))), ("Name", .string(row.name)),
                ("Names", .string(row.name)),
                ("Namespaces", .object(namespaces.map { ($0.key.rawValue, .int(Int64(clamping: $0.value))) })),
                ("Networks", .string(spec.attachments.map(\.network).joined(separator: ","))),
                ("OOMKilled", .bool(row.isMemoryKill)),
                ("Pid", .int(Int64(row.container.pid ?? 0))), ("Ports", .string(row.ports)),
                ("Project", .string(project)),
                ("Publishers", .array(row.publishers.map(\.json))), ("RunningFor", .string(ago)),
                ("Service", .string(row.service)), ("State", .string(row.state.rawValue)),
                ("Status", .string(status(row))),
            ])
    }

    private func age(_ row: Row) -> String? {
        row.container.startedAt.map { words(seconds: (now - $0) / 1_000_000_000) }
    }

    private func status(_ row: Row) -> String {
        let up = age(row).map { "Up \($0)" } ?? "Up"
        switch row.state {
        case .created: return "Created"
        case .running: return row.health.map { "\(up) (\($0.words))" } ?? up
        case .paused: return "\(up) (Paused)"
        case .restarting: return "Restarting (\(row.exitCode))\(row.isMemoryKill ? ", out of memory" : "")"
        case .exited: return "Exited (\(row.exitCode))\(row.isMemoryKill ? ", out of memory" : "")"
        }
    }
}

extension ContainerList.State {
    fileprivate init(_ container: ObservedContainer) {
        switch container.state {
        case .created: self = .created
        case .running: self = container.isFrozen ? .paused : .running
        case .restarting: self = .restarting
        case .exited: self = .exited
        }
    }

    /// Whether `ps` shows it without `--all`.
    package var isLive: Bool {
        switch self {
        case .running, .paused, .restarting: true
        case .created, .exited: false
        }
    }
}

extension ContainerList.Row {
    fileprivate struct Publisher {
        let address: String
        let target: UInt16
        let published: UInt16
        let transport: String

        var json: JSON {
            .object([
                ("URL", .string(address)), ("TargetPort", .int(Int64(target))),
                ("PublishedPort", .int(Int64(published))), ("Protocol", .string(transport)),
            ])
        }
    }

    fileprivate var image: String { container.entry.spec.imageText }

    /// Of a container that runs.
    fileprivate var health: Health? { container.isRunning ? container.health : nil }

    fileprivate func command(isCut: Bool) -> String {
        let text = printable(shellText(container.entry.spec.arguments))
        return isCut && text.count > 20 ? "\"\(text.prefix(19))…\"" : "\"\(text)\""
    }

    /// `exited with 1`; empty while it has not ended.
    package var ending: String {
        switch container.state {
        case .created, .running: ""
        case .restarting(let status), .exited(let status): status.description
        }
    }

    fileprivate var isMemoryKill: Bool {
        switch container.state {
        case .created, .running: false
        case .restarting(let status), .exited(let status): status == .outOfMemory
        }
    }

    package var exitCode: Int32 {
        switch container.state {
        case .created, .running: 0
        case .restarting(let status), .exited(let status): status.shellCode
        }
    }

    /// As Docker counts them: one for IPv4 and one for IPv6 where the file names no address. None while it is down.
    fileprivate var publishers: [Publisher] {
        guard state.isLive else { return [] }
        return container.entry.spec.ports.flatMap { port in
            (port.hostAddress.map { [$0] } ?? ["0.0.0.0", "::"]).map {
                Publisher(
                    address: $0, target: port.containerPort, published: port.hostPort ?? 0,
                    transport: port.transport.rawValue)
            }
        }
    }

    fileprivate var ports: String {
        publishers.map {
            let address = $0.address.contains(":") ? "[\($0.address)]" : $0.address
            return "\(address):\($0.published)->\($0.target)/\($0.transport)"
        }.joined(separator: ", ")
    }
}

extension Health {
    /// As `ps` says it, in Docker's words.
    fileprivate var words: String {
        switch status {
        case .starting: "health: starting"
        case .healthy, .unhealthy: status.rawValue
        }
    }

    /// The last probes, shaped as Docker's.
    ///
    /// - Parameter birth: of the container, in nanoseconds since 1970.
    fileprivate func log(since birth: Int64?) -> [JSON] {
        results.map { result in
            func time(_ age: Int64) -> JSON {
                .string(birth.map { utcText(seconds: ($0 / 1_000_000 + age) / 1000) } ?? "")
            }
            return .object([
                ("Start", time(result.start)), ("End", time(result.end)),
                ("ExitCode", .int(Int64(result.answer.exitCode))), ("Output", .string(result.answer.output)),
            ])
        }
    }
}
