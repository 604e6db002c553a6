import Cgroups
import Glibc
import Stack
import Syscalls
import Testing

@Suite(.serialized) struct CgroupTests {
    private let all = ResourceLimits(
        cpus: 500_000_000, cpuShares: 512, cpuset: CPUSet("0"), memory: 64 << 20, memorySwap: 96 << 20, pids: 20)

    @Test(arguments: Sandbox.kinds)
    func aContainerIsMadeEnteredAndRemoved(withoutUnified: Bool) throws {
        let box = try Sandbox(withoutUnified: withoutUnified)
        let group = try box.container("web.1.1", all)
        #expect(try box.text("pids", v1: "pids.max", v2: "pids.max", of: group) == "20")
        #expect(try box.text("memory", v1: "memory.limit_in_bytes", v2: "memory.max", of: group) == "67108864")
        #expect(try box.text("cpu", v1: "cpu.cfs_quota_us", v2: "cpu.max", of: group).hasPrefix("50000"))
        #expect(try box.text("cpuset", v1: "cpuset.cpus", v2: "cpuset.cpus", of: group) == "0")
        #expect(group.limits.differences(to: all).isEmpty)
        #expect(!group.isPopulated)

        let shell = try Shell()
        try group.attach(shell.pid)
        #expect(group.pids == [shell.pid])
        #expect(group.isPopulated)
        let memberships = try Files.text("/proc/\(shell.pid)/cgroup")
        #expect(
            memberships.split(separator: "\n").filter { $0.hasSuffix("/" + group.path) }.count >= group.folders.count)

