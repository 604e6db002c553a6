/// The global options that take a value, with their short names: the long name is what they are moved under.
private let globalOptions: [(long: String, short: Character?)] = [
    ("--file", "f"), ("--project-name", "p"), ("--project-directory", nil), ("--env-file", nil), ("--profile", nil),
    ("--progress", nil), ("--ansi", nil),
]

/// The command line with the global options that stand before the command moved behind it, where ArgumentParser looks
/// for them. Behind the command `-f` may mean another thing (`logs -f`), so they are moved under their long names.
func arranged(_ arguments: [String]) -> [String] {
    var globals: [String] = []
    var rest = arguments[...]
    while let (option, length) = leadingGlobal(rest) {
        globals += option
        rest = rest.dropFirst(length)
    }
    guard let command = rest.first, !command.hasPrefix("-"), command != "help" else { return Array(rest) }
    return [command] + globals + rest.dropFirst()
}

/// The global option that the words begin with, under its long name, and how many words it takes.
private func leadingGlobal(_ words: ArraySlice<String>) -> (option: [String], length: Int)? {
    guard let word = words.first else { return nil }
    for (long, short) in globalOptions {
        if word.hasPrefix(long + "=") { return ([word], 1) }
        let isShort = short.map { word == "-\($0)" } ?? false
        if word == long || isShort {
            guard let value = words.dropFirst().first else { return nil }
            return ([long, value], 2)
        }
        if let short, word.hasPrefix("-\(short)") { return ([long, String(word.dropFirst(2))], 1) }
    }
    return nil
}
