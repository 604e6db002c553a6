import Diagnostics
import YAML

extension Keys {
    static let logging = Grammar<LogSettings>([
        "driver": { settings, reader in
            guard let text = reader.string(), !text.isEmpty else { return }
            guard let driver = LogSettings.Driver(rawValue: text) else {
                let names = LogSettings.Driver.allCases.map(\.rawValue)
                return reader.error(
                    "the driver \(text) is not supported",
                    hint: "\(either(names)) are; journald and syslog hand lines on")
            }
            settings.driver = driver
        },
        "options": { settings, reader in logOptions.read(reader, into: &settings) },
    ])

    static let logOptions = Grammar<LogSettings>([
        "max-size": { settings, reader in
            guard let size = reader.text().flatMap(Units.decimalBytes), size >= 4096 else {
                return reader.expected("a size of at least 4k", "write 10m; here, 1m is 1000000 bytes") ?? ()
            }
            settings.maxSize = size
        },
        "max-file": { settings, reader in
            settings.maxFile = reader.integer(1...1000, "a number of files, 1 to 1000").map { Int($0) } ?? 3
        },
        "tag": { settings, reader in
            if reader.node.isNull { return }
            guard let text = reader.text() else { return }
            settings.tag = LogTag(text)
            if settings.tag == nil {
                let places = LogTag.Place.allCases.map { "{{.\($0.rawValue)}}" }
                reader.error("the tag asks for what there is not", hint: "it may hold \(either(places))")
            }
        },
        "labels": { settings, reader in
            if reader.node.isNull { return }
            settings.labels = (reader.text() ?? "").split(separator: ",").map { String($0.filter { $0 != " " }) }
        },
        "syslog-address": { settings, reader in
            guard let text = reader.text() else { return }
            guard let address = SyslogSettings.address(text) else {
                return reader.error(
                    "expected the address of a syslog, found \(text)",
                    hint: "write unixgram:///dev/log, udp://192.168.0.42:514 or tcp://192.168.0.42:514, with numbers")
            }
            settings.syslog.address = address
        },
        "syslog-facility": { settings, reader in
            guard let text = reader.text() else { return }
            guard let facility = SyslogSettings.facility(text) else {
                return reader.error("there is no facility \(text)", hint: "write daemon, user or local0 to local7")
            }
            settings.syslog.facility = facility
        },
        "syslog-format": { settings, reader in
            settings.syslog.format = reader.word(SyslogSettings.Format.self)
        },
    ])
}
