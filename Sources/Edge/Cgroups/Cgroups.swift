package import Stack
import Syscalls

/// The trees of all projects below Settle's root folder: `<root>/<project>/<service>.<index>.<generation>`, with Settle's
/// own processes in `<root>/<project>/.supervisor`.
package struct Cgroups: Hashable, Sendable {
    package static let supervisor = ".supervisor"

    package let mode: CgroupMode
    /// Relative to the hierarchies' roots; `settle` unless set.
    package let root: String

    package init(mode: CgroupMode, root: String = "settle") {
        self.mode = mode
        self.root = root.split(separator: "/").joined(separator: "/")
    }

    /// On this machine.
    ///
    /// - Parameter root: the value of SETTLE_CGROUP, if it is set.
    package static func detect(root: String?) throws(CgroupError) -> Cgroups {
        Cgroups(mode: try .detect(), root: root.flatMap { $0.isEmpty ? nil : $0 } ?? "settle")
    }

    /// Settle's own root folder.
    package var top: Cgroup { Cgroup(mode: mode, path: root, rootDepth: root.split(separator: "/").count) }

    /// The node of a project, which carries the budget of the stack.
    package func project(_ name: String) -> Cgroup { top.child(name) }

    /// - Parameter name: `<service>.<index>.<generation>`.
    package func container(_ name: String, of project: String) -> Cgroup { self.project(project).child(name) }

    package func supervisor(of project: String) -> Cgroup { self.project(project).child(Self.supervisor) }

    /// The projects that have a group, in order.
    package var projects: [String] { top.children.map(\.name) }

    /// One pass over a project; nil where it has no group.
    ///
    /// - Parameter limits: false leaves the limits out, for those who only ask what runs.
    package func observe(_ name: String, limits: Bool = true) -> ProjectState? {
        let project = project(name)
        guard project.exists else { return nil }
        let containers = project.children.filter { $0.name != Self.supervisor }
        let inheritedCPUs = limits ? project.processors : nil
        return ProjectState(
            budget: limits ? project.limits : nil, isFrozen: project.isFrozen,
            containers: containers.map { $0.state(inheritedCPUs: inheritedCPUs) })
    }

    /// Removes a project's groups, killing what is left in its containers, and Settle's root folder with the last one.
    package func remove(_ name: String, timeout milliseconds: Int = 10_000) throws(CgroupError) {
        let project = project(name)
        // What a frozen v1 parent holds does not die.
        if project.isFrozen { try project.thaw() }
        for container in project.children where container.name != Self.supervisor && container.isPopulated {
            try container.kill()
        }
        try project.remove(timeout: milliseconds)
        removeRoot()
    }

    /// Removes the root folder (and those above it that are its path) where no project is left in it.
    package func removeRoot() {
        var group = top
        while !group.path.isEmpty {
            group.removeEmptyFolders()
            group = group.parent
        }
    }
}

/// What the kernel says about a project's groups.
package struct ProjectState: Hashable, Sendable {
    /// Nil where it was not asked for.
    package let budget: ObservedLimits?
    package let isFrozen: Bool
    /// In order of their names.
    package let containers: [ContainerState]
}

/// What the kernel says about a container's group.
package struct ContainerState: Hashable, Sendable {
    /// `<service>.<index>.<generation>`
    package let name: String
    /// Nil where they were not asked for.
    package let limits: ObservedLimits?
    package let isFrozen: Bool
}

extension Cgroup {
    /// - Parameter inheritedCPUs: the project's processors; nil leaves the limits out.
    func state(inheritedCPUs: String?) -> ContainerState {
        ContainerState(name: name, limits: inheritedCPUs.map(limits(inheritedCPUs:)), isFrozen: isFrozen)
    }
}
