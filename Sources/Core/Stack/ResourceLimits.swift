/// The resource limits of one container, or of a whole stack (`resources:`). What is nil is left at the kernel's default.
///
/// Where Docker takes 0 (or, for `pids`, -1) to mean "no limit", so does every field here.
package struct ResourceLimits: Codable, Hashable, Sendable {
    /// Billionths of a processor: `cpus: 0.5` is 500,000,000. See `nanoCPUs(_:)`.
    package var cpus: Int64?
    /// Relative weight among siblings, 2 to 262144; the kernel's default is 1024.
    package var cpuShares: Int64?
    package var cpuset: CPUSet?
    /// Bytes.
    package var memory: Int64?
    /// Bytes of memory and swap together; -1 is no limit. Nil with `memory` set is twice `memory`, as in Docker.
    package var memorySwap: Int64?
    package var pids: Int64?

    package init(
        cpus: Int64? = nil, cpuShares: Int64? = nil, cpuset: CPUSet? = nil, memory: Int64? = nil,
        memorySwap: Int64? = nil, pids: Int64? = nil
    ) {
        self.cpus = cpus
        self.cpuShares = cpuShares
        self.cpuset = cpuset
        self.memory = memory
        self.memorySwap = memorySwap
        self.pids = pids
    }

    package var isEmpty: Bool { self == ResourceLimits() }

    /// Reads a decimal number of processors exactly: `0.5`, `2`, `.25`. Nil where it is not one, is negative, or has
    /// more than nine digits after the point.
    package static func nanoCPUs(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let whole = parts[0]
        let fraction = parts.count > 1 ? parts[1] : ""
        let digits = whole + fraction
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }), fraction.count <= 9 else {
            return nil
        }
        return Int64(digits + String(repeating: "0", count: 9 - fraction.count))
    }

    /// The inverse of `nanoCPUs(_:)`, without needless zeros.
    package static func text(nanoCPUs nano: Int64) -> String {
        let (whole, rest) = nano.quotientAndRemainder(dividingBy: 1_000_000_000)
        if rest == 0 { return String(whole) }
        var digits = String(rest)
        digits = String(repeating: "0", count: 9 - digits.count) + digits
        while digits.last == "0" { digits.removeLast() }
        return "\(whole).\(digits)"
    }

    /// A size in the largest unit that divides it, as Compose writes it: `64m`, `1g`, `1000b`.
    package static func text(bytes: Int64) -> String {
        for (unit, shift) in [("g", Int64(30)), ("m", 20), ("k", 10)] where bytes != 0 && bytes % (1 << shift) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return "\(bytes)b"
    }
}

/// The keys of a Compose service that limit resources.
package enum LimitKey: String, CaseIterable, Codable, Hashable, Sendable {
    case cpus
    case cpuShares = "cpu_shares"
    case cpuset
    case memory = "mem_limit"
    case memorySwap = "memswap_limit"
    case pids = "pids_limit"
}

/// The two interfaces of the kernel; a machine may have both, each controller being on one of them.
package enum CgroupVersion: String, Codable, Hashable, Sendable {
    case v1, v2
}

/// What one control file should hold.
package struct LimitFile: Hashable, Sendable {
    package let key: LimitKey
    /// The controller as in /proc/cgroups: `cpu`, `cpuset`, `memory`, `pids`.
    package let controller: String
    package let name: String
    /// As the kernel prints it, without the newline. Empty: whatever the parent has (v1 wants it copied).
    package let text: String
    /// False where the text is only the default, so that a machine without this file does no harm.
    package let isAsked: Bool
}

extension ResourceLimits {
    /// The period of every quota, in microseconds: the kernel's and Docker's default.
    package static let period: Int64 = 100_000

    /// Which file gets which text: the one table that writing and observing share. Every file is in it, so that
    /// removing a limit puts the kernel's default back.
    ///
    /// - Parameter page: the machine's page size; the kernel rounds memory down to multiples of it.
    package func files(for version: CgroupVersion, page: Int64 = 4096) -> [LimitFile] {
        let quota = positive(cpus).map { $0 / (1_000_000_000 / Self.period) }
        let shares = positive(cpuShares)
        let ram = rounded(memory, page: page)
        let total = memoryAndSwap(page: page)
        func file(_ key: LimitKey, _ controller: String, _ name: String, _ text: String, _ isAsked: Bool) -> LimitFile {
            LimitFile(key: key, controller: controller, name: name, text: text, isAsked: isAsked)
        }
        let cpuset = file(.cpuset, "cpuset", "cpuset.cpus", cpuset?.text ?? "", cpuset != nil)
        let pids = file(.pids, "pids", "pids.max", positive(pids).map(String.init) ?? "max", positive(pids) != nil)
        switch version {
        case .v1:
            return [
                file(.cpus, "cpu", "cpu.cfs_period_us", String(Self.period), quota != nil),
                file(.cpus, "cpu", "cpu.cfs_quota_us", String(quota ?? -1), quota != nil),
                file(.cpuShares, "cpu", "cpu.shares", String(shares ?? 1024), shares != nil),
                cpuset,
                file(.memory, "memory", "memory.limit_in_bytes", String(ram ?? -1), ram != nil),
                file(.memorySwap, "memory", "memory.memsw.limit_in_bytes", String(total ?? -1), asksForSwap),
                pids,
            ]
        case .v2:
            let swap = total.map { String(max($0 - (ram ?? 0), 0)) }
            return [
                file(.cpus, "cpu", "cpu.max", "\(quota.map(String.init) ?? "max") \(Self.period)", quota != nil),
                file(.cpuShares, "cpu", "cpu.weight", String(Self.weight(shares: shares ?? 1024)), shares != nil),
                cpuset,
                file(.memory, "memory", "memory.max", ram.map(String.init) ?? "max", ram != nil),
                file(.memorySwap, "memory", "memory.swap.max", swap ?? "max", asksForSwap),
                pids,
            ]
        }
    }

