import Diagnostics
import YAML

/// The short form of a mount: `TARGET`, `SOURCE:TARGET` or `SOURCE:TARGET:OPTIONS`.
struct Mounts {
    var source = ""
    var target = ""
    var readOnly = false
    var copies = true
    var propagation: String?
    var label: String?

    static let propagations: Set<String> = ["rprivate", "private", "rshared", "shared", "rslave", "slave"]

    static func parse(_ text: String) -> Mounts? {
        var mount = Mounts()
        if text.isEmpty { return nil }
        // As the reference has it, so short a text is never taken apart.
        if text.utf8.count <= 2 {
            mount.target = text
            return mount
        }
        let sections = sections(of: text)
        guard sections.count <= 3, sections.allSatisfy({ !$0.isEmpty }) else { return nil }
        if sections.count == 1 {
            mount.target = sections[0]
            return mount
        }
        mount.source = sections[0]
        mount.target = sections[1]
        for option in sections.count > 2 ? sections[2].split(separator: ",").map(String.init) : [] {
            switch option {
            case "ro": mount.readOnly = true
            case "rw": mount.readOnly = false
            case "nocopy": mount.copies = false
            case "z", "Z": mount.label = option
            case _ where propagations.contains(option): mount.propagation = option
            // The reference ignores what it does not know.
            case _: continue
            }
        }
        return mount
    }

    /// What stands between colons, those in `${…}` and behind the letter of a drive aside.
    private static func sections(of text: String) -> [String] {
        var sections: [String] = []
        var section: [Unicode.Scalar] = []
        var depth = 0
        let scalars = Array(text.unicodeScalars)
        for (index, scalar) in scalars.enumerated() {
            if scalar == "$", index + 1 < scalars.count, scalars[index + 1] == "{" { depth += 1 }
            if scalar == "}", depth > 0 { depth -= 1 }
            let isDrive = section.count == 1 && section[0].properties.isAlphabetic
            if scalar == ":", depth == 0, !isDrive {
                sections.append(String(String.UnicodeScalarView(section)))
                section = []
            } else {
                section.append(scalar)
            }
        }
        return sections + [String(String.UnicodeScalarView(section))]
    }

    /// Whether the source is a path of the host, not the name of a volume.
    private var isPath: Bool {
        guard let first = source.unicodeScalars.first else { return false }
        if first == "." || first == "/" || first == "~" || source.hasPrefix("\\\\") { return true }
        return first.properties.isAlphabetic && source.unicodeScalars.dropFirst().first == ":"
    }

    func node(at place: Place) -> Node {
        var entries: [Node.Entry] = []
        func add(_ key: String, _ value: Node) { entries.append(.init(key, at: place, value)) }
        func mapping(_ members: [(String, Node)]) -> Node {
            .mapping(members.map { .init($0.0, at: place, $0.1) }, at: place)
        }
        add("type", .text(isPath ? "bind" : "volume", at: place))
        if !source.isEmpty { add("source", .text(source, at: place)) }
        add("target", .text(target.isEmpty ? "" : Path.clean(target), at: place))
        if readOnly { add("read_only", .plain("true", at: place)) }
        var bind: [(String, Node)] = []
        if let label { bind.append(("selinux", .text(label, at: place))) }
        if let propagation { bind.append(("propagation", .text(propagation, at: place))) }
        if isPath { bind.append(("create_host_path", .plain("true", at: place))) }
        if isPath || !bind.isEmpty { add("bind", mapping(bind)) }
        if !isPath && target.utf8.count > 2 || !copies || !isPath && !source.isEmpty {
            add("volume", mapping(copies ? [] : [("nocopy", .plain("true", at: place))]))
        }
        return .mapping(entries, at: place)
    }
}

/// Paths as text, in the manner of the reference: `a/../b` is `b`, and the empty path is `.`.
package enum Path {
    package static func clean(_ path: String) -> String {
        let isAbsolute = path.utf8.first == UInt8(ascii: "/")
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part != ".." {
                parts.append(part)
            } else if let last = parts.last, last != ".." {
                parts.removeLast()
            } else if !isAbsolute {
                parts.append(part)
            }
        }
        let joined = parts.joined(separator: "/")
        if isAbsolute { return "/" + joined }
        return joined.isEmpty ? "." : joined
    }

    static func isAbsolute(_ path: String) -> Bool { path.utf8.first == UInt8(ascii: "/") }

    /// Both, cleaned; an empty part counts for nothing.
    static func join(_ folder: String, _ path: String) -> String {
        if folder.isEmpty { return path.isEmpty ? "" : clean(path) }
        return clean(path.isEmpty ? folder : folder + "/" + path)
    }

    /// A path seen from a folder.
    static func absolute(_ path: String, in folder: String) -> String {
        isAbsolute(path) ? clean(path) : join(folder, path)
    }

    static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : clean(String(path[..<slash]))
    }

    static func last(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "/" }

    /// The way from a folder to a path, both absolute.
    static func relative(_ path: String, from folder: String) -> String {
        let path = clean(path).split(separator: "/")
        let folder = clean(folder).split(separator: "/")
        let common = zip(path, folder).prefix { $0 == $1 }.count
        let parts = Array(repeating: "..", count: folder.count - common) + path.dropFirst(common)
        return parts.isEmpty ? "." : parts.joined(separator: "/")
    }

    /// `C:\…`, `\\server\…`
    static func isWindows(_ path: String) -> Bool {
        let bytes = Array(path.utf8.prefix(3))
        func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "/") }
        if bytes.count >= 2, isSeparator(bytes[0]), isSeparator(bytes[1]) { return true }
        return bytes.count == 3 && bytes[1] == UInt8(ascii: ":") && isSeparator(bytes[2])
    }
}
