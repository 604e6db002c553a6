import Diagnostics

/// How a change that is being made is told.
package enum ProgressStyle: Sendable {
    /// `container/web/1 started`
    case plain(Palette)
    /// `{"resource":"container/web/1","status":"started"}`
    case json
    case quiet

    /// One line without its end; nil where nothing is to be said.
    package func line(resource: String, word: String) -> String? {
        switch self {
        case .plain(let palette): "\(resource) \(palette.paint(printable(word), Self.colour(of: word)))"
        case .json: JSON.object([("resource", .string(resource)), ("status", .string(word))]).compact
        case .quiet: nil
        }
    }

    package func warning(_ text: String) -> String {
        switch self {
        case .plain(let palette): "\(palette.paint("warning:", .yellow)) \(text)"
        case .quiet: "warning: \(text)"
        case .json: JSON.object([("severity", .string("warning")), ("message", .string(text))]).compact
        }
    }

    private static func colour(of word: String) -> Palette.Colour? {
        if word.hasSuffix("ing") { return .cyan }
        return word.hasPrefix("failed") || word.hasPrefix("killed") ? .red : .green
    }
}

/// The names before lines of output that several containers mix: `web-1  | `, each in a colour of its own.
package struct LogPrefixes: Sendable {
    private static let colours: [Palette.Colour] = [.cyan, .yellow, .green, .magenta, .blue]

    private var width = 0
    private var order: [ContainerID] = []
    private let palette: Palette

    package init(_ ids: [ContainerID], _ palette: Palette) {
        self.palette = palette
        for id in ids { add(id) }
    }

    /// A container that came later.
    package mutating func add(_ id: ContainerID) {
        if order.contains(id) { return }
        order.append(id)
        width = max(width, Self.name(id).count)
    }

    package subscript(id: ContainerID) -> String {
        let name = Self.name(id)
        let padded = name + String(repeating: " ", count: max(width - name.count, 0)) + "  |"
        let number = order.firstIndex(of: id) ?? 0
        return palette.paint(padded, Self.colours[number % Self.colours.count]) + " "
    }

    private static func name(_ id: ContainerID) -> String { "\(id.service)-\(id.index)" }
}
