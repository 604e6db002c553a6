import Glibc
package import Stack
import Syscalls

/// A limit that this machine cannot keep.
package struct LimitProblem: Hashable, Sendable {
    /// Nil where it is not about one limit.
    package let key: LimitKey?
    package let message: String
    package let fix: String
}

/// A row of `settle doctor`.
package struct CgroupCheck: Hashable, Sendable {
    package let name: String
    package let isFine: Bool
    package let detail: String
    package let fix: String?
}

extension Cgroups {
    /// Docker's least memory: below it not even a runtime's first process starts.
    private static let leastMemory: Int64 = 6 << 20
    /// 0.01 processors: a quota of 1000 us, the kernel's least.
    private static let leastCPUs: Int64 = 10_000_000

    /// What stands against these limits, before anything is changed. Changes nothing.
    ///
    /// - Parameter budget: the limits of the stack around them.
    package func check(_ limits: ResourceLimits, budget: ResourceLimits = ResourceLimits()) -> [LimitProblem] {
        missing(limits) + processors(limits, budget) + memory(limits) + numbers(limits)
    }

    /// What stands against making any group at all.
    package func checkAccess() -> [LimitProblem] {
        if mode.kind == .none {
            return [
                LimitProblem(
                    key: nil, message: "no cgroup file system is mounted",
                    fix: "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
            ]
        }
        return mode.mounts.map(nearest).filter { access($0, W_OK) != 0 }.prefix(1).map {
            LimitProblem(
                key: nil, message: "may not make control groups in \($0)",
                fix: "run as root, or set SETTLE_CGROUP to a folder delegated to you")
        }
    }

    /// The deepest folder above `root`, or it, that is there already.
    private func nearest(_ mount: String) -> String {
        var group = top
        while !group.path.isEmpty, !Files.exists(group.folder(mount)) { group = group.parent }
        return group.folder(mount)
    }

    // MARK: - Controllers

    private func missing(_ limits: ResourceLimits) -> [LimitProblem] {
        let asked = limits.files(for: .v2).filter(\.isAsked)
        var problems = asked.filter { $0.key != .memorySwap }.compactMap { file in
            missing(file.controller).map {
                LimitProblem(key: file.key, message: "\(file.key.rawValue): \($0.detail)", fix: $0.fix)
            }
        }
        if asked.contains(where: { $0.key == .memorySwap }), let swap = missingSwap {
            problems.append(
                LimitProblem(key: .memorySwap, message: "memswap_limit: \(swap.detail)", fix: swap.fix))
        }
        return problems
    }

    private func missing(_ name: String) -> (detail: String, fix: String)? {
        guard let controller = mode.controllers[name] else {
            let what = "the cgroup controller `\(name)`"
            switch Self.kernelHas(name) {
            case false?:
                return ("\(what) is switched off", "boot with cgroup_enable=\(name) on the kernel command line")
            case nil: return ("this kernel has not \(what)", "use a kernel built with it")
            case true?:
                guard let unified = mode.unified, mode.kind == .v2 else {
                    return (
                        "\(what) is not mounted",
                        "mkdir -p /sys/fs/cgroup/\(name) && mount -t cgroup -o \(name) \(name) /sys/fs/cgroup/\(name)"
                    )
                }
                return (
                    "\(what) is not delegated to \(unified)",
                    "enable it in cgroup.subtree_control outside this container"
                )
            }
        }
        guard controller.version == .v2 else { return nil }
        let folder = nearest(controller.mount)
        if (try? Control.words(folder + "/cgroup.controllers"))?.contains(name) == true {
            // cgroup-v2, "No Internal Process Constraint": who has processes cannot pass controllers on. The root may.
            let passesOn = (try? Control.words(folder + "/cgroup.subtree_control"))?.contains(name) == true
            let members = (try? Control.line(folder + "/cgroup.procs")) ?? ""
            if passesOn || members.isEmpty || folder == controller.mount { return nil }
            return (
                "\(folder) cannot pass the cgroup controller `\(name)` on, for processes live in it",
                "move them into a group below it, or set SETTLE_CGROUP to a folder elsewhere"
            )
        }
        let above = folder.split(separator: "/").dropLast().joined(separator: "/")
        return (
            "the cgroup controller `\(name)` is not enabled for \(folder)",
            "echo +\(name) > /\(above)/cgroup.subtree_control (on a systemd host: Delegate=yes for the unit)"
        )
    }

    private var missingSwap: (detail: String, fix: String)? {
        if let missing = missing("memory") { return missing }
        guard let memory = mode.controllers["memory"] else { return nil }
        let isThere =
            switch memory.version {
            case .v1: Files.exists(memory.mount + "/memory.memsw.limit_in_bytes")
            // The root has no such file; a kernel without swap has no /proc/swaps.
            case .v2:
                nearest(memory.mount) == memory.mount
                    ? Files.exists("/proc/swaps") : Files.exists(nearest(memory.mount) + "/memory.swap.max")
            }
        return isThere
            ? nil
            : (
                "this kernel does not account swap",
                "boot with swapaccount=1 on the kernel command line, or leave the key out"
            )
    }

    /// /proc/cgroups: nil where the kernel does not know the controller. `freezer` and, since 6.1x, others may not be
    /// listed where only v2 has them.
    private static func kernelHas(_ name: String) -> Bool? {
        guard let text = try? Files.text("/proc/cgroups") else { return nil }
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: "\t")
            if fields.count == 4, fields[0] == name { return fields[3] == "1" }
        }
        return nil
    }

    // MARK: - Values

    private func processors(_ limits: ResourceLimits, _ budget: ResourceLimits) -> [LimitProblem] {
        var problems: [LimitProblem] = []
        let online = CPUSet(Cgroup.online()) ?? CPUSet([0])
        let text = limits.cpus.map(ResourceLimits.text(nanoCPUs:)) ?? ""
        if let cpus = limits.cpus, cpus != 0 {
            let count = Int64(online.members.count)
            if cpus < Self.leastCPUs || cpus > count * 1_000_000_000 {
                problems.append(
                    LimitProblem(
                        key: .cpus, message: "cpus: \(text) is out of range, this machine has \(count) processors",
                        fix: "use a number from 0.01 to \(count)"))
            } else if let most = budget.cpus, most > 0, cpus > most {
                let most = ResourceLimits.text(nanoCPUs: most)
                problems.append(
                    LimitProblem(
                        key: .cpus, message: "cpus: \(text) is more than the whole stack may use, \(most)",
                        fix: "lower it to \(most), or raise `cpus` under `resources`"))
            }
        }
        guard let cpuset = limits.cpuset else { return problems }
        let above = mode.controllers["cpuset"].flatMap { controller in
            let name = controller.version == .v1 ? "cpuset.effective_cpus" : "cpuset.cpus.effective"
            return (try? Control.line("\(nearest(controller.mount))/\(name)")).flatMap { CPUSet($0) }
        }
        for (allowed, what) in [
            (online, "online"), (above ?? online, "usable here"), (budget.cpuset ?? online, "the stack's"),
        ] {
            let outside = CPUSet(cpuset.members.filter { !allowed.members.contains($0) })
            guard !outside.members.isEmpty || cpuset.members.isEmpty else { continue }
            let reason =
                cpuset.members.isEmpty ? "it names no processor" : "\(outside) is not among those \(what), \(allowed)"
            problems.append(
                LimitProblem(key: .cpuset, message: "cpuset: \(reason)", fix: "choose from \(allowed)"))
            break
        }
        return problems
    }

    private func memory(_ limits: ResourceLimits) -> [LimitProblem] {
        var problems: [LimitProblem] = []
        if let memory = limits.memory, memory != 0, memory < Self.leastMemory {
            problems.append(
                LimitProblem(
                    key: .memory, message: "mem_limit: \(ResourceLimits.text(bytes: memory)) is too little to start in",
                    fix: "use 6m or more"))
        }
        guard let total = limits.memorySwap, total != 0, total != -1 else { return problems }
        let memory = limits.memory ?? 0
        if total < -1 {
            problems.append(
                LimitProblem(
                    key: .memorySwap, message: "memswap_limit: \(total) is no size",
                    fix: "use a size, or -1 for no limit"))
        } else if memory <= 0 {
            problems.append(
                LimitProblem(
                    key: .memorySwap, message: "memswap_limit is set without mem_limit",
                    fix: "set mem_limit too: memswap_limit is memory and swap together"))
        } else if total < memory {
            let least = ResourceLimits.text(bytes: memory)
            problems.append(
                LimitProblem(
                    key: .memorySwap,
                    message: "memswap_limit: \(ResourceLimits.text(bytes: total)) is less than mem_limit, \(least)",
                    fix: "use \(least) (no swap) or more: it is memory and swap together"))
        }
        return problems
    }

    private func numbers(_ limits: ResourceLimits) -> [LimitProblem] {
        var problems: [LimitProblem] = []
        if let shares = limits.cpuShares, shares != 0, !(2...262_144).contains(shares) {
            problems.append(
                LimitProblem(
                    key: .cpuShares, message: "cpu_shares: \(shares) is out of range",
                    fix: "use a number from 2 to 262144"))
        }
        if let pids = limits.pids, pids < -1 {
            problems.append(
                LimitProblem(
                    key: .pids, message: "pids_limit: \(pids) is no number of processes",
                    fix: "use a number from 1 up, or -1 for no limit"))
        }
        return problems
    }

    // MARK: - doctor

    /// The state of this machine's control groups, row by row.
    package func doctor() -> [CgroupCheck] {
        let detail =
            switch mode.kind {
            case .v1: "v1; killing and freezing go over the v1 freezer"
            case .hybrid: "hybrid: v1 controllers, v2 tree at \(mode.unified ?? "")"
            case .v2: "v2 at \(mode.unified ?? "")"
            case .none: "none"
            }
        let access = checkAccess()
        var rows = [
            CgroupCheck(
                name: "cgroups", isFine: access.isEmpty, detail: access.first?.message ?? detail, fix: access.first?.fix
            )
        ]
        if mode.kind == .none { return rows }
        for name in CgroupMode.used where name != "freezer" || mode.unified == nil {
            let missing = missing(name)
            let place = mode.controllers[name].map { "\($0.version.rawValue) at \($0.mount)" } ?? ""
            rows.append(
                CgroupCheck(
                    name: "cgroup controller \(name)", isFine: missing == nil, detail: missing?.detail ?? place,
                    fix: missing?.fix))
        }
        let swap = missingSwap
        rows.append(
            CgroupCheck(
                name: "swap accounting", isFine: swap == nil, detail: swap?.detail ?? "memswap_limit can be kept",
                fix: swap?.fix))
        return rows
    }
}
