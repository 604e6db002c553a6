import Compose
import OCI

/// A container's lines as syslog and the journal want them.
package struct LogMessages: Sendable {
    private let settings: LogSettings
    private let tag: String
    private let name: String
    private let identifier: String
    private let image: String
    private let labels: [(String, String)]
    private let host: String

    /// - Parameter host: the name of the machine.
    package init(_ spec: ContainerSpec, _ instance: Instance, in project: String, host: String) {
        settings = spec.logging
        let name = spec.name(in: project)
        let identifier = "\(project).\(instance)"
        let image = spec.rootfs.layered?.id
        (self.name, self.identifier, self.host) = (name, identifier, host)
        self.image = spec.imageText
        labels = spec.logging.labels.compactMap { key in spec.labels[key].map { (key, $0) } }
        tag =
            spec.logging.tag?.text { place in
                switch place {
                case .id, .fullID: identifier
                case .name: name
                case .imageID: image?.short ?? ""
                case .imageFullID: image.map { "\($0)" } ?? ""
                case .imageName: spec.imageText
                case .daemonName: "settle"
                }
            } ?? identifier
    }

    /// - Parameters:
    ///   - time: nanoseconds since 1970, the line's.
    ///   - offset: of the local time, east of Greenwich in seconds.
    ///   - pid: the container's first process.
    package func syslog(_ line: [UInt8], time: Int64, offset: Int64, pid: Int32) -> [UInt8] {
        // Severity 6, informational: which of the two streams a line was written to is not known.
        let priority = settings.syslog.facility << 3 | 6
        let header: String
        switch settings.syslog.format {
        case .rfc5424, .rfc5424micro:
            let digits = settings.syslog.format == .rfc5424micro ? 6 : 0
            header = "<\(priority)>1 \(utc(time, digits: digits)) \(word(host)) \(word(tag)) \(pid) \(word(tag)) - "
        case .rfc3164: header = "<\(priority)>\(stamp(time, offset)) \(word(host)) \(word(tag))[\(pid)]: "
        case nil:
            if case .local = settings.syslog.address {
                header = "<\(priority)>\(stamp(time, offset)) \(word(tag))[\(pid)]: "
            } else {
                header = "<\(priority)>\(stamp(time, offset)) \(word(host)) \(word(tag))[\(pid)]: "
            }
        }
        return Array(header.utf8) + line
    }

    /// An entry in the journal's own protocol: `NAME=value` on a line each.
    package func journal(_ line: [UInt8], pid: Int32) -> [UInt8] {
        let fields =
            [
                ("PRIORITY", "6"), ("SYSLOG_IDENTIFIER", tag), ("CONTAINER_TAG", tag), ("CONTAINER_NAME", name),
                ("CONTAINER_ID", identifier), ("CONTAINER_ID_FULL", identifier), ("IMAGE_NAME", image),
            ] + labels.map { (Self.fieldName($0.0), $0.1) }
        let text = fields.map { "\($0.0)=\($0.1.split(separator: "\n").joined(separator: " "))\n" }.joined()
        return Array(text.utf8) + Array("MESSAGE=".utf8) + line + [10]
    }

    /// A field's name has capital letters, digits and underscores, and begins with a letter.
    private static func fieldName(_ label: String) -> String {
        let name = label.uppercased().map { character in
            character.isASCII && (character.isLetter || character.isNumber) ? character : "_"
        }
        return name.first?.isLetter == true ? String(name) : "X" + String(name)
    }

    /// Blanks end a field of a syslog header.
    private func word(_ text: String) -> String {
        let word = text.unicodeScalars.filter { $0.value > 32 && $0.value < 127 }
        return word.isEmpty ? "-" : String(String.UnicodeScalarView(word))
    }

    /// `Nov  1 09:30:00`, local.
    private func stamp(_ time: Int64, _ offset: Int64) -> String {
        let text = utcText(seconds: time / 1_000_000_000 + offset)
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = text.split(separator: " ")
        let date = parts[0].split(separator: "-")
        let day = Int(date[2]) ?? 1
        return "\(months[(Int(date[1]) ?? 1) - 1]) \(day < 10 ? " " : "")\(day) \(parts[1])"
    }

    /// `2026-11-21T09:30:00.123456Z`
    private func utc(_ time: Int64, digits: Int) -> String {
        let text = utcText(seconds: time / 1_000_000_000).prefix(19).split(separator: " ").joined(separator: "T")
        if digits == 0 { return text + "Z" }
        let micros = "\(time % 1_000_000_000 / 1000)"
        return "\(text).\(String(repeating: "0", count: 6 - micros.count))\(micros)Z"
    }
}
