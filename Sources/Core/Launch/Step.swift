/// One system call of the child, all arguments resolved. The interpreter makes it and looks at the result; it decides
/// nothing.
package struct Step: Hashable, Sendable {
    package var call: SystemCall
    package var arguments: [Argument]
    /// Where the result goes, a descriptor.
    package var result: Slot?
    /// Reasons to go on all the same, `EEXIST` of a mkdir(2) for example.
    package var tolerated: [Reason]
    /// The smallest result that is a success.
    package var least: Int
    /// The key of the service that asked for it, `volumes[1]`.
    package var key: String
    /// What fails when it fails: `mount ./site on /srv`.
    package var purpose: String

    package init(
        _ call: SystemCall, _ arguments: [Argument], result: Slot? = nil, tolerated: [Reason] = [], least: Int = 0,
        key: String, purpose: String
    ) {
        self.call = call
        self.arguments = arguments
        self.result = result
        self.tolerated = tolerated
        self.least = least
        self.key = key
        self.purpose = purpose
    }
}

/// The system calls that programs are made of, named as in the kernel.
package enum SystemCall: String, Hashable, Sendable, CaseIterable {
    case capset, chdir, close, close_range, dup3, execve, execveat, fchownat, ioctl, keyctl, mkdirat, mknodat, mount
    case mount_setattr, move_mount, open_tree, openat, openat2, pivot_root, prctl, read, seccomp, sendmsg, sethostname,
        setgroups, setns
    case setresgid, setresuid, setsid, symlinkat, umask, umount2, unshare, write
}

/// Reasons the kernel gives that programs deal with. Numbers are those of every Linux architecture.
package enum Reason: Int32, Hashable, Sendable {
    case noEntry = 2
    case exec = 8
    case access = 13
    case exists = 17
    case notFolder = 20
    case invalid = 22
    case readOnly = 30
    case noSystemCall = 38
}

/// A descriptor by its role; which number it is, the edge knows.
package enum Slot: Hashable, Sendable {
    /// Both ends of the pipe that holds the child back, until the parent has noted that it is there.
    case gate, gateKeeper
    /// Where the failing step is told; closed by a successful execve(2).
    case report
    /// This program's own file, on a mount that refuses writes.
    case binary
    case input, output, errors
    /// The ends of the container's terminal, and where the outer one is sent.
    case outer, inner, terminals
    case namespace(NamespaceKind)
    /// A process of the container, for `exec`.
    case container
    /// A mount made in the child, not yet attached.
    case mount(Int)
    /// A volume of which a part is mounted, and that part.
    case volume, part
    case null
    /// A file of a control group that takes in who writes to it.
    case door

    package var name: String {
        switch self {
        case .gate: "gate"
        case .gateKeeper: "gate_keeper"
        case .report: "report"
        case .binary: "settle"
        case .input: "stdin"
        case .output: "stdout"
        case .errors: "stderr"
        case .outer: "ptmx"
        case .inner: "pts"
        case .terminals: "terminals"
        case .namespace(let kind): "\(kind.rawValue)_namespace"
        case .container: "container"
        case .mount(let index): "mount\(index)"
        case .volume: "volume"
        case .part: "part"
        case .null: "null"
        case .door: "door"
        }
    }
}

package enum Argument: Hashable, Sendable {
    /// A number and how it is written, `MS_BIND` for example.
    case number(Int, as: String)
    case string(String)
    case null
    case slot(Slot)
    /// A NULL-terminated array of strings.
    case strings([String])
    /// The same, but its values may be secrets, so that the text only counts them.
    case environment([String])
    /// `gid_t[]`.
    case groups([Int])
    /// The number of a capability.
    case capability(String)
    /// `struct __user_cap_header_struct`, version 3, this process.
    case capabilityHeader
    /// `struct __user_cap_data_struct[2]`: effective and permitted; nothing inheritable.
    case capabilitySets([String])
    /// `struct mount_attr` with bits to set, and how they are written.
    case mountAttributes(set: Int, as: String)
    /// `struct mount_attr` with a propagation, and how it is written.
    case mountPropagation(Int, as: String)
    /// `struct open_how`, and how it is written.
    case openHow(flags: Int, resolve: Int, as: String)
    /// `struct sock_fprog`: the filter for a process with these capabilities.
    case seccompFilter([String])
    /// Room for one byte.
    case byte
    /// `int *`
    case integer(Int)
    /// `struct winsize`
    case windowSize(TerminalSize)
    /// `struct msghdr`: one byte, and beside it descriptor 0.
    case standardInputRights

    package static func number(_ value: Int) -> Argument { .number(value, as: String(value)) }
    package static func octal(_ value: Int) -> Argument { .number(value, as: "0" + String(value, radix: 8)) }
    package static let here = Argument.number(-100, as: "AT_FDCWD")

    /// As strace(1) would write it.
    package var text: String {
        switch self {
        case .number(_, let text): text
        case .string(let string): quoted(string)
        case .null: "NULL"
        case .slot(let slot): slot.name
        case .strings(let strings): "[" + strings.map(quoted).joined(separator: ", ") + "]"
        case .environment(let variables): "/* \(variables.count) vars */"
        case .groups(let groups): "[" + groups.map(String.init).joined(separator: ", ") + "]"
        case .capability(let name): "CAP_" + name
        case .capabilityHeader: "{version=3, pid=0}"
        case .capabilitySets(let names):
            "{effective=permitted=\(names.isEmpty ? "0" : names.map { "CAP_" + $0 }.joined(separator: "|"))}"
        case .mountAttributes(_, let text): "{attr_set=\(text)}"
        case .mountPropagation(_, let text): "{propagation=\(text)}"
        case .openHow(_, _, let text): text
        case .seccompFilter(let names): "{default filter, with \(names.count) capabilities}"
        case .byte: "&byte"
        case .integer(let number): "[\(number)]"
        case .windowSize(let size): "{ws_row=\(size.rows), ws_col=\(size.columns)}"
        case .standardInputRights: "{iov=1, control=[{SCM_RIGHTS, [0]}]}"
        }
    }
}

private func quoted(_ string: String) -> String {
    var text = "\""
    for scalar in string.unicodeScalars {
        switch scalar {
        case "\"": text += "\\\""
        case "\\": text += "\\\\"
        case "\n": text += "\\n"
        case "\t": text += "\\t"
        default: text.unicodeScalars.append(scalar)
        }
    }
    return text + "\""
}
