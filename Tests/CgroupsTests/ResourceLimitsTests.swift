import FoundationEssentials
import Stack
import Testing

@Suite struct ResourceLimitsTests {
    @Test(
        arguments: [
            ("0.5", 500_000_000), ("2", 2_000_000_000), (".25", 250_000_000), ("0.1", 100_000_000),
            ("1.", 1_000_000_000),
            ("0.333333333", 333_333_333),
        ] as [(String, Int64)])
    func decimalsAreExact(text: String, nano: Int64) {
        #expect(ResourceLimits.nanoCPUs(text) == nano)
        #expect(ResourceLimits.nanoCPUs(ResourceLimits.text(nanoCPUs: nano)) == nano)
    }

    @Test(arguments: ["", ".", "-1", "1e3", "0.1234567891", "a", "1.2.3", "99999999999999999999"])
    func whatIsNoDecimalIsRefused(text: String) { #expect(ResourceLimits.nanoCPUs(text) == nil) }

    @Test func tableOfV1() {
        let limits = ResourceLimits(
            cpus: 1_500_000_000, cpuShares: 512, cpuset: CPUSet("1,0"), memory: 64 << 20, memorySwap: 96 << 20, pids: 50
        )
        #expect(
            texts(limits, .v1) == [
                "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "150000", "cpu.shares": "512", "cpuset.cpus": "0-1",
                "memory.limit_in_bytes": "67108864", "memory.memsw.limit_in_bytes": "100663296", "pids.max": "50",
            ])
        #expect(
            texts(ResourceLimits(), .v1) == [
                "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "-1", "cpu.shares": "1024", "cpuset.cpus": "",
                "memory.limit_in_bytes": "-1", "memory.memsw.limit_in_bytes": "-1", "pids.max": "max",
            ])
    }

    @Test func tableOfV2() {
        let limits = ResourceLimits(
            cpus: 333_333_333, cpuShares: 512, cpuset: CPUSet("3, 0-1"), memory: 10_000_001, memorySwap: -1, pids: -1)
        #expect(
            texts(limits, .v2) == [
                "cpu.max": "33333 100000", "cpu.weight": "50", "cpuset.cpus": "0-1,3", "memory.max": "9998336",
                "memory.swap.max": "max", "pids.max": "max",
            ])
        #expect(
            texts(ResourceLimits(memory: 64 << 20), .v2) == [
                "cpu.max": "max 100000", "cpu.weight": "100", "cpuset.cpus": "", "memory.max": "67108864",
                "memory.swap.max": "67108864", "pids.max": "max",
            ])
    }

    @Test(arguments: [(2, 1), (10, 1), (512, 50), (1024, 100), (2048, 200), (262144, 10000)] as [(Int64, Int64)])
    func sharesBecomeWeights(shares: Int64, weight: Int64) {
        #expect(ResourceLimits.weight(shares: shares) == weight)
        #expect(ResourceLimits.weight(shares: ResourceLimits.shares(weight: weight)) == weight)
    }

    @Test(arguments: [CgroupVersion.v1, .v2])
    func whatWasWrittenIsNoDifference(version: CgroupVersion) {
        let all = [
            ResourceLimits(), ResourceLimits(cpus: 123_456_789), ResourceLimits(cpuShares: 77), ResourceLimits(pids: 3),
            ResourceLimits(cpuset: CPUSet("1")), ResourceLimits(memory: 10_000_001),
            ResourceLimits(memory: 20_000_000, memorySwap: 30_000_000), ResourceLimits(memory: 1 << 50),
            ResourceLimits(memory: 1 << 30, memorySwap: -1),
        ]
        for limits in all {
            let observed = ObservedLimits(applying: limits, version: version, inheritedCPUs: "0-3")
            #expect(observed.differences(to: limits).isEmpty)
            #expect(limits != ResourceLimits() || observed.differences(to: ResourceLimits(memory: .max)).isEmpty)
            for other in all where other != limits { #expect(!observed.differences(to: other).isEmpty) }
        }
    }

    @Test(arguments: [CgroupVersion.v1, .v2])
    func oneEditIsOneDifference(version: CgroupVersion) {
        let base = ResourceLimits(cpus: 500_000_000, memory: 64 << 20, pids: 10)
        func edit(_ change: (inout ResourceLimits) -> Void) -> [String] {
            var wanted = base
            change(&wanted)
            return ObservedLimits(applying: base, version: version, inheritedCPUs: "0-1").differences(to: wanted)
                .map { "\($0.key.rawValue) \($0.observed) \($0.desired)" }
        }
        #expect(edit { $0.memory = 96 << 20 } == ["mem_limit 64m 96m"])
        #expect(edit { $0.memory = nil } == ["mem_limit 64m unlimited"])
        #expect(edit { $0.memorySwap = 100 << 20 } == ["memswap_limit 128m 100m"])
        #expect(edit { $0.memorySwap = -1 } == ["memswap_limit 128m unlimited"])
        #expect(edit { $0.cpus = 750_000_000 } == ["cpus 0.5 0.75"])
        #expect(edit { $0.cpuShares = 512 } == ["cpu_shares 1024 512"])
        #expect(edit { $0.cpuset = CPUSet("0") } == ["cpuset inherited 0"])
        #expect(edit { $0.pids = 20 } == ["pids_limit 10 20"])
    }

    @Test(arguments: [CgroupVersion.v1, .v2])
    func explicitSwapStaysWhenMemoryChanges(version: CgroupVersion) {
        let old = ResourceLimits(memory: 64 << 20, memorySwap: 256 << 20)
        let new = ResourceLimits(memory: 96 << 20, memorySwap: 256 << 20)
        #expect(ObservedLimits(applying: old, version: version).differences(to: new).map(\.key) == [.memory])
    }

    @Test func aMissingFileMattersOnlyWhenAskedFor() {
        var observed = ObservedLimits(applying: ResourceLimits(memory: 64 << 20), version: .v1)
        observed.texts["memory.memsw.limit_in_bytes"] = nil
        #expect(observed.differences(to: ResourceLimits(memory: 64 << 20)).isEmpty)
        let asked = observed.differences(to: ResourceLimits(memory: 64 << 20, memorySwap: 64 << 20))
        #expect(asked.map(\.observed) == ["not enforced"])
    }

    @Test func kernelTextsAreReadAsWritten() {
        let observed = ObservedLimits(
            versions: ["memory": .v1, "pids": .v1],
            texts: [
                "memory.limit_in_bytes": "9223372036854771712\n",
                "memory.memsw.limit_in_bytes": "9223372036854771712\n",
                "pids.max": "max\n",
            ])
        #expect(observed.differences(to: ResourceLimits()).isEmpty)
    }

    @Test(arguments: [("0-3,5", "0-3,5"), ("5,1,0", "0-1,5"), ("", ""), ("2-2", "2"), ("0, 1", "0-1")])
    func setsAreCanonical(text: String, canonical: String) { #expect(CPUSet(text)?.text == canonical) }

    @Test(arguments: ["a", "1-", "-1", "3-1", "1,,2", ",", "0-99999999"])
    func whatIsNoSetIsRefused(text: String) { #expect(CPUSet(text) == nil) }

    @Test func jsonKeepsAll() throws {
        let limits = ResourceLimits(cpus: 1, cpuShares: 2, cpuset: CPUSet("0-2"), memory: 3, memorySwap: -1, pids: 4)
        let data = try JSONEncoder().encode(limits)
        #expect(try JSONDecoder().decode(ResourceLimits.self, from: data) == limits)
    }

    private func texts(_ limits: ResourceLimits, _ version: CgroupVersion) -> [String: String] {
        limits.files(for: version).reduce(into: [:]) { $0[$1.name] = $1.text }
    }
}
