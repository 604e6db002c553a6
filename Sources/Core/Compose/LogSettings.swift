/// `logging:`, every value in its canonical form.
package struct LogSettings: Codable, Hashable, Sendable {
    package enum Driver: String, Codable, CaseIterable, Hashable, Sendable {
        /// Both are files of Settle's own here.
        case jsonFile = "json-file"
        case local
        /// Nothing is kept.
        case none
        /// Besides the files.
        case syslog, journald
    }

    package var driver = Driver.jsonFile
    /// Bytes per file.
    package var maxSize: Int64 = 10_000_000
    /// Files, the one being written included.
    package var maxFile: Int = 3
    /// Who the lines are from, for syslog and the journal.
    package var tag: LogTag?
    /// Keys of labels that go with each entry of the journal.
    package var labels: [String] = []
    package var syslog = SyslogSettings()

    package init() {}
}

package struct SyslogSettings: Codable, Hashable, Sendable {
    package enum Address: Codable, Hashable, Sendable {
        /// A socket of this machine, of datagrams or a stream.
        case local(String)
        /// IPv4 or IPv6 without brackets.
        case udp(String, UInt16)
        case tcp(String, UInt16)
    }

    package enum Format: String, Codable, CaseIterable, Hashable, Sendable {
        case rfc3164, rfc5424, rfc5424micro
    }

    package var address = Address.local("/dev/log")
    /// RFC 5424, table 1.
    package var facility = 3
    /// nil: as RFC 3164 has it, without the host's name on a socket of this machine.
    package var format: Format?

    package init() {}

    /// In the order of their numbers; the empty ones have no name that people use.
    static let facilities = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "", "",
        "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ]

    static func facility(_ text: String) -> Int? {
        if let number = Int(text) { return (0...23).contains(number) ? number : nil }
        return text.isEmpty ? nil : facilities.firstIndex(of: text)
    }

    /// `unixgram:///dev/log`, `udp://192.168.0.42:514`, `tcp://[::1]:601`; nil for anything else.
    static func address(_ text: String) -> Address? {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].hasPrefix("//") else { return nil }
        let rest = parts[1].dropFirst(2)
        switch parts[0] {
        case "unix", "unixgram": return rest.hasPrefix("/") ? .local(String(rest)) : nil
        case "udp": return endpoint(rest).map { .udp($0.host, $0.port) }
        case "tcp": return endpoint(rest).map { .tcp($0.host, $0.port) }
        case _: return nil
        }
    }

    private static func endpoint(_ text: Substring) -> (host: String, port: UInt16)? {
        var host = text
        var port: UInt16 = 514
        if let colon = text.lastIndex(of: ":"), text.hasSuffix("]") == false {
            guard let number = UInt16(text[text.index(after: colon)...]) else { return nil }
            port = number
            host = text[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        // A name would have to be looked up while containers wait.
        if host == "localhost" { return ("127.0.0.1", port) }
        let isAddress =
            IPv4Address(host) != nil
            || host.contains(":") && host.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
        return isAddress ? (String(host), port) : nil
    }
}

/// A text with places for what a container is called, as Docker's log tags: `{{.Name}}/{{.ID}}`.
package struct LogTag: Codable, Hashable, Sendable {
    package enum Part: Codable, Hashable, Sendable {
        case text(String)
        case place(Place)
    }

    package enum Place: String, Codable, CaseIterable, Hashable, Sendable {
        case id = "ID"
        case fullID = "FullID"
        case name = "Name"
        case imageID = "ImageID"
        case imageFullID = "ImageFullID"
        case imageName = "ImageName"
        case daemonName = "DaemonName"
    }

    package let parts: [Part]

    /// nil where it has a place that is none of these.
    package init?(_ text: String) {
        var parts: [Part] = []
        var rest = Substring(text)
        while let open = rest.firstRange(of: "{{") {
            guard let close = rest[open.upperBound...].firstRange(of: "}}") else { return nil }
            let word = rest[open.upperBound..<close.lowerBound].split(separator: " ").joined()
            guard word.hasPrefix("."), let place = Place(rawValue: String(word.dropFirst())) else { return nil }
            if open.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<open.lowerBound]))) }
            parts.append(.place(place))
            rest = rest[close.upperBound...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
    }

    package func text(_ value: (Place) -> String) -> String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .place(let place): value(place)
            }
        }.joined()
    }
}
