import CUnpack
import Glibc
import Syscalls

extension LayerStore {
    /// What an overlay of these layers has as its lower directories, the topmost first.
    ///
    /// An archive need not list the folders that it writes into. Where it does not, they must be folders in the layers
    /// below: an entry that went through a symbolic link of an earlier layer would not be where its maker had it. They also
    /// look like those below; since a layer is shared, and an overlay shows the topmost, a folder of their own says so.
    ///
    /// - Parameter diffIDs: the lowest first, as in an image's configuration; all of them are there.
    /// - Throws: `LayerError`, where the image is to be refused, or a `SystemError`.
    package func lowerFolders(chain diffIDs: [String]) throws -> [String] {
        let levels = try visible(diffIDs).reversed().map { layer in
            LayerChain.Level(layer: layer, tree: tree(layer.diffID), implied: Set(implied(layer.diffID)))
        }
        let folders = try LayerChain(levels: levels).inherited()
        return (folders.isEmpty ? [] : [try parents(folders, chain: diffIDs)]) + levels.map(\.tree)
    }

    /// Those that no layer above hides altogether.
    private func visible(_ diffIDs: [String]) throws(LayerError) -> ArraySlice<Layer> {
        var layers: [Layer] = []
        for diffID in diffIDs {
            guard let layer = layer(diffID) else {
                throw LayerError("layer \(diffID)", "it is not unpacked", hint: "run `settle pull`")
            }
            layers.append(layer)
        }
        return layers[(layers.lastIndex { $0.isOpaque } ?? 0)...]
    }

    /// A folder of nothing but folders. It is made anew after a crash, which may have lost parts of it.
    private func parents(_ folders: [EntryPath: stat], chain: [String]) throws -> String {
        let name = parentsName(chain)
        let path = "\(folder)/\(name)"
        if Files.exists(path) { return path }
        let place = try StagingFolder(store: self, name: Self.staging + name, waits: true)
        if !Files.exists(path) {
            let made = try place.makeTree()
            let root = try Descriptor(made, O_RDONLY | O_DIRECTORY)
            let tree = UnpackTree(root: root.raw, isPrivileged: geteuid() == 0)
            for (path, status) in folders.sorted(by: { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }) {
                try tree.makeFolder(path, EntryMeta(folder: status))
            }
            try tree.finish()
            try check("rename", on: path) { rename(made, path) }
        }
        place.remove()
        return path
    }

    private func parentsName(_ chain: [String]) -> String {
        let text = ([LayerRecord.thisBoot] + chain).joined(separator: " ")
        return "parents-\(SHA256.digest(of: Array(text.utf8)).dropFirst(7).prefix(16))"
    }

    /// Takes away what `lowerFolders` made for others than these.
    package func removeParents(except chains: [[String]]) {
        let kept = Set(chains.map(parentsName))
        for name in Files.folders(in: folder) where name.hasPrefix("parents-") && !kept.contains(name) {
            try? discard(name)
        }
        removeLeftovers()
    }
}

extension EntryMeta {
    init(folder status: stat) {
        self.init(
            permissions: status.st_mode & 0o7777, owner: Owner(user: status.st_uid, group: status.st_gid),
            modified: status.st_mtim, attributes: [])
    }
}

/// Layers as an overlay merges them, the topmost first.
struct LayerChain {
    struct Level {
        let layer: Layer
        let tree: String
        let implied: Set<EntryPath>
    }

    let levels: [Level]

    /// What one layer says about a path.
    enum Sight {
        /// Ask the next layer below.
        case nothing
        /// Nothing below is seen.
        case hidden
        case folder(stat, isOpaque: Bool)
        /// What it is instead.
        case other(String)
    }

    /// How the folders look that are implied in the topmost layer that has them, and listed in one below. Those above them
    /// are among them.
    func inherited() throws -> [EntryPath: stat] {
        var result: [EntryPath: stat] = [:]
        for (index, level) in levels.enumerated() {
            for path in level.implied {
                guard let status = try origin(of: path, below: index), try isSeen(path, at: index) else { continue }
                result[path] = status
            }
        }
        for path in result.keys.flatMap(\.ancestors) where result[path] == nil { result[path] = try look(of: path) }
        return result
    }

    /// The folder in the layers below that an implied one stands for.
    private func origin(of path: EntryPath, below index: Int) throws -> stat? {
        if case .folder(_, isOpaque: true) = try sight(of: path, in: levels[index]) { return nil }
        for level in levels[(index + 1)...] {
            switch try sight(of: path, in: level) {
            case .nothing: continue
            case .hidden: return nil
            case .folder(let status, let isOpaque):
                if !level.implied.contains(path) { return status }
                if isOpaque { return nil }
            case .other(let kind):
                throw LayerError(
                    "layer \(levels[index].layer.diffID)", entry: path.text,
                    "it writes into a folder of this name, which is \(kind) in the earlier layer \(level.layer.diffID)",
                    hint: "the image is not to be trusted, or the tool that made it is at fault")
            }
        }
        return nil
    }

    private func isSeen(_ path: EntryPath, at index: Int) throws -> Bool {
        try levels[..<index].allSatisfy { level in
            if case .nothing = try sight(of: path, in: level) { true } else { false }
        }
    }

    /// The topmost folder of this path.
    private func look(of path: EntryPath) throws -> stat? {
        for (index, level) in levels.enumerated() {
            guard case .folder(let status, _) = try sight(of: path, in: level) else { continue }
            return level.implied.contains(path) ? try origin(of: path, below: index) ?? status : status
        }
        return nil
    }

    private func sight(of path: EntryPath, in level: Level) throws -> Sight {
        var folder = try Descriptor(level.tree, O_RDONLY | O_DIRECTORY)
        var isOpaque = false
        for step in path.ancestors + [path] {
            var status = stat()
            guard withCString(step.name, { fstatat(folder.raw, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
                return isOpaque ? .hidden : .nothing
            }
            guard status.st_mode & Glibc.S_IFMT == Glibc.S_IFDIR else {
                let isWhiteout = status.st_mode & Glibc.S_IFMT == Glibc.S_IFCHR && status.st_rdev == 0
                if step != path || isWhiteout { return .hidden }
                return .other(status.st_mode & Glibc.S_IFMT == Glibc.S_IFLNK ? "a symbolic link" : "no folder")
            }
            let inner = try check("open", on: step.text) {
                withCString(step.name) { openat(folder.raw, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
            }
            folder = Descriptor(inner)
            if settle_is_opaque(inner) == 1 { isOpaque = true }
            if step == path { return .folder(status, isOpaque: isOpaque) }
        }
        return .nothing
    }
}
