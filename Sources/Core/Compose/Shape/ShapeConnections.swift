// A service: what it talks to, and what it sees of files.
extension Shape {
    private static let resolver = Support.refused(
        "/etc/resolv.conf is the host's", instead: "mount one: volumes: [\"./resolv.conf:/etc/resolv.conf:ro\"]")

    static let connections: [Key] = [
        Key(
            "networks", .shared("attachments", attachments), "The networks that the service joins; default unless set."),
        Key(
            "network_mode", .text, "none, host, service:NAME or stack:NAME: in place of networks.",
            .refused(
                "there is no network that all projects share, and no container of another project",
                instead: "leave it out to join the project's default network",
                besides: ["none", "host", "service:", "stack:", ""])),
        Key(
            "ports", .list(.either(.number, .text, .shared("port", port))),
            "Ports of the host that lead to ports of the container: \"8080:80\", \"127.0.0.1:8080:80/udp\", \"8000-8010:80\"."
        ),
        Key("expose", .list(.either(.text, .number)), "Ports that other services may use; all can be used anyway."),
        Key("hostname", .text, "The host name inside."),
        Key("domainname", .text, "The domain name inside.", .refused("this comes later")),
        Key(
            "mac_address", .text, "The hardware address of the interface.",
            .refused("hardware addresses are picked", instead: "remove it")),
        Key("dns", .textOrStrings, "Name servers.", resolver),
        Key("dns_search", .textOrStrings, "Domains that short names are looked up in.", resolver),
        Key("dns_opt", .list(.text), "Options of the resolver.", resolver),
        Key("extra_hosts", .shared("extra_hosts", extraHosts), "Names and addresses of your own, NAME=ADDRESS.", hosts),
        Key(
            "links", .list(.text), "Services, and other names for them: db:database.",
            .refused(
                "other names for services come later",
                instead: "remove it: services of one network reach each other by name; use depends_on for the order")),
        Key(
            "external_links", .uniqueStrings, "Containers of other projects.",
            .refused("networks are a project's own")),
        Key(
            "egress", .shared("egress", egress),
            "Where the service may connect to outside of the stack: all, none, or a list of addresses, networks and names, each with a port if you like.",
            .refused("limits of what may leave come later", besides: ["all"]), .own),
        Key(
            "models",
            .either(
                .uniqueStrings,
                .names(
                    .name,
                    .either(
                        .null,
                        .keys(
                            Key("endpoint_var", .text, "The variable that gets the model's address."),
                            Key("model_var", .text, "The variable that gets the model's name."))),
                    others: true)),
            "Language models that the service talks to.", .refused("Settle runs no models")),
    ]

    private static let hosts = Support.refused("further names come later", instead: "mount a hosts file of your own")

    static let extraHosts = Kind.either(
        .names(.something, .either(.text, .list(.text))), .uniqueList(.text))

    static let attachments = Kind.either(
        .uniqueStrings,
        .names(
            .name,
            .either(
                .null,
                .keys(
                    Key("aliases", .list(.text), "Other names by which the network's members reach the service."),
                    Key("ipv4_address", .text, "The address, from the network's subnet; the next free one unless set."),
                    Key("ipv6_address", .text, "The IPv6 address.", .refused("networks have no IPv6 yet")),
                    Key(
                        "link_local_ips", .list(.text), "Further addresses of the link.",
                        .refused("further addresses come later")),
                    Key("mac_address", .text, "The hardware address.", .refused("hardware addresses are picked")),
                    Key(
                        "interface_name", .text, "The interface's name inside.",
                        .refused("interfaces are eth0 and so on")),
                    Key(
                        "driver_opts", .options, "Options of the network's driver.",
                        .refused("the bridge takes none yet")),
                    Key("priority", .number, "Networks of higher priority are joined first.", order),
                    Key("gw_priority", .number, "The network of the highest one leads outside.", order)))))

    private static let order = Support.partly("networks are joined in the order of their names")

