import OCI
import Stack

/// Small stacks by chance, from a seed, so that a failure can be repeated.
struct Stacks {
    private var random: SplitMix

    init(seed: UInt64) { random = SplitMix(state: seed) }

    /// Two stacks of one project: a change.
    mutating func pair() -> (from: Goal, to: Goal) {
        let from = goal()
        var to = goal()
        // As the maker of goals does it: two lives that stand beside each other have a network namespace each.
        for index in to.containers.indices {
            let spec = to.containers[index]
            guard let before = from.container(spec.id), spec.namespaces.net == .own, before.namespaces.net == .own,
                spec.update?.startsFirst == true,
                before.changes(to: spec).contains(where: { $0.key.effect == .replace })
            else { continue }
            to.containers[index].hasSecondEndpoint = true
        }
        return (from, to)
    }

    mutating func goal() -> Goal {
        var goal = Goal(project: "p")
        let networks = ["back", "front"].filter { _ in chance(70) }
        goal.networks = networks.map {
            NetworkSpec(key: $0, subnet: subnet($0) + "0/24", gateway: subnet($0) + "1", isInternal: chance(20))
        }
        if goal.networks.contains(where: { !$0.isInternal }) {
            goal.egress = EgressSpec(subnet: "10.9.0.0/30", hostAddress: "10.9.0.1", stackAddress: "10.9.0.2")
        }
        if chance(30) { goal.budget.memory = 1 << 30 }
        if chance(30) { goal.volumes = [VolumeSpec(key: "data", name: "p_data")] }
        if goal.volumes.isEmpty, chance(30) {
            goal.volumes = [VolumeSpec(key: "data", name: "p_data", mount: memory(chance(50) ? "size=1m" : ""))]
        }
        for (index, name) in ["a", "b", "c", "d"].enumerated() where chance(75) {
            goal.containers.append(container(name, index, networks, after: goal.containers))
        }
        for index in goal.containers.indices where !goal.volumes.isEmpty && chance(40) {
            var mount = Mount(.volume("data"), target: "/data", key: "volumes[0]")
            mount.volume = goal.volumes[0].identity
            goal.containers[index].mounts = [mount]
        }
        return goal
    }

    private mutating func container(
        _ name: String, _ index: Int, _ networks: [String], after others: [ContainerSpec]
    ) -> ContainerSpec {
        var spec = ContainerSpec(id: ContainerID(name), arguments: ["run", chance(60) ? "one" : "two"])
        if chance(30) { spec.limits.memory = chance(50) ? 1 << 26 : 1 << 27 }
        if chance(30) {
            var policy = UpdatePolicy()
            policy.startsFirst = chance(60)
            policy.monitor = chance(50) ? 1000 : 0
            policy.failureAction = chance(50) ? .rollback : .pause
            spec.update = policy
            if chance(50) {
                (policy.startsFirst, policy.failureAction) = (false, .continue)
                spec.rollback = policy
            }
        }
        if chance(20) { spec.hooks = Hooks(postStart: [Hook(["warm-up"], key: "post_start[0]")]) }
        if chance(20) {
            spec.hooks = Hooks(postStart: spec.hooks?.postStart ?? [], preStop: [Hook(["drain"], key: "pre_stop[0]")])
        }
        if chance(30) { spec.labels = ["x": chance(50) ? "1" : "2"] }
        if chance(30) {
            let content = Digest(hex: String(repeating: chance(50) ? "a" : "b", count: 64))!
            spec.files = [GrantedFile("secrets.s", target: "/run/secrets/s", content: content, key: "secrets[0]")]
        }
        if let other = others.last, chance(30) {
            spec.namespaces.net = .service(other.id.service)
        } else {
            spec.attachments = networks.filter { _ in chance(80) }.enumerated().map { number, key in
                Attachment(network: key, address: subnet(key) + "\(index + 2)", interface: "eth\(number)")
            }
            if chance(30) { spec.ports = [PublishedPort(hostPort: UInt16(8000 + index), containerPort: 80)] }
        }
        if let other = others.first, chance(40) { spec.dependencies = [Dependency(other.id.service)] }
        if let other = others.last, chance(15) { spec.namespaces.pid = .service(other.id.service) }
        return spec
    }

    private func subnet(_ key: String) -> String { key == "back" ? "10.1.0." : "10.2.0." }
    private mutating func chance(_ percent: UInt64) -> Bool { random.next() % 100 < percent }
}

/// SplitMix64 of Steele, Lea and Flood: small and the same everywhere.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
