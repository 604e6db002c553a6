/// The start of a container as system calls: gate, namespaces, root file system, mounts, identity, execve.
///
/// Everything that belongs to the host is opened before pivot_root(2). After it, and after the old root is unmounted,
/// every path is looked up below the container's own root, so that no link in there can lead a mount astray.
package func compile(_ spec: LaunchSpec, _ facts: Facts) -> Program {
    var composer = Composer()
    composer.waitAtGate()
    composer.enterGroups(spec.doors)
    composer.joinNamespaces(spec)
    switch spec.source(of: .mnt) {
    case .new:
        composer.composeRoot(spec, facts)
        composer.key = "working_dir"
        composer.makeFolders(spec.workingDirectory)
        if spec.readOnly {
            composer.key = "read_only"
            composer.setAttributes(of: "/", .readOnly, to: "make the root file system read-only")
        }
    case .host, .join: break
    }
    if let hostname = spec.hostname {
        composer.key = "hostname"
        composer.add(
            .sethostname, [.string(hostname), .number(hostname.utf8.count)], to: "set the host name \(hostname)")
    }
    composer.connectStreams(spec, facts)
    composer.finish(
        arguments: spec.arguments,
        environment: completed(
            spec.environment, home: facts.identity.home, hostname: spec.hostname, terminal: spec.terminal != nil),
        workingDirectory: spec.workingDirectory, capabilities: spec.capabilities,
        noNewPrivileges: spec.noNewPrivileges, initProcess: spec.initProcess, facts)
    return Program(
        new: NamespaceKind.allCases.filter { spec.source(of: $0) == .new },
        joinsProcesses: spec.source(of: .pid) == .join, steps: composer.steps, command: spec.arguments.first ?? "")
}

/// One more process in the container whose process is in the slot `container`.
package func compile(_ spec: ExecSpec, _ facts: Facts) -> Program {
    var composer = Composer()
    composer.waitAtGate()
    composer.enterGroups(spec.doors)
    composer.add(
        .setns, [.slot(.container), Kernel.everyNamespace], to: "enter the container's namespaces")
    composer.standardStreams(.input, .output, .errors)
    if spec.terminal { composer.controlTerminal() }
    composer.finish(
        arguments: spec.arguments,
        environment: completed(
            spec.environment, home: facts.identity.home, hostname: nil, terminal: spec.terminal),
        workingDirectory: spec.workingDirectory, capabilities: spec.capabilities,
        noNewPrivileges: spec.noNewPrivileges, initProcess: false, facts)
    return Program(new: [], joinsProcesses: true, steps: composer.steps, command: spec.arguments.first ?? "")
}

/// The variables that Docker adds where they are missing.
private func completed(_ environment: [String], home: String, hostname: String?, terminal: Bool) -> [String] {
    var result = environment
    func lacks(_ name: String) -> Bool { !environment.contains { $0.hasPrefix(name + "=") } }
    if lacks("PATH") { result.append(LaunchSpec.defaultPath) }
    if lacks("HOSTNAME"), let hostname { result.append("HOSTNAME=" + hostname) }
    if lacks("HOME") { result.append("HOME=" + home) }
    if terminal && lacks("TERM") { result.append("TERM=xterm") }
    return result
}

extension Composer {
    mutating func waitAtGate() {
        // The child's own copy of the other end would keep the gate from ever closing when the parent dies.
        add(.close, [.slot(.gateKeeper)], to: "close the gate's other end")
        add(.read, [.slot(.gate), .byte, .number(1)], least: 1, to: "wait for the parent, which has gone")
        // Until execve(2), other processes of a joined PID namespace must not reach this one's memory or descriptors.
        add(
            .prctl, [Kernel.dumpable, .number(0), .number(0), .number(0), .number(0)], to: "close the process to others"
        )
        add(.umask, [.octal(0)], to: "set the file mode mask")
        add(.setsid, [], to: "start a session")
        // Keys of whoever started Settle are none of the container's business.
        add(.keyctl, [Kernel.joinSessionKeyring, .null], tolerated: [.noSystemCall], to: "start a session keyring")
    }

    /// By the child itself: on v1 the first move after a pause waits some 10 ms for the kernel, and the parent has other
    /// things to do meanwhile.
    fileprivate mutating func enterGroups(_ doors: [String]) {
        for door in doors {
            let purpose = "enter the control group, by \(door)"
            add(.openat, [.here, .string(door), Kernel.writeOnly, .number(0)], result: .door, to: purpose)
            // 0 is who writes.
            add(.write, [.slot(.door), .string("0"), .number(1)], least: 1, to: purpose)
            add(.close, [.slot(.door)], to: purpose)
        }
    }

    fileprivate mutating func joinNamespaces(_ spec: LaunchSpec) {
        for kind in [NamespaceKind.net, .ipc, .uts, .mnt] where spec.source(of: kind) == .join {
            key = "namespaces.\(kind.rawValue)"
            add(
                .setns, [.slot(.namespace(kind)), .number(Int(kind.cloneFlag), as: kind.cloneFlagName)],
                to: "join the \(kind.rawValue) namespace")
        }
        key = "command"
        // Made here and not by clone3(2): its root is the cgroup that the child is in by now.
        add(.unshare, [Kernel.cgroupNamespace], to: "make a cgroup namespace")
    }

