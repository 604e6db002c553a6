import Glibc
import Stack
import Syscalls

extension Cgroup {
    // MARK: - Populated

    /// Whether any process lives here or below.
    package var isPopulated: Bool {
        if let events = unifiedFile("cgroup.events") { return Control.number("populated", in: events) == 1 }
        return !allPids.isEmpty
    }

    /// How many processes the kernel killed here for want of memory.
    package var oomKills: Int {
        switch mode.controllers["memory"]?.version {
        case .v1: file("memory", "memory.oom_control").flatMap { Control.number("oom_kill", in: $0) } ?? 0
        case .v2: file("memory", "memory.events").flatMap { Control.number("oom_kill", in: $0) } ?? 0
        case nil: 0
        }
    }

    // MARK: - Freezing

    private var v1Freezer: String? {
        mode.controllers["freezer"]?.version == .v1 ? file("freezer", "freezer.state") : nil
    }

    /// Whether this very group was told to freeze, by the v2 tree or by the v1 freezer; not whether one above it was.
    package var isFrozen: Bool {
        if let path = unifiedFile("cgroup.freeze"), (try? Control.line(path)) == "1" { return true }
        guard v1Freezer != nil, let path = file("freezer", "freezer.self_freezing") else { return false }
        return (try? Control.line(path)) == "1"
    }

    /// Stops every process here and below, and returns when they are stopped.
    package func freeze(timeout milliseconds: Int = 10_000) throws(CgroupError) {
        if let path = unifiedFile("cgroup.freeze") {
            try step("freezing") { () throws(SystemError) in try Files.poke(path, "1") }
            let events = unifiedFile("cgroup.events") ?? ""
            if wait(milliseconds, until: { Control.number("frozen", in: events) == 1 }) { return }
        } else if let path = v1Freezer {
            try step("freezing") { () throws(SystemError) in try Files.poke(path, "FROZEN") }
            if wait(milliseconds, until: { (try? Control.line(path)) == "FROZEN" }) { return }
        } else {
            throw CgroupError(
                "cannot freeze \(self.path): the cgroup controller `freezer` is missing",
                fix: "mount it, or a cgroup2 tree: run `settle doctor`")
        }
        throw CgroupError("\(path) did not freeze within \(milliseconds) ms: a process waits inside the kernel")
    }

    /// Lets the processes go on, whoever froze them, by either freezer.
    package func thaw() throws(CgroupError) {
        if let path = unifiedFile("cgroup.freeze"), Files.exists(path) {
            try step("thawing") { () throws(SystemError) in try Files.poke(path, "0") }
        }
        if let path = v1Freezer, Files.exists(path) {
            try step("thawing") { () throws(SystemError) in try Files.poke(path, "THAWED") }
        }
    }

    // MARK: - Killing and removing

    /// Sends SIGKILL to every process here and below, none escaping by fork(2). On v2 that is one write; on v1 they are
    /// frozen first, and thawed after, as what the v1 freezer holds does not die.
    package func kill() throws(CgroupError) {
        // Nobody can come into a group that is empty.
        guard isPopulated else { return }
        if let path = unifiedFile("cgroup.kill"), Files.exists(path) {
            try step("killing") { () throws(SystemError) in try Files.poke(path, "1") }
        } else {
            if unifiedFile("cgroup.freeze") != nil || v1Freezer != nil { try? freeze(timeout: 500) }
            for pid in allPids { Glibc.kill(pid, SIGKILL) }
        }
        try thaw()
    }

    /// Kills what is left and removes the folders here and below, in every hierarchy. Settle's own group, `.supervisor`,
    /// is not killed (the caller may live in it) but waited for. Nothing there is no error.
    package func remove(timeout milliseconds: Int = 10_000) throws(CgroupError) {
        // Mostly that is all; the first hierarchy that refuses says that somebody is left.
        if folders.allSatisfy({ rmdir($0) == 0 || errno == ENOENT }) { return }
        for child in children { try child.remove(timeout: milliseconds) }
        if name != Cgroups.supervisor { try kill() }
        let isGone = wait(milliseconds) {
            folders.allSatisfy { rmdir($0) == 0 || errno == ENOENT }
        }
        if isGone { return }
        let left = allPids.map { pid in
            "\(pid) (\((try? Control.line("/proc/\(pid)/comm")) ?? "gone"))"
        }
        throw CgroupError(
            "cannot remove control group \(path): "
                + (left.isEmpty ? "the kernel keeps it busy" : "still in it: \(left.joined(separator: ", "))"),
            errno: EBUSY)
    }

    /// Waits until the condition holds; false where it does not in time. The v2 tree wakes us by `cgroup.events`; on
    /// pure v1 nothing does, so there it is a look every 2 ms.
    package func wait(_ milliseconds: Int, until holds: () -> Bool) -> Bool {
        let end = Self.now() + milliseconds
        guard let path = unifiedFile("cgroup.events"), let events = try? Descriptor(path, O_RDONLY) else {
            while !holds() {
                if Self.now() >= end { return false }
                poll(nil, 0, 2)
            }
            return true
        }
        while true {
            // Reading arms the next wake-up, so it comes before looking.
            var byte: UInt8 = 0
            pread(events.raw, &byte, 1, 0)
            if holds() { return true }
            let left = end - Self.now()
            if left <= 0 { return false }
            // Not all that is waited for is an event (a hierarchy may still be busy): look again after a while.
            var watched = pollfd(fd: events.raw, events: Int16(POLLPRI), revents: 0)
            poll(&watched, 1, Int32(min(left, 20)))
        }
    }

    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}

extension Cgroup {
    /// Removes the folders that nobody needs; what is in use stays.
    func removeEmptyFolders() { for folder in folders { rmdir(folder) } }
}
