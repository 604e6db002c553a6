import Compose

/// The keys of a service, as the file spells them, and what a change of each does to a running container.
package enum ServiceKey: String, CaseIterable, Sendable {
    case rootfs, image, command, environment, workingDirectory = "working_dir", user, groups = "group_add", hostname
    case mntNamespace = "namespaces.mnt"
    case pid, networkMode = "network_mode", ipc, uts
    case networks, ports, volumes
    case files = "secrets and configs", fileContents = "their content, owner and mode"
    case memory = "mem_limit", memorySwap = "memswap_limit", cpus, cpuShares = "cpu_shares", cpuset
    case pids = "pids_limit", sharedMemory = "shm_size"
    case capabilities = "cap_add", readOnly = "read_only", initProcess = "init"
    case terminal = "tty", standardInput = "stdin_open"
    case restart, restartPolicy = "deploy.restart_policy", stopSignal = "stop_signal", stopGrace = "stop_grace_period"
    case update = "deploy.update_config", rollback = "deploy.rollback_config"
    case preStart = "pre_start", postStart = "post_start", preStop = "pre_stop"
    case labels, logging, dependencies = "depends_on"
    case healthCheck = "healthcheck", onUnhealthy = "on_unhealthy"

    package enum Effect: String, Sendable {
        case inPlace = "in place"
        case replace
    }

    /// The one table of what can be changed without touching the process. `docs/changes.md` prints it.
    package var effect: Effect {
        switch self {
        case .rootfs, .image, .command, .environment, .workingDirectory, .user, .groups, .hostname, .mntNamespace, .pid,
            .networkMode,
            .ipc, .uts, .volumes, .files, .capabilities, .readOnly, .initProcess, .terminal,
            .standardInput, .preStart:
            .replace
        case .networks, .ports, .fileContents, .memory, .memorySwap, .cpus, .cpuShares, .cpuset, .pids, .sharedMemory,
            .restart, .restartPolicy, .update, .rollback, .postStart, .preStop, .stopSignal, .stopGrace, .labels,
            .logging,
            .dependencies,
            .healthCheck, .onUnhealthy:
            .inPlace
        }
    }

    package init(_ kind: NamespaceKind) {
        switch kind {
        case .mnt: self = .mntNamespace
        case .pid: self = .pid
        case .net: self = .networkMode
        case .ipc: self = .ipc
        case .uts: self = .uts
        }
    }
}

/// One field that differs. A missing side is nil.
package struct FieldChange: Hashable, Codable, Sendable {
    /// The key in the file: `mem_limit`, `ports[0]`, `labels.tier`.
    package var path: String
    package var observed: String?
    package var desired: String?

    package init(_ path: String, observed: String?, desired: String?) {
        self.path = path
        self.observed = observed
        self.desired = desired
    }
}

/// A field with what its change does.
package struct SpecChange: Hashable, Sendable {
    package var key: ServiceKey
    package var field: FieldChange
}

extension ContainerSpec {
    /// Every field that differs between this specification and a newer one, in the order of `ServiceKey`.
    package func changes(to new: ContainerSpec) -> [SpecChange] {
        if self == new { return [] }
        return ServiceKey.allCases.flatMap { key in
            fields(of: key, against: new).map { SpecChange(key: key, field: $0) }
        }
    }