    /// A share of v1 as a weight of v2, in proportion (1024 is 100), as systemd converts: siblings keep their ratios, and
    /// 1024 stays equal to unset. (The linear formula of older OCI runtimes makes 1024 a 39 and breaks both.)
    package static func weight(shares: Int64) -> Int64 {
        max((min(max(shares, 2), 102_400) * 100 + 512) / 1024, 1)
    }

    /// The inverse of `weight(shares:)`, to a share that gives the same weight.
    package static func shares(weight: Int64) -> Int64 { max(weight * 1024 / 100, 2) }

    private var asksForSwap: Bool { memorySwap != nil && memorySwap != 0 }

    private func positive(_ value: Int64?) -> Int64? { value.flatMap { $0 > 0 ? $0 : nil } }

    /// Nil is no limit.
    private func memoryAndSwap(page: Int64) -> Int64? {
        let ram = rounded(memory, page: page)
        guard let memorySwap, memorySwap != 0 else { return ram.map { $0 * 2 } }
        return rounded(memorySwap, page: page)
    }

    /// Nil is no limit, as is what no machine has: the kernel prints numbers near 2^63 in its own way.
    private func rounded(_ bytes: Int64?, page: Int64) -> Int64? {
        positive(bytes).flatMap { $0 < 1 << 62 ? $0 / page * page : nil }
    }
}

/// A key whose limit in the kernel is not the one that is wanted; the values are written as in the Compose file.
package struct LimitDifference: Codable, Hashable, Sendable {
    package let key: LimitKey
    package let observed: String
    package let desired: String
}

