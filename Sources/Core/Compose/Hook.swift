package import OCI
import YAML

/// A command that runs at a turn of a container's life, inside it or, `pre_start`, in a container of its own.
package struct Hook: Codable, Hashable, Sendable {
    /// Empty only for `pre_start`: what the image says.
    package var command: [String]
    /// nil: the container's, as is every other that is nil.
    package var user: String?
    package var workingDirectory: String?
    /// Beside the container's.
    package var environment: [String: String]
    package var isPrivileged: Bool
    /// Of `pre_start`: what it runs in, unless that is what its service runs in.
    package var image: ImageReference?
    /// Of `pre_start`: once for each container, not once for all.
    package var isPerReplica: Bool
    /// Where the file says so: `post_start[0]`.
    package var key: String

    package init(_ command: [String], key: String) {
        self.command = command
        self.key = key
        environment = [:]
        isPrivileged = false
        isPerReplica = false
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
        "image": { $0.image = reference($1) },
        "per_replica": { $0.isPerReplica = $1.boolean() ?? false },
    ])

    static func hooks(_ name: String, _ reader: Reader) -> [Hook] {
        (reader.items() ?? []).enumerated().compactMap { index, item in
            var hook = Hook([], key: "\(name)[\(index)]")
            self.hook.read(item, into: &hook)
            if !hook.command.isEmpty || hook.image != nil { return hook }
            return item.expected("a command", "write command: [program, argument]")
        }
    }
}
