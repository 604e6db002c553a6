import Compose
package import Diagnostics

/// What a container is doing and why, for `why`: everything that is known of it, in the order in which one would ask.
package struct Explanation: Sendable {
    package struct Wait: Hashable, Sendable {
        package var dependency: Dependency
        /// Of one of its replicas: `it runs, and is not healthy yet`.
        package var found: String
        package var isMet: Bool
    }

    package let id: ContainerID
    /// Its last lines, the oldest first.
    package let output: [String]
    private let container: ObservedContainer
    private let waits: [Wait]
    /// Nanoseconds since 1970, as all times here.
    private let now: Int64
    private let project: String

    /// - Parameter observation: of the ledger as it is while a change is under way.
    package init?(_ id: ContainerID, _ observation: Observation, output: [String], now: Int64) {
        guard let container = observation.containers[id] else { return nil }
        self.id = id
        self.container = container
        self.output = output
        self.now = now
        project = observation.ledger.goal.project
        waits = startConditions(of: container.entry.spec).map { Wait($0, observation) }
    }

    private var spec: ContainerSpec { container.entry.spec }
    private var isFrozen: Bool { container.isRunning && container.isFrozen }

    /// `running`, `waiting`: one word more than `ps` has.
    private var state: String {
        switch container.state {
        case .created: waits.contains { !$0.isMet } ? "waiting" : "created"
        case .running: isFrozen ? "paused" : "running"
        case .restarting: "restarting"
        case .exited: "exited"
        }
    }

    private var ending: ExitStatus? {
        switch container.state {
        case .created, .running: nil
        case .restarting(let status), .exited(let status): status
        }
    }

    /// One sentence for what it does.
    private var summary: String {
        switch container.state {
        case .created:
            return state == "waiting" ? "has not started: it waits" : "was never started"
        case .running:
            let since = container.startedAt.map { " for \(age($0))" } ?? ""
            return isFrozen ? "is paused; it was started \(age(container.startedAt ?? now)) ago" : "runs\(since)"
        case .restarting(let status): return "\(status.words), and is to be started again"
        case .exited(let status): return status.words
        }
    }

    /// Why it is as it is, and not otherwise.
    private var reason: String {
        switch container.state {
        case .created:
            return state == "waiting" ? "what it depends on is not as depends_on says" : "no change has started it"
        case .running:
            if isFrozen {
                return container.isPaused
                    ? "paused by settle pause" : "frozen behind Settle's back; settle up -d thaws it"
            }
            return container.policyRestarts > 0 ? "its restart policy has started it again" : "it was asked for"
        case .restarting: return "restart: \(spec.restart)"
        case .exited(let status):
            if !container.entry.isWanted {
                let isSick = container.health?.status == .unhealthy && spec.healthCheck?.reaction == .stop
                return isSick
                    ? "stopped since it was unhealthy (on_unhealthy: stop)" : "stopped by settle stop or settle kill"
            }
            if status.isSuccess { return "it has done its work: nobody starts it again (restart: \(spec.restart))" }
            return "nobody starts it again (restart: \(spec.restart)); settle up -d does"
        }
    }

    private func age(_ time: Int64) -> String {
        let text = words(seconds: (now - time) / 1_000_000_000)
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    private var nextStart: String? {
        guard let time = container.restartsAt else { return nil }
        let seconds = (time - now + 999_999_999) / 1_000_000_000
        return seconds <= 0 ? "at any moment" : "in \(seconds) s"
    }

    /// Name and value of each line.
    private var rows: [(String, String)] {
        var rows = [("why", reason)]
        if let pid = container.pid { rows.append(("process", "\(pid)")) }
        if let nextStart { rows.append(("next start", nextStart)) }
        if container.policyRestarts > 0 {
            rows.append(
                ("restarts", "\(container.policyRestarts) since somebody asked for it (restart: \(spec.restart))"))
        }
        if let health = container.health, container.isRunning || health.status == .unhealthy {
            let streak = health.failingStreak > 0 ? ", \(health.failingStreak) failed in a row" : ""
            rows.append(("health", health.status.rawValue + streak))
            if let probe = health.results.last { rows.append(("probe", probe.description)) }
        }
        for wait in waits where !container.isRunning || !wait.isMet {
            rows.append((wait.isMet ? "has" : "waits for", "\(wait.dependency.service) \(wait.wish): \(wait.found)"))
        }
        return rows
    }

    package func text(_ palette: Palette) -> String {
        let colour: Palette.Colour? =
            switch container.state {
            case .running: container.health?.status == .unhealthy ? .red : .green
            case .created, .restarting: .yellow
            case .exited(let status): status.isSuccess ? nil : .red
            }
        var text = "\(palette.paint("\(id)", colour)) \(summary)\n"
        for (name, value) in rows {
            let lines = value.split(separator: "\n", omittingEmptySubsequences: false).map { printable(String($0)) }
            text += "  \(name)" + String(repeating: " ", count: max(12 - name.count, 1)) + lines[0] + "\n"
            for line in lines.dropFirst() { text += "    | \(line)\n" }
        }
        if !output.isEmpty {
            text += "  last output\n" + output.map { "    | \(printable($0))\n" }.joined()
        }
        return text
    }

    package var json: JSON {
        func optional(_ number: Int64?) -> JSON { number.map { .int($0) } ?? .null }
        func time(_ nanoseconds: Int64?) -> JSON {
            nanoseconds.map { .string(utcText(seconds: $0 / 1_000_000_000)) } ?? .null
        }
        let waits = waits.map { wait -> JSON in
            .object([
                ("service", .string(wait.dependency.service)),
                ("condition", .string(wait.dependency.condition.rawValue)),
                ("required", .bool(wait.dependency.required)), ("met", .bool(wait.isMet)),
                ("found", .string(wait.found)),
            ])
        }
        return .object([
            ("name", .string(id.name(in: project))), ("service", .string(id.service)), ("state", .string(state)),
            ("summary", .string(summary)), ("reason", .string(reason)),
            ("pid", optional(container.pid.map(Int64.init))),
            ("startedAt", time(container.startedAt)), ("exitCode", optional(ending.map { Int64($0.shellCode) })),
            ("signal", ending?.signalName.map { .string($0) } ?? .null),
            ("outOfMemory", .bool(ending?.isOutOfMemory ?? false)),
            ("restarts", .int(Int64(container.policyRestarts))), ("nextStart", time(container.restartsAt)),
            ("health", health), ("waitsFor", .array(waits)), ("output", .array(output.map { .string($0) })),
        ])
    }

    private var health: JSON {
        guard let health = container.health else { return .null }
        let probe = health.results.last.map { result -> JSON in
            .object([
                ("exitCode", .int(Int64(result.answer.exitCode))), ("output", .string(result.answer.output)),
            ])
        }
        return .object([
            ("status", .string(health.status.rawValue)), ("failingStreak", .int(Int64(health.failingStreak))),
            ("lastProbe", probe ?? .null),
        ])
    }
}

extension Explanation.Wait {
    fileprivate init(_ dependency: Dependency, _ observation: Observation) {
        self.dependency = dependency
        let replicas = observation.containers.filter { $0.key.service == dependency.service }
            .sorted { $0.key < $1.key }.map { $0.value.standing(for: dependency.condition) }
        if let open = replicas.first(where: { !$0.isMet }) {
            (found, isMet) = open
        } else {
            (found, isMet) = replicas.first ?? ("it has no container", !dependency.required)
        }
    }

    /// What has to become true of it.
    fileprivate var wish: String {
        let wish =
            switch dependency.condition {
            case .started: "to start"
            case .healthy: "to be healthy"
            case .completed: "to complete successfully"
            }
        return dependency.required ? wish : "\(wish) (not required)"
    }
}

extension ObservedContainer {
    fileprivate func standing(for condition: Dependency.Condition) -> (found: String, isMet: Bool) {
        switch (state, condition) {
        case (.created, _): return ("it has not started", false)
        case (.restarting(let status), .completed), (.exited(let status), .completed):
            return ("it \(status.words)", status.isSuccess)
        case (.restarting(let status), .started), (.restarting(let status), .healthy):
            return ("it \(status.words), and is to be started again", false)
        case (.exited(let status), .started), (.exited(let status), .healthy): return ("it \(status.words)", false)
        case (.running, .started): return ("it runs", true)
        case (.running, .completed): return ("it runs", false)
        case (.running, .healthy):
            guard entry.spec.healthCheck != nil else { return ("it runs, and has no health check", true) }
            return ("it is \((health?.status ?? .starting).rawValue)", health?.status == .healthy)
        }
    }
}

extension ExitStatus {
    fileprivate var signalName: String? {
        switch self {
        case .signal(let number): Signal(number: number)?.name
        case .code(let code) where code > 128: Signal(number: code - 128)?.name
        case .outOfMemory: Signal.kill.name
        case .code, .unknown: nil
        }
    }

    fileprivate var isOutOfMemory: Bool { self == .outOfMemory }

    /// With signals by name.
    fileprivate var words: String {
        switch self {
        case .signal(let number): "was killed by \(Signal(number: number)?.name ?? "signal \(number)")"
        case .code(let code):
            signalName.map { "exited with \(code), as after \($0)" } ?? "exited with \(code)"
        case .outOfMemory, .unknown: description
        }
    }
}