    private func fields(of key: ServiceKey, against new: ContainerSpec) -> [FieldChange] {
        func one(_ old: String?, _ new: String?) -> [FieldChange] {
            old == new ? [] : [FieldChange(key.rawValue, observed: old, desired: new)]
        }
        switch key {
        case .rootfs:
            // Saying that the root goes and an image comes would name one edit twice.
            if rootfs.imageText != nil || new.rootfs.imageText != nil { return [] }
            return one(rootfs.description, new.rootfs.description)
        case .image: return one(rootfs.imageText, new.rootfs.imageText)
        case .command: return one(shellText(arguments), shellText(new.arguments))
        case .environment: return map(key, pairs(environment), pairs(new.environment))
        case .workingDirectory: return one(workingDirectory, new.workingDirectory)
        case .user: return one(user, new.user)
        case .groups: return one(groups.joined(separator: " "), new.groups.joined(separator: " "))
        case .hostname: return one(hostname, new.hostname)
        case .mntNamespace: return one(namespaces.mnt.description, new.namespaces.mnt.description)
        case .pid: return one(namespaces.pid.description, new.namespaces.pid.description)
        case .networkMode: return one(namespaces.net.description, new.namespaces.net.description)
        case .ipc: return one(namespaces.ipc.description, new.namespaces.ipc.description)
        case .uts: return one(namespaces.uts.description, new.namespaces.uts.description)
        case .networks:
            // A network mode that changed takes the networks along; saying both would name one edit twice.
            return namespaces.net == new.namespaces.net ? attachmentChanges(attachments, new.attachments) : []
        case .ports: return list(key, ports.map(\.description), new.ports.map(\.description))
        case .volumes: return mountChanges(to: new)
        case .files: return fileChanges(to: new)
        case .fileContents: return fileContentChanges(to: new)
        case .memory, .memorySwap, .cpus, .cpuShares, .cpuset, .pids:
            return one(limits.text(for: key.rawValue), new.limits.text(for: key.rawValue))
        case .sharedMemory: return one(sharedMemoryText, new.sharedMemoryText)
        case .capabilities:
            return one(capabilities.joined(separator: " "), new.capabilities.joined(separator: " "))
        case .readOnly: return one(String(readOnly), String(new.readOnly))
        case .initProcess: return one(String(usesInit), String(new.usesInit))
        case .terminal: return one(String(terminal != nil), String(new.terminal != nil))
        case .standardInput: return one(String(standardInput != nil), String(new.standardInput != nil))
        case .restart: return one(restart.description, new.restart.description)
        case .restartPolicy: return one(restartPace?.description, new.restartPace?.description)
        case .stopSignal: return one(String(stopSignal), String(new.stopSignal))
        case .stopGrace: return one("\(stopGraceMilliseconds)ms", "\(new.stopGraceMilliseconds)ms")
        case .update: return one(update?.description, new.update?.description)
        case .rollback: return one(rollback?.description, new.rollback?.description)
        case .preStart: return hookChanges(key, hooks?.preStart, new.hooks?.preStart)
        case .postStart: return hookChanges(key, hooks?.postStart, new.hooks?.postStart)
        case .preStop: return hookChanges(key, hooks?.preStop, new.hooks?.preStop)
        case .labels: return map(key, labels, new.labels)
        case .logging:
            return one(logging.text, new.logging.text)
        case .dependencies: return map(key, conditions, new.conditions)
        case .healthCheck: return map(key, healthCheck?.texts ?? [:], new.healthCheck?.texts ?? [:])
        case .onUnhealthy:
            return one((healthCheck?.reaction ?? .none).rawValue, (new.healthCheck?.reaction ?? .none).rawValue)
        }
    }

    private func hookChanges(_ key: ServiceKey, _ old: [Hook]?, _ new: [Hook]?) -> [FieldChange] {
        list(key, old?.map(\.description) ?? [], new?.map(\.description) ?? [])
    }

    private var conditions: [String: String] {
        Dictionary(
            dependencies.map { dependency in
                let words = [
                    dependency.condition.rawValue, dependency.required ? nil : "not required",
                    dependency.restarts ? "restart" : nil,
                ]
                return (dependency.service, words.compactMap { $0 }.joined(separator: ", "))
            },
            uniquingKeysWith: { first, _ in first })
    }

    private func mountChanges(to new: ContainerSpec) -> [FieldChange] {
        let old = mounts.map(\.text)
        let texts = new.mounts.map { (key: $0.key, text: $0.text) }
        let gone = zip(mounts, old).filter { mount in !texts.contains { $0.text == mount.1 } }
            .map { FieldChange($0.0.key, observed: $0.1, desired: nil) }
        let added = texts.filter { !old.contains($0.text) }
            .map { FieldChange($0.key, observed: nil, desired: $0.text) }
        return merged(gone + added) + volumeChanges(to: new)
    }

    /// Mounts that say the same of a key which stands for another volume now.
    private func volumeChanges(to new: ContainerSpec) -> [FieldChange] {
        new.mounts.compactMap { mount in
            guard let before = mounts.first(where: { $0.text == mount.text }), let was = before.volume,
                let volume = mount.volume, was != volume
            else { return nil }
            return FieldChange(mount.key, observed: was, desired: volume)
        }
    }
}

extension ContainerSpec {
    private func fileChanges(to new: ContainerSpec) -> [FieldChange] {
        func text(_ file: GrantedFile) -> String { "\(file.source) on \(file.target)" }
        let (before, after) = (files.map(text), new.files.map(text))
        let gone = files.filter { !after.contains(text($0)) }
            .map { FieldChange($0.key, observed: text($0), desired: nil) }
        let added = new.files.filter { !before.contains(text($0)) }
            .map { FieldChange($0.key, observed: nil, desired: text($0)) }
        return merged(gone + added)
    }

    /// Of files that stay where they are. What is in them is not said, only that it differs.
    private func fileContentChanges(to new: ContainerSpec) -> [FieldChange] {
        new.files.flatMap { file -> [FieldChange] in
            guard let before = files.first(where: { $0.source == file.source && $0.target == file.target }) else {
                return []
            }
            func text(_ file: GrantedFile) -> String { "\(file.uid):\(file.gid) \(String(file.mode, radix: 8))" }
            var fields: [FieldChange] = []
            if before.content != file.content {
                fields.append(FieldChange("\(file.key).content", observed: "older", desired: "newer"))
            }
            if text(before) != text(file) {
                fields.append(FieldChange("\(file.key).mode", observed: text(before), desired: text(file)))
            }
            return fields
        }
    }
}

