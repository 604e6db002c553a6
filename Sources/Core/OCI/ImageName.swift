/// The name of an image in a registry, `[REGISTRY/]PATH[:TAG][@DIGEST]`, with what may be left out filled in as Docker does:
/// Docker Hub as the registry, there `library` as the owner, `latest` as the tag.
package struct ImageName: Hashable, Sendable {
    /// A host with or without a port: `docker.io`, `localhost:5000`, `[::1]:5000`.
    package let registry: String
    /// Components separated by slashes: `library/nginx`.
    package let path: String
    /// nil only where there is a digest.
    package let tag: String?
    package let digest: Digest?

    package static let hub = "docker.io"

    package init(registry: String, path: String, tag: String?, digest: Digest?) {
        self.registry = registry
        self.path = path
        self.tag = digest == nil ? tag ?? "latest" : tag
        self.digest = digest
    }

    /// `docker.io/library/nginx:1.27@sha256:…`
    package var canonical: String { "\(registry)/\(path)\(suffix)" }

    /// As people write it: without what Docker fills in, but with the tag.
    package var familiar: String { "\(repository)\(suffix)" }

    /// As people write it, without tag and digest.
    package var repository: String {
        let parts = path.split(separator: "/")
        let short = parts.count == 2 && parts[0] == "library" ? String(parts[1]) : path
        // What would be read as a registry is not left out, else another image would be named.
        return registry == Self.hub && Self.splitRegistry(short[...]).0 == Self.hub ? short : "\(registry)/\(path)"
    }

    private var suffix: String { (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "") }

    /// The same image, whatever becomes of its tag.
    package func pinned(to digest: Digest) -> ImageName {
        ImageName(registry: registry, path: path, tag: tag, digest: digest)
    }

    /// The registry's host, without the port.
    package var host: String {
        if registry.hasPrefix("["), let end = registry.firstIndex(of: "]") {
            return String(registry[registry.index(after: registry.startIndex)..<end])
        }
        return String(registry.prefix { $0 != ":" })
    }

    /// Whether the registry is this machine: such a one may speak plain HTTP, as with Docker.
    package var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}

// MARK: Reading

extension ImageName {
    /// - Parameter text: as a person wrote it.
    package init(parsing text: String) throws(ReferenceFault) {
        if text.contains("://") {
            throw ReferenceFault(
                "\"\(text)\" is no image but a URL",
                hint: "leave out what stands before the registry: REGISTRY/NAME:TAG")
        }
        let (unpinned, digest) = try Self.splitDigest(text)
        let (registry, rest) = Self.splitRegistry(unpinned)
        let (path, tag) = try Self.splitTag(rest, in: text)
        try Self.check(registry: registry, in: text)
        try Self.check(path: path, in: text)
        let isOwnerless = registry == Self.hub && !path.contains("/")
        self.init(registry: registry, path: isOwnerless ? "library/\(path)" : String(path), tag: tag, digest: digest)
        if self.registry.utf8.count + self.path.utf8.count + 1 > 255 {
            throw ReferenceFault(
                "\"\(text)\" is no image: its name is longer than 255 characters", hint: "use a shorter name")
        }
    }

    private static func splitDigest(_ text: String) throws(ReferenceFault) -> (Substring, Digest?) {
        guard let at = text.firstIndex(of: "@") else { return (Substring(text), nil) }
        guard let digest = Digest(text[text.index(after: at)...]) else {
            throw ReferenceFault(
                "\"\(text)\" is no image: what follows @ is no digest",
                hint: "write sha256: and 64 hexadecimal digits, or leave @ and what follows out")
        }
        return (text[..<at], digest)
    }

    /// The first part is a registry if it looks like a host: with a dot or a port, an address, `localhost`, or capitals,
    /// which no path has.
    private static func splitRegistry(_ text: Substring) -> (String, Substring) {
        guard let slash = text.firstIndex(of: "/") else { return (hub, text) }
        let first = text[..<slash]
        let isHost = first.contains { $0 == "." || $0 == ":" } || first == "localhost" || first.lowercased() != first
        guard isHost else { return (hub, text) }
        return (first == "index.\(hub)" ? hub : String(first), text[text.index(after: slash)...])
    }

