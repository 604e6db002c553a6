import Glibc
package import Stack
import Syscalls

extension Cgroup {
    /// What the group's control files say: at most seven short reads.
    package var limits: ObservedLimits { limits(inheritedCPUs: parent.processors) }

    func limits(inheritedCPUs: String) -> ObservedLimits {
        var texts: [String: String] = [:]
        for file in Self.names(mode) {
            guard let path = self.file(file.controller, file.name) else { continue }
            texts[file.name] = try? Control.line(path)
        }
        return ObservedLimits(versions: mode.versions, texts: texts, inheritedCPUs: inheritedCPUs, page: Self.page)
    }

    /// Writes the files that say something else than wanted, in an order that the kernel takes, and reads them back.
    ///
    /// - Returns: the names of the files that were written.
    @discardableResult
    package func apply(_ limits: ResourceLimits) throws(CgroupError) -> [String] {
        try apply(limits, over: self.limits)
    }

    @discardableResult
    func apply(_ limits: ResourceLimits, over observed: ObservedLimits) throws(CgroupError) -> [String] {
        let files = Self.ordered(observed.files(of: limits).filter { !observed.matches($0) }, from: observed)
        for file in files { try write(file, over: observed) }
        var result = observed
        for file in files {
            guard let path = self.file(file.controller, file.name) else { continue }
            result.read((try? Control.line(path)) ?? "", from: file.name)
            if result.matches(file) { continue }
            throw CgroupError(
                "\(file.key.rawValue): the kernel holds `\(result.texts[file.name] ?? "")` in \(path), not `\(file.text)`",
                key: file.key)
        }
        return files.map(\.name)
    }

    /// What a group that was made this moment says, without reading it: the kernel's defaults. Of the files that are to
    /// say something else, those that are there.
    func untouched(for limits: ResourceLimits) -> ObservedLimits {
        let inheritedCPUs = parent.processors
        var texts: [String: String] = [:]
        for file in Self.names(mode) where self.file(file.controller, file.name) != nil {
            texts[file.name] = file.key == .cpuset && isOnV1("cpuset") ? inheritedCPUs : file.text
        }
        func observed() -> ObservedLimits {
            ObservedLimits(versions: mode.versions, texts: texts, inheritedCPUs: inheritedCPUs, page: Self.page)
        }
        let all = observed()
        for file in all.files(of: limits) where !all.matches(file) {
            if let path = self.file(file.controller, file.name), !Files.exists(path) { texts[file.name] = nil }
        }
        return observed()
    }

    private func isOnV1(_ controller: String) -> Bool { mode.controllers[controller]?.version == .v1 }

    static var page: Int64 { Int64(sysconf(Int32(_SC_PAGESIZE))) }

    /// The files of the table on this machine, whatever their texts.
    private static func names(_ mode: CgroupMode) -> [LimitFile] {
        ObservedLimits(versions: mode.versions, texts: [:]).files(of: ResourceLimits())
    }

    /// What a group inside this one runs on without a cpuset of its own: v1 copies the parent's, v2 follows it.
    var processors: String {
        let name = isOnV1("cpuset") ? "cpuset.cpus" : "cpuset.cpus.effective"
        return file("cpuset", name).flatMap { try? Control.line($0) } ?? ""
    }

    /// On v1 memory must never exceed memory and swap together, so a higher sum goes first and a lower one last.
    static func ordered(_ files: [LimitFile], from observed: ObservedLimits) -> [LimitFile] {
        guard let index = files.firstIndex(where: { $0.name == "memory.memsw.limit_in_bytes" }) else { return files }
        let old = observed.texts[files[index].name].flatMap { Int64($0) } ?? -1
        let new = Int64(files[index].text) ?? -1
        guard old != -1, new == -1 || new > old else { return files }
        var files = files
        files.insert(files.remove(at: index), at: 0)
        return files
    }

