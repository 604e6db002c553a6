import Glibc
package import Stack
import Syscalls

extension Cgroup {
    /// What the group has used, as far as its control files say it.
    ///
    /// - Parameter time: of the caller's clock.
    package func reading(time: Int64) -> Reading {
        var reading = Reading(time: time)
        if let path = unifiedFile("cpu.stat"), let micros = Control.number("usage_usec", in: path) {
            reading.cpu = Int64(micros) * 1000
        } else if let nanos = number("cpu", v1: "cpuacct.usage", v2: "") {
            reading.cpu = nanos
        }
        let used = number("memory", v1: "memory.usage_in_bytes", v2: "memory.current") ?? 0
        // The page cache that was not used of late is given back first: to count it would be to cry wolf.
        let cache = file("memory", "memory.stat").flatMap { path in
            Control.number(isV1("memory") ? "total_inactive_file" : "inactive_file", in: path)
        }
        reading.memory = max(used - Int64(cache ?? 0), 0)
        reading.memoryLimit =
            [self, parent].compactMap {
                $0.number("memory", v1: "memory.limit_in_bytes", v2: "memory.max")
            }.min() ?? Int64.max
        reading.pids = number("pids", v1: "pids.current", v2: "pids.current").map(Int.init) ?? allPids.count
        if let blocks = blockBytes { (reading.read, reading.written) = blocks }
        if let cpu = pressure("cpu"), let memory = pressure("memory"), let io = pressure("io") {
            reading.pressure = Reading.Pressure(cpu: cpu, memory: memory, io: io)
        }
        return reading
    }

    private func isV1(_ controller: String) -> Bool { mode.controllers[controller]?.version == .v1 }

    private func number(_ controller: String, v1: String, v2: String) -> Int64? {
        file(controller, isV1(controller) ? v1 : v2).flatMap { try? Control.line($0) }.flatMap { Int64($0) }
    }

    /// What went to and came from disks; nil where the kernel does not count it for groups here.
    private var blockBytes: (Int64, Int64)? {
        guard let path = unifiedFile("io.stat"), let text = try? Files.text(path) else { return nil }
        var sum: (Int64, Int64) = (0, 0)
        for word in text.lines.flatMap(\.words) {
            if word.hasPrefix("rbytes=") { sum.0 += Int64(word.dropFirst(7)) ?? 0 }
            if word.hasPrefix("wbytes=") { sum.1 += Int64(word.dropFirst(7)) ?? 0 }
        }
        return sum
    }

    /// `some avg10=1.23 …`, see PSI in the kernel's documentation.
    private func pressure(_ kind: String) -> Double? {
        guard let path = unifiedFile("\(kind).pressure"), let line = try? Control.words(path), line.count > 1 else {
            return nil
        }
        return Double(line[1].dropFirst("avg10=".count))
    }

    /// Whether `reading` has what went to and came from disks.
    package var countsBlocks: Bool { unifiedFile("io.stat").map(Files.exists) ?? false }
}
