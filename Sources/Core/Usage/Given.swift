import Diagnostics

/// The words after a command's name, options told from operands.
struct Given {
    /// In their order. A flag's value is `true` or `false`.
    var options: [(long: String, value: String)] = []
    var operands: [String] = []
    var wantsHelp = false
    /// The option that the words end with, its value still to come.
    private(set) var open: Option?
    private(set) var problems: [Diagnostic] = []

    /// - Parameter limit: the number of operands after which every word is one.
    init(_ words: some Sequence<String>, _ options: [Option], limit: Int?) {
        var rest = Array(words)[...]
        while let word = rest.first {
            if let limit, operands.count >= limit, limit > 0 || !word.hasPrefix("-") || word == "-" {
                operands += rest
                return
            }
            rest.removeFirst()
            if word == "--" {
                operands += rest
                return
            } else if word.hasPrefix("--") {
                long(word, options, &rest)
            } else if word.hasPrefix("-"), word != "-" {
                short(word, options, &rest)
            } else {
                operands.append(word)
            }
        }
    }

    /// `--name`, `--name VALUE`, `--name=VALUE`
    private mutating func long(_ word: String, _ options: [Option], _ rest: inout ArraySlice<String>) {
        let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        let value = parts.count > 1 ? String(parts[1]) : nil
        if let option = options.first(where: { $0.long == name || $0.also == name }) {
            return take(option, value, &rest)
        }
        if name == Option.help.long { return wantsHelp = true }
        let near = nearest(to: name, in: options.map(\.long) + [Option.help.long])
        problems.append(
            Diagnostic(.error, "there is no option --\(name)", hint: near.map { "did you mean --\($0)?" }))
    }

    /// `-a`, `-ab`, `-a VALUE`, `-aVALUE`, `-a=VALUE`, `-a=false`
    private mutating func short(_ word: String, _ options: [Option], _ rest: inout ArraySlice<String>) {
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
            guard let option = options.first(where: { $0.short == letter }) else {
                if letter == Option.help.short { return wantsHelp = true }
                return problems.append(Diagnostic(.error, "there is no option -\(letter)"))
            }
            if option.value == nil {
                let isGiven = letters.first == "="
                take(option, isGiven ? String(letters.dropFirst()) : nil, &rest)
                if isGiven { return }
            } else {
                if letters.first == "=" { letters.removeFirst() }
                return take(option, letters.isEmpty ? nil : String(letters), &rest)
            }
        }
    }

    private mutating func take(_ option: Option, _ value: String?, _ rest: inout ArraySlice<String>) {
        if option.value == nil {
            switch value {
            case nil, "true", "1": options.append((option.long, "true"))
            case "false", "0": options.append((option.long, "false"))
            case let value?: problems.append(Diagnostic(.error, "\(option.name) takes no value, and has \"\(value)\""))
            }
        } else if let value = value ?? rest.popFirst() {
            options.append((option.long, value))
        } else {
            open = option
            problems.append(Diagnostic(.error, "\(option.name) needs a value: \(option.name) \(option.value ?? "")"))
        }
    }
}
