package import Stack
import Syscalls

/// Which interface each controller is on, and where. Values, so that every kind of machine can be tested on any.
package struct CgroupMode: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case v1, hybrid, v2
        /// No cgroup file system is mounted.
        case none
    }

    package struct Controller: Hashable, Sendable {
        package let version: CgroupVersion
        /// The folder of the hierarchy's root.
        package let mount: String

        package init(version: CgroupVersion, mount: String) {
            self.version = version
            self.mount = mount
        }
    }

    /// The controllers that Settle uses. On v2 freezing is part of the tree itself.
    package static let used = ["cpu", "cpuset", "memory", "pids", "freezer"]

    /// Of `used`, those that are there.
    package let controllers: [String: Controller]
    /// The mount point of the v2 tree. It kills, freezes and tells when a group is empty, with or without controllers.
    package let unified: String?
    /// Whether the v2 tree can count what goes to and comes from disks. Nothing is limited by that, so that it is not
    /// among those that are used.
    package let countsBlocks: Bool

    /// - Parameters:
    ///   - mountinfo: the text of /proc/self/mountinfo (proc(5)).
    ///   - available: given the v2 mount point, its controllers: the text of `cgroup.controllers`.
    package init(mountinfo: String, available: (String) -> String) {
        var controllers: [String: Controller] = [:]
        var unified: String?
        var countsBlocks = false
        for line in mountinfo.lines {
            let fields = line.words
            guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else { continue }
            let mount = Self.unescaped(fields[4])
            switch fields[dash + 1] {
            case "cgroup2":
                unified = unified ?? mount
            case "cgroup":
                for name in fields[dash + 3].split(separator: ",").map(String.init)
                where Self.used.contains(name) && controllers[name] == nil {
                    controllers[name] = Controller(version: .v1, mount: mount)
                }
            default: continue
            }
        }
        if let unified {
            let names = available(unified).split(whereSeparator: \.isWhitespace).map(String.init)
            countsBlocks = names.contains("io")
            for name in names
            where Self.used.contains(name) && controllers[name] == nil {
                controllers[name] = Controller(version: .v2, mount: unified)
            }
        }
        self.controllers = controllers
        self.unified = unified
        self.countsBlocks = countsBlocks
    }

    /// What this machine has.
    package static func detect() throws(CgroupError) -> CgroupMode { try detected.get() }

    /// Once for each process: hierarchies are not mounted while it runs.
    private static let detected = Result { () throws(CgroupError) in try look() }

    private static func look() throws(CgroupError) -> CgroupMode {
        let mounts = try step("looking for control groups") { () throws(SystemError) in
            try Files.text("/proc/self/mountinfo")
        }
        return CgroupMode(mountinfo: mounts) { (try? Files.text($0 + "/cgroup.controllers")) ?? "" }
    }

    package var kind: Kind {
        let onV1 = controllers.values.contains { $0.version == .v1 }
        if unified != nil { return onV1 ? .hybrid : .v2 }
        return onV1 ? .v1 : .none
    }

    /// The roots of the hierarchies in which each group has a folder, the v2 tree last.
    package var mounts: [String] {
        var seen: Set<String> = []
        return v1Mounts.filter { seen.insert($0).inserted } + (unified.map { [$0] } ?? [])
    }

    /// The group that the calling process is in, for each hierarchy's root. cgroups(7), /proc/self/cgroup.
    var ownPaths: [String: String] {
        var result: [String: String] = [:]
        for line in ((try? Files.text("/proc/self/cgroup")) ?? "").lines {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let names = fields[1].split(separator: ",").map(String.init)
            let mount =
                names.isEmpty ? unified : names.compactMap { controllers[$0] }.first { $0.version == .v1 }?.mount
            if let mount { result[mount] = String(fields[2]) }
        }
        return result
    }

    var v1Mounts: [String] {
        Self.used.compactMap { controllers[$0] }.filter { $0.version == .v1 }.map(\.mount)
    }

    /// The interface of each controller that limits something.
    var versions: [String: CgroupVersion] { controllers.mapValues(\.version).filter { $0.key != "freezer" } }

    /// Space, tab, newline and backslash are octal in mountinfo.
    private static func unescaped(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(field).utf8
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let octal = UInt8(String(rest.prefix(3)) ?? "", radix: 8) {
                bytes.append(octal)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
