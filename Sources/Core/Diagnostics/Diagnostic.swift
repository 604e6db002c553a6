/// Something that a person should know about what they wrote, or about what became of it.
package struct Diagnostic: Error, Codable, Hashable, Sendable, CustomStringConvertible {
    package enum Severity: String, Codable, Hashable, Sendable, CaseIterable {
        case error, warning
    }

    /// Another place that matters, such as that of the first of two equal keys.
    package struct Note: Codable, Hashable, Sendable {
        package var message: String
        package var place: Place?

        package init(_ message: String, at place: Place? = nil) {
            self.message = message
            self.place = place
        }
    }

    package var severity: Severity
    package var place: Place?
    /// The key path, `services.web.cpus`; empty if it concerns no key.
    package var path: String
    /// What was expected and what stands there, in lower case, without a full stop.
    package var message: String
    package var notes: [Note]
    /// What to write or do instead.
    package var hint: String?

    package init(
        _ severity: Severity, _ message: String, at place: Place? = nil, path: String = "", notes: [Note] = [],
        hint: String? = nil
    ) {
        self.severity = severity
        self.place = place
        self.path = path
        self.message = message
        self.notes = notes
        self.hint = hint
    }

    /// `file:line:col: error: services.web.cpus: …`, then one indented line per note and for the hint.
    package var description: String {
        var text = place.map { "\($0): " } ?? ""
        text += "\(severity.rawValue): "
        if !path.isEmpty { text += "\(path): " }
        text += message
        for note in notes {
            text += "\n  note: " + (note.place.map { "\($0): " } ?? "") + note.message
        }
        if let hint { text += "\n  hint: \(hint)" }
        return text
    }

    /// `{"severity", "file", "line", "column", "path", "message", "notes", "hint"}`, what is not there left out.
    package var json: JSON {
        var members: [(String, JSON)] = [("severity", .string(severity.rawValue))]
        if let place { members += place.members }
        if !path.isEmpty { members.append(("path", .string(path))) }
        members.append(("message", .string(message)))
        if !notes.isEmpty {
            members.append(
                ("notes", .array(notes.map { .object([("message", .string($0.message))] + ($0.place?.members ?? [])) }))
            )
        }
        if let hint { members.append(("hint", .string(hint))) }
        return .object(members)
    }
}

extension Place {
    fileprivate var members: [(String, JSON)] {
        [("file", .string(file)), ("line", .int(Int64(line))), ("column", .int(Int64(column)))]
    }
}
