/// Splits `command:` and `entrypoint:` into words as Docker Compose does: quotes and backslashes as in a shell, `\n` and
/// `\t` outside of single quotes are a line end and a tab, `$(…)` and backquotes stay as they are but keep their blanks,
/// and whatever follows one of `; & | < >` is dropped without a word. Nothing is expanded.
enum ShellWords {
    /// Why a line cannot be split, and what to write instead.
    struct Problem: Error, Equatable {
        var message: String
        var hint: String
    }

    static func split(_ line: String) throws(Problem) -> [String] {
        var splitter = Splitter()
        for character in line.unicodeScalars {
            if try !splitter.take(character) { break }
        }
        return try splitter.finish()
    }
}

private struct Splitter {
    private enum Quote {
        case single, double, back, command
    }

    private var words: [String] = []
    private var word = String.UnicodeScalarView()
    /// A word has begun, though it may be empty so far: `''`.
    private var hasWord = false
    private var isEscaped = false
    private var quotes: [Quote] = []

    /// - Returns: Whether to go on.
    mutating func take(_ character: Unicode.Scalar) throws(ShellWords.Problem) -> Bool {
        if isEscaped {
            isEscaped = false
            append(character == "t" ? "\t" : character == "n" ? "\n" : character)
            return true
        }
        switch character {
        case "\\" where !quotes.contains(.single): isEscaped = true
        case "\\": word.append(character)
        case " ", "\t", "\r", "\n":
            if quotes.isEmpty { endWord() } else { word.append(character) }
        case "\"" where !quotes.contains(.single) && !quotes.contains(.command): toggle(.double)
        case "'" where !quotes.contains(.double) && !quotes.contains(.command): toggle(.single)
        case "`", "(", ")": try shell(character)
        case ";", "&", "|", "<", ">":
            if quotes.isEmpty {
                // The number of a descriptor, `2>`, is no word.
                if character == ">", let first = word.first, ("0"..."9").contains(first) { hasWord = false }
                return false
            }
            append(character)
        case _: append(character)
        }
        return true
    }

    mutating func finish() throws(ShellWords.Problem) -> [String] {
        if let quote = quotes.last {
            switch quote {
            case .single: throw unclosed("'")
            case .double: throw unclosed("\"")
            case .back: throw unclosed("`")
            case .command: throw unclosed("$(")
            }
        }
        if isEscaped {
            throw .init(message: "a backslash at the end", hint: "remove it, or write \\\\ for a backslash")
        }
        endWord()
        return words
    }

    private func unclosed(_ opening: String) -> ShellWords.Problem {
        .init(
            message: "\(opening) is not closed", hint: "close it, put a backslash before it, or write a list of words")
    }

    /// What a shell would run: kept as it is.
    private mutating func shell(_ character: Unicode.Scalar) throws(ShellWords.Problem) {
        let isQuoted = quotes.contains { $0 != .command && !(character == "`" && $0 == .back) }
        if isQuoted || character == "`" && quotes.contains(.command) { return append(character) }
        switch character {
        case "`": toggle(.back)
        case "(":
            guard word.last == "$", !quotes.contains(.command) else { throw parenthesis }
            quotes.append(.command)
            word.append(character)
            return
        case _:
            guard let index = quotes.firstIndex(of: .command) else { throw parenthesis }
            quotes.remove(at: index)
        }
        append(character)
    }

    private var parenthesis: ShellWords.Problem {
        .init(message: "a parenthesis without $", hint: "put it in quotes, or write a list of words")
    }

    private mutating func toggle(_ quote: Quote) {
        if let index = quotes.firstIndex(of: quote) {
            quotes.remove(at: index)
            if quote != .back { hasWord = true }
        } else {
            quotes.append(quote)
        }
    }

    private mutating func append(_ character: Unicode.Scalar) {
        word.append(character)
        hasWord = true
    }

    private mutating func endWord() {
        guard hasWord else { return }
        words.append(String(word))
        word = .init()
        hasWord = false
    }
}