extension Rootfs {
    fileprivate var imageText: String? {
        switch self {
        case .image(let root): root.description
        case .host, .directory, .archive: nil
        }
    }
}

extension Mount {
    /// The mount in the short syntax of the file.
    package var text: String {
        let options = [readOnly ? "ro" : nil, propagation?.rawValue].compactMap { $0 }.joined(separator: ",")
        let mode = options.isEmpty ? "" : ":" + options
        switch source {
        case .bind(let path, _): return "\(path):\(target)\(mode)"
        case .volume(let key): return "\(key)\(subpath.map { "/" + $0 } ?? ""):\(target)\(mode)"
        case .tmpfs(let size, let permissions, let user, let group):
            let options = [
                size.map { "size=\($0)" }, permissions.map { "mode=" + String($0, radix: 8) }, user.map { "uid=\($0)" },
                group.map { "gid=\($0)" },
            ].compactMap { $0 }
            return "tmpfs \(target)\(options.isEmpty ? "" : ":" + options.joined(separator: ","))\(mode)"
        }
    }
}

/// Differences of the places in networks, one field each: `networks.front`, `networks.front.aliases`.
package func attachmentChanges(_ old: [Attachment], _ new: [Attachment]) -> [FieldChange] {
    let keys = Set(old.map(\.network)).union(new.map(\.network)).sorted()
    return keys.flatMap { key -> [FieldChange] in
        let path = "networks.\(key)"
        switch (old.first { $0.network == key }, new.first { $0.network == key }) {
        case (let old?, let new?):
            var fields: [FieldChange] = []
            if old.aliases != new.aliases {
                fields.append(
                    FieldChange(
                        "\(path).aliases", observed: old.aliases.joined(separator: " "),
                        desired: new.aliases.joined(separator: " ")))
            }
            if old.address != new.address {
                fields.append(FieldChange("\(path).ipv4_address", observed: old.address, desired: new.address))
            }
            return fields
        case (let old?, nil): return [FieldChange(path, observed: old.address, desired: nil)]
        case (nil, let new?): return [FieldChange(path, observed: nil, desired: new.address)]
        case (nil, nil): return []
        }
    }
}

private func pairs(_ environment: [String]) -> [String: String] {
    Dictionary(
        environment.map { entry in
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }, uniquingKeysWith: { _, last in last })
}

package func map(_ key: ServiceKey, _ old: [String: String], _ new: [String: String]) -> [FieldChange] {
    Set(old.keys).union(new.keys).sorted().filter { old[$0] != new[$0] }
        .map { FieldChange("\(key.rawValue).\($0)", observed: old[$0], desired: new[$0]) }
}

/// Lists compare as sets: moving an entry is no change. A change of one entry at the same index is one field.
private func list(_ key: ServiceKey, _ old: [String], _ new: [String]) -> [FieldChange] {
    let gone = old.enumerated().filter { !new.contains($0.element) }
        .map { FieldChange("\(key.rawValue)[\($0.offset)]", observed: $0.element, desired: nil) }
    let added = new.enumerated().filter { !old.contains($0.element) }
        .map { FieldChange("\(key.rawValue)[\($0.offset)]", observed: nil, desired: $0.element) }
    return merged(gone + added)
}

/// Joins what went and what came under the same path to one field.
private func merged(_ fields: [FieldChange]) -> [FieldChange] {
    var result: [FieldChange] = []
    for field in fields {
        if let index = result.firstIndex(where: { $0.path == field.path }) {
            result[index].desired = field.desired ?? result[index].desired
            result[index].observed = result[index].observed ?? field.observed
        } else {
            result.append(field)
        }
    }
    return result
}

/// The words as a shell would want them typed.
package func shellText(_ words: [String]) -> String {
    words.map { word in
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "%+,-./:=@_^".utf8.contains(byte)
                }
            }
        return isPlain
            ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }.joined(separator: " ")
}

extension ResourceLimits {
    /// The limit as the file would spell it; nil where it is not set.
    package func text(for key: String) -> String? {
        guard let key = LimitKey(rawValue: key) else { return nil }
        switch key {
        case .cpus: return cpus.map(Self.text(nanoCPUs:))
        case .cpuShares: return cpuShares.map(String.init)
        case .cpuset: return cpuset?.text
        case .memory: return memory.map(Self.text(bytes:))
        case .memorySwap: return memorySwap.map { $0 < 0 ? "-1" : Self.text(bytes: $0) }
        case .pids: return pids.map(String.init)
        }
    }
}
