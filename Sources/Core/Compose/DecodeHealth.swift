import Diagnostics
import YAML

// Health checks.
extension Keys {
    struct HealthDraft {
        var settings = HealthSettings()
        var isDisabled = false
    }

    static let health = Grammar<HealthDraft>([
        "test": { draft, reader in draft.settings.test = healthTest(reader) },
        "http": { draft, reader in draft.settings.test = httpProbe(reader).map { .http($0) } },
        "tcp": { draft, reader in draft.settings.test = port(number: reader).map { .tcp($0) } },
        "interval": { draft, reader in draft.settings.interval = span(reader) },
        "timeout": { draft, reader in draft.settings.timeout = span(reader) },
        "start_period": { draft, reader in draft.settings.startPeriod = span(reader) },
        "start_interval": { draft, reader in draft.settings.startInterval = span(reader) },
        "retries": { draft, reader in
            let retries = reader.integer(0...1_000_000, "a number of failures")
            draft.settings.retries = retries.flatMap { $0 == 0 ? nil : Int($0) }
        },
        "disable": { draft, reader in draft.isDisabled = reader.boolean() ?? false },
    ])

    static func healthSettings(_ reader: Reader) -> HealthSettings? {
        if reader.node.isNull { return nil }
        var draft = HealthDraft()
        health.read(reader, into: &draft)
        if draft.isDisabled { draft.settings.test = .disabled }
        return draft.settings
    }

    /// 0 is as if it were not set, as in Docker.
    private static func span(_ reader: Reader) -> Duration? {
        guard let span = reader.duration(), span != .zero else { return nil }
        return span < .milliseconds(1) ? reader.expected("a time of at least 1ms") : span
    }

    /// Its first word has been looked at by then.
    private static func healthTest(_ reader: Reader) -> HealthSettings.Test? {
        guard let words = reader.strings(), let kind = words.first else { return nil }
        let rest = Array(words.dropFirst())
        switch kind {
        case "NONE": return .disabled
        case "CMD-SHELL" where rest.count == 1: return rest[0].isEmpty ? nil : .shell(rest[0])
        case "CMD-SHELL": return reader.expected("one text after CMD-SHELL", "write [CMD-SHELL, \"curl localhost\"]")
        case "CMD" where !rest.isEmpty: return .command(rest)
        case "CMD": return reader.expected("a program after CMD", "write [CMD, program, argument]")
        case _: return nil
        }
    }

    private static func port(number reader: Reader) -> UInt16? {
        guard let port = reader.text().flatMap({ UInt16($0) }), port > 0 else {
            return reader.expected("a port, 1 to 65535")
        }
        return port
    }

    struct HTTPDraft {
        var port: UInt16?
        var probe = HTTPProbe(port: 0)
    }

    private static let http = Grammar<HTTPDraft>([
        "port": { draft, reader in draft.port = port(number: reader) },
        "path": { draft, reader in
            guard let path = requestPart(reader) else { return }
            draft.probe.path = path.hasPrefix("/") ? path : "/" + path
        },
        "host": { draft, reader in draft.probe.host = requestPart(reader) ?? draft.probe.host },
        "status": { draft, reader in draft.probe.statuses = statuses(reader) ?? draft.probe.statuses },
    ])

    /// `PORT`, `PORT/PATH` or a mapping.
    private static func httpProbe(_ reader: Reader) -> HTTPProbe? {
        if reader.node.entries != nil {
            var draft = HTTPDraft()
            http.read(reader, into: &draft)
            guard let port = draft.port else { return nil }
            draft.probe.port = port
            return draft.probe
        }
        guard let text = reader.text() else { return nil }
        let number = text.prefix { $0 != "/" }
        guard let port = UInt16(number), port > 0 else {
            return reader.expected("a port, 1 to 65535, and perhaps a path", "write 8080/health")
        }
        let path = text.dropFirst(number.count)
        guard isRequestPart(path) else { return reader.expected("a path without spaces", "write %20 for a space") }
        return HTTPProbe(port: port, path: path.isEmpty ? "/" : String(path))
    }

    private static func requestPart(_ reader: Reader) -> String? {
        guard let text = reader.string() else { return nil }
        return isRequestPart(text[...]) ? text : reader.expected("a text without spaces", "write %20 for a space")
    }

    /// What stands in a request's line must not end it.
    private static func isRequestPart(_ text: Substring) -> Bool { text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F } }

    /// `204`, `200-299` or `200,301-302`.
    private static func statuses(_ reader: Reader) -> [ClosedRange<Int>]? {
        guard let text = reader.text() else { return nil }
        let ranges = text.split(separator: ",", omittingEmptySubsequences: false).map { part -> ClosedRange<Int>? in
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last,
                first >= 100, last <= 599
            else { return nil }
            return first...last
        }
        let whole = ranges.compactMap { $0 }
        guard whole.count == ranges.count else {
            return reader.expected("statuses from 100 to 599", "write 200, 200-299 or \"200,301-302\"")
        }
        return whole
    }
}
