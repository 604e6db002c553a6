/// A signal by its number on Linux x86-64 and arm64 (signal(7)): the only table of them.
package struct Signal: Codable, Hashable, Sendable {
    package let number: Int32

    package static let terminate = Signal(15)
    package static let kill = Signal(9)

    /// 1...64
    package init?(number: Int32) {
        guard (1...64).contains(number) else { return nil }
        self.number = number
    }

    private init(_ number: Int32) { self.number = number }

    /// A name with or without `SIG`, in any case, `RTMIN+N` and `RTMAX-N` included, or a number.
    package static func number(named name: String) -> Int32? {
        if let number = Int32(name) { return (1...64).contains(number) ? number : nil }
        var name = name.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        if let index = names.firstIndex(of: name) { return Int32(index + 1) }
        return aliases[name] ?? realTime(name)
    }

    /// `SIGTERM`, `SIGRTMIN+3`.
    package var name: String {
        if Int(number) <= Self.names.count { return "SIG" + Self.names[Int(number) - 1] }
        let offset = number - Self.realTimeRange.lowerBound
        return offset == 0 ? "SIGRTMIN" : offset < 0 ? "\(number)" : "SIGRTMIN+\(offset)"
    }

    /// Every name without `SIG`, in the order of the numbers.
    package static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ]
    private static let aliases: [String: Int32] = ["IOT": 6, "CLD": 17, "POLL": 29, "UNUSED": 31]
    /// The C library keeps 32 and 33 for itself.
    private static let realTimeRange: ClosedRange<Int32> = 34...64

    private static func realTime(_ name: String) -> Int32? {
        let number: Int32?
        if name == "RTMIN" {
            number = realTimeRange.lowerBound
        } else if name == "RTMAX" {
            number = realTimeRange.upperBound
        } else if name.hasPrefix("RTMIN+"), let offset = UInt8(name.dropFirst(6)) {
            number = realTimeRange.lowerBound + Int32(offset)
        } else if name.hasPrefix("RTMAX-"), let offset = UInt8(name.dropFirst(6)) {
            number = realTimeRange.upperBound - Int32(offset)
        } else {
            number = nil
        }
        return number.flatMap { realTimeRange.contains($0) ? $0 : nil }
    }
}

/// The kernel's capabilities (capabilities(7)): the only table of them.
package enum Capability {
    /// Names without `CAP_`; the index is the kernel's number.
    package static let all = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]

    /// The kernel's number of a name with or without `CAP_`, in any case.
    package static func number(named name: String) -> Int? { canonical(name).flatMap(all.firstIndex(of:)) }

    /// The name as in `all`.
    package static func canonical(_ name: String) -> String? {
        let upper = name.uppercased()
        let short = upper.hasPrefix("CAP_") ? String(upper.dropFirst(4)) : upper
        return all.contains(short) ? short : nil
    }

    /// What a container has unless the file says otherwise: Docker's defaults.
    package static let defaults = [
        "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE",
        "NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP",
    ]

    /// `defaults` with `added` and `dropped` applied (names as in `all`, or `ALL`), in the kernel's order. As in Docker:
    /// what is added by name wins over any drop, what is dropped by name wins over `ALL` added.
    package static func effective(added: [String], dropped: [String]) -> [String] {
        all.filter { name in
            if added.contains("ALL") { return !dropped.contains(name) }
            if added.contains(name) { return true }
            return !dropped.contains("ALL") && !dropped.contains(name) && defaults.contains(name)
        }
    }
}
