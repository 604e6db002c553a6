// Settle's own elements.
extension Shape {
    private static let kinds = Kind.list(
        .words("mnt", "pid", "net", "ipc", "uts", "user", "cgroup", "time"), count: 1...Int.max)

    static let stackNamespaces = Kind.either(
        .null,
        .names(
            .ownName,
            .either(
                .null, kinds,
                .keys(
                    Key("kinds", kinds, "Which kinds of namespaces there are. Unless set, those that services join."),
                    Key("networks", attachments, "The networks that the network namespace joins. Unless set, default."))
            )))

    static let stackLinks = Kind.either(
        .null,
        .names(
            .ownName,
            .keys(
                Key(
                    "between", .list(.pattern(.end), count: 2...2),
                    "The two ends: a service, and the name of the interface there after a colon.", .honoured, .required),
                Key("addresses", .list(.text, count: 2...2), "The addresses of the two ends, such as 10.9.0.1/30."),
                Key("delay", .pattern(.offset), "How long a packet takes."),
                Key("jitter", .pattern(.offset), "How much that differs from packet to packet."),
                Key("loss", .pattern(.percentage), "How many packets get lost."),
                Key("duplicate", .pattern(.percentage), "How many packets come twice."),
                Key("rate", .pattern(.rate), "How much goes through in a second."))))

    static let stackResources = Kind.keys(
        Key("cpus", .decimal, "Processors: 1.5 is one and a half."),
        Key("cpu_shares", .count, "The stack's weight when processors are short, 1024 unless set."),
        Key("cpuset", .either(.text, .number), "The processors that may be used, 0-2,5."),
        Key("mem_limit", .size, "Memory, 64m."),
        Key("memswap_limit", .size, "Memory and swap together; -1 is no limit."),
        Key("pids_limit", .count, "Processes and threads; -1 is no limit."))

    static let serviceNamespaces = Kind.keys(
        Key("mnt", .pattern(.mode), "The file system.", ownMode),
        Key("pid", .pattern(.mode), "The processes.", ownMode),
        Key("net", .pattern(.mode), "Interfaces, addresses, ports, firewall.", ownMode),
        Key("ipc", .pattern(.mode), "Message queues and shared memory.", ownMode),
        Key("uts", .pattern(.mode), "The host name.", ownMode),
        Key("user", .pattern(.mode), "Users, groups and capabilities.", later),
        Key("cgroup", .pattern(.mode), "The view of control groups.", later),
        Key("time", .pattern(.mode), "The clocks that count from the boot.", later))

    private static let ownMode = Support.refused(
        "namespaces from a path come later", instead: "use service:NAME or stack:NAME",
        besides: ["private", "host", "service:", "stack:"])
    private static let later = Support.refused("this comes later", instead: "leave it out: it is as on the host")

    static let timeOffset = Kind.either(
        .pattern(.offset),
        .keys(
            Key("monotonic", .pattern(.offset), "For CLOCK_MONOTONIC."),
            Key("boottime", .pattern(.offset), "For CLOCK_BOOTTIME, and with it the uptime.")))

    static let egress = Kind.either(.pattern(.filled), .uniqueList(.pattern(.filled)))

    private static let portNumber = Kind.either(.whole(1...65535), .pattern(.port))

    static let httpProbe = Kind.either(
        .whole(1...65535), .pattern(.probe),
        .keys(
            Key("port", portNumber, "The port.", .honoured, .required),
            Key("path", .text, "The path, / unless set."),
            Key("host", .text, "The host that is asked for, localhost unless set."),
            Key("status", .either(.whole(100...599), .text), "The status that is expected, 200-399 unless set.")))

    static let tcpProbe = portNumber
}
