import Engine
import Stack

/// A machine in memory. It knows nothing of plans: an action changes what there is, and `observe` tells it back.
final class FakeMachine: Machine {
    /// All there is, to be compared.
    struct World: Equatable {
        var processes: [Instance: [String]] = [:]
        var ends: [Instance: ExitStatus] = [:]
        var folders: Set<Instance> = []
        var limits: [Instance: ResourceLimits] = [:]
        var hosts: [Instance: [HostsEntry]] = [:]
        var files: [Instance: [GrantedFile]] = [:]
        var budget: ResourceLimits?
        var hasStack = false
        var egress: EgressSpec?
        var bridges: [String: NetworkSpec] = [:]
        var endpoints: Set<String> = []
        var links: [String: [String: Attachment]] = [:]
        var volumes: Set<String> = []
        /// Contents that are mounted.
        var mounts: Set<String> = []
        var ports: [String] = []

        /// What lives on between a change and its undo; how something ended before does not count.
        var present: World {
            var world = self
            world.ends = [:]
            // An empty namespace may stay for the next network.
            if bridges.isEmpty { world.hasStack = false }
            world.volumes = []
            world.limits = limits.filter { processes[$0.key] != nil }
            world.links = links.filter { !$0.value.isEmpty }
            return world
        }
    }

    var world = World()
    /// Instances that do not care for their stop signal.
    var stubborn: Set<String> = []
    /// Programs that cannot be executed.
    var broken: Set<[String]> = []
    /// The action to refuse, counted from 1 over the machine's life.
    var faultAt: Int?
    private(set) var actions = 0
    /// What has ended and is still to be told.
    private(set) var news: [(Instance, ExitStatus)] = []
    private(set) var started: Set<Instance> = []
    /// Starts that nobody has waited for, and the most there were at once.
    private var onTheWay: [Instance] = []
    private(set) var crowd = 0
    private(set) var hasLogs = false
    /// How often the start of a container is told to wait.
    var unready: [ContainerID: Int] = [:]
    var isDead = false

    func takeNews() -> [(Instance, ExitStatus)] {
        defer { news = [] }
        return news
    }

    // MARK: Machine

    func observe(_ ledger: Ledger) throws -> Observation {
        if isDead { throw Fault.crash }
        let presence = Observation.Presence(keeper: 1, supervisor: 2, holder: 3, proxy: 4)
        var observation = Observation(ledger: ledger, supervisor: presence, hasProjectNode: world.budget != nil)
        for entry in ledger.entries { observation.containers[entry.instance.id] = container(entry, ledger.goal) }
        observation.volumes = world.volumes
        observation.mountedVolumes = world.mounts
        observation.stackNamespace = world.hasStack ? .sound : .absent
        observation.firewall = observation.stackNamespace
        observation.egress = world.egress == ledger.goal.egress && world.hasStack ? .sound : .absent
        for network in ledger.goal.networks {
            let isSound = world.bridges[network.key] == network
            let drift = isSound ? [] : [FieldChange("bridge", observed: "absent", desired: "present")]
            observation.networks[network.key] = ObservedNetwork(drift: drift)
        }
        for endpoint in ledger.goal.endpoints {
            let strays = strays(of: endpoint.name, endpoint.attachments)
            if !strays.isEmpty { observation.strayLinks[endpoint.name] = strays }
        }
        let known = Set(ledger.entries.map(\.instance))
        observation.strayInstances = world.folders.union(world.processes.keys).subtracting(known).sorted()
        observation.strayNetworks = world.bridges.keys.filter { ledger.goal.network($0) == nil }.sorted()
        observation.strayEndpoints = world.endpoints.subtracting(ledger.goal.endpoints.map(\.name)).sorted()
        return observation
    }