/// What the control files of one cgroup say.
package struct ObservedLimits: Codable, Hashable, Sendable {
    /// The interface of each controller that is there.
    package var versions: [String: CgroupVersion]
    /// File name to text, as `LimitFile.text`; a file that the machine lacks is missing.
    package var texts: [String: String]
    /// What an unset cpuset means here: the parent's processors.
    package var inheritedCPUs: String
    package var page: Int64

    /// - Parameter texts: as read from the kernel.
    package init(
        versions: [String: CgroupVersion], texts: [String: String], inheritedCPUs: String = "", page: Int64 = 4096
    ) {
        self.versions = versions
        self.texts = texts.reduce(into: [:]) { $0[$1.key] = Self.normal($1.value, of: $1.key) }
        self.inheritedCPUs = inheritedCPUs
        self.page = page
    }

    /// Takes over what the kernel says in a file.
    package mutating func read(_ text: String, from file: String) { texts[file] = Self.normal(text, of: file) }

    /// What the kernel says after these limits have been applied.
    package init(
        applying limits: ResourceLimits, version: CgroupVersion = .v2, inheritedCPUs: String = "", page: Int64 = 4096
    ) {
        let files = limits.files(for: version, page: page)
        versions = files.reduce(into: [:]) { $0[$1.controller] = version }
        texts = files.reduce(into: [:]) { $0[$1.name] = $1.text }
        if version == .v1, limits.cpuset == nil { texts["cpuset.cpus"] = inheritedCPUs }
        self.inheritedCPUs = inheritedCPUs
        self.page = page
    }

    /// The files that these limits come down to on this machine.
    package func files(of limits: ResourceLimits) -> [LimitFile] {
        let both = (v1: limits.files(for: .v1, page: page), v2: limits.files(for: .v2, page: page))
        return both.v1.filter { versions[$0.controller] != .v2 } + both.v2.filter { versions[$0.controller] == .v2 }
    }

    /// True where the file says what is wanted, or is missing and nobody asked for it.
    package func matches(_ file: LimitFile) -> Bool {
        guard let text = texts[file.name] else { return !file.isAsked }
        return text == file.text || (file.name == "cpuset.cpus" && file.text.isEmpty && text == inheritedCPUs)
    }

    /// The keys that differ from what is wanted, in the order of `LimitKey`. A swap limit that only follows a changed
    /// `mem_limit` is not listed.
    package func differences(to limits: ResourceLimits) -> [LimitDifference] {
        let files = files(of: limits)
        let different = Set(files.filter { !matches($0) }.map(\.key))
        // Mostly so, and asked of every container.
        if different.isEmpty { return [] }
        var wanted = self
        for file in files { wanted.texts[file.name] = file.text }
        return LimitKey.allCases.filter(different.contains).compactMap { key in
            let difference = LimitDifference(key: key, observed: value(of: key), desired: wanted.value(of: key))
            guard key == .memorySwap else { return difference }
            if difference.observed == difference.desired { return nil }
            let follows = limits.memorySwap ?? 0 == 0 && swapFollowsMemory
            return different.contains(.memory) && follows ? nil : difference
        }
    }

    /// The limit that the files stand for, as in a Compose file; `unlimited`, or `not enforced` where the file is missing.
    package func value(of key: LimitKey) -> String {
        switch key {
        case .cpus: processors
        case .cpuShares:
            texts["cpu.weight"].map { Int64($0).map { String(ResourceLimits.shares(weight: $0)) } ?? $0 }
                ?? texts["cpu.shares"] ?? Self.missing
        case .cpuset:
            texts["cpuset.cpus"].map { isInherited($0) ? "inherited" : $0 } ?? Self.missing
        case .memory: Self.size(texts["memory.max"] ?? texts["memory.limit_in_bytes"])
        case .memorySwap: Self.size(memoryAndSwap)
        case .pids:
            texts["pids.max"].map { $0 == "max" ? "unlimited" : $0 } ?? Self.missing
        }
    }

    /// On v1 an unset cpuset can only be a copy of the parent's.
    private func isInherited(_ cpus: String) -> Bool {
        cpus.isEmpty || (versions["cpuset"] == .v1 && cpus == inheritedCPUs)
    }

    private static let missing = "not enforced"

    private var processors: String {
        let parts: [String]
        if let text = texts["cpu.max"] {
            parts = text.split(separator: " ").map(String.init)
        } else if let quota = texts["cpu.cfs_quota_us"], let period = texts["cpu.cfs_period_us"] {
            parts = [quota, period]
        } else {
            return Self.missing
        }
        guard parts.count == 2, let quota = Int64(parts[0]), let period = Int64(parts[1]), quota >= 0, period > 0
        else { return "unlimited" }
        return ResourceLimits.text(nanoCPUs: Int64(clamping: Int128(quota) * 1_000_000_000 / Int128(period)))
    }

    /// Bytes, `max` or `-1`; nil where swap is not accounted.
    private var memoryAndSwap: String? {
        if let total = texts["memory.memsw.limit_in_bytes"] { return total }
        guard let swap = texts["memory.swap.max"] else { return nil }
        guard let swap = Int64(swap), let memory = texts["memory.max"].flatMap({ Int64($0) }) else { return "max" }
        return String(memory.addingReportingOverflow(swap).partialValue)
    }

    private var swapFollowsMemory: Bool {
        guard let total = memoryAndSwap else { return true }
        guard let memory = (texts["memory.max"] ?? texts["memory.limit_in_bytes"]).flatMap({ Int64($0) }), memory >= 0
        else { return Int64(total) ?? -1 < 0 }
        return Int64(total).map { $0 / 2 } == memory
    }

    private static func size(_ text: String?) -> String {
        guard let text else { return missing }
        guard let bytes = Int64(text), bytes >= 0 else { return "unlimited" }
        return ResourceLimits.text(bytes: bytes)
    }

    /// The kernel's text without its newline, and "no limit" of v1 memory (2^63 rounded down to a page) as it is written.
    private static func normal(_ text: String, of file: String) -> String {
        let line = String(text.prefix { $0 != "\n" })
        let isMemory = file == "memory.limit_in_bytes" || file == "memory.memsw.limit_in_bytes"
        if isMemory, let bytes = Int64(line), bytes >= Int64.max - (1 << 20) { return "-1" }
        return line
    }
}

/// A set of processors, in the kernel's list format: `0-3,5`.
package struct CPUSet: Codable, Hashable, Sendable, CustomStringConvertible {
    /// More than any kernel is built for (NR_CPUS is 8192 at most).
    private static let limit = 1 << 13

    /// Numbers in order, none twice.
    package let members: [Int]

    package init(_ members: some Sequence<Int>) { self.members = Set(members).sorted() }

    /// Nil where the text is not a list of numbers and ranges. Empty text is the empty set.
    package init?(_ text: String) {
        var members: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: !text.contains(",")) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0.trimmed) }
            guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first >= 0, first <= last,
                last < Self.limit
            else { return nil }
            members.formUnion(first...last)
        }
        self.init(members)
    }

    /// As the kernel prints it.
    package var text: String {
        var ranges: [ClosedRange<Int>] = []
        for member in members {
            if let last = ranges.last, last.upperBound + 1 == member {
                ranges[ranges.count - 1] = last.lowerBound...member
            } else {
                ranges.append(member...member)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }

    package var description: String { text }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let set = CPUSet(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "`\(text)` is no set of processors")
        }
        self = set
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }
}
