import Compose
import OCI
import Stack

/// A secret that a container may be given.
let secret = GrantedFile(
    "secrets.token", target: "/run/secrets/token", content: Digest(hex: String(repeating: "c", count: 64))!,
    key: "secrets[0]")

func container(_ name: String, _ index: Int = 1, _ edit: (inout ContainerSpec) -> Void = { _ in }) -> ContainerSpec {
    var spec = ContainerSpec(id: ContainerID(name, index), arguments: ["sleep", "inf"])
    edit(&spec)
    return spec
}

func goal(_ containers: ContainerSpec..., networks: [NetworkSpec] = []) -> Goal { goal(containers, networks: networks) }

func goal(_ containers: [ContainerSpec], networks: [NetworkSpec] = []) -> Goal {
    var goal = Goal(project: "demo")
    goal.containers = containers.sorted { $0.id < $1.id }
    goal.networks = networks
    return goal
}

func place(_ network: String, _ address: String, aliases: [String] = []) -> Stack.Attachment {
    Stack.Attachment(network: network, aliases: aliases, address: address)
}

let front = NetworkSpec(key: "front", subnet: "172.18.0.0/24", gateway: "172.18.0.1")
let back = NetworkSpec(key: "back", subnet: "172.18.1.0/24", gateway: "172.18.1.1")

extension Observation {
    /// A machine on which nothing of the project was ever made.
    static var nothing: Observation {
        Observation(ledger: Ledger(project: "demo"), supervisor: Presence(), hasProjectNode: false)
    }

    /// A machine on which everything is as the ledger says, and all containers run.
    init(sound ledger: Ledger) {
        let presence = Presence(keeper: 1, supervisor: 2, holder: 3, proxy: 4)
        self.init(ledger: ledger, supervisor: presence, hasProjectNode: !ledger.isEmpty)
        for entry in ledger.entries {
            containers[entry.instance.id] = ObservedContainer(entry: entry, state: .running)
        }
        for network in ledger.goal.networks { networks[network.key] = ObservedNetwork() }
        volumes = Set(ledger.goal.volumes.map(\.name))
        mountedVolumes = Set(ledger.goal.usedVolumes.compactMap(\.mountName))
        if !ledger.goal.networks.isEmpty { (stackNamespace, firewall, egress) = (.sound, .sound, .sound) }
    }

    init(sound goal: Goal) { self.init(sound: applied(goal)) }

    subscript(_ name: String) -> ObservedContainer {
        get { containers[ContainerID(name)]! }
        set { containers[ContainerID(name)] = newValue }
    }
}

extension Plan {
    /// The changes, one line each: `! update container/web/1 (mem_limit: 64m -> -): changed behind Settle's back`.
    var lines: [String] {
        changes.map { change in
            let fields = change.fields.map { "\($0.path): \($0.observed ?? "-") -> \($0.desired ?? "-")" }
            let list = fields.isEmpty ? "" : " (\(fields.joined(separator: ", ")))"
            return "\(change.isDrift ? "! " : "")\(change.verb.rawValue) \(change.resource)\(list): \(change.reason)"
        }
    }

    /// What is done, in order.
    var steps: [String] {
        preparation.map(\.words)
            + turnovers.map { turnover in
                ["turn", turnover.stop.map { "stop \($0)" }, turnover.start.map { "start \($0)" }].compactMap { $0 }
                    .joined(separator: " ")
            }
            + removals.map { "remove " + $0.map(\.description).joined(separator: " ") } + cleaning.map(\.words)
    }
}

/// An edit that concerns one key only.
func edit(_ key: ServiceKey, _ spec: inout ContainerSpec) {
    switch key {
    case .rootfs: spec.rootfs = .directory("/srv/root")
    case .image: spec.rootfs = .image(LayeredRoot(name: "nginx"))
    case .command: spec.arguments = ["true"]
    case .environment: spec.environment = ["A=1"]
    case .workingDirectory: spec.workingDirectory = "/srv"
    case .user: spec.user = "nobody"
    case .groups: spec.groups = ["disk"]
    case .hostname: spec.hostname = "other"
    case .mntNamespace: spec.namespaces.mnt = .service("db")
    case .pid: spec.namespaces.pid = .service("db")
    case .networkMode: (spec.namespaces.net, spec.attachments) = (.host, [])
    case .ipc: spec.namespaces.ipc = .host
    case .uts: spec.namespaces.uts = .host
    case .networks: spec.attachments[0].aliases = ["www"]
    case .ports: spec.ports[0].hostPort = 8081
    case .volumes: spec.mounts = [Stack.Mount(.volume("data"), target: "/data", key: "volumes[0]")]
    case .files: spec.files = []
    case .fileContents: spec.files[0].mode = 0o400
    case .memory: spec.limits.memory = 1 << 26
    case .memorySwap: spec.limits.memorySwap = -1
    case .cpus: spec.limits.cpus = 500_000_000
    case .cpuShares: spec.limits.cpuShares = 512
    case .cpuset: spec.limits.cpuset = CPUSet([0])
    case .pids: spec.limits.pids = 10
    case .sharedMemory: spec.sharedMemory = 8 << 20
    case .capabilities: spec.capabilities = ["CHOWN"]
    case .readOnly: spec.readOnly = true
    case .initProcess: spec.usesInit = true
    case .terminal: spec.terminal = WindowSize()
    case .standardInput: spec.standardInput = .open
    case .restart: spec.restart = .onFailure(limit: 3)
    case .restartPolicy: spec.restartPace = Stack.RestartPace(attempts: 3)
    case .stopSignal: spec.stopSignal = 2
    case .stopGrace: spec.stopGraceMilliseconds = 1
    case .update: spec.update = UpdatePolicy()
    case .rollback: spec.rollback = UpdatePolicy()
    case .preStart: spec.hooks = Hooks(preStart: [Stack.Hook(["migrate"], key: "pre_start[0]")])
    case .postStart: spec.hooks = Hooks(postStart: [Stack.Hook(["warm-up"], key: "post_start[0]")])
    case .preStop: spec.hooks = Hooks(preStop: [Stack.Hook(["drain"], key: "pre_stop[0]")])
    case .labels: spec.labels = ["tier": "front"]
    case .logging: spec.logging.maxFiles = 5
    case .dependencies: spec.dependencies = [Stack.Dependency("db", .started, required: false)]
    case .healthCheck: spec.healthCheck = HealthCheck(.tcp(80))
    case .onUnhealthy: spec.healthCheck?.reaction = UnhealthyReaction.stop
    }
}
