// A service: what runs in it, where from, and how it lives.
extension Shape {
    static let service = program + life + isolation + limits + connections + files + platforms

    private static let program: [Key] = [
        Key(
            "rootfs", .pattern(.filled),
            "The root file system: host, the default, is a copy-on-write view of the host's own; else a folder, or a tar file.",
            .honoured, .own),
        Key(
            "image", .text,
            "The image that the containers are made from: NAME:TAG, NAME@DIGEST, oci:FOLDER, docker-archive:FILE."),
        Key(
            "build", .either(.text, .shared("build", .keys(build))),
            "How the image is made: the folder that is built from, or all there is to say about it."),
        Key(
            "pull_policy", .pattern(.pullPolicy),
            "When the image is fetched: always, never, missing, build, daily, every_12h."),
        Key(
            "pull_refresh_after", .text, "How old an image may be before it is fetched again.",
            .partly("without effect", instead: "write pull_policy: every_12h")),
        Key("platform", .text, "The system and processor that the image is for, linux/arm64."),
        Key(
            "command", .command,
            "What to run. A text is split into words as by a shell, but given to none; a list is taken as it is."),
        Key("entrypoint", .command, "Words that stand before those of command."),
        Key(
            "environment", .pairs,
            "Variables. One without a value is taken from Settle's own environment, or stays out."),
        Key(
            "env_file",
            .either(
                .text,
                .list(
                    .either(
                        .text,
                        .keys(
                            Key("path", .text, "The file.", .honoured, .required),
                            Key("required", .flag, "Whether a missing file is an error; true unless set."),
                            Key("format", .text, "raw: values are taken as they stand, $ and quotes included."),
                            extensions: false)))),
            "Files of variables. What environment says wins."),
        Key("working_dir", .text, "The folder that the command starts in."),
        Key("user", .text, "Who runs the command: NAME, UID, NAME:GROUP or \"UID:GID\". A number alone needs quotes."),
        Key("group_add", .uniqueList(.either(.text, .number)), "Further groups of the user, names or numbers."),
        Key(
            "init", .flag, "Whether a small first process passes signals on and reaps what others leave behind."),
        Key(
            "tty", .flag, "Whether the command gets a terminal: settle attach leads to it."),
        Key(
            "stdin_open", .flag, "Whether the command's input stays open, for settle attach."),
        Key(
            "provider",
            .keys(
                Key("type", .text, "The program that provides it.", .honoured, .required),
                Key(
                    "options",
                    .names(
                        .something,
                        .either(.text, .number, .bool, .list(.either(.text, .number, .bool))), others: true),
                    "What the program is told.")),
            "A program that provides the service in place of a container.", .refused("provider programs come later")),
    ]

    private static let life: [Key] = [
        Key(
            "container_name", .pattern(.containerName), "The container's name, in place of PROJECT-SERVICE-NUMBER.",
            .refused(
                "containers are named PROJECT-SERVICE-NUMBER",
                instead: "remove it: others reach the service by its own name")),
        Key("labels", .pairs, "Names and values of your own, kept with the containers."),
        Key("label_file", .textOrStrings, "Files of labels. What labels says wins."),
        Key(
            "annotations", .pairs, "Names and values for the program that runs the container.",
            .partly("shown by config; nothing reads them", instead: "use labels:")),
        Key(
            "depends_on", .shared("depends_on", dependsOn), "Services that must be up, or done, before this one starts."
        ),
        Key(
            "profiles", .strings, "The service is left out unless one of these is asked for, by --profile for example."),
        Key(
            "extends",
            .either(
                .text,
                .keys(
                    Key("service", .text, "The name of that service.", .honoured, .required),
                    Key("file", .text, "The file that it stands in, unless it is this one."),
                    extensions: false)),
            "Another service that this one begins as; what stands here is laid over it."),
        Key("restart", .text, "What happens when it ends: no, always, on-failure, on-failure:3, unless-stopped."),
        Key("stop_signal", .text, "The signal that asks it to end, SIGTERM unless set."),
        Key("stop_grace_period", .time, "How long it may take to end before it is killed, 10s unless set."),
        Key(
            "healthcheck", .shared("healthcheck", healthcheck), "How to find out whether the service does its work."),
        Key(
            "on_unhealthy", .words("none", "restart", "stop"), "What happens to a container that is unhealthy.",
            .honoured, .own),
        Key(
            "pre_start", .list(.shared("first_hook", .keys(hook + firstHook))),
            "Commands that run before the service does, in containers of their own."),
        Key(
            "post_start", .list(.shared("hook", .keys(hook + [hookCommand]))),
            "Commands that run inside when the service has started."),
        Key(
            "pre_stop", .list(.shared("hook", .keys(hook + [hookCommand]))),
            "Commands that run inside before the service is stopped."),
        Key("scale", .count, "How many containers, as deploy.replicas."),
        Key("deploy", .either(.null, .shared("deploy", .keys(deploy))), "How many containers, and what they may use."),
        Key(
            "develop", .either(.null, .shared("develop", develop)),
            "What `settle watch` does when files are edited."),
        Key(
            "attach", .flag, "Whether up shows the output."),
        Key("logging", .shared("logging", logging), "Where the output goes, and how much of it is kept."),
    ]

