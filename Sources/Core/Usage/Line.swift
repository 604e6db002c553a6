package import Diagnostics

/// The words of one command, read by the command that says what they may be.
///
/// A command's initializer asks once for each of its options and operands, and with that declares it. The same
/// initializer is run over a line without words to learn what it asks for: parsing, help, the manual and the shells'
/// completion are made of that. So it must ask for the same, whatever it is answered.
package struct Line {
    package private(set) var options: [Option] = []
    package private(set) var operands: [Operand] = []
    package private(set) var problems: [Diagnostic]
    private let isRead: Bool
    private let given: [(long: String, value: String)]
    private var rest: ArraySlice<String>
    private var isGlobal = false

    /// For the declarations alone.
    init() {
        isRead = false
        given = []
        rest = []
        problems = []
    }

    init(_ words: Given) {
        isRead = true
        given = words.options
        rest = words.operands[...]
        problems = words.problems
    }

    /// The body asks for what every command takes. What the command itself has asked for before is its own.
    package mutating func everywhere<Options>(_ body: (inout Line) -> Options) -> Options {
        isGlobal = true
        defer { isGlobal = false }
        return body(&self)
    }

    /// The words are not what the command can work with.
    package mutating func refuse(_ message: String, hint: String? = nil) {
        if isRead { problems.append(Diagnostic(.error, message, hint: hint)) }
    }

    // MARK: Options

    package mutating func flag(
        _ long: String, short: Character? = nil, _ help: String, default usual: Bool = false
    ) -> Bool {
        declare(Option(long, short: short, help))
        return values(of: long).last.map { $0 == "true" } ?? usual
    }

    /// The last one given counts.
    package mutating func text(
        _ long: String, short: Character? = nil, _ value: String, _ help: String, _ suggestions: Suggestions = .nothing
    ) -> String? {
        texts(long, short: short, value, help, suggestions).last
    }

    /// An option that may be repeated.
    ///
    /// - Parameter also: another spelling of it, for scripts written for Docker Compose.
    package mutating func texts(
        _ long: String, short: Character? = nil, _ value: String, _ help: String,
        _ suggestions: Suggestions = .nothing, also: String? = nil
    ) -> [String] {
        declare(Option(long, short: short, value: value, help, suggestions, also: also))
        return values(of: long)
    }

    package mutating func number(
        _ long: String, short: Character? = nil, _ value: String, _ help: String,
        in range: ClosedRange<Int> = 0...Int.max
    ) -> Int? {
        let bounds =
            range.upperBound == Int.max
            ? "from \(range.lowerBound) on" : "from \(range.lowerBound) to \(range.upperBound)"
        return option(long, short: short, value, help, expects: "a number \(bounds)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// - Parameters:
    ///   - expects: as in "--signal takes …".
    ///   - read: nil where the text is not that.
    package mutating func option<Value>(
        _ long: String, short: Character? = nil, _ value: String, _ help: String, _ suggestions: Suggestions = .nothing,
        expects: String, read: (String) -> Value?
    ) -> Value? {
        let texts = texts(long, short: short, value, help, suggestions)
        var result: Value?
        for text in texts { result = self.read("--\(long)", text, suggestions, expects, read) }
        return result
    }

    /// One of some words, the cases of an enumeration.
    package mutating func choice<Choice: Choosable>(
        _ long: String, short: Character? = nil, _ help: String
    ) -> Choice? {
        let all: [Choice] = choices(long, short: short, help)
        return all.last
    }

    package mutating func choice<Choice: Choosable>(
        _ long: String, short: Character? = nil, _ help: String, default usual: Choice
    ) -> Choice {
        choice(long, short: short, "\(help) (default: \(usual.rawValue))") ?? usual
    }

    /// Some of some words: the option may be repeated.
    package mutating func choices<Choice: Choosable>(
        _ long: String, short: Character? = nil, _ help: String
    ) -> [Choice] {
        let words = Choice.allCases.map { $0.rawValue }
        let texts = texts(long, short: short, words.joined(separator: "|"), help, .words(words))
        var result: [Choice] = []
        for text in texts {
            let choice = read("--\(long)", text, .words(words), either(words)) { Choice(rawValue: $0) }
            if let choice { result.append(choice) }
        }
        return result
    }

    // MARK: Operands

    /// Empty where it is missing, which is reported.
    package mutating func operand(_ name: String, _ help: String, _ suggestions: Suggestions = .nothing) -> String {
        declare(Operand(name: name, help: help, count: .one, suggestions: suggestions))
        if rest.isEmpty { refuse("\(name) is missing") }
        return rest.popFirst() ?? ""
    }

    /// nil where it is missing or not what is expected, which is reported.
    package mutating func operand<Value>(
        _ name: String, _ help: String, _ suggestions: Suggestions = .nothing, expects: String,
        read: (String) -> Value?
    ) -> Value? {
        let text = operand(name, help, suggestions)
        return isRead && !text.isEmpty ? self.read(name, text, suggestions, expects, read) : nil
    }

    package mutating func optionalOperand(
        _ name: String, _ help: String, _ suggestions: Suggestions = .nothing
    ) -> String? {
        declare(Operand(name: name, help: help, count: .optional, suggestions: suggestions))
        return rest.popFirst()
    }

    /// All words that are left.
    package mutating func operands(
        _ name: String, _ help: String, _ suggestions: Suggestions = .nothing, required: Bool = false
    ) -> [String] {
        declare(Operand(name: name, help: help, count: .many(required: required), suggestions: suggestions))
        return everything(name, required)
    }

    /// A command line of somebody else: all words after the operands before it, whatever they look like.
    package mutating func commandLine(_ name: String, _ help: String, required: Bool) -> [String] {
        declare(Operand(name: name, help: help, count: .rest(required: required), suggestions: .files))
        return everything(name, required)
    }

    // MARK: -

    mutating func finish() {
        if let word = rest.first { refuse("\"\(word)\" is one word too many") }
    }

    private mutating func everything(_ name: String, _ isRequired: Bool) -> [String] {
        if isRequired, rest.isEmpty { refuse("\(name) is missing") }
        defer { rest = [] }
        return Array(rest)
    }

    private mutating func declare(_ option: Option) {
        var option = option
        option.isGlobal = isGlobal
        if isGlobal, options.contains(where: { $0.short == option.short }) { option.short = nil }
        if !options.contains(where: { $0.long == option.long }) { options.append(option) }
    }

    private mutating func declare(_ operand: Operand) { operands.append(operand) }

    private func values(of long: String) -> [String] {
        given.compactMap { $0.long == long ? $0.value : nil }
    }

    private mutating func read<Value>(
        _ name: String, _ text: String, _ suggestions: Suggestions, _ expects: String, _ read: (String) -> Value?
    ) -> Value? {
        if let value = read(text) { return value }
        var near: String?
        if case .words(let words) = suggestions { near = nearest(to: text, in: words) }
        refuse("\(name) takes \(expects), not \"\(text)\"", hint: near.map { "did you mean \($0)?" })
        return nil
    }
}

/// An enumeration whose cases are the words of an option.
package protocol Choosable: CaseIterable, RawRepresentable<String> where AllCases == [Self] {}
