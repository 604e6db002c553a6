import Glibc

/// The kernel's clocks, in nanoseconds.
package enum MachineClock {
    /// CLOCK_MONOTONIC: for waiting.
    package static var monotonic: Int64 { read(CLOCK_MONOTONIC) }
    /// CLOCK_REALTIME: since 1970, for people.
    package static var realtime: Int64 { read(CLOCK_REALTIME) }

    /// How far the local time, given in seconds of it since 1970, is ahead of UTC.
    package static func localOffset(_ seconds: Int64) -> Int64 {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        parts.tm_isdst = -1
        return seconds - Int64(mktime(&parts))
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// RFC 3339 in UTC with nine digits after the second, `2026-11-21T09:30:00.000000000Z`.
    package static func rfc3339(_ nanoseconds: Int64) -> String {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func digits(_ value: Int, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let date = [
            digits(Int(parts.tm_year) + 1900, 4), digits(Int(parts.tm_mon) + 1, 2), digits(Int(parts.tm_mday), 2),
        ]
        let time = [digits(Int(parts.tm_hour), 2), digits(Int(parts.tm_min), 2), digits(Int(parts.tm_sec), 2)]
        let fraction = digits(Int(nanoseconds % 1_000_000_000), 9)
        return "\(date.joined(separator: "-"))T\(time.joined(separator: ":")).\(fraction)Z"
    }
}

extension Duration {
    /// Whole nanoseconds.
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
