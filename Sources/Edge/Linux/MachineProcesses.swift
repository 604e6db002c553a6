import CSyscalls
import Cgroups
import Glibc
import Launch
import Launcher
import Processes
import Stack
import Syscalls

/// PID namespaces that belong to the stack. Such a namespace ends with its first process, so a small one of Settle's own
/// is that: `settle pause`, which waits and reaps.
extension LinuxMachine {
    func ensureProcessNamespace(_ name: String) throws {
        let pin = paths.pin(name, .pid)
        if NamespaceFiles.isPinned(pin), !pauses(for: name).isEmpty { return }
        try NamespaceFiles.unpin(pin)
        let pid = try pauses(for: name).first ?? startPause(name)
        let namespace = try Descriptor("/proc/\(pid)/ns/pid", O_RDONLY)
        try NamespaceFiles.pin(namespace.raw, at: pin)
    }

    func endProcessNamespace(_ name: String) throws {
        for pid in pauses(for: name) {
            if let status = ProcessStatus(pid: pid) { try ProcessSignal.send(SIGKILL, to: status.identity) }
        }
        try NamespaceFiles.unpin(paths.pin(name, .pid))
    }

    /// Found by command line in a cgroup that no container is in.
    private func pauses(for name: String) -> [Int32] {
        cgroups.supervisor(of: paths.project).pids.filter { pid in
            let words = ((try? Files.text("/proc/\(pid)/cmdline")) ?? "").split(separator: "\0")
            return words.dropFirst() == ["pause", Substring(paths.project), Substring(name)]
                && ProcessStatus(pid: pid)?.isZombie == false
        }
    }

    private func startPause(_ name: String) throws -> Int32 {
        // By its path: the links of /proc to it are not for processes without capabilities.
        let binary = NamespaceFiles.link("/proc/self/exe") ?? "settle"
        let spec = LaunchSpec(
            arguments: [binary, Role.pause.rawValue, paths.project, name],
            environment: [Role.pause.guardVariable],
            root: RootFileSystem(lower: .host, upper: "/", work: "/"), capabilities: [],
            namespaces: [.mnt: .host, .pid: .new, .net: .host, .ipc: .host, .uts: .host])
        let program = compile(spec, try Launcher.look(spec))
        let null = try Descriptor("/dev/null", O_WRONLY)
        var start = try Launcher.start(
            program, Launcher.Attachments(output: null.raw, errors: null.raw, asSibling: true))
        let group = cgroups.supervisor(of: paths.project)
        if !group.isBirthplace { try group.attach(start.pid) }
        try start.release()
        try awaitProgram(start)
        return start.pid
    }
}
