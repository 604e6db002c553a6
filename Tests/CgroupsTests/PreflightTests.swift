import Cgroups
import Stack
import Testing

@Suite struct CgroupModeTests {
    private let v1 = """
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
        34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
        35 31 0:32 / /sys/fs/cgroup/my\\040memory rw,relatime - cgroup cgroup rw,memory
        37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer

        """
    private let v2 = "38 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"

    @Test func pureV1() {
        let mode = CgroupMode(mountinfo: v1) { _ in "" }
        #expect(mode.kind == .v1)
        #expect(mode.controllers["cpu"] == .init(version: .v1, mount: "/sys/fs/cgroup/cpu,cpuacct"))
        #expect(mode.controllers["memory"]?.mount == "/sys/fs/cgroup/my memory")
        #expect(mode.controllers["pids"] == nil)
        #expect(mode.unified == nil)
    }

    @Test func hybrid() {
        let mode = CgroupMode(mountinfo: v1 + v2) { _ in "hugetlb pids\n" }
        #expect(mode.kind == .hybrid)
        #expect(mode.controllers["pids"] == .init(version: .v2, mount: "/sys/fs/cgroup/unified"))
        #expect(mode.controllers["memory"]?.version == .v1)
        #expect(mode.mounts.last == "/sys/fs/cgroup/unified")
        #expect(mode.mounts.count == 5 && !mode.countsBlocks)
    }

    @Test func pureV2() {
        let mode = CgroupMode(mountinfo: v2) { _ in "cpuset cpu io memory pids" }
        #expect(mode.kind == .v2)
        #expect(mode.mounts == ["/sys/fs/cgroup/unified"] && mode.countsBlocks)
    }

    @Test func nothing() { #expect(CgroupMode(mountinfo: "") { _ in "" }.kind == .none) }
}

@Suite struct PreflightTests {
    private func problems(_ limits: ResourceLimits, budget: ResourceLimits = ResourceLimits()) throws -> [LimitProblem]
    {
        try Cgroups.detect(root: "settle-test/preflight").check(limits, budget: budget)
    }

    @Test func whatCanBeKeptIsNoProblem() throws {
        let limits = ResourceLimits(
            cpus: 500_000_000, cpuShares: 512, cpuset: CPUSet("0"), memory: 64 << 20, memorySwap: 64 << 20, pids: 20)
        #expect(try problems(limits) == [])
        #expect(try problems(ResourceLimits(pids: -1)) == [])
        #expect(try Cgroups.detect(root: nil).checkAccess() == [])
    }

    @Test(arguments: [
        (ResourceLimits(cpus: 5_000_000), LimitKey.cpus),
        (ResourceLimits(cpus: 9_000_000_000_000), .cpus),
        (ResourceLimits(cpus: -1), .cpus),
        (ResourceLimits(cpuShares: 1), .cpuShares),
        (ResourceLimits(cpuset: CPUSet("8000")), .cpuset),
        (ResourceLimits(cpuset: CPUSet("")), .cpuset),
        (ResourceLimits(memory: 1 << 20), .memory),
        (ResourceLimits(memory: -5), .memory),
        (ResourceLimits(memory: 64 << 20, memorySwap: 32 << 20), .memorySwap),
        (ResourceLimits(memorySwap: 32 << 20), .memorySwap),
        (ResourceLimits(pids: -2), .pids),
    ])
    func whatCannotBeKeptIsNamed(limits: ResourceLimits, key: LimitKey) throws {
        let found = try problems(limits)
        #expect(found.map(\.key) == [key])
        #expect(found.allSatisfy { $0.message.hasPrefix(key.rawValue) && !$0.fix.isEmpty })
    }

    @Test func aServiceStaysWithinItsStack() throws {
        let budget = ResourceLimits(cpus: 500_000_000, cpuset: CPUSet("1"))
        #expect(try problems(ResourceLimits(cpus: 600_000_000), budget: budget).map(\.key) == [.cpus])
        #expect(try problems(ResourceLimits(cpuset: CPUSet("0")), budget: budget).map(\.key) == [.cpuset])
    }

    @Test func aMissingControllerIsNamedWithItsFix() throws {
        let none = Cgroups(mode: CgroupMode(mountinfo: "") { _ in "" }, root: "settle-test/none")
        let found = none.check(ResourceLimits(memory: 64 << 20, pids: 5))
        #expect(found.map(\.key) == [.memory, .pids])
        #expect(found.allSatisfy { $0.message.contains("cgroup controller") && $0.fix.contains("mount") })
        #expect(none.check(ResourceLimits()) == [])
        #expect(none.checkAccess().count == 1)
        #expect(none.doctor().map(\.isFine) == [false])
    }

    @Test func theDoctorFindsThisMachineFit() throws {
        let rows = try Cgroups.detect(root: nil).doctor()
        #expect(rows.count >= 6)
        #expect(rows.filter { !$0.isFine } == [])
        #expect(rows.allSatisfy { $0.isFine == ($0.fix == nil) })
    }
}