    private func container(_ entry: Ledger.Entry, _ goal: Goal) -> ObservedContainer {
        let instance = entry.instance
        var state = ObservedContainer.State.created
        if let end = world.ends[instance] { state = .exited(end) }
        if world.processes[instance] != nil { state = .running }
        var container = ObservedContainer(entry: entry, state: state)
        guard container.isRunning else { return container }
        container.isHalfStarted = halves.contains(instance)
        for difference in (world.limits[instance] ?? ResourceLimits()).texts
        where difference.1 != text(entry, difference.0) {
            container.limitDrift[difference.0] = difference.1
        }
        if world.hosts[instance] != goal.hosts(of: entry.spec) {
            container.drift.append(FieldChange("/etc/hosts", observed: "edited", desired: "as described"))
        }
        if world.files[instance] ?? [] != entry.spec.files {
            container.drift += entry.spec.files.map {
                FieldChange($0.key, observed: "edited", desired: "as described")
            }
        }
        guard entry.spec.namespaces.net == .own else { return container }
        let endpoint = entry.spec.endpoint
        if !world.endpoints.contains(endpoint) {
            container.drift.append(FieldChange("namespaces.net", observed: "not pinned", desired: "pinned"))
        }
        let links = world.links[endpoint] ?? [:]
        for attachment in entry.spec.attachments
        where links[attachment.network].map({ $0.isSamePlace(attachment) }) != true {
            container.drift.append(FieldChange("networks.\(attachment.network)", observed: nil, desired: "link"))
        }
        for key in strays(of: endpoint, entry.spec.attachments) {
            container.drift.append(FieldChange("networks.\(key)", observed: "link", desired: nil))
        }
        return container
    }

    private func strays(of endpoint: String, _ attachments: [Attachment]) -> [String] {
        Set((world.links[endpoint] ?? [:]).keys).subtracting(attachments.map(\.network)).sorted()
    }

    private func text(_ entry: Ledger.Entry, _ key: String) -> String {
        entry.spec.limits.texts.first { $0.0 == key }!.1
    }

    func isReady(_ instance: Instance, in goal: Goal) throws(Event.Failure) -> Bool {
        guard let left = unready[instance.id], left > 0 else { return true }
        unready[instance.id] = left - 1
        return false
    }

    func perform(_ action: Action, in goal: Goal) throws(Event.Failure) {
        try count()
        switch action {
        case .project(let budget): world.budget = budget
        case .stackNamespace: world.hasStack = true
        case .namespace(let endpoint, let kind): if kind == .net { world.endpoints.insert(endpoint) }
        case .bridge(let network): world.bridges[network.key] = network
        case .removeBridge(let key):
            world.bridges[key] = nil
            for endpoint in world.links.keys { world.links[endpoint]?[key] = nil }
        case .link(let endpoint, let attachment): world.links[endpoint, default: [:]][attachment.network] = attachment
        case .unlink(let endpoint, let network): world.links[endpoint]?[network] = nil
        case .egress(let egress): world.egress = egress
        case .firewall: break
        case .volume(let volume):
            world.volumes.insert(volume.name)
            if let name = volume.mountName { world.mounts.insert(name) }
        case .unmount(let name): world.mounts.remove(name)
        case .removeVolume(let volume): world.volumes.remove(volume.name)
        case .ports: world.ports = goal.publishedPorts.map { "\($0.endpoint) \($0.port)" }.sorted()
        case .hosts:
            for container in goal.containers {
                for folder in world.folders where folder.id == container.id {
                    world.hosts[folder] = goal.hosts(of: container)
                }
            }
        case .limits(let instance, let limits): world.limits[instance] = limits
        case .thaw, .sharedMemory: break
        case .files(let instance, let files): world.files[instance] = files
        case .prepare(let instance, let spec):
            world.folders.insert(instance)
            world.hosts[instance] = goal.hosts(of: spec)
        case .start(let instance): try start(instance, in: goal)
        case .discard(let instance):
            end(instance, .signal(9))
            world.folders.remove(instance)
            world.limits[instance] = nil
            world.hosts[instance] = nil
            world.files[instance] = nil
        case .removeEndpoint(let name):
            world.endpoints.remove(name)
            world.links[name] = nil
        case .removeOutput: break
        }
    }

