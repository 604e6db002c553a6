/// A path below a layer's root, as bytes: archives need not know of Unicode. Without `.`, `..`, doubled and outer slashes;
/// empty for the root itself.
struct EntryPath: Hashable {
    let bytes: [UInt8]

    static let root = EntryPath(normal: [])

    init(normal bytes: [UInt8]) { self.bytes = bytes }

    /// A name as archives have it.
    init(_ name: [UInt8]) throws(Refusal) {
        if name.isEmpty { throw Refusal("it has no name") }
        var parts: [ArraySlice<UInt8>] = []
        for part in name.split(separator: slash) where !part.elementsEqual(".".utf8) {
            if part.elementsEqual("..".utf8) { throw Refusal("its name leads upwards with '..'") }
            parts.append(part)
        }
        if name[0] == slash && !parts.isEmpty { throw Refusal("its name is absolute") }
        bytes = Array(parts.joined(separator: [slash]))
        // PATH_MAX: step by step more could be made, which nobody could then open.
        if bytes.count > 4095 { throw Refusal("its name is longer than the file system takes") }
    }

    var isRoot: Bool { bytes.isEmpty }
    private var lastSlash: Int? { bytes.lastIndex(of: slash) }
    var name: ArraySlice<UInt8> { bytes[(lastSlash.map { $0 + 1 } ?? 0)...] }
    var parent: EntryPath { EntryPath(normal: Array(bytes[..<(lastSlash ?? 0)])) }
    var depth: Int { isRoot ? 0 : 1 + bytes.count { $0 == slash } }

    /// Every folder on the way, the highest first, without the root and the path itself.
    var ancestors: [EntryPath] {
        bytes.indices.filter { bytes[$0] == slash }.map { EntryPath(normal: Array(bytes[..<$0])) }
    }

    func appending(_ name: some Collection<UInt8>) -> EntryPath {
        EntryPath(normal: isRoot ? Array(name) : bytes + [slash] + name)
    }

    func isBelow(_ other: EntryPath) -> Bool {
        other.isRoot
            ? !isRoot
            : bytes.count > other.bytes.count && bytes.starts(with: other.bytes)
                && bytes[other.bytes.count] == slash
    }

    var text: String { isRoot ? "." : String(decoding: bytes, as: UTF8.self) }

    /// Whether a symbolic link here leads out of the root by its text. An absolute one is a container's own matter: it is
    /// followed there only, with the container's root as its root.
    func leadsOut(_ target: [UInt8]) -> Bool {
        if target.first == slash { return false }
        var level = depth - 1
        for part in target.split(separator: slash) where !part.elementsEqual(".".utf8) {
            level += part.elementsEqual("..".utf8) ? -1 : 1
            if level < 0 { return true }
        }
        return false
    }
}

private let slash = UInt8(ascii: "/")

/// Why an entry, or the archive, is not taken.
struct Refusal: Error {
    let reason: String
    var hint: String?

    init(_ reason: String, hint: String? = nil) {
        self.reason = reason
        self.hint = hint
    }
}

/// What an entry's name says about the layers below.
enum Whiteout: Equatable {
    /// The entry is what it looks like.
    case none
    /// Of the same folder: what the layers below have by this name is hidden.
    case hides(EntryPath)
    /// What the layers below have in this folder is hidden.
    case opaque(EntryPath)
    /// An older storage driver's bookkeeping.
    case bookkeeping

    private static let mark = Array(".wh.".utf8)
    private static let innerMark = Array(".wh..wh.".utf8)

    init(_ path: EntryPath) throws(Refusal) {
        let parts = path.bytes.split(separator: slash)
        if parts.contains(where: { $0.starts(with: Self.innerMark) && !$0.elementsEqual(".wh..wh..opq".utf8) }) {
            self = .bookkeeping
            return
        }
        if parts.dropLast().contains(where: { $0.starts(with: Self.mark) }) {
            throw Refusal("it lies below a whiteout")
        }
        guard path.name.starts(with: Self.mark) else {
            self = .none
            return
        }
        let hidden = path.name.dropFirst(Self.mark.count)
        if path.name.elementsEqual(".wh..wh..opq".utf8) {
            self = .opaque(path.parent)
        } else if hidden.isEmpty || hidden.elementsEqual(".".utf8) || hidden.elementsEqual("..".utf8) {
            throw Refusal("it is a whiteout of '\(String(decoding: hidden, as: UTF8.self))', which is no name")
        } else {
            self = .hides(path.parent.appending(hidden))
        }
    }
}
