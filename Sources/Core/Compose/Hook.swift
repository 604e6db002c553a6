import YAML

/// A command that runs inside a container at a turn of its life.
package struct Hook: Codable, Hashable, Sendable {
    package var command: [String]
    /// nil: the container's, as is every other that is nil.
    package var user: String?
    package var workingDirectory: String?
    /// Beside the container's.
    package var environment: [String: String]
    package var isPrivileged: Bool
    /// Where the file says so: `post_start[0]`.
    package var key: String

    package init(_ command: [String], key: String) {
        self.command = command
        self.key = key
        environment = [:]
        isPrivileged = false
    }
}

extension Keys {
    static let hook = Grammar<Hook>([
        "command": { hook, reader in
            var words: [String]?
            Keys.words(reader, into: &words)
            hook.command = words ?? []
        },
        "user": { $0.user = $1.string() },
        "working_dir": { $0.workingDirectory = $1.target() },
        "environment": { $0.environment = Keys.environment($1) },
        "privileged": { $0.isPrivileged = $1.boolean() ?? false },
    ])

    static func hooks(_ name: String, _ reader: Reader) -> [Hook] {
        (reader.items() ?? []).enumerated().compactMap { index, item in
            var hook = Hook([], key: "\(name)[\(index)]")
            self.hook.read(item, into: &hook)
            if !hook.command.isEmpty { return hook }
            return item.expected("a command", "write command: [program, argument]")
        }
    }
}
