// How an image is made, and how many containers are made of it.
extension Shape {
    private static let unbuilt = Support.partly("read, and not acted on: buildah has nothing of the kind")

    static let build: [Key] = [
        Key("context", .text, "The folder that is built from, or where it comes from."),
        Key("dockerfile", .text, "The file with the steps, Dockerfile unless set."),
        Key("dockerfile_inline", .text, "The steps themselves."),
        Key("target", .text, "The stage that is built."),
        Key("args", .pairs, "Arguments of the build."),
        Key("additional_contexts", .pairs, "Further folders that steps may copy from, by name."),
        Key("tags", .list(.text), "Further names of the image."),
        Key("labels", .pairs, "Labels of the image."),
        Key("platforms", .strings, "The systems and processors that it is built for."),
        Key("network", .text, "The network of the steps."),
        Key("extra_hosts", .shared("extra_hosts", extraHosts), "Names and addresses for the steps."),
        Key("secrets", .shared("grants", grants), "Secrets that steps may read."),
        Key("ssh", .uniquePairs, "Keys of ssh that steps may use."),
        Key("shm_size", .wholeSize, "The size of /dev/shm for the steps."),
        Key("ulimits", ulimits, "Limits of each process of the steps."),
        Key("privileged", .flag, "Whether the steps may do everything."),
        Key("entitlements", .strings, "What the steps may do besides.", unbuilt),
        Key("isolation", .text, "How Windows isolates the steps.", unbuilt),
        Key("cache_from", .strings, "Where earlier results are taken from."),
        Key("cache_to", .strings, "Where results are kept for later."),
        Key("no_cache", .flag, "Whether every step runs anew."),
        Key("no_cache_filter", .textOrUniqueStrings, "The stages that run anew.", unbuilt),
        Key("pull", .flag, "Whether the images that it begins with are fetched anew."),
        Key("provenance", .either(.text, .bool), "Whether a record of how it was made comes along.", unbuilt),
        Key("sbom", .either(.text, .bool), "Whether a list of what is in it comes along.", unbuilt),
    ]

    static let ulimits = Kind.names(
        .limit,
        .either(
            .count,
            .keys(
                Key("soft", .count, "The limit.", .honoured, .required),
                Key("hard", .count, "How far a process may raise it.", .honoured, .required))),
        others: true)

    static let deploy: [Key] = [
        Key(
            "mode", .text, "replicated: a number of containers; global: one per machine.",
            .refused("there is one machine", instead: "write replicated", besides: ["replicated", ""])),
        Key("replicas", .count, "How many containers, 1 unless set."),
        Key(
            "resources",
            .keys(
                Key(
                    "limits",
                    .keys(
                        Key("cpus", .decimal, "Processors, 0.5."),
                        Key("memory", .shared("size_text", .text(.read(.size))), "Memory, 64m."),
                        Key("pids", .count, "Processes and threads.")),
                    "What a container may use."),
                Key("reservations", reservations, "What is kept for a container.", .refused("reservations come later"))),
            "What a container may use."),
        Key(
            "restart_policy",
            .keys(
                Key("condition", .text, "none, on-failure or any, which it is unless set."),
                Key("delay", .time, "How long to wait before each start; longer and longer unless set."),
                Key("max_attempts", .count, "How often at most."),
                Key("window", .time, "The time in which max_attempts are counted; for ever unless set.")),
            "What happens when it ends, in place of restart."),
        Key("update_config", .shared("update", update), "How containers are replaced by newer ones."),
        Key(
            "rollback_config", .shared("rollback", rollback), "How containers are replaced by older ones."),
        Key(
            "labels", .pairs, "Names and values of your own, kept with the service.",
            .partly("nothing reads them", instead: "use labels: of the service")),
        Key(
            "endpoint_mode", .text, "vip or dnsrr: one address for all containers, or each its own.",
            .partly("names lead to the containers themselves", besides: ["dnsrr", ""])),
        Key(
            "placement",
            .keys(
                Key("constraints", .strings, "What the machine must have."),
                Key(
                    "preferences", .list(.keys(Key("spread", .text, "What to spread over."))),
                    "What the machine should have."),
                Key("max_replicas_per_node", .count, "How many on one machine.")),
            "Which machines.", .partly("there is one machine")),
    ]

    private static let reservations = Kind.keys(
        Key("cpus", .decimal, "Processors."), Key("memory", .shared("size_text", .text(.read(.size))), "Memory."),
        Key(
            "generic_resources",
            .list(
                .keys(
                    Key(
                        "discrete_resource_spec",
                        .keys(Key("kind", .text, "What."), Key("value", .decimal, "How many.")),
                        "A number of something."))),
            "Things that are counted."),
        Key(
            "devices",
            .list(
                .keys(
                    Key("capabilities", .uniqueStrings, "What it must be able to do.", .honoured, .required),
                    Key("count", count, "How many, or all."),
                    Key("device_ids", .uniqueStrings, "Which ones."),
                    Key("driver", .text, "Whose driver."),
                    Key("options", .uniquePairs, "Options of the driver."))),
            "Devices."))

    private static let wayBack = "a way back goes as far as it can"
    private static let rollback = Kind.keys(
        Key("parallelism", .count, "How many at once, 1 unless set; 0 is all."),
        Key("delay", .time, "How long to wait between them."),
        Key(
            "failure_action", .text, "What to do when one fails: continue, or pause.",
            .partly(wayBack, besides: ["continue"])),
        Key("monitor", .time, "How long each is watched."),
        Key("max_failure_ratio", .decimal, "How many may fail, 0 to 1.", .partly(wayBack)),
        Key(
            "order", .words("start-first", "stop-first"), "Whether the old one starts before the new one stops.",
            .partly("what goes back makes room first", besides: ["stop-first"])))
    private static let update = Kind.keys(
        Key("parallelism", .count, "How many at once, 1 unless set; 0 is all."),
        Key("delay", .time, "How long to wait between them."),
        Key("failure_action", .text, "What to do when one fails: continue, rollback or pause, which it is unless set."),
        Key("monitor", .time, "How long each is watched."),
        Key("max_failure_ratio", .decimal, "How many may fail, 0 to 1."),
        Key("order", .words("start-first", "stop-first"), "Whether the new one starts before the old one stops."))
}
