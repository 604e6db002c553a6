import Cgroups
import Glibc
import Network
package import Stack
import Syscalls

/// What a command line asks of the host itself.
package enum Host {
    /// The destinations of the host's routes and the subnets of its addresses, as CIDRs: what a new network must not
    /// overlap. The project's own way out is not in the way.
    package static func routes(except egress: Stack.EgressSpec?) throws -> [String] {
        let host = try NetworkNamespace.current()
        return try Links(in: host.raw).usedPrefixes().map(\.description).filter { $0 != egress?.subnet }
    }

    /// Why containers cannot reach beyond the host, with the fix; nil where they can.
    package static func egressProblem() -> String? {
        guard let host = try? NetworkNamespace.current(), let found = try? Egress.availability(host: host.raw) else {
            return "the host's network settings cannot be read; run as root"
        }
        switch found {
        case .available: return nil
        case .unavailable(let reason): return reason
        }
    }

    /// The rows of `settle doctor`.
    package static func doctor(_ roots: Roots) throws -> [Check] {
        let cgroups = try Cgroups.detect(root: roots.cgroup).doctor()
            .map { Check(name: $0.name, isGood: $0.isFine, detail: $0.detail, fix: $0.fix) }
        return [root] + cgroups + kernel + [network, nft]
    }

    package struct Check: Hashable, Sendable {
        package let name: String
        package let isGood: Bool
        package let detail: String
        /// What to do where it is not good.
        package let fix: String?
    }

    private static var root: Check {
        let isRoot = geteuid() == 0
        return Check(
            name: "root", isGood: isRoot, detail: isRoot ? "running as root" : "running as user \(geteuid())",
            fix: isRoot ? nil : "run settle as root")
    }

    private static var kernel: [Check] {
        let systems = (try? Files.text("/proc/filesystems")) ?? ""
        let hasOverlay = systems.contains("overlay")
        let kinds = ["mnt", "pid", "net", "ipc", "uts"].filter { !Files.exists("/proc/self/ns/\($0)") }
        var name = utsname()
        uname(&name)
        let release = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return [
            Check(name: "kernel", isGood: true, detail: "Linux \(release)", fix: nil),
            Check(
                name: "overlay", isGood: hasOverlay, detail: hasOverlay ? "overlayfs is there" : "overlayfs is missing",
                fix: hasOverlay ? nil : "load it: modprobe overlay"),
            Check(
                name: "namespaces", isGood: kinds.isEmpty,
                detail: kinds.isEmpty ? "mnt pid net ipc uts" : "missing: \(kinds.joined(separator: " "))",
                fix: kinds.isEmpty ? nil : "use a kernel with these namespaces"),
        ]
    }

    private static var network: Check {
        let problem = egressProblem()
        return Check(
            name: "egress", isGood: problem == nil,
            detail: problem == nil ? "containers can reach beyond the host" : "containers cannot reach beyond the host",
            fix: problem)
    }

    private static var nft: Check {
        let isThere = ["/usr/sbin", "/sbin", "/usr/bin", "/usr/local/sbin"].contains { Files.exists("\($0)/nft") }
        return Check(
            name: "nftables", isGood: isThere, detail: isThere ? "nft is installed" : "nft is missing",
            fix: isThere ? nil : "apt-get install nftables")
    }
}
