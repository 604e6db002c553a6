import Compose
import OCI

/// A command that runs inside a container at a turn of its life.
package struct Hook: Hashable, Codable, Sendable {
    package var arguments: [String]
    /// `K=V`, sorted: beside the container's, or in place of them.
    package var environment: [String]
    /// nil: the container's, as is the user.
    package var workingDirectory: String?
    package var user: String?
    package var isPrivileged: Bool
    /// Of `pre_start`, where it is not what the service runs in.
    package var image: String?
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
        image = hook.image?.description
    }
}

extension Hook: CustomStringConvertible {
    package var description: String {
        let rest = [
            image.map { "in \($0)" }, user.map { "as \($0)" }, isPrivileged ? "privileged" : nil,
            workingDirectory.map { "in \($0)" },
            environment.isEmpty ? nil : "with \(environment.joined(separator: " "))",
        ]
        return ([shellText(arguments)] + rest.compactMap { $0 }).joined(separator: " ")
    }
}

/// What runs beside a container's own program.
package struct Hooks: Hashable, Codable, Sendable {
    /// Run by containers of their own: `ContainerSpec.precedes`.
    package var preStart: [Hook]?
    package var postStart: [Hook]
    package var preStop: [Hook]

    package init(preStart: [Hook]? = nil, postStart: [Hook] = [], preStop: [Hook] = []) {
        self.preStart = preStart
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

extension Plan {
    /// Where the file says that one waits for the other.
    func key(of id: ContainerID, before dependent: ContainerID) -> String {
        if let step = ledger.entry(id)?.spec.precedes, step.service == dependent.service { return step.key }
        return "depends_on.\(id.service)"
    }
}
