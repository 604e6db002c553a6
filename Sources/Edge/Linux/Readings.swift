import Cgroups
import Processes
package import Stack
import Syscalls

/// What containers use, by their control groups and namespaces.
package struct Readings {
    private let paths: ProjectPaths
    private let cgroups: Cgroups
    private let memory: Int64

    package init(_ paths: ProjectPaths) throws {
        self.paths = paths
        cgroups = try Cgroups.detect(root: paths.roots.cgroup)
        // `MemTotal:  1234 kB`
        let line = ((try? Files.text("/proc/meminfo")) ?? "").lines.first { $0.hasPrefix("MemTotal:") }
        memory = line.flatMap { $0.words.dropFirst().first }.flatMap { Int64($0) }.map { $0 << 10 } ?? Int64.max
    }

    /// nil for one that does not run.
    package func reading(of container: ObservedContainer) -> Reading? {
        guard container.isRunning, let pid = container.pid else { return nil }
        let group = cgroups.container("\(container.entry.instance)", of: paths.project)
        var reading = group.reading(time: MachineClock.monotonic)
        reading.memoryLimit = min(reading.memoryLimit, memory)
        if container.entry.spec.namespaces.net != .host { (reading.received, reading.sent) = network(pid) }
        if !group.countsBlocks {
            for pid in group.allPids {
                let blocks = blocks(pid)
                reading.read += blocks.0
                reading.written += blocks.1
            }
        }
        return reading
    }

    /// Bytes through the interfaces of a process's network namespace, but for those that stay in it.
    private func network(_ pid: Int32) -> (Int64, Int64) {
        var sum: (Int64, Int64) = (0, 0)
        for line in ((try? Files.text("/proc/\(pid)/net/dev")) ?? "").lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let fields = line[line.index(after: colon)...].words.map { Int64($0) ?? 0 }
            if fields.count < 9 || line[..<colon].words.first == "lo" { continue }
            sum.0 += fields[0]
            sum.1 += fields[8]
        }
        return sum
    }

    private func blocks(_ pid: Int32) -> (Int64, Int64) {
        var result: (Int64, Int64) = (0, 0)
        for line in ((try? Files.text("/proc/\(pid)/io")) ?? "").lines {
            if line.hasPrefix("read_bytes: ") { result.0 = Int64(line.dropFirst(12)) ?? 0 }
            if line.hasPrefix("write_bytes: ") { result.1 = Int64(line.dropFirst(13)) ?? 0 }
        }
        return result
    }
}
