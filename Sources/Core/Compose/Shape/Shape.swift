/// What a Compose file may hold, as values: every key with the kinds of values it takes, a word for editors, and what
/// Settle does with it. From this one table come the check of a tree, the JSON schema, the table in docs/compose.md and
/// the list of what a stack asks for in vain.
///
/// It describes a file after interpolation and merging, short forms allowed, as the reference's own schema does: what that
/// accepts, this accepts. Where the reference reads a text further at a later stage (sizes, times, truth values), so does
/// Settle; the table only knows the pattern, for editors.
package enum Shape {
    /// The kinds of values.
    indirect enum Kind: Sendable {
        case any
        case null
        case text(Text)
        /// true or false. Where it is cast, the file may also have a text for it, which no longer is one here.
        case bool(cast: Bool)
        case number(ClosedRange<Double>)
        case whole(ClosedRange<Double>)
        case list(Kind, Repeats, count: ClosedRange<Int>)
        case keys(Keys)
        case names(Names)
        /// Its kinds are told apart by what a value is: at most one of them is a list, and so on.
        case either([Kind])
        /// Stands under a name of its own in the JSON schema.
        case shared(String, Kind)
    }

    enum Text: Sendable {
        case any
        case words([String])
        case pattern(Pattern)
        /// A later stage reads it, and words its own complaint.
        case read(Pattern)
    }

    /// Whether a list may hold the same twice.
    enum Repeats: Sendable {
        case allowed
        case refused
    }

    struct Pattern: Sendable {
        /// A regular expression as in ECMA 262, which matches as `matches` says.
        let source: String
        /// `a time such as 1m30s`
        let says: String
        let matches: @Sendable (String) -> Bool
    }

    /// A mapping whose keys are fixed.
    struct Keys: Sendable {
        let keys: [Key]
        /// Whether there may be keys of the writer's own, `x-…`.
        let extensions: Bool
        /// What any other key is, if there may be others.
        let others: Key?
        private let index: [String: Int]

        init(_ keys: [Key], extensions: Bool = true, others: Key? = nil) {
            self.keys = keys
            self.extensions = extensions
            self.others = others
            var index: [String: Int] = [:]
            for (position, key) in keys.enumerated() {
                for name in key.names { index[name] = position }
            }
            self.index = index
        }

        subscript(name: String) -> Key? { index[name].map { keys[$0] } }
    }

    /// A mapping whose keys are names that the writer gives.
    struct Names: Sendable {
        let pattern: Pattern
        let value: Kind
        /// Whether names beyond the pattern may stand there too, with any value.
        let others: Bool
    }

    struct Key: Sendable {
        enum Trait: Sendable {
            /// Settle's own: may also be written with `x-`, so that other tools read over it.
            case own
            case required
            case deprecated
        }

        let name: String
        let kind: Kind
        /// A word for editors.
        let says: String
        let support: Support
        let traits: [Trait]

        init(_ name: String, _ kind: Kind, _ says: String, _ support: Support = .honoured, _ traits: Trait...) {
            self.name = name
            self.kind = kind
            self.says = says
            self.support = support
            self.traits = traits
        }

        /// The spellings of the key.
        var names: [String] { traits.contains(.own) ? [name, "x-" + name] : [name] }
    }

    /// What Settle does with a key.
    struct Support: Sendable {
        enum Degree: Sendable, CaseIterable {
            case honoured
            /// Something of it is done, or the rest can be done without: a warning.
            case partly
            /// The stack would not be what the file says: an error.
            case refused
            /// It speaks of something that Linux, or cgroup v2, does not have: a warning.
            case meaningless
        }

        let degree: Degree
        let why: String
        /// What to do instead.
        let instead: String?
        /// The values that are honoured nonetheless; those ending in `:` stand for all that begin so. nil: those that ask
        /// for nothing, `false` and what is empty.
        let honoured: [String]?

        static let honoured = Support(degree: .honoured, why: "", instead: nil, honoured: nil)

        static func partly(_ why: String, instead: String? = nil, besides honoured: [String]? = nil) -> Support {
            Support(degree: .partly, why: why, instead: instead, honoured: honoured)
        }

        static func refused(_ why: String, instead: String? = nil, besides honoured: [String]? = nil) -> Support {
            Support(degree: .refused, why: why, instead: instead, honoured: honoured)
        }

        static func meaningless(_ why: String) -> Support {
            Support(degree: .meaningless, why: why, instead: nil, honoured: nil)
        }
    }
}

// The words that the table is written in.
extension Shape.Kind {
    static let text = Self.text(.any)
    static let bool = Self.bool(cast: false)
    static let number = Self.number(-.infinity ... .infinity)
    static let whole = Self.whole(-.infinity ... .infinity)

    static func words(_ words: String...) -> Self { .text(.words(words)) }
    static func pattern(_ pattern: Shape.Pattern) -> Self { .text(.pattern(pattern)) }
    static func either(_ kinds: Self...) -> Self { .either(kinds) }

    static func list(_ kind: Self, count: ClosedRange<Int> = 0...Int.max) -> Self {
        .list(kind, .allowed, count: count)
    }
    static func uniqueList(_ kind: Self) -> Self { .list(kind, .refused, count: 0...Int.max) }

    static func keys(_ keys: Shape.Key..., extensions: Bool = true, others: Shape.Key? = nil) -> Self {
        .keys(Shape.Keys(keys, extensions: extensions, others: others))
    }
    static func keys(_ keys: [Shape.Key]) -> Self { .keys(Shape.Keys(keys)) }
    static func names(_ pattern: Shape.Pattern, _ value: Self, others: Bool = false) -> Self {
        .names(Shape.Names(pattern: pattern, value: value, others: others))
    }

    /// true, false, or a text that is read as one.
    static let flag = Self.shared("flag", .either(.bool, .text(.read(.flag))))
    /// A whole number, or a text of one.
    static let count = Self.shared("count", .either(.whole, .text(.read(.whole))))
    /// A number, which may have a fraction, or a text of a whole one.
    static let amount = Self.shared("amount", .either(.number, .text(.read(.whole))))
    static let decimal = Self.shared("decimal", .either(.number, .text(.read(.decimal))))
    /// Bytes.
    static let size = Self.shared("size", .either(.number, .text(.read(.size))))
    static let wholeSize = Self.shared("whole_size", .either(.whole, .text(.read(.size))))
    static let time = Self.shared("time", .text(.read(.time)))

    static let strings = Self.shared("strings", .list(.text))
    /// Repeats among these go before the check, when files are merged.
    static let textOrStrings = Self.shared("text_or_strings", .either(.text, .list(.text)))
    static let uniqueStrings = Self.shared("unique_strings", .uniqueList(.text))
    static let textOrUniqueStrings = Self.shared("text_or_unique_strings", .either(.text, .uniqueList(.text)))

    private static let pairValue = Self.either(.text, .number, .bool, .null)
    /// `[NAME=VALUE]` or a mapping. Repeats go when files are merged.
    static let pairs = Self.shared("pairs", .either(.names(.something, pairValue), .list(.text)))
    static let uniquePairs = Self.shared("unique_pairs", .either(.names(.something, pairValue), .uniqueList(.text)))
    /// For a driver, which alone knows what it means.
    static let options = Self.shared("options", .names(.something, .either(.text, .number), others: true))

    static let command = Self.shared("command", .either(.null, .text, .list(.text)))
}
