package import Compose

/// How much of a container's output is kept, and who else gets it.
package struct LogSettings: Hashable, Codable, Sendable {
    package typealias Driver = Compose.LogSettings.Driver

    /// Bytes per segment.
    package var maxSize: Int64
    package var maxFiles: Int
    package var driver = Driver.jsonFile
    package var tag: LogTag?
    package var labels: [String] = []
    package var syslog = SyslogSettings()

    package init(maxSize: Int64 = 10_000_000, maxFiles: Int = 3) {
        self.maxSize = maxSize
        self.maxFiles = maxFiles
    }

    package init(_ settings: Compose.LogSettings) {
        self.init(maxSize: settings.maxSize, maxFiles: settings.maxFile)
        driver = settings.driver
        tag = settings.tag
        labels = settings.labels
        syslog = settings.syslog
    }

    /// Ledgers of stacks that were up when there were only files speak of nothing else.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        maxSize = try container.decode(Int64.self, forKey: .maxSize)
        maxFiles = try container.decode(Int.self, forKey: .maxFiles)
        driver = try container.decodeIfPresent(Driver.self, forKey: .driver) ?? .jsonFile
        tag = try container.decodeIfPresent(LogTag.self, forKey: .tag)
        labels = try container.decodeIfPresent([String].self, forKey: .labels) ?? []
        syslog = try container.decodeIfPresent(SyslogSettings.self, forKey: .syslog) ?? SyslogSettings()
    }

    package var wantsJournal: Bool { driver == .journald }

    /// For `diff`.
    var text: String {
        var words = ["\(driver.rawValue)", "\(maxSize) bytes x \(maxFiles)"]
        if let tag { words.append("tag " + tag.text { "{{.\($0.rawValue)}}" }) }
        if !labels.isEmpty { words.append("labels \(labels.joined(separator: ","))") }
        if driver == .syslog { words.append(syslog.text) }
        return words.joined(separator: ", ")
    }
}

extension SyslogSettings {
    fileprivate var text: String {
        let place =
            switch address {
            case .local(let path): path
            case .udp(let host, let port): "udp \(host) \(port)"
            case .tcp(let host, let port): "tcp \(host) \(port)"
            }
        return "to \(place), facility \(facility)" + (format.map { ", \($0.rawValue)" } ?? "")
    }
}
