/// The start of one process as a flat list of system calls.
package struct Program: Hashable, Sendable {
    /// Namespaces that clone3(2) makes.
    package var new: [NamespaceKind]
    /// The PID namespace is one that exists: the parent enters it around clone3(2), which is what puts a child there.
    package var joinsProcesses: Bool
    package var steps: [Step]
    /// What the user wrote as the program, for messages.
    package var command: String

    package init(new: [NamespaceKind], joinsProcesses: Bool, steps: [Step], command: String) {
        self.new = new
        self.joinsProcesses = joinsProcesses
        self.steps = steps
        self.command = command
    }

    /// One system call per line, as strace(1) writes them.
    package var text: String {
        let flags = new.map(\.cloneFlagName) + ["CLONE_PIDFD", "CLONE_CLEAR_SIGHAND"]
        return (["clone3({flags=\(flags.joined(separator: "|"))}) = pid"] + steps.map(\.text))
            .joined(separator: "\n") + "\n"
    }

    /// What is wrong with the program, which is a fault of whoever composed it; empty for every compiled one.
    package func validate() -> [String] {
        var problems: [String] = []
        var known: Set<Slot> = [
            .gate, .gateKeeper, .report, .binary, .input, .output, .errors, .terminals, .container,
        ]
        for kind in NamespaceKind.allCases { known.insert(.namespace(kind)) }
        var unprivileged = false
        for (index, step) in steps.enumerated() {
            for case .slot(let slot) in step.arguments where !known.contains(slot) {
                problems.append("step \(index): \(slot.name) is used before it is there")
            }
            if let slot = step.result { known.insert(slot) }
            if unprivileged && step.call.wantsPrivilege {
                problems.append("step \(index): \(step.call.rawValue) after the capabilities are gone")
            }
            if step.call == .capset { unprivileged = true }
            if step.arguments.count > 6 { problems.append("step \(index): too many arguments") }
        }
        if steps.prefix(2).map(\.call) != [.close, .read] { problems.append("no gate at the start") }
        if !unprivileged { problems.append("capabilities are not set") }
        if !(steps.last.map { [.execve, .execveat].contains($0.call) } ?? false) {
            problems.append("the last step executes nothing")
        }
        return problems
    }

    /// One sentence for a step that failed, and the key of the service it belongs to.
    /// - Parameters:
    ///   - step: the number of steps where it is the init that could not run the program.
    ///   - reason: the kernel's reason in words.
    package func explain(step: Int, errno: Int32, reason: String) -> (key: String, message: String) {
        let cannotRun = ("command", "cannot run '\(command)': " + words(errno, reason))
        guard steps.indices.contains(step) else { return cannotRun }
        let step = steps[step]
        switch step.call {
        case .execve: return cannotRun
        case .capset, .chdir, .close, .close_range, .dup3, .execveat, .fchownat, .ioctl, .keyctl, .mkdirat, .mknodat,
            .mount, .mount_setattr, .move_mount, .open_tree, .openat, .openat2, .pivot_root, .prctl, .read, .seccomp,
            .sendmsg, .sethostname,
            .setgroups, .setns, .setresgid, .setresuid, .setsid, .symlinkat, .umask, .umount2, .unshare, .write:
            return (step.key, "cannot \(step.purpose): \(reason)")
        }
    }

    private func words(_ errno: Int32, _ reason: String) -> String {
        switch Reason(rawValue: errno) {
        case .noEntry, .notFolder:
            command.contains("/")
                ? "no such file in the container (or the interpreter that its first line names is missing)"
                : "no such file in any folder of PATH"
        case .access: "permission denied: the file is not executable for this user"
        case .exec: "neither a program for this machine nor a script that begins with #!"
        case .exists, .invalid, .readOnly, .noSystemCall, nil: reason
        }
    }
}

extension Step {
    package var text: String {
        let call = "\(call.rawValue)(\(arguments.map(\.text).joined(separator: ", ")))"
        return result.map { "\(call) = \($0.name)" } ?? call
    }
}

extension SystemCall {
    fileprivate var wantsPrivilege: Bool {
        switch self {
        case .mount, .mount_setattr, .move_mount, .open_tree, .pivot_root, .umount2, .unshare, .setns, .sethostname,
            .setgroups, .setresgid, .setresuid, .seccomp, .mknodat, .fchownat:
            true
        case .capset, .chdir, .close, .close_range, .dup3, .execve, .execveat, .ioctl, .keyctl, .mkdirat, .openat,
            .openat2, .prctl, .read, .sendmsg, .setsid, .symlinkat, .umask, .write:
            false
        }
    }
}

extension NamespaceKind {
    package var cloneFlagName: String {
        switch self {
        case .mnt: "CLONE_NEWNS"
        case .pid: "CLONE_NEWPID"
        case .net: "CLONE_NEWNET"
        case .ipc: "CLONE_NEWIPC"
        case .uts: "CLONE_NEWUTS"
        }
    }

    /// The kernel's number, the same on every architecture.
    package var cloneFlag: UInt64 {
        switch self {
        case .mnt: 0x0002_0000
        case .pid: 0x2000_0000
        case .net: 0x4000_0000
        case .ipc: 0x0800_0000
        case .uts: 0x0400_0000
        }
    }
}
