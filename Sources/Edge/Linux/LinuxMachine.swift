import CSyscalls
import Cgroups
package import Engine
import Glibc
import Launcher
import Network
import Processes
package import Stack
import Syscalls

/// The kernel, as the supervisor changes it.
package final class LinuxMachine: Machine {
    let paths: ProjectPaths
    let cgroups: Cgroups
    let store: Store
    let holder: Holder
    let names: NetworkNames
    /// The first process of every container that runs.
    var processes: [Instance: ProcessIdentity] = [:]
    /// What was set off and has not been waited for.
    var starting: [Instance: PendingStart] = [:]
    /// The links of the stack namespace by alias, as the change in progress found them.
    var members: [String: [LinkState]]?
    var hosts: HostsTexts?
    /// Tables on their way.
    var firewalls: [FirewallChange] = []
    /// Volumes that are being given an image's content, by path, with the key of the mount.
    var copies: [String: (copy: VolumeCopy, key: String)] = [:]
    /// Of images, as the change in progress found them.
    private(set) var rootFolders: RootFolders
    /// Told of a pidfd at whose end the change in progress can go on.
    var waitFor: (Int32) -> Void = { _ in }
    /// The folders of containers that went, on their way out.
    var removal: FolderRemoval?
    /// Until this process and the keeper leave the control groups of a project that goes.
    var doors: OpenDoors?
    var doorsOpened: Int64 = 0
    /// Told of every start, with the pidfd and the reading end of the output, or -1: the supervisor watches copies of them.
    var didStart: (Run, Int32, Int32) -> Void = { _, _, _ in }
    /// Told where nothing of an instance lives any more: its log is closed before the next life writes to it.
    var didEnd: (Instance) -> Void = { _ in }
    /// The supervisor has the loop that hooks need.
    var beginHook: (HookCommand, Instance) throws -> Void = { _, _ in }
    var endHook: (Instance) -> Void = { _ in }
    /// Whether it is a restart policy that starts the next container.
    var isStartingByPolicy = false

    init(_ paths: ProjectPaths, store: Store) throws {
        self.paths = paths
        self.store = store
        rootFolders = RootFolders(paths.roots)
        let cgroups = try Cgroups.detect(root: paths.roots.cgroup)
        self.cgroups = cgroups
        names = NetworkNames(project: paths.project)
        let helpers = Helpers(paths, cgroups)
        holder = Holder { try helpers.holder() }
    }

    package func observe(_ ledger: Ledger) throws -> Observation {
        try observe(ledger, .everything)
    }

    func observe(_ ledger: Ledger, _ scope: Observer.Scope) throws -> Observation {
        members = nil
        rootFolders = RootFolders(paths.roots)
        // What was on its way for a change that is given up is not wanted any more.
        copies = [:]
        // What fails now shows in what is observed.
        try? finishActions()
        return try Observer(paths, cgroups: cgroups).observe(ledger, scope)
    }

    package func finishActions() throws(Event.Failure) {
        try finishFirewalls()
        do throws(SystemError) {
            try awaitRemoval()
        } catch {
            throw Event.Failure(resource: "project", key: "", message: "a former container's folder stays: \(error)")
        }
    }

    package func perform(_ action: Action, in goal: Goal) throws(Event.Failure) {
        do {
            try carryOut(action, in: goal)
        } catch let failure as Event.Failure {
            throw failure
        } catch let error as CgroupError {
            throw Event.Failure(
                resource: action.resource.description, key: error.key?.rawValue ?? "", message: "\(error)")
        } catch {
            throw Event.Failure(resource: action.resource.description, key: "", message: "\(action.words): \(error)")
        }
    }

    private func carryOut(_ action: Action, in goal: Goal) throws {
        switch action {
        case .project(let budget): try cgroups.project(paths.project).create(budget)
        case .stackNamespace: try ensureStackNamespace()
        case .namespace(let endpoint, let kind): try ensureNamespace(endpoint, kind, in: goal)
        case .bridge(let network): try ensureBridge(network)
        case .removeBridge(let key): try removeBridge(key)
        case .link(let endpoint, let attachment): try ensureLink(endpoint, attachment, in: goal)
        case .unlink(let endpoint, let network): try removeLink(endpoint, network, in: goal)
        case .egress(let egress): try setEgress(egress)
        case .firewall: try setFirewall(goal)
        case .volume(let volume): try ensureVolume(volume, in: goal)
        case .removeVolume(let volume): try Volumes(paths.roots).remove(volume.name)
        case .unmount(let name): try unmountVolume(name)
        case .ports: try publishPorts(of: goal)
        case .hosts: try writeHosts(in: goal)
        case .limits(let instance, let limits): try group(instance).apply(limits)
        case .sharedMemory(let instance, let spec): try resizeSharedMemory(instance, spec, in: goal)
        case .thaw(let instance): try group(instance).thaw()
        case .files(let instance, let files): try GrantedFiles(paths).write(files, for: instance)
        case .prepare(let instance, let spec):
            try store.forgetRuns(of: instance)
            try prepare(instance, spec, in: goal)
            store.events.note(.create, instance, spec)
        case .start(let instance): try start(instance, in: goal)
        case .discard(let instance):
            try discard(instance, in: goal)
            store.events.note(.destroy, instance)
        case .removeEndpoint(let name): try removeEndpoint(name)
        case .removeOutput(let id): try removeTree(paths.log(id))
        }
    }

    func group(_ instance: Instance) -> Cgroup { cgroups.container("\(instance)", of: paths.project) }

    /// Every life of a container that has a folder.
    var instances: [Instance] { Files.names(in: paths.instances).compactMap { Instance($0) } }

    package func signal(_ instance: Instance, _ signal: Int32) throws(Event.Failure) {
        guard let process = processes[instance] else { return }
        do {
            let group = group(instance)
            if group.isFrozen { try group.thaw() }
            try ProcessSignal.send(signal, to: process)
            store.events.note(.kill, instance, nil, ["signal": "\(signal)"])
        } catch {
            throw Event.Failure(
                resource: ResourceID.container(instance.id).description, key: "stop_signal",
                message: "cannot send signal \(signal): \(error)")
        }
    }

    package func kill(_ instance: Instance) throws(Event.Failure) {
        do {
            try group(instance).kill()
            // Where its first process has ended, it was only cleaned up after.
            if processes[instance] != nil { store.events.note(.kill, instance, nil, ["signal": "\(SIGKILL)"]) }
        } catch {
            throw Event.Failure(
                resource: ResourceID.container(instance.id).description, key: "", message: "cannot be killed: \(error)")
        }
    }

    package func begin(_ hook: HookCommand, in instance: Instance) throws(Event.Failure) {
        do {
            try beginHook(hook, instance)
        } catch {
            let message = (error as? LaunchError)?.message ?? "\(error)"
            throw Event.Failure(
                resource: ResourceID.container(instance.id).description, key: hook.key, message: message)
        }
    }

    package func endHook(in instance: Instance) { endHook(instance) }

    package func noteReady(_ instance: Instance) throws(Event.Failure) {
        guard let process = processes[instance] else { return }
        do {
            try store.append(Run.readyLine(instance, process))
        } catch {
            throw Event.Failure(resource: ResourceID.container(instance.id).description, key: "", message: "\(error)")
        }
    }

    /// The first process of the newest life that runs.
    func process(of id: ContainerID) -> ProcessIdentity? {
        processes.filter { $0.key.id == id }.max { $0.key < $1.key }?.value
    }

    package func connections(to instance: Instance, ports: [UInt16]) -> Int {
        guard let process = processes[instance] else { return 0 }
        let ports = Set(ports)
        return ["tcp", "tcp6"].map { name -> Int in
            let text = (try? Files.text("/proc/\(process.pid)/net/\(name)")) ?? ""
            return text.lines.count { line in
                // proc_pid_net(5): the local address and port, and the state, all hexadecimal.
                let fields = line.words
                guard fields.count > 3,
                    let port = fields[1].split(separator: ":").last.flatMap({ UInt16($0, radix: 16) })
                else { return false }
                return ports.contains(port) && Self.openStates.contains(String(fields[3]))
            }
        }.reduce(0, +)
    }

    /// TCP_ESTABLISHED, TCP_SYN_RECV and TCP_CLOSE_WAIT of <netinet/tcp.h>: the server may still have something to say.
    private static let openStates: Set<String> = ["01", "03", "08"]

    package func lastOutput(of id: ContainerID, lines: Int) -> [String] {
        let reader = LogReader(paths.log(id), tail: lines)
        var result: [String] = []
        while let line = reader.next() ?? reader.rest() { result.append(String(decoding: line.text, as: UTF8.self)) }
        return result
    }
}

enum ProcessSignal {
    /// To that process and no later one with its pid; nothing where it has ended.
    static func send(_ signal: Int32, to process: ProcessIdentity) throws(SystemError) {
        guard let descriptor = openProcess(process) else { return }
        do {
            try check("pidfd_send_signal") { settle_pidfd_send_signal(descriptor.raw, signal) }
        } catch  where error.errno == ESRCH {
            return
        }
    }

    /// A pidfd of that very process; nil where it is gone. The descriptor comes first, then the look whose it is.
    static func openProcess(_ process: ProcessIdentity) -> Descriptor? {
        let raw = settle_pidfd_open(process.pid, 0)
        if raw < 0 { return nil }
        let descriptor = Descriptor(raw)
        if ProcessStatus(pid: process.pid)?.identity != process { return nil }
        return descriptor
    }
}
