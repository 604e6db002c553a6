extension Shape {
    static let logging = Kind.keys(
        Key(
            "driver", .text, "Who is given the output besides the files that Settle keeps.",
            .refused(
                "Settle keeps output in files of its own, and hands it to syslog and the journal",
                instead: "leave it out",
                besides: ["json-file", "local", "none", "syslog", "journald", ""])
        ),
        Key(
            "options",
            .keys(
                Key("max-size", option, "How large a file may grow, 10m; 1m is 1000000 bytes here."),
                Key("max-file", option, "How many files are kept, 3 unless set."),
                Key("tag", option, "Who the lines are from, for syslog and the journal: {{.Name}}."),
                Key("labels", option, "Labels whose values go with the lines into the journal: tier,owner."),
                Key("syslog-address", option, "unixgram:///dev/log, udp://ADDRESS:PORT or tcp://ADDRESS:PORT."),
                Key("syslog-facility", option, "daemon unless set."),
                Key("syslog-format", option, "rfc3164, rfc5424 or rfc5424micro."),
                others: Key("", option, "For other drivers.", .partly("Settle has no use for it"))),
            "Options of the driver."))

    private static let option = Kind.either(.text, .number, .null)
}
