/// What a value becomes once it is read, and how it is printed.
indirect enum Form: Sendable {
    case text
    case flag
    /// A truth value that is printed even where it is false.
    case optionalFlag
    /// A truth value that is printed only where it is false.
    case optOut
    case integer
    case optionalInteger
    /// Not below zero.
    case natural
    case optionalNatural
    /// The same, never a text.
    case bareNatural
    /// A fraction of 32 bits.
    case fraction
    /// A size, printed as a text of digits.
    case bytes
    case duration
    case optionalDuration
    /// Octal permissions.
    case mode
    /// Words, or a line of them; printed even where there are none.
    case command
    /// The command of a health check.
    case test
    /// Texts, numbers being some too.
    case texts
    /// The same, or one text.
    case textOrTexts
    /// By name, null where the value is to be taken from elsewhere.
    case variables
    /// By name, the empty text where there is none.
    case table
    /// The same as a mapping only.
    case options
    /// By name, one or more texts.
    case manyOptions
    /// `HOST=ADDRESS`
    case hosts
    case ulimit
    case keys
    /// A number of devices, all being -1.
    case count
    case list(Form)
    case map(Form)
    /// The same, where null says nothing but the key.
    case names(Form)
    /// A mapping of fixed keys.
    case keyed(Fields)
    /// Anything.
    case any
}

/// A key of a mapping. `always`: printed even where nothing stands there.
struct Field: Sendable {
    var key: String
    var form: Form
    var always = false

    init(_ key: String, _ form: Form, always: Bool = false) {
        self.key = key
        self.form = form
        self.always = always
    }
}

/// The keys of a mapping, in the order in which they are printed.
struct Fields: Sendable {
    let list: [Field]
    let forms: [String: Form]

    init(_ list: [Field]) {
        self.list = list
        forms = Dictionary(uniqueKeysWithValues: list.map { ($0.key, $0.form) })
    }
}

extension Form {
    private static func object(_ fields: [Field]) -> Form { .keyed(Fields(fields)) }

    static let project = Form.object([
        Field("services", .map(service), always: true), Field("networks", .map(network)),
        Field("volumes", .map(volume)), Field("secrets", .map(secret)), Field("configs", .map(config)),
        Field("models", .map(model)), Field("namespaces", .map(namespaces)), Field("resources", resources),
        Field("links", .any),
    ])

    static let service = Form.object(
        serviceIdentity + serviceLimits + serviceRun + serviceSurroundings + serviceStorage + serviceEnd)