    static let dependsOn = Kind.either(
        .uniqueStrings,
        .names(
            .name,
            .keys(
                Key(
                    "condition", .words("service_started", "service_healthy", "service_completed_successfully"),
                    "What it must have come to.", .honoured, .required),
                Key("required", .bool(cast: true), "false: go on without it, with a warning."),
                Key("restart", .flag, "Whether this service is restarted after Settle restarts or replaces that one.")))
    )

    static let healthcheck = Kind.keys(
        Key(
            "test", .either(.text, .list(.text)),
            "The command: a text for the shell, or a list that begins with CMD, CMD-SHELL or NONE."),
        Key("http", httpProbe, "Healthy if a request from inside the service's network is answered.", .honoured, .own),
        Key(
            "tcp", tcpProbe, "Healthy if this port takes connections from inside the service's network.", .honoured,
            .own),
        Key("interval", .time, "From one probe to the next, 30s unless set."),
        Key("timeout", .time, "How long a probe may take, 30s unless set."),
        Key("retries", .amount, "How many failures in a row make it unhealthy, 3 unless set."),
        Key("start_period", .time, "How long failures do not count after the start."),
        Key("start_interval", .time, "From one probe to the next during start_period, 5s unless set."),
        Key("disable", .flag, "Whether there is no check, not even the image's."))

    private static let hook: [Key] = [
        Key("user", .text, "Who runs it."),
        Key("privileged", .flag, "Whether it may do everything."),
        Key("working_dir", .text, "The folder that it starts in."),
        Key("environment", .uniquePairs, "Further variables."),
    ]
    private static let hookCommand = Key("command", .command, "The command.", .honoured, .required)
    private static let firstHook: [Key] = [
        Key("command", .command, "The command."),
        Key("image", .text, "The image that it runs in, unless it is the service's."),
        Key("per_replica", .flag, "Whether it runs once for each container, and not once for all."),
    ]

    static let develop = Kind.keys(
        Key(
            "watch",
            .list(
                .keys(
                    Key("path", .text, "The file or folder that is watched.", .honoured, .required),
                    Key(
                        "action", .words("rebuild", "sync", "restart", "sync+restart", "sync+exec"),
                        "What happens when something in it changes.", .honoured, .required),
                    Key("target", .text, "Where in the container it is copied to."),
                    Key("include", .textOrUniqueStrings, "Only these count, patterns below path."),
                    Key("ignore", .textOrUniqueStrings, "These do not count, patterns below path."),
                    Key(
                        "exec", .shared("hook", .keys(hook + [hookCommand])),
                        "What runs in the container after copying."),
                    Key("initial_sync", .bool, "Whether everything is copied at the beginning."))),
            "What is watched."))
}
