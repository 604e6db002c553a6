import Glibc
import Syscalls

/// A process as `ps -ef` shows it.
package struct ProcessRow: Hashable, Sendable {
    package let pid: Int32
    package let parent: Int32
    package let user: UInt32
    /// Seconds of processor time.
    package let seconds: Int64
    /// Of its life, in percent.
    package let load: Int64
    /// Seconds since 1970.
    package let start: Int64
    /// `pts/0`, `?` where it has none.
    package let terminal: String
    package let command: String

    /// nil where there is no such process any more.
    package init?(pid: Int32, now: Int64 = MachineClock.realtime / 1_000_000_000) {
        guard let text = try? Files.text("/proc/\(pid)/stat"), let status = try? Files.text("/proc/\(pid)/status"),
            let open = text.utf8.firstIndex(of: UInt8(ascii: "(")),
            let close = text.utf8.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        // Field n of proc(5) is fields[n - 3].
        let fields = text[text.utf8.index(after: close)...].lines.first?.words.map { Int64($0) ?? 0 } ?? []
        guard fields.count > 19 else { return nil }
        self.pid = pid
        parent = Int32(truncatingIfNeeded: fields[1])
        let user = status.lines.first { $0.hasPrefix("Uid:") }?.split(whereSeparator: \.isWhitespace)
        self.user = user.flatMap { $0.count > 2 ? UInt32($0[2]) : nil } ?? 0
        let ticks = max(Int64(sysconf(Int32(_SC_CLK_TCK))), 1)
        seconds = (fields[11] + fields[12]) / ticks
        start = Self.bootTime + fields[19] / ticks
        load = seconds * 100 / max(now - start, 1)
        terminal = Self.terminal(fields[4])
        let line = ((try? Files.text("/proc/\(pid)/cmdline")) ?? "").split(separator: "\0").joined(separator: " ")
        command = line.isEmpty ? "[\(text[text.utf8.index(after: open)..<close])]" : line
    }

    private static let bootTime: Int64 = {
        let line = ((try? Files.text("/proc/stat")) ?? "").lines.first { $0.hasPrefix("btime ") }
        return line.flatMap { Int64($0.dropFirst(6)) } ?? 0
    }()

    /// The device number of proc(5): pseudoterminals have the majors 136 to 143, consoles 4.
    private static func terminal(_ device: Int64) -> String {
        let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00)
        switch major {
        case 136...143: return "pts/\((major - 136) * 256 + minor)"
        case 4 where minor < 64: return "tty\(minor)"
        case _: return "?"
        }
    }

    /// As ps(1) prints the start: the time of today, else the day.
    package func startText(now: Int64 = MachineClock.realtime / 1_000_000_000) -> String {
        let (own, today) = (Self.local(start), Self.local(now))
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        if own.tm_year == today.tm_year, own.tm_yday == today.tm_yday {
            return "\(two(own.tm_hour)):\(two(own.tm_min))"
        }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return "\(months[Int(own.tm_mon)])\(two(own.tm_mday))"
    }

    private static func local(_ seconds: Int64) -> tm {
        var time = time_t(seconds)
        var parts = tm()
        localtime_r(&time, &parts)
        return parts
    }
}
