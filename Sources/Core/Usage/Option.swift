/// An option as a command declares it.
package struct Option: Sendable {
    /// Without the dashes.
    package let long: String
    package internal(set) var short: Character?
    /// What its value stands for, `SECONDS`; nil where it takes none.
    package let value: String?
    package let help: String
    let suggestions: Suggestions
    /// Another spelling that is understood, and not told.
    let also: String?
    /// Whether every command takes it.
    package internal(set) var isGlobal = false

    init(
        _ long: String, short: Character?, value: String? = nil, _ help: String, _ suggestions: Suggestions = .nothing,
        also: String? = nil
    ) {
        self.long = long
        self.short = short
        self.value = value
        self.help = help
        self.suggestions = suggestions
        self.also = also
    }

    static let help = Option("help", short: "h", "Show this.")

    var name: String { "--\(long)" }

    /// `-t, --timeout SECONDS`, long names below each other.
    var text: String {
        (short.map { "-\($0), " } ?? "    ") + name + (value.map { " \($0)" } ?? "")
    }
}

/// A word that is neither an option nor an option's value, as a command declares it.
package struct Operand: Sendable {
    enum Count: Sendable {
        case one
        case optional
        case many(required: Bool)
        /// All that follow, options of somebody else included.
        case rest(required: Bool)
    }

    /// `SERVICE`
    package let name: String
    package let help: String
    let count: Count
    let suggestions: Suggestions

    /// `[SERVICE…]`
    var text: String {
        switch count {
        case .one: name
        case .optional: "[\(name)]"
        case .many(required: true): "\(name)…"
        case .many(required: false): "[\(name)…]"
        case .rest(required: true): "\(name) [ARGUMENT…]"
        case .rest(required: false): "[\(name) [ARGUMENT…]]"
        }
    }
}

/// What a shell may offer in the place of a word.
package enum Suggestions: Hashable, Sendable {
    case nothing
    case files
    case words([String])
    case commands
    /// Names that only the stack's files know.
    case services, profiles
}
