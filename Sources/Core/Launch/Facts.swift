/// What the parent has to look up before it can compile: reads only, no effect, so that a dry run does the same.
package struct Facts: Codable, Hashable, Sendable {
    package var identity: Identity
    /// Capabilities in this process's bounding set, in the kernel's order, named as in `LaunchSpec.capabilities`.
    /// Nobody can hand on more.
    package var bounding: [String]
    package var hidden: [HiddenPath]
    /// Those of the masked paths that this kernel has.
    package var masked: [KnownPath]
    /// Those of the read-only paths that this kernel has.
    package var readOnly: [String]
    /// One for each of `LaunchSpec.mounts`.
    package var targets: [KnownPath]
    /// /sys/fs/cgroup of the host is cgroup v2.
    package var unifiedCgroups: Bool

    package init(
        identity: Identity, bounding: [String], hidden: [HiddenPath] = [], masked: [KnownPath] = [],
        readOnly: [String] = [], targets: [KnownPath] = [], unifiedCgroups: Bool = false
    ) {
        self.identity = identity
        self.bounding = bounding
        self.hidden = hidden
        self.masked = masked
        self.readOnly = readOnly
        self.targets = targets
        self.unifiedCgroups = unifiedCgroups
    }
}

/// Whom the program runs as, by the container's own `/etc/passwd` and `/etc/group`.
package struct Identity: Codable, Hashable, Sendable {
    package var uid: Int
    package var gid: Int
    package var groups: [Int]
    package var home: String

    package init(uid: Int, gid: Int, groups: [Int] = [], home: String = "/") {
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.home = home
    }
}

package struct KnownPath: Codable, Hashable, Sendable {
    package var path: String
    package var isFolder: Bool

    package init(_ path: String, isFolder: Bool) {
        self.path = path
        self.isFolder = isFolder
    }
}

/// A path of the lower layer that a whiteout in the layer above it takes away.
package struct HiddenPath: Codable, Hashable, Sendable {
    package struct Folder: Codable, Hashable, Sendable {
        package var path: String
        package var mode: Int
        package var uid: Int
        package var gid: Int

        package init(path: String, mode: Int, uid: Int, gid: Int) {
            self.path = path
            self.mode = mode
            self.uid = uid
            self.gid = gid
        }
    }

    package var path: String
    /// The folders above, outermost first: the attributes of the layer above count, so it must repeat the lower's.
    package var above: [Folder]

    package init(_ path: String, above: [Folder]) {
        self.path = path
        self.above = above
    }
}
