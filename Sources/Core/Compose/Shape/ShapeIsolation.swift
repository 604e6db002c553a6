// A service: what it is kept from, and how much it may use.
extension Shape {
    private static let modes = ["host", "service:", "stack:"]
    private static let modeHint = "use service:NAME, of a service of this stack"

    static let isolation: [Key] = [
        Key(
            "namespaces", .shared("service_namespaces", serviceNamespaces),
            "For each kind of namespace: private, the default, host, service:NAME, stack:NAME or path:FILE.", .honoured,
            .own),
        Key(
            "pid", .either(.text, .null), "The namespace of processes: host, service:NAME or stack:NAME.",
            .refused("containers of other projects cannot be joined", instead: modeHint, besides: modes + [""])),
        Key(
            "ipc", .text, "The namespace of shared memory: shareable, private, host, service:NAME or stack:NAME.",
            .refused(
                "containers of other projects cannot be joined", instead: modeHint,
                besides: modes + ["private", "shareable", ""])),
        Key(
            "uts", .text, "The namespace of the host name: host, service:NAME or stack:NAME.",
            .refused(
                "containers of other projects cannot be joined", instead: modeHint, besides: modes + [""])),
        Key(
            "userns_mode", .text, "The namespace of users.",
            .refused("user namespaces come later", instead: "remove it", besides: ["host", ""])),
        Key(
            "cgroup", .words("host", "private"), "The namespace of control groups.",
            .refused("cgroup namespaces come later", instead: "remove it", besides: ["host"])),
        Key(
            "time_offset", .shared("time_offset", timeOffset),
            "How far the clocks that count from the boot are set forward.",
            .refused("time namespaces come later"), .own),
        Key("cap_add", .list(.text), "Capabilities beyond the usual ones; ALL is all of them."),
        Key("cap_drop", .list(.text), "Capabilities taken away; ALL leaves those of cap_add."),
        Key(
            "privileged", .flag, "Whether the container may do whatever the host's root may.",
            .refused("there is no such shortcut yet", instead: "name what is needed in cap_add:")),
        Key(
            "security_opt", .uniqueStrings, "Options of the security modules and of the filter of system calls.",
            .refused("the default filter cannot be changed yet", instead: "remove it")),
        Key("read_only", .flag, "Whether the root file system cannot be written to."),
        Key(
            "sysctls", .pairs, "Settings of the kernel that belong to the container's namespaces.",
            .refused("settings of the kernel come later")),
        Key(
            "ulimits", ulimits, "Limits of each process: one number, or a soft and a hard one.",
            .refused("limits of processes come later")),
        Key(
            "devices",
            .list(
                .either(
                    .text,
                    .keys(
                        Key("source", .text, "The device on the host.", .honoured, .required),
                        Key("target", .text, "Its path in the container."),
                        Key("permissions", .text, "What may be done with it: r, w, m.")))),
            "Devices of the host that the container may use.", .refused("devices come later")),
        Key(
            "device_cgroup_rules", .uniqueStrings, "Rules for devices, c 1:3 mr.", .refused("devices come later")),
        Key(
            "gpus",
            .either(
                .words("all"),
                .list(
                    .keys(
                        Key("capabilities", .uniqueStrings, "What it must be able to do."),
                        Key("count", count, "How many, or all."),
                        Key("device_ids", .uniqueStrings, "Which ones."),
                        Key("driver", .text, "Whose driver."),
                        Key("options", .uniquePairs, "Options of the driver."),
                        others: Key("", .any, "Anything else.")))),
            "Graphics processors.", .refused("devices come later")),
        Key(
            "runtime", .text, "The program that runs the container.",
            .refused("Settle starts containers itself", instead: "remove it", besides: [""])),
        Key(
            "use_api_socket", .bool, "Whether the container may talk to the engine that runs it.",
            .refused("there is no engine, and so no socket", instead: "remove it")),
    ]

    /// A number, or all.
    static let count = Kind.either(.whole, .text)

    static let limits: [Key] = [
        Key("cpus", .decimal, "Processors: 1.5 is one and a half; 0 is no limit."),
        Key("cpu_shares", .amount, "The weight when processors are short, 1024 unless set."),
        Key("cpuset", .text, "The processors that may be used, 0-2,5."),
        Key(
            "cpu_quota", .amount, "How many microseconds of each cpu_period may be used.",
            .refused("this comes later", instead: "use cpus:")),
        Key(
            "cpu_period", .amount, "The period that cpu_quota counts in, 100000 microseconds unless set.",
            .refused("this comes later", instead: "use cpus:")),
        Key("cpu_rt_runtime", .amount, "Microseconds of real-time scheduling per period.", noController),
        Key("cpu_rt_period", .amount, "The period that cpu_rt_runtime counts in.", noController),
        Key(
            "cpu_count", .either(.whole(0...Double.infinity), .text(.read(.whole))),
            "How many processors Windows shows.",
            .meaningless("is for Windows")),
        Key(
            "cpu_percent", .either(.whole(0...100), .text(.read(.decimal))),
            "How much of the processors Windows gives.",
            .meaningless("is for Windows")),
        Key("mem_limit", .size, "Memory, 64m; what does not fit is reclaimed, and then the container is killed."),
        Key(
            "mem_reservation", .wholeSize, "Memory that is not reclaimed while others have some to spare.",
            .refused("reservations come later")),
        Key("memswap_limit", .size, "Memory and swap together; -1 is no limit."),
        Key(
            "mem_swappiness", .either(.whole, .text), "How readily memory goes to swap, 0 to 100.", noController),
        Key(
            "oom_kill_disable", .flag, "Whether the container hangs, and is not killed, when it runs out of memory.",
            noController),
        Key(
            "oom_score_adj", .either(.whole(-1000...1000), .text(.read(.whole))),
            "How likely it is to be killed when the machine runs out of memory.", .refused("this comes later")),
        Key("pids_limit", .amount, "Processes and threads; -1 is no limit."),
        Key(
            "shm_size", .size, "The size of /dev/shm, 64m unless set; of use to who has an IPC namespace of its own."),
        Key(
            "blkio_config",
            .keys(
                Key("weight", .either(.whole, .text), "The weight when disks are busy, 10 to 1000."),
                Key("weight_device", .list(deviceWeight), "The weight for one device."),
                Key("device_read_bps", .list(deviceRate), "Bytes read in a second."),
                Key("device_read_iops", .list(deviceRate), "Reads in a second."),
                Key("device_write_bps", .list(deviceRate), "Bytes written in a second."),
                Key("device_write_iops", .list(deviceRate), "Writes in a second."),
                extensions: false),
            "How much of the disks may be used.", .refused("limits of disks come later")),
        Key(
            "cgroup_parent", .text, "The control group that the container's is made in.",
            .refused("control groups of a project stand together", instead: "use resources: at the top")),
        Key(
            "storage_opt", .keys(extensions: false, others: Key("", .either(.text, .null), "An option.")),
            "Options of the container's own layer, such as its size.",
            .refused("the layer takes no options yet")),
    ]

    private static let noController = Support.meaningless("cgroup v2 has no such control")

    private static let deviceRate = Kind.shared(
        "device_rate",
        .keys(
            Key("path", .text, "The device."), Key("rate", .wholeSize, "How much in a second."), extensions: false))
    private static let deviceWeight = Kind.shared(
        "device_weight",
        .keys(
            Key("path", .text, "The device."), Key("weight", .either(.whole, .text), "The weight, 10 to 1000."),
            extensions: false))
}
