// The top of a file.
extension Shape {
    static let file = Keys([
        Key(
            "name", .text,
            "The project's name, by which everything that belongs to the stack is found again. Unless set, that of the folder."
        ),
        Key(
            "version", .text, "Once the version of the format. It has no meaning any more.",
            .partly("ignored", instead: "remove it"), .deprecated),
        Key(
            "include", .either(.null, .list(.shared("include", include))),
            "Other files whose services, networks and so on belong to this stack. Each is read in its own folder, with its own .env file."
        ),
        Key(
            "services", .names(.name, .shared("service", .keys(service))),
            "What runs: each service is one container, or several alike, with its command, files, networks and limits."),
        Key(
            "networks", .names(.name, .shared("network", network), others: true),
            "Networks that services join. Members of a network reach each other by the names of the services."),
        Key(
            "volumes", .names(.name, .shared("volume", volume)),
            "Folders that outlive the containers that use them."),
        Key(
            "secrets", .names(.name, .shared("secret", secret)),
            "Passwords, keys and the like, which services see as files."),
        Key(
            "configs", .names(.name, .shared("config", config)),
            "Configuration that services see as files."),
        Key(
            "models", .names(.name, .shared("model", model), others: true),
            "Language models that services talk to.", .refused("Settle runs no models")),
        Key(
            "namespaces", .shared("stack_namespaces", stackNamespaces),
            "Namespaces of the stack itself. They live as long as it does, whichever of the services in them ends.",
            .honoured, .own),
        Key(
            "links", .shared("stack_links", stackLinks),
            "Cables between two services, each with a delay, losses and a rate of its own.",
            .refused("cables come later"), .own),
        Key(
            "resources", .shared("stack_resources", stackResources),
            "What all services of the stack may use together.", .honoured, .own),
    ])

    private static let include = Kind.either(
        .text,
        .keys(
            Key("path", .textOrUniqueStrings, "The file, or a file and others that are laid over it."),
            Key("project_directory", .text, "The folder that relative paths in the file count from."),
            Key("env_file", .textOrUniqueStrings, "Files of variables, in place of the .env beside the file."),
            extensions: false))

    private static let external = Support.refused(
        "what was made outside of the project cannot be used yet", instead: "remove it: Settle makes its own")

    /// `external: true`, or the older `external: {name: …}`.
    private static func external(others: Key? = nil) -> Kind {
        .either(
            .flag,
            .keys(
                Key("name", .text, "Its name outside. Write name: beside external: instead.", .honoured, .deprecated),
                others: others))
    }

    static let network = Kind.either(
        .null,
        .keys(
            Key("name", .text, "The network's name, in place of PROJECT_KEY."),
            Key(
                "driver", .text, "How the network is made.",
                .refused("networks are bridges", instead: "leave it out", besides: ["bridge", ""])),
            Key("driver_opts", .options, "Options of the driver.", .refused("the bridge takes no options yet")),
            Key("ipam", .shared("ipam", ipam), "The addresses of the network."),
            Key(
                "external", external(), "The network is there already, and not this stack's to make or remove.",
                external),
            Key("internal", .flag, "Members reach each other, and nothing outside."),
            Key(
                "enable_ipv4", .flag, "Whether members get an IPv4 address.",
                .refused("networks have IPv4 addresses", instead: "remove it", besides: ["true"])),
            Key("enable_ipv6", .flag, "Whether members get an IPv6 address.", .refused("networks have no IPv6 yet")),
            Key(
                "attachable", .flag, "Whether containers from elsewhere may join.",
                .meaningless("there are no containers from elsewhere: namespaces can be joined by their pins")),
            Key("labels", .pairs, "Names and values of your own, kept with the network.")))

    static let ipam = Kind.keys(
        Key(
            "driver", .text, "Who gives out the addresses.",
            .refused("Settle gives out the addresses", instead: "leave it out", besides: ["default", ""])),
        Key(
            "config",
            .list(
                .keys(
                    Key("subnet", .text, "The addresses, such as 10.5.0.0/16."),
                    Key("gateway", .text, "The address of the bridge."),
                    Key(
                        "ip_range", .text, "The part of the subnet that addresses are picked from.",
                        .refused("addresses are picked from the whole subnet")),
                    Key(
                        "aux_addresses", .names(.something, .text), "Addresses that stay free, by name.",
                        .refused("no address can be set aside yet")))),
            "The subnets."),
        Key("options", .names(.something, .text), "Options of the driver.", .refused("there are none")))

    static let volume = Kind.either(
        .null,
        .keys(
            Key("name", .text, "The volume's name, in place of PROJECT_KEY."),
            Key(
                "driver", .text, "Who keeps the volume.",
                .refused("volumes are folders of this machine", instead: "leave it out", besides: ["local", ""])),
            Key(
                "driver_opts", .options,
                "What is mounted as the volume: type, o and device, as for mount(8)."),
            Key("external", external(), "The volume is there already, and not this stack's to make or remove."),
            Key("labels", .uniquePairs, "Names and values of your own, kept with the volume.")))

    private static let elsewhere = Support.refused(
        "Settle asks nobody else for it", instead: "name a file: or a variable, environment:")
    private static let untouched = Support.refused("it is handed over as it is", instead: "remove it")

    static let secret = Kind.keys(
        Key("name", .text, "The secret's name, in place of PROJECT_KEY."),
        Key("file", .text, "The file that holds it."),
        Key("environment", .text, "The variable that holds it."),
        Key(
            "external", external(others: Key("", .any, "Anything else.")),
            "The secret is there already, kept by somebody else.", elsewhere),
        Key("labels", .uniquePairs, "Names and values of your own."),
        Key("driver", .text, "Who keeps it.", elsewhere),
        Key("driver_opts", .options, "Options of the driver.", elsewhere),
        Key("template_driver", .text, "Who fills it in.", untouched))

    static let config = Kind.keys(
        Key("name", .text, "The configuration's name, in place of PROJECT_KEY."),
        Key("file", .text, "The file that holds it."),
        Key("content", .text, "The text itself."),
        Key("environment", .text, "The variable that holds it."),
        Key(
            "external", external(others: Key("", .any, "Anything else.")),
            "The configuration is there already, kept by somebody else.", elsewhere),
        Key("labels", .uniquePairs, "Names and values of your own."),
        Key("template_driver", .text, "Who fills it in.", untouched))

    static let model = Kind.keys(
        Key("name", .text, "The model's name, in place of its key."),
        Key("model", .text, "Where the model comes from.", .honoured, .required),
        Key("context_size", .whole, "How many tokens it looks back."),
        Key("runtime_flags", .strings, "Flags of the program that runs it."))
}
