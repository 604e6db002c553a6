package import OCI
import Syscalls

/// Why an image could not be had. It names the image, the reason and the way out; whoever asked for it adds who needs it.
package struct ImageFault: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The registry has no such name or tag; many say so, too, where one is not allowed to see it.
        case unknown
        /// It wants to know who asks.
        case loginMissing
        /// It does not believe who asks.
        case loginRefused
        case unknownHost
        case unreachable
        /// Its certificate is not trusted, or it speaks plain HTTP.
        case untrusted
        case rateLimited
        case wrongPlatform
        case noSpace
        case noSkopeo
        /// A local folder or archive is not there.
        case missingFile
        /// `policy.json` forbids it.
        case rejected
        /// What came is not what was named.
        case damaged
        /// Not an image that can be run here.
        case unsupported
        case other
    }

    package let kind: Kind
    package let image: String
    /// In lower case, without a full stop.
    package let reason: String
    package let hint: String?

    package init(_ kind: Kind, _ image: ImageReference, _ reason: String, hint: String? = nil) {
        self.kind = kind
        self.image = image.description
        self.reason = reason
        self.hint = hint
    }

    package var message: String { "image \(image): \(reason)" }
    package var description: String { message + (hint.map { "; \($0)" } ?? "") }
}

extension ImageFault {
    /// - Parameters:
    ///   - words: what skopeo(1) said.
    ///   - user: under which name the registry was asked, where there is a login for it.
    init(_ image: ImageReference, skopeo words: String, user: String? = nil) {
        let text = Self.plain(words)
        let kind = Self.kind(of: text.lowercased(), hasLogin: user != nil)
        self.init(
            kind, image, Self.reason(kind, image, text, user: user), hint: Self.hint(kind, image))
    }

    init(_ image: ImageReference, _ error: SystemError, storing folder: String) {
        let isFull = [28, 122].contains(error.errno)  // ENOSPC, EDQUOT
        self.init(
            isFull ? .noSpace : .other, image, isFull ? "no space left in \(folder)" : "\(error)",
            hint: isFull ? Self.hint(.noSpace, image) : nil)
    }

    /// skopeo's texts are Go's, written from the outside in: what the registry itself said stands at the end. The first
    /// match wins.
    private static let signs: [(Kind, [String])] = [
        (.noSpace, ["no space left on device", "disk quota exceeded"]),
        (.rateLimited, ["toomanyrequests", "too many requests", "status 429"]),
        (.rejected, ["rejected by policy", "source image rejected", "signature was required"]),
        (.untrusted, ["x509:", "http response to https client", "certificate", "tls: "]),
        (.unknownHost, ["no such host", "server misbehaving", "name resolution"]),
        (
            .unreachable,
            [
                "connection refused", "no route to host", "network is unreachable", "i/o timeout", "deadline exceeded",
                "connection reset", "timeout awaiting", "nothing has come for", "unexpected eof", ": eof",
                "received unexpected http status: 5",
                "status code 5", "tls handshake timeout", "connection timed out", "host is down",
            ]
        ),
        (.loginRefused, ["invalid username/password", "incorrect username or password"]),
        (
            .loginMissing,
            [
                "unauthorized", "authentication required", "no basic auth credentials",
                "access to the resource is denied", "status 401", "status 403", "denied:",
            ]
        ),
        (
            .unknown,
            [
                "manifest unknown", "name unknown", "name_unknown", "repository name not known", "not found",
                "status 404", "no descriptor found",
            ]
        ),
        (.missingFile, ["no such file or directory", "not a directory"]),
        (.wrongPlatform, ["no image found in manifest list for architecture", "no image found in image index"]),
        (.damaged, ["corrupted blob", "does not match", "digest did not match", "bytes in blob"]),
        (.unsupported, ["unsupported manifest", "unimplemented"]),
    ]

    private static func kind(of text: String, hasLogin: Bool) -> Kind {
        let found = signs.first { $0.1.contains { text.contains($0) } }?.0 ?? .other
        return found == .loginMissing && hasLogin ? .loginRefused : found
    }

