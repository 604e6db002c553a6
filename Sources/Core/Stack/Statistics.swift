import Diagnostics

/// What a container has used up to one moment, and what it holds.
package struct Reading: Hashable, Sendable {
    /// How much of ten seconds somebody had to wait for want of it, in percent.
    package struct Pressure: Hashable, Sendable {
        package var cpu: Double
        package var memory: Double
        package var io: Double

        package init(cpu: Double, memory: Double, io: Double) {
            self.cpu = cpu
            self.memory = memory
            self.io = io
        }
    }

    /// Of a clock that only goes forward, in nanoseconds.
    package var time: Int64
    /// Nanoseconds of processor time.
    package var cpu: Int64 = 0
    /// Bytes, without what the kernel would give back at once.
    package var memory: Int64 = 0
    package var memoryLimit: Int64 = 0
    package var received: Int64 = 0
    package var sent: Int64 = 0
    package var read: Int64 = 0
    package var written: Int64 = 0
    /// Processes and threads.
    package var pids = 0
    /// nil where the kernel does not measure it.
    package var pressure: Pressure?

    package init(time: Int64) { self.time = time }
}

/// What `stats` shows: Docker's columns, and the pressure where the kernel measures it.
package struct Statistics: Sendable {
    package struct Row: Sendable {
        package var name: String
        package var identifier: String
        /// nil for one that does not run.
        package var reading: Reading?
        package var earlier: Reading?

        package init(_ name: String, identifier: String, _ reading: Reading?, after earlier: Reading?) {
            self.name = name
            self.identifier = identifier
            self.reading = reading
            self.earlier = earlier
        }

        /// Of one processor, between the two readings.
        package var cpuPercent: Double {
            guard let reading, let earlier, reading.time > earlier.time else { return 0 }
            return Double(max(reading.cpu - earlier.cpu, 0)) / Double(reading.time - earlier.time) * 100
        }

        package var memoryPercent: Double {
            guard let reading, reading.memoryLimit > 0 else { return 0 }
            return Double(reading.memory) / Double(reading.memoryLimit) * 100
        }
    }

    private let rows: [Row]

    package init(_ rows: [Row]) {
        self.rows = rows
    }

    package var lines: [String] {
        let hasPressure = rows.contains { $0.reading?.pressure != nil }
        let header =
            ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"]
            + (hasPressure ? ["PRESSURE CPU / MEM / IO"] : [])
        let cells = rows.map { row in
            let reading = row.reading ?? Reading(time: 0)
            let pressure = reading.pressure.map {
                "\(percentText($0.cpu)) / \(percentText($0.memory)) / \(percentText($0.io))"
            }
            return [
                row.identifier, row.name, percentText(row.cpuPercent), reading.memoryText,
                percentText(row.memoryPercent), reading.networkText, reading.blockText, "\(reading.pids)",
            ] + (hasPressure ? [pressure ?? "-"] : [])
        }
        return aligned([header] + cells, gap: 3)
    }

    /// One object per line, shaped as Docker's.
    package var jsonLines: String {
        rows.map { row in
            let reading = row.reading ?? Reading(time: 0)
            let pressure = reading.pressure.map {
                JSON.object([("CPU", .double($0.cpu)), ("Memory", .double($0.memory)), ("IO", .double($0.io))])
            }
            return JSON.object([
                ("BlockIO", .string(reading.blockText)), ("CPUPerc", .string(percentText(row.cpuPercent))),
                ("Container", .string(row.identifier)), ("ID", .string(row.identifier)),
                ("MemPerc", .string(percentText(row.memoryPercent))), ("MemUsage", .string(reading.memoryText)),
                ("Name", .string(row.name)), ("NetIO", .string(reading.networkText)),
                ("PIDs", .string("\(reading.pids)")),
                ("Pressure", pressure ?? .null),
            ]).compact + "\n"
        }.joined()
    }
}

extension Reading {
    fileprivate var memoryText: String { "\(binaryText(memory)) / \(binaryText(memoryLimit))" }
    fileprivate var networkText: String { "\(decimalText(received)) / \(decimalText(sent))" }
    fileprivate var blockText: String { "\(decimalText(read)) / \(decimalText(written))" }
}

/// `12.34%`
private func percentText(_ value: Double) -> String { "\(fixed(value, places: 2))%" }

/// `1.5MiB`, four digits at most.
private func binaryText(_ bytes: Int64) -> String {
    sizeText(bytes, base: 1024, digits: 4, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// `1.5MB`, three digits at most.
private func decimalText(_ bytes: Int64) -> String {
    sizeText(bytes, base: 1000, digits: 3, ["B", "kB", "MB", "GB", "TB", "PB"])
}

private func sizeText(_ bytes: Int64, base: Double, digits: Int, _ units: [String]) -> String {
    var value = Double(max(bytes, 0))
    var unit = 0
    while value >= base && unit < units.count - 1 {
        value /= base
        unit += 1
    }
    let whole = value >= 1000 ? 4 : value >= 100 ? 3 : value >= 10 ? 2 : 1
    var text = fixed(value, places: max(digits - whole, 0))
    while text.contains("."), text.last == "0" || text.last == "." {
        let isPoint = text.removeLast() == "."
        if isPoint { break }
    }
    return text + units[unit]
}

private func fixed(_ value: Double, places: Int) -> String {
    var factor: Int64 = 1
    for _ in 0..<places { factor *= 10 }
    let number = Int64((value * Double(factor)).rounded())
    if places == 0 { return "\(number)" }
    let fraction = "\(number % factor)"
    return "\(number / factor).\(String(repeating: "0", count: places - fraction.count))\(fraction)"
}