    private func start(_ instance: Instance, in goal: Goal) throws(Event.Failure) {
        guard let spec = goal.container(instance.id) else { return }
        if world.processes[instance] != nil { throw Fault.refusal("\(instance) runs already") }
        // As in the kernel's machine: a crash may have taken them.
        world.folders.insert(instance)
        world.files[instance] = spec.files
        if let owner = goal.endpointName(of: spec), !world.endpoints.contains(owner) {
            throw Fault.refusal("\(instance) has no network namespace")
        }
        if spec.dependencies.contains(where: { dependency in onTheWay.contains { $0.id.service == dependency.service } }
        ) {
            throw Fault.refusal("\(instance) depends on one that is still on its way")
        }
        // Nobody is told of a life that came before.
        news.removeAll { $0.0 == instance }
        hooked.removeAll { $0.0 == instance }
        onTheWay.append(instance)
        crowd = max(crowd, onTheWay.count)
        hasLogs = true
        started.insert(instance)
        world.processes[instance] = spec.arguments
        world.limits[instance] = spec.limits
        world.hosts[instance] = goal.hosts(of: spec)
        world.ends[instance] = nil
        if spec.hooks?.postStart.isEmpty == false { halves.insert(instance) }
    }

    func awaitStart(_ instance: Instance) throws(Event.Failure) {
        onTheWay.removeAll { $0 == instance }
        guard let program = world.processes[instance], broken.contains(program) else { return }
        world.processes[instance] = nil
        started.remove(instance)
        throw Event.Failure(
            resource: "container/\(instance.id)", key: "command", message: "\(program[0]): no such file")
    }

    func signal(_ instance: Instance, _ signal: Int32) throws(Event.Failure) {
        try count()
        if !stubborn.contains(instance.id.service) { end(instance, .signal(signal)) }
    }

    func kill(_ instance: Instance) throws(Event.Failure) {
        try count()
        end(instance, .signal(9))
    }

    func end(_ instance: Instance, _ status: ExitStatus) {
        guard world.processes.removeValue(forKey: instance) != nil else { return }
        world.ends[instance] = status
        news.append((instance, status))
    }

    /// How hooks end, by their program: with 0 unless said.
    var answers: [String: Int32] = [:]
    private(set) var hooked: [(Instance, Health.Answer)] = []
    /// Starts that are not whole.
    private var halves: Set<Instance> = []

    func takeAnswers() -> [(Instance, Health.Answer)] {
        defer { hooked = [] }
        return hooked
    }

    func begin(_ hook: HookCommand, in instance: Instance) throws(Event.Failure) {
        try count()
        guard world.processes[instance] != nil else { throw Fault.refusal("\(instance) does not run") }
        hooked.append((instance, Health.Answer(exitCode: answers[hook.arguments[0]] ?? 0, output: "")))
    }

    func endHook(in instance: Instance) { hooked.removeAll { $0.0 == instance } }

    func connections(to instance: Instance, ports: [UInt16]) -> Int { 0 }

    func noteReady(_ instance: Instance) throws(Event.Failure) {
        try count()
        halves.remove(instance)
    }

    func lastOutput(of id: ContainerID, lines: Int) -> [String] { ["last words of \(id)"] }

    func removeProject(keepingLogs: Bool) throws(Event.Failure) {
        try count()
        let volumes = world.volumes
        world = World()
        world.volumes = volumes
        hasLogs = keepingLogs && hasLogs
    }

    private func count() throws(Event.Failure) {
        if isDead { throw Fault.refusal("dead") }
        actions += 1
        if actions == faultAt { throw Fault.refusal("fault") }
    }
}

enum Fault: Error {
    case crash

    static func refusal(_ message: String) -> Event.Failure {
        Event.Failure(resource: "project", key: "", message: message)
    }
}

extension ResourceLimits {
    fileprivate var texts: [(String, String)] {
        LimitKey.allCases.map { ($0.rawValue, text(for: $0.rawValue) ?? "unlimited") }
    }
}

extension Attachment {
    fileprivate func isSamePlace(_ other: Attachment) -> Bool {
        network == other.network && address == other.address && interface == other.interface
    }
}