    private static func splitTag(_ rest: Substring, in text: String) throws(ReferenceFault) -> (Substring, String?) {
        guard let colon = rest.firstIndex(of: ":") else { return (rest, nil) }
        let tag = rest[rest.index(after: colon)...]
        guard let first = tag.utf8.first, tag.utf8.count <= 128, first != UInt8(ascii: "."), first != UInt8(ascii: "-"),
            tag.utf8.allSatisfy({ isWordByte($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") })
        else {
            throw ReferenceFault(
                "\"\(text)\" is no image: \(tag.isEmpty ? "there is no tag after the colon" : "\"\(tag)\" is no tag")",
                hint: "a tag is up to 128 letters, digits, _, . and -, and begins with a letter, a digit or _")
        }
        return (rest[..<colon], String(tag))
    }

    private static func check(registry: String, in text: String) throws(ReferenceFault) {
        var host = registry[...]
        var port: Substring?
        if registry.hasPrefix("[") {
            guard let end = registry.firstIndex(of: "]") else { throw badHost(registry, in: text) }
            let inner = registry[registry.index(after: registry.startIndex)..<end]
            let rest = registry[registry.index(after: end)...]
            let isAddress =
                inner.contains(":") && inner.allSatisfy { ($0.isHexDigit && $0.isASCII) || $0 == ":" || $0 == "." }
            guard isAddress, rest.isEmpty || rest.hasPrefix(":") else { throw badHost(registry, in: text) }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else {
            if let colon = registry.firstIndex(of: ":") {
                host = registry[..<colon]
                port = registry[registry.index(after: colon)...]
            }
            let parts = host.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            let isHost = parts.allSatisfy { part in
                !part.isEmpty && part.first != UInt8(ascii: "-") && part.last != UInt8(ascii: "-")
                    && part.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
            }
            guard isHost else { throw badHost(registry, in: text) }
        }
        if let port, UInt16(port) == nil || !port.utf8.allSatisfy({ (48...57).contains($0) }) {
            throw ReferenceFault(
                "\"\(text)\" is no image: \"\(port)\" is no port of a registry",
                hint: "write REGISTRY:PORT/NAME, as in localhost:5000/web")
        }
    }

    private static func badHost(_ registry: String, in text: String) -> ReferenceFault {
        ReferenceFault(
            "\"\(text)\" is no image: \"\(registry)\" is no registry",
            hint: "write REGISTRY/NAME, where the registry is a host's name or address, as in localhost:5000/web")
    }

    private static func check(path: Substring, in text: String) throws(ReferenceFault) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        if path.isEmpty {
            throw ReferenceFault("\"\(text)\" is no image: there is no name", hint: "write a name, as in nginx:1.27")
        }
        if path.lowercased() != path {
            throw ReferenceFault(
                "\"\(text)\" is no image: a name has no upper case letters", hint: "write \(path.lowercased())")
        }
        if Digest(hex: path) != nil {
            throw ReferenceFault(
                "\"\(text)\" is no image: 64 hexadecimal digits are an image's ID", hint: "write NAME@sha256:\(path)")
        }
        for part in parts {
            guard let offender = fault(in: part) else { continue }
            throw ReferenceFault(
                "\"\(text)\" is no image: \(offender)",
                hint: "a name is parts of lower case letters and digits, joined by ., _, __ or -, with / between them")
        }
    }

    /// What is wrong with one part of a path: `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
    private static func fault(in part: Substring) -> String? {
        guard let first = part.utf8.first, let last = part.utf8.last else { return "it has an empty part" }
        if let wrong = part.first(where: { !($0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0))) }) {
            return wrong.isWhitespace ? "it has a blank" : "\"\(wrong)\" is not allowed in a name"
        }
        guard isLetterOrDigit(first), isLetterOrDigit(last) else {
            return "\"\(part)\" does not begin and end with a letter or a digit"
        }
        let joints = part.split { $0.isLetter || $0.isNumber }
        let isWrong = joints.contains { ![".", "_", "__"].contains($0) && !$0.allSatisfy { $0 == "-" } }
        return isWrong ? "\"\(part)\" joins its parts wrongly" : nil
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (97...122).contains(byte) || (65...90).contains(byte)
    }

    private static func isWordByte(_ byte: UInt8) -> Bool { isLetterOrDigit(byte) || byte == UInt8(ascii: "_") }
}
