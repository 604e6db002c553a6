/// What a terminal is shown while images come: one line for each image, below it one for each of its layers, with bytes and
/// speed.
package struct PullBoard: Sendable {
    private struct Row {
        let name: String
        var phase: PullEvent.Phase
        var bytes: Int64 = 0
        var total: Int64 = 0
        var speed = Speed()
    }

    /// Bytes per second, of about the last second.
    private struct Speed {
        private var begin: (time: Int64, bytes: Int64)?
        private var last: Int64?

        mutating func take(_ bytes: Int64, at time: Int64) {
            guard let begin else {
                self.begin = (time, bytes)
                return
            }
            let length = time - begin.time
            guard length >= 1_000_000_000 else { return }
            last = Int64(Double(bytes - begin.bytes) * 1e9 / Double(length))
            self.begin = (time, bytes)
        }

        /// nil where it is not known yet.
        var value: Int64? { last }
    }

    private var images: [(image: ImageReference, row: Row, layers: [(digest: Digest, row: Row)])] = []

    package init() {}

    /// - Parameter time: nanoseconds of a clock that only goes forward.
    /// - Returns: whether a line begins to say something else, rather than another number.
    @discardableResult
    package mutating func take(_ event: PullEvent, at time: Int64) -> Bool {
        if !images.contains(where: { $0.image == event.image }) {
            images.append((event.image, Row(name: event.image.description, phase: event.phase), []))
        }
        guard let index = images.firstIndex(where: { $0.image == event.image }) else { return false }
        guard let layer = event.layer else {
            let isNew = images[index].row.phase != event.phase
            images[index].row.phase = event.phase
            return isNew
        }
        if !images[index].layers.contains(where: { $0.digest == layer }) {
            images[index].layers.append((layer, Row(name: "  \(layer.short)", phase: .waiting)))
        }
        guard let place = images[index].layers.firstIndex(where: { $0.digest == layer }) else { return false }
        let isNew = images[index].layers[place].row.phase != event.phase
        if isNew { images[index].layers[place].row.speed = Speed() }
        images[index].layers[place].row.phase = event.phase
        images[index].layers[place].row.bytes = event.bytes
        images[index].layers[place].row.total = event.total
        images[index].layers[place].row.speed.take(event.bytes, at: time)
        return isNew
    }

    /// - Parameters:
    ///   - width: of the terminal, in characters.
    ///   - height: as many lines at most; layers that are through or wait are left out before others.
    package func lines(width: Int, height: Int) -> [String] {
        var rows: [(rank: Int, row: Row)] = []
        for image in images {
            rows.append((0, summed(image.row, image.layers.map(\.row))))
            if [.done, .failed].contains(image.row.phase) { continue }
            rows += image.layers.map { (Self.rank(of: $0.row.phase), $0.row) }
        }
        for rank in [3, 2, 1] where rows.count > height { rows.removeAll { $0.rank == rank } }
        let names = rows.prefix(max(height, 1)).map { $0.row.name.count }.max() ?? 0
        return rows.prefix(max(height, 1)).map { _, row in
            let name = row.name + String(repeating: " ", count: max(names - row.name.count, 0))
            return String("\(name)  \(Self.text(row))".prefix(max(width, 1)))
        }
    }

    private static func rank(of phase: PullEvent.Phase) -> Int {
        switch phase {
        case .resolving, .fetching, .unpacking, .failed: 1
        case .waiting, .fetched: 2
        case .done: 3
        }
    }

    /// An image's line has its layers' bytes.
    private func summed(_ row: Row, _ layers: [Row]) -> Row {
        var row = row
        row.total = layers.reduce(0) { $0 + $1.total }
        row.bytes = layers.reduce(0) { sum, layer in
            switch layer.phase {
            case .resolving, .waiting, .fetching, .failed: sum + layer.bytes
            case .fetched, .unpacking, .done: sum + layer.total
            }
        }
        return row
    }

    private static func text(_ row: Row) -> String {
        let word = row.phase.rawValue
        if row.total == 0 { return word }
        let padded = word + String(repeating: " ", count: max(9 - word.count, 0))
        switch row.phase {
        case .done, .fetched: return "\(padded)  \(byteText(row.total))"
        case .resolving, .waiting, .failed: return word
        case .fetching, .unpacking:
            let speed = row.speed.value.map { "  \(byteText($0))/s" } ?? ""
            return "\(padded)  \(byteText(row.bytes)) of \(byteText(row.total))\(speed)"
        }
    }
}

/// A number of bytes as people read it, in powers of a thousand: `29.1 MB`.
package func byteText(_ bytes: Int64) -> String {
    var value = Double(max(bytes, 0))
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.95 || unit == "GB" {
            if unit == "B" { return "\(Int64(value)) B" }
            let tenths = Int64((value * 10).rounded())
            return "\(tenths / 10).\(tenths % 10) \(unit)"
        }
        value /= 1000
    }
    return "\(bytes) B"
}