    static let port = Kind.keys(
        Key("name", .text, "A name of your own.", .partly("shown by config; nothing reads it")),
        Key("target", .either(.whole, .text(.read(.whole))), "The port of the container."),
        Key(
            "published", .either(.whole, .text),
            "The port of the host, or a range of which the first free one is taken."),
        Key("host_ip", .text, "The address of the host, all unless set."),
        Key("protocol", .text, "tcp or udp."),
        Key("mode", .text, "host or ingress; on one machine they are the same."),
        Key("app_protocol", .text, "What is spoken there, http.", .partly("shown by config; nothing reads it")))

    static let files: [Key] = [
        Key(
            "volumes", .list(.either(.text, .shared("mount", mount))),
            "Folders and files of the host, and volumes: \"./site:/srv:ro\", \"data:/var/lib/data\"."),
        Key(
            "volumes_from", .uniqueStrings, "Services whose mounts this one gets as well: db, or db:ro."),
        Key("tmpfs", .textOrStrings, "Folders in memory: /run, or \"/run:size=64m,mode=1777\"."),
        Key(
            "secrets", .shared("grants", grants), "Secrets that the service sees as files below /run/secrets."),
        Key(
            "configs", .shared("grants", grants), "Configuration that the service sees as files."),
    ]

    static let grants = Kind.list(
        .either(
            .text,
            .keys(
                Key("source", .text, "Its key at the top."),
                Key("target", .text, "Where it is seen."),
                Key("uid", .text, "Who owns the file; a number needs quotes."),
                Key("gid", .text, "The group of the file; a number needs quotes."),
                Key("mode", .either(.number, .text), "The file's permissions, 0440."))))

    static let mount = Kind.keys(
        Key(
            "type", .words("bind", "volume", "tmpfs", "image", "npipe", "cluster"), "What is mounted.",
            .refused(
                "is no kind of mount here", instead: "use bind, volume or tmpfs", besides: ["bind", "volume", "tmpfs"]),
            .required),
        Key("source", .text, "The path on the host, or the volume's name."),
        Key("target", .text, "The path in the container."),
        Key("read_only", .flag, "Whether it cannot be written to."),
        Key("consistency", .text, "How soon both sides see a change: on Linux, at once."),
        Key(
            "bind",
            .keys(
                Key("create_host_path", .flag, "Whether a missing folder is made; in the short form it is."),
                Key(
                    "propagation", .text,
                    "Whether what is mounted below it later is passed on: rprivate (not at all), rslave (from the host), rshared (in both directions)."
                ),
                Key(
                    "recursive", .words("enabled", "disabled", "writable", "readonly"),
                    "Whether mounts below it come along.",
                    .refused("mounts below come along", besides: ["enabled"])),
                Key(
                    "selinux", .words("z", "Z"),
                    "The label for SELinux. Nothing runs under one of its own, so none is needed.")),
            "For a path of the host."),
        Key(
            "volume",
            .keys(
                Key(
                    "nocopy", .flag, "Whether an empty volume stays so, whatever the image has there."),
                Key("subpath", .text, "A folder or file within the volume, which must be there."),
                Key("labels", .uniquePairs, "Names and values of your own.", .partly("nothing reads them"))),
            "For a volume."),
        Key(
            "tmpfs",
            .keys(
                Key("size", .either(.whole(0...Double.infinity), .text(.read(.size))), "How much fits."),
                Key("mode", .either(.number, .text), "Its permissions, 01777.")),
            "For a folder in memory."),
        Key(
            "image", .keys(Key("subpath", .text, "A folder within the image.")), "For an image.",
            .refused("images come later")))

    static let platforms: [Key] = [
        Key(
            "credential_spec",
            .keys(
                Key("config", .text, "The configuration that holds it."), Key("file", .text, "The file that holds it."),
                Key("registry", .text, "Its entry in the registry of Windows.")),
            "An account of Windows.", .meaningless("is for Windows")),
        Key("isolation", .text, "How Windows isolates the container.", .meaningless("is for Windows")),
    ]
}
