import Diagnostics
import YAML

/// A service while it is being read, with what can be said in more than one way.
struct ServiceDraft {
    var service: Service
    /// What `rootfs:` says.
    var root: RootFileSystem?
    /// What speaks of an image, and whether anything does.
    var image = ImageSource()
    var namesImage = false
    /// What each namespace key says, in the order of the file.
    var modes: [(kind: NamespaceKind, mode: NamespaceMode, reader: Reader)] = []
    /// `network_mode: none`
    var noNetwork = false
    var networkMode: Reader?
    var networks: Reader?
    var deployLimits = Resources()
    var deployPlaces: [String: Reader] = [:]
    var replicas: [(count: Int, reader: Reader)] = []
    /// What `deploy.restart_policy` says.
    var restart: RestartDraft?
}

extension Keys {
    static let service = Grammar<ServiceDraft>(
        [
            "rootfs": { draft, reader in
                guard let text = reader.string() else { return }
                if text == "host" {
                    draft.root = .host
                } else if let path = reader.hostPath() {
                    draft.root = isArchive(path) ? .archive(path) : .directory(path)
                }
            },
            "image": { draft, reader in
                if reader.node.isNull { return }
                if let reference = reference(reader) { draft.image.reference = reference }
                draft.namesImage = true
            },
            "build": { draft, reader in
                draft.image.build = build(reader)
                draft.namesImage = true
            },
            "pull_policy": { draft, reader in draft.image.pullPolicy = pullPolicy(reader) },
            "platform": { draft, reader in draft.image.platform = platform(reader) },
            "group_add": { draft, reader in
                draft.service.groups = (reader.items() ?? []).compactMap { $0.text() }
            },
            "command": { draft, reader in words(reader, into: &draft.service.command) },
            "entrypoint": { draft, reader in words(reader, into: &draft.service.entrypoint) },
            "environment": { draft, reader in draft.service.environment = environment(reader) },
            "working_dir": { draft, reader in draft.service.workingDirectory = reader.target() },
            "user": { draft, reader in
                guard let user = reader.string() else { return }
                let parts = user.split(separator: ":", omittingEmptySubsequences: false)
                guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty && !$0.contains { $0.isWhitespace } }) else {
                    return reader.expected("a user", "write NAME, UID, NAME:GROUP or \"UID:GID\"") ?? ()
                }
                draft.service.user = user
            },
            "hostname": { draft, reader in
                guard let name = reader.string() else { return }
                let valid = name.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x2E }
                guard valid, (1...64).contains(name.utf8.count), name.utf8.first != 0x2D else {
                    return reader.expected("a host name", "1 to 64 letters, digits, dots and hyphens") ?? ()
                }
                draft.service.hostname = name
            },
            "depends_on": { draft, reader in draft.service.dependencies = dependencies(reader) },
            "network_mode": { draft, reader in
                draft.networkMode = reader
                switch reader.node.scalar?.text {
                case "none":
                    draft.noNetwork = true
                    draft.modes.append((.net, .private, reader))
                case "bridge":
                    reader.error(
                        "bridge is a network that all of Docker's projects share; Settle has none",
                        hint: "leave network_mode out to join the project's default network")
                case _:
                    guard let mode = mode(reader, ["none", "host"]) else { return }
                    draft.modes.append((.net, mode, reader))
                }
            },
            "networks": { draft, reader in
                draft.networks = reader
                draft.service.networks = attachments(reader)
            },
            "ports": { draft, reader in draft.service.ports = (reader.items() ?? []).compactMap(port) },
            "volumes": { draft, reader in draft.service.volumes = (reader.items() ?? []).compactMap(mount) },
            "volumes_from": { draft, reader in
                draft.service.volumesFrom = (reader.items() ?? []).compactMap(volumesFrom)
            },
            "develop": { draft, reader in
                if !reader.node.isNull { develop.read(reader, into: &draft) }
            },
            "secrets": { draft, reader in draft.service.files += grants(.secret, reader) },
            "configs": { draft, reader in draft.service.files += grants(.config, reader) },
            "tmpfs": { draft, reader in draft.service.tmpfs = (reader.items() ?? []).compactMap(tmpfs) },
            "cpus": { draft, reader in draft.service.resources.nanoCPUs = processors(reader) },
            "cpu_shares": { draft, reader in draft.service.resources.cpuShares = shares(reader) },
            "cpuset": { draft, reader in draft.service.resources.cpuset = cpuset(reader) },
            "mem_limit": { draft, reader in draft.service.resources.memory = limit(reader.bytes()) },
            "memswap_limit": { draft, reader in draft.service.resources.memorySwap = limit(reader.bytes(extra: [-1])) },
            "pids_limit": { draft, reader in draft.service.resources.pids = pids(reader) },
            "deploy": { draft, reader in deploy.read(reader, into: &draft) },
            "scale": { draft, reader in replicas(reader, &draft) },
            "cap_add": { draft, reader in draft.service.addedCapabilities = capabilities(reader) },
            "cap_drop": { draft, reader in draft.service.droppedCapabilities = capabilities(reader) },
            "read_only": { draft, reader in draft.service.readOnly = reader.boolean() ?? false },
            "restart": { draft, reader in draft.service.restart = restart(reader) ?? .no },
            "init": { draft, reader in draft.service.`init` = reader.boolean() ?? false },
            "shm_size": { draft, reader in
                // 0 is the usual size, as in Docker.
                draft.service.sharedMemory = reader.bytes().flatMap { $0 > 0 ? $0 : nil }
            },
            "tty": { draft, reader in draft.service.terminal = reader.boolean() == true ? WindowSize() : nil },
            "stdin_open": { draft, reader in draft.service.standardInput = reader.boolean() == true ? .open : nil },
            "attach": { draft, reader in draft.service.attach = reader.boolean() ?? true },
            "stop_signal": { draft, reader in
                let text = reader.node.scalar?.text ?? ""
                guard let number = Signal.number(named: text), let signal = Signal(number: number) else {
                    let near = nearest(to: text.uppercased(), in: Signal.names.flatMap { [$0, "SIG" + $0] })
                    return reader.expected(
                        "a signal", near.map { "did you mean \($0)?" } ?? "write SIGTERM, SIGRTMIN+3 or a number") ?? ()
                }
                draft.service.stopSignal = signal
            },
            "stop_grace_period": { draft, reader in
                draft.service.stopGracePeriod = reader.duration() ?? .seconds(10)
            },
            "healthcheck": { draft, reader in draft.service.healthCheck = healthSettings(reader) },
            "on_unhealthy": { draft, reader in
                draft.service.onUnhealthy = reader.word(UnhealthyReaction.self) ?? .none
            },
            "pre_start": { draft, reader in draft.service.preStart = hooks("pre_start", reader) },
            "post_start": { draft, reader in draft.service.postStart = hooks("post_start", reader) },
            "pre_stop": { draft, reader in draft.service.preStop = hooks("pre_stop", reader) },
            "labels": { draft, reader in draft.service.labels = reader.labels() ?? [:] },
            "pid": { draft, reader in state(.pid, reader, ["host"], &draft) },
            "ipc": { draft, reader in
                // Every IPC namespace of Settle can be shared, so shareable is private.
                let text = reader.node.scalar?.text
                if text == "shareable" || text == "private" {
                    draft.modes.append((.ipc, .private, reader))
                } else {
                    state(.ipc, reader, ["shareable", "private", "host"], &draft)
                }
            },
            "uts": { draft, reader in state(.uts, reader, ["host"], &draft) },
            "namespaces": { draft, reader in namespaces.read(reader, into: &draft) },
            "logging": { draft, reader in logging.read(reader, into: &draft.service.logging) },
        ])

    static let deploy = Grammar<ServiceDraft>(
        [
            "replicas": { draft, reader in replicas(reader, &draft) },
            "resources": { draft, reader in deployResources.read(reader, into: &draft) },
            "update_config": { draft, reader in draft.service.update = updateSettings(reader) },
            "rollback_config": { draft, reader in draft.service.rollback = updateSettings(reader) },
            "restart_policy": { draft, reader in draft.restart = restartPolicy(reader) },
            "mode": { _, reader in
                if reader.node.scalar?.text != "replicated" { reader.error("only the mode replicated is supported") }
            },
        ])

    static let deployResources = Grammar<ServiceDraft>(
        ["limits": { draft, reader in deployLimits.read(reader, into: &draft) }])

    static let deployLimits = Grammar<ServiceDraft>([
        "cpus": { draft, reader in
            draft.deployLimits.nanoCPUs = processors(reader)
            draft.deployPlaces["cpus"] = reader
        },
        "memory": { draft, reader in
            draft.deployLimits.memory = limit(reader.bytes())
            draft.deployPlaces["mem_limit"] = reader
        },
        "pids": { draft, reader in
            draft.deployLimits.pids = pids(reader)
            draft.deployPlaces["pids_limit"] = reader
        },
    ])

    static let namespaces = Grammar<ServiceDraft>(
        Dictionary(
            uniqueKeysWithValues: NamespaceKind.allCases.map { kind in
                let read: Grammar<ServiceDraft>.Read = { state(kind, $1, ["private", "host"], &$0) }
                return (kind.rawValue, read)
            }))
}