    private static let serviceIdentity = [
        Field("profiles", .texts), Field("annotations", .table), Field("attach", .optionalFlag), Field("build", build),
        Field("develop", develop), Field("blkio_config", blkio), Field("cap_add", .texts), Field("cap_drop", .texts),
        Field("cgroup_parent", .text), Field("cgroup", .text),
    ]
    private static let serviceLimits = [
        Field("cpu_count", .integer), Field("cpu_percent", .fraction), Field("cpu_period", .integer),
        Field("cpu_quota", .integer), Field("cpu_rt_period", .integer), Field("cpu_rt_runtime", .integer),
        Field("cpus", .fraction), Field("cpuset", .text), Field("cpu_shares", .integer),
    ]
    private static let serviceRun = [
        Field("command", .command, always: true), Field("configs", .list(file)), Field("container_name", .text),
        Field("credential_spec", .object(texts("config", "file", "registry"))),
        Field("depends_on", .map(dependency)), Field("deploy", deploy), Field("device_cgroup_rules", .texts),
        Field("devices", .list(.object(texts("source", "target", "permissions")))), Field("dns", .textOrTexts),
        Field("dns_opt", .texts), Field("dns_search", .textOrTexts), Field("domainname", .text),
        Field("entrypoint", .command, always: true),
        Field("provider", .object([Field("type", .text), Field("options", .manyOptions)])),
        Field("environment", .variables), Field("env_file", .list(environmentFile)), Field("expose", .textOrTexts),
        Field("extends", .object(texts("file", "service"))), Field("external_links", .texts),
        Field("extra_hosts", .hosts), Field("group_add", .texts), Field("gpus", .list(device)),
        Field("hostname", .text), Field("healthcheck", healthcheck), Field("image", .text),
        Field("init", .optionalFlag), Field("ipc", .text), Field("isolation", .text), Field("labels", .table),
        Field("label_file", .texts), Field("links", .texts),
        Field("logging", .object([Field("driver", .text), Field("options", .options)])),
    ]
    private static let serviceSurroundings = [
        Field("mem_limit", .bytes), Field("mem_reservation", .bytes), Field("memswap_limit", .bytes),
        Field("mem_swappiness", .bytes), Field("mac_address", .text),
        Field("models", .names(.object(texts("endpoint_var", "model_var")))), Field("network_mode", .text),
        Field("networks", .names(membership)), Field("oom_kill_disable", .flag), Field("oom_score_adj", .integer),
        Field("pid", .text), Field("pids_limit", .integer), Field("platform", .text), Field("ports", .list(port)),
        Field("privileged", .flag), Field("pull_policy", .text), Field("read_only", .flag), Field("restart", .text),
        Field("runtime", .text), Field("scale", .optionalInteger), Field("secrets", .list(file)),
        Field("security_opt", .texts), Field("shm_size", .bytes), Field("stdin_open", .flag),
        Field("stop_grace_period", .optionalDuration), Field("stop_signal", .text), Field("storage_opt", .options),
        Field("sysctls", .table),
    ]
    private static let serviceStorage = [
        Field("tmpfs", .textOrTexts), Field("tty", .flag), Field("ulimits", .map(.ulimit)),
        Field("use_api_socket", .flag), Field("user", .text), Field("userns_mode", .text), Field("uts", .text),
        Field("volumes", .list(mount)), Field("volumes_from", .texts), Field("working_dir", .text),
    ]
    private static let serviceEnd = [
        Field("pre_start", .list(hook)), Field("post_start", .list(hook)), Field("pre_stop", .list(hook)),
        Field("rootfs", .text),
        Field("namespaces", .object(texts("mnt", "pid", "net", "ipc", "uts", "user", "cgroup", "time"))),
        Field("time_offset", .any), Field("egress", .any), Field("on_unhealthy", .any),
    ]

    private static func texts(_ keys: String...) -> [Field] { keys.map { Field($0, .text) } }

    static let network = Form.object([
        Field("name", .text), Field("driver", .text), Field("driver_opts", .options),
        Field("ipam", ipam, always: true), Field("external", .flag), Field("internal", .flag),
        Field("attachable", .flag), Field("labels", .table), Field("enable_ipv4", .optionalFlag),
        Field("enable_ipv6", .optionalFlag),
    ])
    private static let ipam = Form.object([
        Field("driver", .text),
        Field("config", .list(.object(texts("subnet", "gateway", "ip_range") + [Field("aux_addresses", .table)]))),
        Field("options", .options),
    ])
    static let volume = Form.object([
        Field("name", .text), Field("driver", .text), Field("driver_opts", .options), Field("external", .flag),
        Field("labels", .table),
    ])
    static let secret = Form.object(
        texts("name", "file", "environment") + [
            Field("external", .flag), Field("labels", .table), Field("driver", .text), Field("driver_opts", .options),
            Field("template_driver", .text),
        ])
    static let config = Form.object(
        texts("name", "file", "environment", "content") + [
            Field("external", .flag), Field("labels", .table), Field("driver", .text), Field("driver_opts", .options),
            Field("template_driver", .text),
        ])
    private static let model = Form.object([
        Field("name", .text), Field("model", .text), Field("context_size", .integer), Field("runtime_flags", .texts),
    ])
    static let namespaces = Form.object([Field("kinds", .texts), Field("networks", .names(membership))])
    static let resources = Form.object([
        Field("cpus", .fraction), Field("cpu_shares", .integer), Field("cpuset", .text), Field("mem_limit", .bytes),
        Field("memswap_limit", .bytes), Field("pids_limit", .integer),
    ])