    /// The last message of a log: `time="…" level=fatal msg="…"`, or the whole text where it is none.
    private static func plain(_ words: String) -> String {
        let lines = words.split(separator: "\n").map(String.init)
        let line = lines.last { $0.contains("level=fatal") || $0.contains("level=error") } ?? lines.last ?? ""
        guard let start = line.firstRange(of: "msg=\"")?.upperBound else { return line }
        let message = line[start...].replacing("\\\"", with: "\"")
        return message.hasSuffix("\"") ? String(message.dropLast()) : String(message)
    }

    private static func reason(_ kind: Kind, _ image: ImageReference, _ text: String, user: String?) -> String {
        let registry = image.name?.registry ?? "its source"
        switch kind {
        case .unknown: return "\(registry) has no such image"
        case .loginMissing: return "\(registry) wants a login for it, or has no such image"
        case .loginRefused: return "\(registry) refuses the login\(user.map { " of \($0)" } ?? "")"
        case .unknownHost: return "there is no host \(image.name?.host ?? "of that name")"
        case .unreachable: return "\(registry) does not answer: \(ending(of: text))"
        case .untrusted: return "the connection to \(registry) is not secure: \(ending(of: text))"
        case .rateLimited: return "\(registry) has had too many requests from here"
        case .noSpace: return "no space left: \(ending(of: text))"
        case .missingFile: return "\(image.path ?? ending(of: text)) is not there, or holds no image"
        case .rejected: return "the policy for signatures forbids it: \(ending(of: text))"
        case .wrongPlatform, .damaged, .unsupported, .other, .noSkopeo:
            return text.isEmpty ? "skopeo failed without a word" : printableText(text)
        }
    }

    /// What stands after the last but one colon: the cause.
    private static func ending(of text: String) -> String {
        let parts = text.split(separator: ": ")
        return printableText(parts.suffix(2).joined(separator: ": "))
    }

    /// A registry's words must not drive the terminal.
    private static func printableText(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.filter { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }))
    }

    private static func hint(_ kind: Kind, _ image: ImageReference) -> String? {
        let registry = image.name?.registry ?? "REGISTRY"
        switch kind {
        case .unknown:
            return
                "check the spelling and the tag: skopeo list-tags docker://\(image.name.map { "\($0.registry)/\($0.path)" } ?? "NAME")"
        case .loginMissing: return "skopeo login \(registry)"
        case .loginRefused: return "skopeo login \(registry), with the right password"
        case .unknownHost: return "check the spelling of the registry, and the machine's name servers"
        case .unreachable: return "check that it is up and can be reached from here; what was fetched is kept"
        case .untrusted:
            return
                "put its certificate into /etc/containers/certs.d/\(registry)/, or allow it in registries.conf: insecure = true"
        case .rateLimited: return "wait, or log in: skopeo login \(registry)"
        case .noSpace: return "make room: settle image prune"
        case .missingFile:
            return "write oci:DIR, oci-archive:FILE or docker-archive:FILE, relative to the project's folder"
        case .rejected: return "see policy.json(5): /etc/containers/policy.json"
        case .damaged: return "try again; if it stays so, the registry's copy is broken"
        case .wrongPlatform: return "write platform: with one that there is, or build the image"
        case .noSkopeo: return "apt-get install skopeo"
        case .unsupported, .other: return nil
        }
    }
}

extension ImageFault {
    static func wrongPlatform(_ image: ImageReference, wanted: Platform, offered: [Platform]) -> ImageFault {
        let list = offered.map(\.description).joined(separator: ", ")
        return ImageFault(
            .wrongPlatform, image, "it is not made for \(wanted)\(list.isEmpty ? "" : ", only for \(list)")",
            hint: offered.isEmpty
                ? nil : "write platform: \(offered[0]) if this machine can run that, or build the image for \(wanted)")
    }

    static func noSkopeo(_ image: ImageReference) -> ImageFault {
        ImageFault(.noSkopeo, image, "skopeo is not installed, and fetches images", hint: "apt-get install skopeo")
    }
}
