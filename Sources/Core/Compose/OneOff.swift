import Diagnostics

/// What makes a container a one-off: it stands beside those of its service, with a command of its own, `settle run`.
package struct OneOff: Codable, Hashable, Sendable {
    /// The service that it was made from.
    package var service: String
    /// What it is called.
    package var name: String
    /// Whether it goes by itself once it has ended, with its output and its anonymous volumes: `--rm`.
    package var isTransient: Bool

    package init(service: String, name: String, isTransient: Bool = false) {
        self.service = service
        self.name = name
        self.isTransient = isTransient
    }

    /// Whether a container may be called so.
    package static func isName(_ text: String) -> Bool {
        func isPlain(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            case _: false
            }
        }
        return text.utf8.count > 1 && text.utf8.first.map(isPlain) == true
            && text.utf8.allSatisfy { isPlain($0) || "_.-".utf8.contains($0) }
    }
}

/// The size of a terminal in characters; 0 where nobody looks at it yet.
package struct WindowSize: Codable, Hashable, Sendable {
    package var rows: UInt16
    package var columns: UInt16

    package init(rows: UInt16 = 0, columns: UInt16 = 0) {
        self.rows = rows
        self.columns = columns
    }
}

/// What the first process of a container reads. Where there is none it reads nothing, /dev/null.
package enum StandardInput: String, Codable, Hashable, Sendable {
    /// Open as long as the container lives, whoever comes and goes: `stdin_open: true`.
    case open
    /// That of one command line, and over with it.
    case once
}

/// What a command line asks of a one-off beside what the file says of its service.
package struct OneOffWish: Sendable {
    package var service: String
    /// nil: what the service runs.
    package var command: [String]?
    /// A line of words.
    package var entrypoint: String?
    /// `NAME=VALUE`
    package var environment: [String] = []
    package var user: String?
    package var workingDirectory: String?
    /// `NAME=VALUE`
    package var labels: [String] = []
    /// In the short syntax of the file.
    package var volumes: [String] = []
    package var ports: [String] = []
    package var keepsPorts = false
    package var addedCapabilities: [String] = []
    package var droppedCapabilities: [String] = []

    package init(service: String) { self.service = service }

    /// The wish as one more file, laid over the others: it is read, checked and merged by their rules. Without its
    /// values' dollars, which have been somebody's variables already.
    package var file: SourceFile {
        var keys: [(String, JSON)] = []
        func text(_ text: String) -> JSON { .string(text.reduce(into: "") { $0 += $1 == "$" ? "$$" : String($1) }) }
        func list(_ key: String, _ texts: [String]) {
            if !texts.isEmpty { keys.append((key, .array(texts.map(text)))) }
        }
        if let user { keys.append(("user", text(user))) }
        if let workingDirectory { keys.append(("working_dir", text(workingDirectory))) }
        list("environment", environment)
        list("labels", labels)
        list("volumes", volumes)
        list("cap_add", addedCapabilities)
        list("cap_drop", droppedCapabilities)
        var lines = keys.map { "    \(JSON.string($0.0).compact): \($0.1.compact)\n" }
        if let entrypoint { lines.append("    entrypoint: !override \(text(entrypoint).compact)\n") }
        // Words of the command line stand for themselves; another entrypoint has nothing to do with the file's command.
        if let command {
            lines.append("    command: !override \(JSON.array(command.map(text)).compact)\n")
        } else if entrypoint != nil {
            lines.append("    command: !override []\n")
        }
        if !keepsPorts { lines.append("    ports: !override \(JSON.array(ports.map(text)).compact)\n") }
        let body = lines.isEmpty ? " {}\n" : "\n" + lines.joined()
        return SourceFile(path: "command line", text: "services:\n  \(JSON.string(service).compact):\(body)")
    }
}

extension Project {
    /// The project with the one-off as a service of its own: nobody depends on it, and nothing of the file is about it. It
    /// has not the fixed addresses of its service, whose containers may have them, and none of its steps.
    ///
    /// - Parameters:
    ///   - isAlone: Without what the service depends on.
    ///   - keepsNames: With the names of the service in its networks.
    package func adding(
        _ oneOff: OneOff, key: String, terminal: WindowSize?, input: StandardInput?, isAlone: Bool, keepsNames: Bool
    ) -> Project {
        guard var service = service(oneOff.service) else { return self }
        let reference = image(of: service)
        service.image?.reference = reference
        service.name = key
        service.oneOff = oneOff
        service.terminal = terminal
        service.standardInput = input
        service.replicas = 1
        service.restart = .no
        for index in service.networks.indices {
            service.networks[index].aliases =
                keepsNames ? [oneOff.service] + service.networks[index].aliases : []
            service.networks[index].address = nil
        }
        service.preStart = []
        service.dependencies.removeAll { isAlone || self.service($0.service)?.precedes?.service == oneOff.service }
        var project = self
        project.services = (services + [service]).sorted { $0.name < $1.name }
        return project
    }
}