    private static let build = Form.object(
        texts("context", "dockerfile", "dockerfile_inline") + [
            Field("entitlements", .texts), Field("args", .variables), Field("provenance", .text), Field("sbom", .text),
            Field("ssh", .keys), Field("labels", .table), Field("cache_from", .textOrTexts),
            Field("cache_to", .textOrTexts), Field("no_cache", .flag), Field("no_cache_filter", .textOrTexts),
            Field("additional_contexts", .table), Field("pull", .flag), Field("extra_hosts", .hosts),
            Field("isolation", .text), Field("network", .text), Field("target", .text), Field("secrets", .list(file)),
            Field("shm_size", .bytes), Field("tags", .textOrTexts), Field("ulimits", .map(.ulimit)),
            Field("platforms", .textOrTexts), Field("privileged", .flag),
        ])
    private static let develop = Form.object([
        Field(
            "watch",
            .list(
                .object(
                    [Field("path", .text, always: true), Field("action", .text, always: true), Field("target", .text)]
                        + [
                            Field("exec", hook, always: true), Field("include", .texts), Field("ignore", .texts),
                            Field("initial_sync", .flag),
                        ])))
    ])
    private static let blkio = Form.object(
        [
            Field("weight", .bareNatural),
            Field(
                "weight_device",
                .list(.object([Field("path", .text, always: true), Field("weight", .bareNatural, always: true)]))),
        ]
            + ["device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops"].map { key in
                Field(key, .list(.object([Field("path", .text, always: true), Field("rate", .bytes, always: true)])))
            })
    private static let file = Form.object(texts("source", "target", "uid", "gid") + [Field("mode", .mode)])
    private static let dependency = Form.object([
        Field("condition", .text), Field("restart", .flag), Field("required", .flag, always: true),
    ])
    private static let environmentFile = Form.object([
        Field("path", .text), Field("required", .optOut), Field("format", .text),
    ])
    private static let device = Form.object([
        Field("capabilities", .texts), Field("driver", .text), Field("count", .count), Field("device_ids", .texts),
        Field("options", .table),
    ])
    private static let healthcheck = Form.object([
        Field("test", .test), Field("timeout", .optionalDuration), Field("interval", .optionalDuration),
        Field("retries", .optionalNatural), Field("start_period", .optionalDuration),
        Field("start_interval", .optionalDuration), Field("disable", .flag), Field("http", .any), Field("tcp", .any),
    ])
    private static let membership = Form.object([
        Field("aliases", .texts), Field("driver_opts", .options), Field("gw_priority", .integer),
        Field("interface_name", .text), Field("ipv4_address", .text), Field("ipv6_address", .text),
        Field("link_local_ips", .texts), Field("mac_address", .text), Field("priority", .integer),
    ])
    private static let port = Form.object([
        Field("name", .text), Field("mode", .text), Field("host_ip", .text), Field("target", .natural),
        Field("published", .text), Field("protocol", .text), Field("app_protocol", .text),
    ])
    private static let mount = Form.object(
        texts("type", "source", "target") + [
            Field("read_only", .flag), Field("consistency", .text),
            Field(
                "bind",
                .object(
                    texts("selinux", "propagation") + [Field("create_host_path", .optOut), Field("recursive", .text)])),
            Field("volume", .object([Field("labels", .table), Field("nocopy", .flag), Field("subpath", .text)])),
            Field("tmpfs", .object([Field("size", .bytes), Field("mode", .bareNatural)])),
            Field("image", .object(texts("subpath"))),
        ])
    private static let hook = Form.object(
        [Field("command", .command, always: true)] + texts("image", "user") + [
            Field("privileged", .flag), Field("working_dir", .text), Field("environment", .variables),
            Field("per_replica", .flag),
        ])

    private static let deploy = Form.object([
        Field("mode", .text), Field("replicas", .optionalInteger), Field("labels", .table),
        Field("update_config", update),
        Field("rollback_config", update),
        Field("resources", .object([Field("limits", deployed), Field("reservations", deployed)]), always: true),
        Field(
            "restart_policy",
            .object([
                Field("condition", .text), Field("delay", .optionalDuration), Field("max_attempts", .optionalNatural),
                Field("window", .optionalDuration),
            ])),
        Field(
            "placement",
            .object([
                Field("constraints", .texts), Field("preferences", .list(.object(texts("spread")))),
                Field("max_replicas_per_node", .natural),
            ]), always: true), Field("endpoint_mode", .text),
    ])
    private static let update = Form.object([
        Field("parallelism", .optionalNatural), Field("delay", .duration), Field("failure_action", .text),
        Field("monitor", .duration), Field("max_failure_ratio", .fraction), Field("order", .text),
    ])
    private static let deployed = Form.object([
        Field("cpus", .fraction), Field("memory", .bytes), Field("pids", .integer), Field("devices", .list(device)),
        Field(
            "generic_resources",
            .list(
                .object([
                    Field(
                        "discrete_resource_spec",
                        .object([Field("kind", .text, always: true), Field("value", .integer, always: true)]))
                ]))),
    ])
}
