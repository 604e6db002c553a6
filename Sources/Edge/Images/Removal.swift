import Glibc
package import OCI
import Syscalls

/// What came of a removal.
package struct Removed: Hashable, Sendable {
    /// Names that are gone.
    package var names: [String] = []
    /// Images that are gone.
    package var images: [Digest] = []
    /// Bytes of blobs and of what they were unpacked to.
    package var bytes: Int64 = 0
    /// Images that stayed, since containers use them.
    package var kept: [String] = []

    package init() {}
}

extension ImageStore {
    package enum Prune: Hashable, Sendable {
        /// Images without a name.
        case nameless
        /// All that no container uses.
        case unused
    }

    /// Removes images that no container uses, and whatever belongs to no image.
    ///
    /// - Parameter inUse: the images' IDs and the layers' diffIDs that some container was made from, asked for once nobody
    ///   can begin to use another.
    package func prune(_ what: Prune, _ layers: LayerStore, inUse: () throws -> Set<Digest>) throws -> Removed {
        let claim = try claim()
        defer { extendLifetime(claim) }
        let used = try inUse()
        var removed = Removed()
        try update { entries in
            entries.removeAll { entry in
                let isWanted = what == .nameless && entry.reference != nil
                if isWanted || used.contains(entry.id) { return false }
                if let reference = entry.reference { removed.names.append(reference.description) }
                removed.images.append(entry.id)
                return true
            }
        }
        try sweep(layers, used, &removed)
        return removed
    }

    /// Takes a name away, and the image where it was the last one.
    ///
    /// - Parameter words: names, or the first digits of IDs.
    /// - Throws: `RemovalFault`, before anything is removed.
    package func remove(_ words: [String], _ layers: LayerStore, inUse: () throws -> Set<Digest>) throws -> Removed {
        let claim = try claim()
        defer { extendLifetime(claim) }
        let used = try inUse()
        var removed = Removed()
        try update { entries in
            var faults: [RemovalFault.Problem] = []
            for word in words {
                let found = entries.matching(word)
                if found.isEmpty { faults.append(.unknown(word)) }
                // A name of an image that has others may go; the image itself stays then.
                for entry in found where used.contains(entry.id) && !entries.hasOther(than: found, id: entry.id) {
                    faults.append(.used(word))
                    break
                }
                removed.names += found.compactMap { $0.reference?.description }
                entries.removeAll { found.contains($0) }
                removed.images += Set(found.map(\.id)).filter { id in !entries.contains { $0.id == id } }
            }
            if !faults.isEmpty { throw RemovalFault(problems: faults) }
        }
        try sweep(layers, used, &removed)
        return removed
    }

    /// Removes the blobs and layers that belong to no image of the list and to no container.
    private func sweep(_ layers: LayerStore, _ used: Set<Digest>, _ removed: inout Removed) throws {
        let entries = entries()
        let blobs = referenced(by: entries)
        for name in Files.names(in: "\(folder)/blobs/sha256") {
            if let digest = Digest(hex: name), blobs.contains(digest) { continue }
            let path = "\(folder)/blobs/sha256/\(name)"
            removed.bytes += Files.size(path) ?? 0
            unlink(path)
        }
        let needed = used.union(entries.compactMap { image($0) }.flatMap { $0.layers.map(\.diffID) })
        for layer in layers.list() {
            if let diffID = Digest(layer.diffID), needed.contains(diffID) { continue }
            removed.bytes += layer.bytes
            try layers.remove(layer.diffID)
        }
        layers.removeLeftovers()
        let images = entries.map { image($0) }
        // Of an image that cannot be read it is not known what its containers need.
        guard !images.contains(where: { $0 == nil }) else { return }
        let chains = images.compactMap { $0?.layers.map { "\($0.diffID)" } }
        layers.removeParents(except: chains + used.map { ["\($0)"] })
    }
}

/// What was not removed, and why: nothing was.
package struct RemovalFault: Error, Hashable, Sendable {
    package enum Problem: Hashable, Sendable {
        case unknown(String)
        case used(String)
    }

    package let problems: [Problem]
}

extension [StoredImage] {
    /// By name, or by the first digits of the ID, of which there must be enough.
    package func matching(_ word: String) -> [StoredImage] {
        let digits = word.hasPrefix("sha256:") ? word.dropFirst("sha256:".count) : word[...]
        if digits.utf8.count >= 6 && digits.utf8.count <= 64 {
            let found = filter { $0.id.hex.hasPrefix(digits) }
            if Set(found.map(\.id)).count == 1 { return found }
        }
        guard let reference = try? ImageReference(parsing: word) else { return [] }
        return filter { $0.answers(reference) }
    }

    fileprivate func hasOther(than found: [StoredImage], id: Digest) -> Bool {
        contains { $0.id == id && !found.contains($0) }
    }
}

/// What the store takes of the disk.
package struct StoreUsage: Hashable, Sendable {
    /// Packed.
    package var blobs: Int64 = 0
    /// Unpacked, shared layers once.
    package var layers: Int64 = 0
    /// Of these, what `prune` would free.
    package var reclaimable: Int64 = 0

    package init() {}
}

extension ImageStore {
    package func usage(_ layers: LayerStore, inUse: Set<Digest>) -> StoreUsage {
        var usage = StoreUsage()
        let kept = entries().filter { inUse.contains($0.id) }
        let blobs = referenced(by: kept)
        for name in Files.names(in: "\(folder)/blobs/sha256") {
            let size = Files.size("\(folder)/blobs/sha256/\(name)") ?? 0
            usage.blobs += size
            if Digest(hex: name).map({ !blobs.contains($0) }) ?? true { usage.reclaimable += size }
        }
        for layer in layers.list() {
            usage.layers += layer.bytes
            if Digest(layer.diffID).map({ !inUse.contains($0) }) ?? true { usage.reclaimable += layer.bytes }
        }
        return usage
    }
}
