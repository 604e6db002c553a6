import Compose

/// A command that runs inside a container at a turn of its life.
package struct Hook: Hashable, Codable, Sendable {
    package var arguments: [String]
    /// `K=V`, sorted: beside the container's, or in place of them.
    package var environment: [String]
    /// nil: the container's, as is the user.
    package var workingDirectory: String?
    package var user: String?
    package var isPrivileged: Bool
    /// Where the file says so: `post_start[0]`.
    package var key: String

    package init(_ arguments: [String], key: String) {
        self.arguments = arguments
        self.key = key
        environment = []
        isPrivileged = false
    }

    init(_ hook: Compose.Hook) {
        self.init(hook.command, key: hook.key)
        environment = hook.environment.map { "\($0)=\($1)" }.sorted()
        workingDirectory = hook.workingDirectory
        user = hook.user
        isPrivileged = hook.isPrivileged
    }
}

extension Hook: CustomStringConvertible {
    package var description: String {
        let rest = [
            user.map { "as \($0)" }, isPrivileged ? "privileged" : nil, workingDirectory.map { "in \($0)" },
            environment.isEmpty ? nil : "with \(environment.joined(separator: " "))",
        ]
        return ([shellText(arguments)] + rest.compactMap { $0 }).joined(separator: " ")
    }
}

/// What runs inside a container beside its own program.
package struct Hooks: Hashable, Codable, Sendable {
    package var postStart: [Hook]
    package var preStop: [Hook]

    package init(postStart: [Hook] = [], preStop: [Hook] = []) {
        self.postStart = postStart
        self.preStop = preStop
    }
}

/// A hook with all that it has from its container: final values.
package struct HookCommand: Hashable, Sendable {
    package var arguments: [String]
    package var environment: [String]
    package var workingDirectory: String
    package var user: String?
    package var groups: [String]
    package var capabilities: [String]
    package var key: String

    package init(_ hook: Hook, in spec: ContainerSpec) {
        arguments = hook.arguments
        let names = Set(hook.environment.map { $0.prefix { $0 != "=" } })
        environment = spec.environment.filter { !names.contains($0.prefix { $0 != "=" }) } + hook.environment
        workingDirectory = hook.workingDirectory ?? spec.workingDirectory ?? "/"
        user = hook.user ?? spec.user
        // Those of the container's user are not another one's.
        groups = hook.user == nil ? spec.groups : []
        capabilities = hook.isPrivileged ? Capability.all : spec.capabilities
        key = hook.key
    }
}