    mutating func openNull() {
        add(.openat, [.here, .string("/dev/null"), Kernel.readWrite, .number(0)], result: .null, to: "open /dev/null")
    }

    mutating func standardStreams(_ input: Slot, _ output: Slot, _ errors: Slot) {
        for (number, slot) in [input, output, errors].enumerated() {
            add(.dup3, [.slot(slot), .number(number), .number(0)], to: "connect standard streams")
        }
    }

    fileprivate mutating func finish(
        arguments: [String], environment: [String], workingDirectory: String, capabilities: [String],
        noNewPrivileges: Bool, initProcess: Bool, _ facts: Facts
    ) {
        add(.umask, [.octal(0o022)], to: "set the file mode mask")
        key = "working_dir"
        add(.chdir, [.string(workingDirectory)], to: "change to the working directory \(workingDirectory)")
        closeDescriptors(initProcess: initProcess)
        dropPrivileges(capabilities, noNewPrivileges: noNewPrivileges, facts)
        key = "command"
        execute(arguments, environment: environment, initProcess: initProcess)
    }

    /// Closed, not only marked for closing: nothing of the host is open any more when the privileges are given up.
    private mutating func closeDescriptors(initProcess: Bool) {
        key = "init"
        if initProcess {
            add(.dup3, [.slot(.report), .number(3), .number(0)], result: .report, to: "keep the report")
            add(.dup3, [.slot(.binary), .number(4), Kernel.closeOnExec], result: .binary, to: "keep the init program")
            add(.close_range, [.number(5), Kernel.allDescriptors, .number(0)], to: "close descriptors")
        } else {
            add(.dup3, [.slot(.report), .number(3), Kernel.closeOnExec], result: .report, to: "keep the report")
            add(.close_range, [.number(4), Kernel.allDescriptors, .number(0)], to: "close descriptors")
        }
    }

    private mutating func dropPrivileges(_ wanted: [String], noNewPrivileges: Bool, _ facts: Facts) {
        let wanted = Set(wanted.map(canonicalCapability))
        let kept = facts.bounding.filter { wanted.contains($0) || wanted.contains("ALL") }
        key = "security_opt"
        if noNewPrivileges {
            add(
                .prctl, [Kernel.noNewPrivileges, .number(1), .number(0), .number(0), .number(0)],
                to: "refuse privileges")
        }
        // Before the capabilities go: without CAP_SYS_ADMIN the kernel takes a filter only with no_new_privs.
        add(.seccomp, [Kernel.seccompFilter, .number(0), .seccompFilter(kept)], to: "install the system call filter")
        key = "cap_drop"
        for name in facts.bounding where !kept.contains(name) {
            add(
                .prctl, [Kernel.dropBounding, .capability(name), .number(0), .number(0), .number(0)],
                to: "drop CAP_\(name)")
        }
        let identity = facts.identity
        key = "user"
        add(.setgroups, [.number(identity.groups.count), .groups(identity.groups)], to: "set the groups")
        for (call, id) in [(SystemCall.setresgid, identity.gid), (.setresuid, identity.uid)] {
            add(call, [.number(id), .number(id), .number(id)], to: "become \(identity.uid):\(identity.gid)")
        }
        key = "cap_add"
        add(
            .capset, [.capabilityHeader, .capabilitySets(identity.uid == 0 ? kept : [])], to: "set the capabilities")
    }

    private mutating func execute(_ arguments: [String], environment: [String], initProcess: Bool) {
        let candidates = candidates(arguments.first ?? "", environment)
        if initProcess {
            key = "init"
            // Past the end: a failure of the init is one thing, one of the program that it runs another.
            let step = steps.count + 1
            let own = ["settle-init", "3", String(step), String(candidates.count)] + candidates
            add(
                .execveat,
                [
                    .slot(.binary), .string(""), .strings(own + arguments), .environment(environment),
                    Kernel.emptyPath,
                ], to: "run Settle's init, which 'init: true' asks for")
            return
        }
        for path in candidates {
            add(
                .execve, [.string(path), .strings(arguments), .environment(environment)],
                tolerated: [.noEntry, .notFolder, .access], to: "run \(path)")
        }
    }

    /// Where the program may be, in the order of `PATH`.
    private func candidates(_ name: String, _ environment: [String]) -> [String] {
        guard !name.contains("/"), let path = environment.last(where: { $0.hasPrefix("PATH=") }) else { return [name] }
        return path.dropFirst(5).split(separator: ":", omittingEmptySubsequences: false)
            .map { $0.isEmpty ? "./" + name : $0 + "/" + name }
    }
}

/// `cap_net_raw`, `NET_RAW` and `CAP_NET_RAW` are one.
package func canonicalCapability(_ name: String) -> String {
    let upper = name.uppercased()
    return upper.hasPrefix("CAP_") ? String(upper.dropFirst(4)) : upper
}