    private func write(_ file: LimitFile, over observed: ObservedLimits) throws(CgroupError) {
        guard let path = self.file(file.controller, file.name), let old = observed.texts[file.name] else {
            throw CgroupError(
                "\(file.key.rawValue): there is no \(file.name) for \(self.path)", key: file.key,
                fix: "run `settle doctor` for what this machine's control groups lack")
        }
        switch file.name {
        case "cpuset.cpus" where observed.versions["cpuset"] == .v1:
            try moveProcessors(to: file.text.isEmpty ? observed.inheritedCPUs : file.text, from: old)
        case "cpuset.cpus" where file.text.isEmpty:
            do {
                try Self.poke(path, "", file.key)
            } catch {
                // Seen on Linux 6.1: a group with processes cannot be emptied. The same set, spelled out.
                guard error.errno == ENOSPC else { throw error }
                try Self.poke(path, observed.inheritedCPUs, file.key)
            }
        case "cpu.cfs_period_us":
            // Between two periods the old quota may be more than the parent's: none meanwhile.
            try poke("cpu", "cpu.cfs_quota_us", "-1", file.key)
            try poke("cpu", file.name, file.text, file.key)
            try poke("cpu", "cpu.cfs_quota_us", observed.texts["cpu.cfs_quota_us"] ?? "-1", file.key)
        case "cpu.cfs_quota_us":
            try capChildren(at: file.text)
            try poke("cpu", file.name, file.text, file.key)
        case "memory.max":
            try reclaim(to: file.text)
            try poke("memory", file.name, file.text, file.key)
        default:
            try Self.poke(path, file.text, file.key)
        }
    }

    private func poke(_ controller: String, _ name: String, _ text: String, _ key: LimitKey) throws(CgroupError) {
        guard let path = file(controller, name) else { return }
        try Self.poke(path, text, key)
    }

    private static func poke(_ path: String, _ text: String, _ key: LimitKey) throws(CgroupError) {
        do {
            // The newline: an empty text, which unsets a v2 cpuset, would not be a write at all.
            try Files.poke(path, text + "\n")
        } catch {
            throw CgroupError(
                "\(key.rawValue): cannot write `\(text)` to \(path): \(error.reason)", key: key,
                fix: hint(key, error.errno), errno: error.errno)
        }
    }

    private static func hint(_ key: LimitKey, _ number: Int32) -> String? {
        switch (key, number) {
        case (.memory, EBUSY), (.memorySwap, EBUSY):
            "more than that is in use and cannot be reclaimed: free memory in the container, or replace it"
        case (.cpus, EINVAL): "no service can have more than its stack's `resources.cpus`"
        case (.cpuset, EINVAL), (.cpuset, EBUSY), (.cpuset, EACCES):
            "choose among the processors of the group above, \(online())"
        case (_, EACCES), (_, EPERM), (_, EROFS): "run as root, or in a delegated control group"
        default: nil
        }
    }

    static func online() -> String { (try? Control.line("/sys/devices/system/cpu/online")) ?? "" }

    /// v1: a group's processors must be within its parent's at every moment, and hold its children's.
    private func moveProcessors(to text: String, from old: String) throws(CgroupError) {
        let children = Files.folders(in: folder(mode.controllers["cpuset"]?.mount ?? "")).map(child)
        if !children.isEmpty, let new = CPUSet(text), let before = CPUSet(old) {
            try poke("cpuset", "cpuset.cpus", CPUSet(before.members + new.members).text, .cpuset)
            for child in children {
                guard let path = child.file("cpuset", "cpuset.cpus"), let now = try? Control.line(path) else {
                    continue
                }
                let rest = CPUSet((CPUSet(now)?.members ?? []).filter(new.members.contains))
                // A child with no set of its own goes with the parent.
                let next = now == old || rest.members.isEmpty ? new : rest
                if next.text != now { try Self.poke(path, next.text, .cpuset) }
            }
        }
        try poke("cpuset", "cpuset.cpus", text, .cpuset)
    }

    /// v1: a quota below a child's is refused, so the children come down first.
    private func capChildren(at text: String) throws(CgroupError) {
        guard let quota = Int64(text), quota > 0, let mount = mode.controllers["cpu"]?.mount else { return }
        for child in Files.folders(in: folder(mount)).map(child) {
            guard let path = child.file("cpu", "cpu.cfs_quota_us"), let line = try? Control.line(path),
                let now = Int64(line), now > quota
            else { continue }
            try Self.poke(path, text, .cpus)
        }
    }

    /// v2: a maximum below what is in use would kill. So the kernel is asked to reclaim first (a `memory.high` does that
    /// without killing), and what it cannot reclaim is an error, as it is on v1.
    private func reclaim(to text: String) throws(CgroupError) {
        guard let limit = Int64(text), let current = file("memory", "memory.current"),
            let high = file("memory", "memory.high"), (try? Control.line(current)).flatMap({ Int64($0) }) ?? 0 > limit
        else { return }
        try? Files.poke(high, text)
        let left = (try? Control.line(current)).flatMap { Int64($0) } ?? 0
        try? Files.poke(high, "max")
        if left > limit {
            throw CgroupError(
                "mem_limit: cannot lower to \(ResourceLimits.text(bytes: limit)): \(left) bytes of \(path) are in use",
                key: .memory, fix: Self.hint(.memory, EBUSY), errno: EBUSY)
        }
    }
}
