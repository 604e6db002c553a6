import Diagnostics
import Glibc
package import Syscalls

/// The unpacked layers, `STATE/images/layers`. A layer's folder has the first sixteen hexadecimal digits of its diffID as its
/// name and appears by rename(2), whole:
///
/// - `tree`, an overlay's lower directory;
/// - `layer.json`, what is known of it;
/// - `implied`, the folders that the archive did not list but wrote into, each ended by a null;
/// - `synced`, once it is all on the disk.
///
/// Until then it counts as there only as long as the machine runs: after a crash it is unpacked again, so that nobody has to
/// wait for the disk.
package struct LayerStore: Hashable, Sendable {
    package let folder: String

    package init(folder: String) { self.folder = folder }

    /// nil where it is not there, or not for sure.
    package func layer(_ diffID: String) -> Layer? {
        guard let key = LayerKey(diffID), let layer = layer(named: key.name), layer.diffID == diffID else { return nil }
        return layer
    }

    /// The overlay's lower directory of a layer that is there.
    package func tree(_ diffID: String) -> String { "\(folder)/\(LayerKey(diffID)?.name ?? "none")/tree" }

    /// Every layer, by name.
    package func list() -> [Layer] {
        Files.folders(in: folder).filter { LayerKey.isName($0) }.compactMap { layer(named: $0) }
    }

    /// Takes a layer away that nobody uses.
    package func remove(_ diffID: String) throws(SystemError) {
        guard let key = LayerKey(diffID) else { return }
        try discard(key.name)
        removeLeftovers()
    }

    /// What unpackers left that were killed, and removals that were interrupted.
    package func removeLeftovers() {
        for name in Files.names(in: folder) where name.hasPrefix(Self.staging) {
            guard let place = try? StagingFolder(store: self, name: name, waits: false) else { continue }
            place.remove()
        }
    }

    /// The diffID of this very file, if it was unpacked before and the layer is still there: it need not be read again.
    package func diffID(ofArchive path: String) -> String? {
        guard let note = ArchiveNote(path: path),
            let text = try? Files.text("\(folder)/\(note.name)"),
            let diffID = text.lines.last.map(String.init), text == note.text(diffID), layer(diffID) != nil
        else { return nil }
        return diffID
    }

    // MARK: For the unpacker

    static let staging = ".staging-"

    func layer(named name: String) -> Layer? {
        guard let bytes = try? Files.bytes("\(folder)/\(name)/layer.json"),
            let known = try? JSON.decode(LayerRecord.self, from: bytes),
            known.boot == LayerRecord.thisBoot || Files.exists("\(folder)/\(name)/synced")
        else { return nil }
        return known.layer
    }

    /// Out of sight at once, by rename(2); what is then a leftover may be removed by anybody.
    func discard(_ name: String) throws(SystemError) {
        let from = "\(folder)/\(name)"
        do {
            try check("rename", on: from) { rename(from, "\(folder)/\(Self.staging)removed-\(name)-\(getpid())") }
        } catch {
            if error.errno != ENOENT { throw error }
        }
    }

    /// The folders that the layer's archive wrote into without listing them, as bytes.
    func implied(_ diffID: String) -> [EntryPath] {
        guard let key = LayerKey(diffID), let bytes = try? Files.bytes("\(folder)/\(key.name)/implied") else {
            return []
        }
        return bytes.split(separator: 0).map { EntryPath(normal: Array($0)) }
    }
}

/// `layer.json`.
struct LayerRecord: Codable {
    let layer: Layer
    /// The boot during which it was unpacked.
    let boot: String

    static let thisBoot: String = (try? Files.text("/proc/sys/kernel/random/boot_id")) ?? ""
}

/// A layer's name in the store.
struct LayerKey: Hashable {
    let name: String

    /// nil where it is no `sha256:` with 64 digits.
    init?(_ diffID: String) {
        guard diffID.hasPrefix("sha256:"), diffID.utf8.count == 7 + 64 else { return nil }
        let digits = diffID.dropFirst(7)
        guard digits.utf8.allSatisfy(Self.isDigit) else { return nil }
        name = String(digits.prefix(16))
    }

    static func isName(_ name: String) -> Bool { name.utf8.count == 16 && name.utf8.allSatisfy(isDigit) }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) || (97...102).contains(byte) }
}

/// What tells a file from every other, and from itself after a change.
struct ArchiveNote {
    let name: String
    private let state: String

    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    init(_ status: stat) {
        name = "archive-\(status.st_dev)-\(status.st_ino)"
        state = """
            \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \
            \(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)
            """
    }

    func text(_ diffID: String) -> String { "\(state)\n\(diffID)\n" }
}