        try group.remove()
        #expect(!group.exists)
        #expect(try shell.ended() == SIGKILL)
        try group.remove()
    }

    @Test(arguments: Sandbox.kinds)
    func limitsChangeUnderARunningProcess(withoutUnified: Bool) throws {
        let box = try Sandbox(withoutUnified: withoutUnified)
        let group = try box.container()
        let shell = try Shell()
        try group.attach(shell.pid)
        let memories: [(Int64?, Int64?)] = [
            (64 << 20, nil), (256 << 20, nil), (32 << 20, nil), (32 << 20, 32 << 20), (512 << 20, 1 << 30), (nil, nil),
            (16 << 20, -1), (64 << 20, 64 << 20),
        ]
        for (memory, swap) in memories {
            let limits = ResourceLimits(cpus: memory.map { $0 * 10 }, memory: memory, memorySwap: swap)
            try group.apply(limits)
            #expect(group.limits.differences(to: limits).isEmpty)
            #expect(try group.apply(limits).isEmpty)
        }
        #expect(try group.apply(all).count >= 5)
        let more = ResourceLimits(
            cpus: 500_000_000, cpuShares: 512, cpuset: CPUSet("0"), memory: 64 << 20, memorySwap: 96 << 20, pids: 30)
        #expect(group.limits.differences(to: more).map(\.key) == [.pids])
        #expect(try group.apply(more) == ["pids.max"])
        try group.apply(ResourceLimits())
        #expect(group.limits.differences(to: ResourceLimits()).isEmpty)
        #expect(try box.text("memory", v1: "memory.limit_in_bytes", v2: "memory.max", of: group) != "67108864")
        #expect(shell.isRunning)
        #expect(group.pids == [shell.pid])
    }

    @Test func whatSomebodyWroteBehindOurBackIsSeenAndRepaired() throws {
        let box = try Sandbox()
        let group = try box.container("web.1.1", all)
        let isV2 = box.cgroups.mode.kind == .v2
        let writes: [(String, String, String, LimitKey)] = [
            ("memory", isV2 ? "memory.max" : "memory.limit_in_bytes", "50331648", .memory),
            ("pids", "pids.max", "5", .pids),
            ("cpu", isV2 ? "cpu.weight" : "cpu.shares", "77", .cpuShares),
            ("cpu", isV2 ? "cpu.max" : "cpu.cfs_quota_us", isV2 ? "70000 100000" : "70000", .cpus),
            ("cpu", isV2 ? "cpu.max" : "cpu.cfs_period_us", isV2 ? "50000 50000" : "50000", .cpus),
            ("cpuset", "cpuset.cpus", "0-1", .cpuset),
        ]
        for (controller, name, text, key) in writes {
            try Files.poke(try #require(group.file(controller, name)), text)
            let found = group.limits.differences(to: all).map(\.key)
            // Memory and swap together are one number on v1, a sum on v2.
            #expect(found == [key] || (key == .memory && found == [.memory, .memorySwap] && isV2))
            try group.apply(all)
            #expect(group.limits.differences(to: all).isEmpty)
        }
    }

    @Test(arguments: Sandbox.kinds)
    func frozenStopsThawedGoesOn(withoutUnified: Bool) throws {
        let box = try Sandbox(withoutUnified: withoutUnified)
        let group = try box.container()
        let shell = try Shell("exit 7")
        try group.attach(shell.pid)
        try group.freeze()
        #expect(group.isFrozen)
        shell.go()
        usleep(50_000)
        #expect(shell.isRunning)
        #expect(box.cgroups.observe(box.project)?.containers.map(\.isFrozen) == [true])
        try group.thaw()
        #expect(!group.isFrozen)
        #expect(try shell.ended() == 7 << 8)
    }

    @Test(arguments: Sandbox.kinds)
    func theFrozenCanBeKilled(withoutUnified: Bool) throws {
        let box = try Sandbox(withoutUnified: withoutUnified)
        let group = try box.container()
        let shells = try (0..<5).map { _ in try Shell() }
        for shell in shells { try group.attach(shell.pid) }
        try group.freeze()
        try group.kill()
        for shell in shells { #expect(try shell.ended() == SIGKILL) }
    }

    @Test func theOldFreezerCountsToo() throws {
        let box = try Sandbox()
        let group = try box.container()
        guard let freezer = group.file("freezer", "freezer.state") else {
            #expect(box.cgroups.mode.kind == .v2)
            return
        }
        let shell = try Shell()
        try group.attach(shell.pid)
        try Files.poke(freezer, "FROZEN")
        #expect(group.isFrozen)
        try group.kill()
        #expect(try shell.ended() == SIGKILL)
        #expect(!group.isFrozen)
    }

    @Test func aForkBombMeetsTheLimit() throws {
        let box = try Sandbox()
        let group = try box.container("web.1.1", ResourceLimits(pids: 3))
        let shell = try Shell("sleep 30 & sleep 30 & sleep 30 & sleep 30 & exit 0")
        try group.attach(shell.pid)
        shell.go()
        #expect(try shell.ended() != 0)
        try group.remove()
    }

    @Test func aMemoryHogIsKilledAndCounted() throws {
        let box = try Sandbox()
        let group = try box.container("web.1.1", ResourceLimits(memory: 16 << 20, memorySwap: 16 << 20))
        let shell = try Shell("exec tail /dev/zero")
        try group.attach(shell.pid)
        #expect(group.oomKills == 0)
        shell.go()
        #expect(try shell.ended() == SIGKILL)
        #expect(group.oomKills == 1)
    }

    @Test func aLimitBelowWhatIsInUseIsRefused() throws {
        let box = try Sandbox()
        let old = ResourceLimits(memory: 512 << 20, memorySwap: 512 << 20)
        let group = try box.container("web.1.1", old)
        let shell = try Shell("x=$(head -c 40000000 /dev/zero | tr '\\0' x); read more")
        try group.attach(shell.pid)
        shell.go()
        let (controller, name) = ("memory", box.cgroups.mode.kind == .v2 ? "memory.current" : "memory.usage_in_bytes")
        let usage = try #require(group.file(controller, name))
        try eventually("40 MB are in use by the shell alone") {
            let used = Int(try Files.text(usage).prefix { $0 != "\n" }) ?? 0
            return used > 40_000_000 && group.pids.count == 1
        }
        let error = #expect(throws: CgroupError.self) {
            try group.apply(ResourceLimits(memory: 8 << 20, memorySwap: 512 << 20))
        }
        #expect(error?.key == .memory)
        #expect(error?.fix != nil)
        #expect(shell.isRunning)
        try group.apply(old)
        #expect(group.limits.differences(to: old).isEmpty)
        #expect(shell.isRunning)
    }

    @Test(arguments: Sandbox.kinds)
    func aStacksBudgetShrinksWithWhatIsInside(withoutUnified: Bool) throws {
        let box = try Sandbox(withoutUnified: withoutUnified)
        let online = try #require(CPUSet(try Files.text("/sys/devices/system/cpu/online").prefix { $0 != "\n" } + ""))
        try #require(online.members.count > 1)
        let two = CPUSet(online.members.prefix(2))
        let one = CPUSet(online.members.prefix(1))
        let plain = try box.container(
            "web.1.1", ResourceLimits(cpus: 500_000_000),
            budget: ResourceLimits(cpus: 1_000_000_000, cpuset: two, memory: 1 << 30, pids: 100))
        let pinned = try box.container(
            "db.1.1", ResourceLimits(cpuset: two),
            budget: ResourceLimits(cpus: 1_000_000_000, cpuset: two, memory: 1 << 30, pids: 100))
        let shell = try Shell()
        try plain.attach(shell.pid)
        let small = ResourceLimits(cpus: 250_000_000, cpuset: one, memory: 512 << 20, pids: 50)
        try box.cgroups.project(box.project).apply(small)
        #expect(box.cgroups.project(box.project).limits.differences(to: small).isEmpty)
        #expect(
            plain.limits.differences(to: ResourceLimits(cpus: 250_000_000)).map(\.key).filter { $0 != .cpus }.isEmpty)
        try plain.apply(ResourceLimits(cpus: 250_000_000))
        try pinned.apply(ResourceLimits(cpuset: one))

        try box.cgroups.project(box.project).apply(ResourceLimits())
        #expect(plain.limits.differences(to: ResourceLimits(cpus: 250_000_000)).isEmpty)
        try plain.apply(ResourceLimits(cpus: 750_000_000))
        #expect(shell.isRunning)
    }

    @Test(arguments: Sandbox.kinds)
    func onePassSeesTheWholeProject(withoutUnified: Bool) throws {
        let box = try Sandbox(withoutUnified: withoutUnified)
        #expect(box.cgroups.observe(box.project) == nil)
        let web = try box.container("web.1.1", all)
        _ = try box.container("web.2.1")
        try box.cgroups.supervisor(of: box.project).create()
        let shell = try Shell()
        try web.attach(shell.pid)
        let state = try #require(box.cgroups.observe(box.project))
        #expect(state.containers.map(\.name) == ["web.1.1", "web.2.1"])
        #expect(state.containers.map(\.isFrozen) == [false, false])
        #expect(state.containers[0].limits?.differences(to: all) == [])
        #expect(state.budget?.differences(to: ResourceLimits()) == [])
        #expect(box.cgroups.projects == [box.project])
        #expect(box.cgroups.observe(box.project, limits: false)?.budget == nil)
    }

    /// Where the v2 tree can count them.
    @Test func blocksAreCountedWhereTheKernelCan() throws {
        let box = try Sandbox()
        let group = try box.container()
        #expect(group.countsBlocks == box.cgroups.mode.countsBlocks)
        let reading = group.reading(time: 5)
        #expect(reading.time == 5 && reading.read == 0 && reading.written == 0 && reading.pids == 0)
    }

    @Test func afterAKillAFreshGroupTakesProcessesAgain() throws {
        let box = try Sandbox()
        let group = try box.container()
        try group.kill()
        try group.create(fresh: true)
        let shell = try Shell("exit 3")
        try group.attach(shell.pid)
        shell.go()
        #expect(try shell.ended() == 3 << 8)
    }

    @Test(arguments: Sandbox.kinds)
    func aRootThatAnotherStartHasHardlyMadeIsFinished(withoutUnified: Bool) throws {
        let box = try Sandbox(withoutUnified: withoutUnified)
        for folder in box.cgroups.top.folders { try Files.makeFolders(folder) }
        let group = try box.container()
        let shell = try Shell()
        try group.attach(shell.pid)
        #expect(group.limits.differences(to: ResourceLimits()) == [])
    }

    @Test func aRootBelowAGroupInUseIsRefusedOnV2() throws {
        let box = try Sandbox()
        let busy = try box.container()
        let shell = try Shell()
        try busy.attach(shell.pid)
        let inside = Cgroups(mode: box.cgroups.mode, root: busy.path + "/settle")
        let found = inside.check(ResourceLimits(memory: 64 << 20))
        #expect(found.map(\.key) == (box.cgroups.mode.kind == .v2 ? [.memory] : []))
        #expect(found.allSatisfy { $0.message.contains("processes live in it") })
    }

    @Test func theV2FolderIsOpenedForClone() throws {
        let box = try Sandbox()
        let group = try box.container()
        guard let folder = try group.open() else {
            #expect(box.cgroups.mode.unified == nil)
            return
        }
        #expect(faccessat(folder.raw, "cgroup.procs", W_OK, 0) == 0)
        #expect(group.doors.count == group.folders.count - (group.mode.unified == nil ? 0 : 1))
    }

    @Test func aGroupInUseSaysByWhom() throws {
        let box = try Sandbox()
        let supervisor = box.cgroups.supervisor(of: box.project)
        try supervisor.create()
        let shell = try Shell()
        try supervisor.attach(shell.pid)
        let error = #expect(throws: CgroupError.self) { try supervisor.remove(timeout: 50) }
        #expect(error?.message.contains("\(shell.pid) (sh)") == true)
        #expect(shell.isRunning)
        shell.go()
        kill(shell.pid, SIGKILL)
        _ = try shell.ended()
        try supervisor.remove()
    }
}
