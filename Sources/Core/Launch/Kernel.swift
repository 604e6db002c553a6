/// Constants of the kernel's interface that programs use, with their names for the text. They are the same on every
/// architecture that Swift runs on.
enum Kernel {
    static let closeOnExec = Argument.number(0x80000, as: "O_CLOEXEC")
    static let readOnly = Argument.number(0x80000, as: "O_RDONLY|O_CLOEXEC")
    static let writeOnly = Argument.number(0x80001, as: "O_WRONLY|O_CLOEXEC")
    static let readWrite = Argument.number(0x80002, as: "O_RDWR|O_CLOEXEC")
    static let emptyPath = Argument.number(0x1000, as: "AT_EMPTY_PATH")
    static let noFollow = Argument.number(0x100, as: "AT_SYMLINK_NOFOLLOW")
    static let cloneTree = Argument.number(0x88001, as: "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE")
    static let cloneTreeOf = Argument.number(
        0x89001, as: "OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_RECURSIVE|AT_EMPTY_PATH")
    static let pathOnly = Argument.number(0x280000, as: "O_PATH|O_CLOEXEC")
    static let inRoot = Argument.openHow(
        flags: 0x280000, resolve: 0x12, as: "{flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}")
    static let moveEmptyPath = Argument.number(4, as: "MOVE_MOUNT_F_EMPTY_PATH")
    static let treeEmptyPath = Argument.number(0x9000, as: "AT_EMPTY_PATH|AT_RECURSIVE")
    static let detach = Argument.number(2, as: "MNT_DETACH")
    static let allDescriptors = Argument.number(0xFFFF_FFFF, as: "~0U")
    static let terminalControl = Argument.number(0x540E, as: "TIOCSCTTY")
    static let terminalLock = Argument.number(0x4004_5431, as: "TIOCSPTLCK")
    static let terminalPeer = Argument.number(0x5441, as: "TIOCGPTPEER")
    static let terminalResize = Argument.number(0x5414, as: "TIOCSWINSZ")
    static let terminal = Argument.number(0x80102, as: "O_RDWR|O_NOCTTY|O_CLOEXEC")
    static let joinSessionKeyring = Argument.number(1, as: "KEYCTL_JOIN_SESSION_KEYRING")
    static let seccompFilter = Argument.number(1, as: "SECCOMP_SET_MODE_FILTER")
    static let dumpable = Argument.number(4, as: "PR_SET_DUMPABLE")
    static let dropBounding = Argument.number(24, as: "PR_CAPBSET_DROP")
    static let noNewPrivileges = Argument.number(38, as: "PR_SET_NO_NEW_PRIVS")
    static let cgroupNamespace = Argument.number(0x0200_0000, as: "CLONE_NEWCGROUP")
    static let everyNamespace = Argument.number(
        0x4E02_0000, as: "CLONE_NEWNS|CLONE_NEWNET|CLONE_NEWIPC|CLONE_NEWUTS|CLONE_NEWCGROUP")
    static let regularFile = Argument.number(0o100644, as: "S_IFREG|0644")
    static let device = Argument.number(0o020666, as: "S_IFCHR|0666")
    static let whiteout = Argument.number(0o020000, as: "S_IFCHR")

    static func device(_ major: Int, _ minor: Int) -> Argument {
        .number(major << 8 | minor, as: "makedev(\(major), \(minor))")
    }

    /// What mount_setattr(2) is told, and whether it is about what is mounted below, too.
    static func propagation(_ mode: Mount.Propagation) -> (Argument, isWhole: Bool) {
        switch mode {
        case .private, .rprivate: (.mountPropagation(1 << 18, as: "MS_PRIVATE"), mode == .rprivate)
        case .slave, .rslave: (.mountPropagation(1 << 19, as: "MS_SLAVE"), mode == .rslave)
        case .shared, .rshared: (.mountPropagation(1 << 20, as: "MS_SHARED"), mode == .rshared)
        }
    }

    /// Flags of mount(2).
    struct MountFlags: OptionSet {
        let rawValue: Int
        static let readOnly = MountFlags(rawValue: 1)
        static let noSetUserID = MountFlags(rawValue: 2)
        static let noDevices = MountFlags(rawValue: 4)
        static let noExecution = MountFlags(rawValue: 8)
        static let bind = MountFlags(rawValue: 4096)
        static let recursive = MountFlags(rawValue: 16384)
        static let isPrivate = MountFlags(rawValue: 1 << 18)

        static let names: [(MountFlags, String)] = [
            (.readOnly, "MS_RDONLY"), (.noSetUserID, "MS_NOSUID"), (.noDevices, "MS_NODEV"),
            (.noExecution, "MS_NOEXEC"), (.bind, "MS_BIND"), (.recursive, "MS_REC"), (.isPrivate, "MS_PRIVATE"),
        ]

        var argument: Argument {
            let names = Self.names.filter { contains($0.0) }.map(\.1)
            return .number(rawValue, as: names.isEmpty ? "0" : names.joined(separator: "|"))
        }
    }

    /// Attributes of mount_setattr(2).
    struct MountAttributes: OptionSet {
        let rawValue: Int
        static let readOnly = MountAttributes(rawValue: 1)
        static let noDevices = MountAttributes(rawValue: 4)

        /// The last two arguments of the call: the structure and its size.
        var arguments: [Argument] {
            var names: [String] = []
            if contains(.readOnly) { names.append("MOUNT_ATTR_RDONLY") }
            if contains(.noDevices) { names.append("MOUNT_ATTR_NODEV") }
            return [.mountAttributes(set: rawValue, as: names.joined(separator: "|")), .number(32)]
        }
    }
}
