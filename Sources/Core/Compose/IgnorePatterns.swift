/// Patterns in the manner of `.dockerignore`: of those that fit a path, or a folder above it, the last one decides, and one
/// that begins with `!` takes it back.
///
/// `*` and `?` stand for anything but a slash, `[a-z]` for one of these characters, `**` for any number of folders.
package struct IgnorePatterns: Sendable {
    private struct Pattern {
        let tokens: [Token]
        let isException: Bool
    }

    fileprivate enum Token: Equatable {
        case one(UInt8)
        /// Any byte but a slash.
        case any
        /// Any number of these.
        case many
        /// Any number of whole folders, each with its slash.
        case folders
        /// Whatever is left.
        case rest
        /// One byte of these ranges, or of none of them.
        case oneOf([ClosedRange<UInt8>], isNegated: Bool)
    }

    private let patterns: [Pattern]

    package var isEmpty: Bool { patterns.isEmpty }

    /// - Parameter patterns: relative to the folder that paths are relative to.
    package init(_ patterns: [String]) {
        self.patterns = patterns.compactMap { text in
            var text = Substring(text).trimmed
            let isException = text.hasPrefix("!")
            if isException { text = text.dropFirst().drop { $0 == " " } }
            let path = Path.clean(String(text.drop { $0 == "/" }))
            // What is outside of the folder is not spoken of.
            if path == "." || path == ".." || path.hasPrefix("../") { return nil }
            return Pattern(tokens: Self.tokens(Array(path.utf8)), isException: isException)
        }
    }

    /// A file of patterns, one a line; lines that begin with `#` are comments.
    package init(text: String) {
        self.init(text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") })
    }

    /// - Parameter path: relative, clean, without a slash at its ends.
    package func matches(_ path: String) -> Bool {
        let bytes = Array(path.utf8)
        var isMatched = false
        // Only a pattern that would change what is known has to be looked at.
        for pattern in patterns where pattern.isException == isMatched {
            if Self.fits(pattern.tokens, bytes) { isMatched.toggle() }
        }
        return isMatched
    }

    /// Whether nothing below a folder can be unmatched: then nobody has to look into it.
    package func matchesAll(below path: String) -> Bool {
        !patterns.contains(where: \.isException) && matches(path)
    }

    // MARK: Reading

    private static func tokens(_ text: [UInt8]) -> [Token] {
        var tokens: [Token] = []
        var index = 0
        while index < text.count {
            let byte = text[index]
            index += 1
            switch byte {
            case UInt8(ascii: "*"):
                guard index < text.count, text[index] == UInt8(ascii: "*") else {
                    tokens.append(.many)
                    continue
                }
                while index < text.count, text[index] == UInt8(ascii: "*") { index += 1 }
                if index == text.count {
                    tokens.append(.rest)
                } else {
                    if text[index] == UInt8(ascii: "/") { index += 1 }
                    tokens.append(.folders)
                }
            case UInt8(ascii: "?"): tokens.append(.any)
            case UInt8(ascii: "["):
                if let (token, end) = set(text, index) {
                    tokens.append(token)
                    index = end
                } else {
                    tokens.append(.one(byte))
                }
            case UInt8(ascii: "\\") where index < text.count:
                tokens.append(.one(text[index]))
                index += 1
            case _: tokens.append(.one(byte))
            }
        }
        return tokens
    }

    /// What stands between brackets; nil where they are not closed.
    private static func set(_ text: [UInt8], _ start: Int) -> (Token, end: Int)? {
        var index = start
        let isNegated = index < text.count && text[index] == UInt8(ascii: "^")
        if isNegated { index += 1 }
        var ranges: [ClosedRange<UInt8>] = []
        func next() -> UInt8? {
            if index < text.count, text[index] == UInt8(ascii: "\\") { index += 1 }
            defer { index += 1 }
            return index < text.count ? text[index] : nil
        }
        while index < text.count, text[index] != UInt8(ascii: "]") {
            guard let low = next() else { return nil }
            var high = low
            if index + 1 < text.count, text[index] == UInt8(ascii: "-"), text[index + 1] != UInt8(ascii: "]") {
                index += 1
                guard let end = next() else { return nil }
                high = end
            }
            if low <= high { ranges.append(low...high) }
        }
        return index < text.count ? (.oneOf(ranges, isNegated: isNegated), index + 1) : nil
    }

    // MARK: Matching

    /// Whether they fit the path, or the path of a folder that it is in. All places that the tokens so far can have come
    /// to are kept at once, so that no pattern takes long.
    private static func fits(_ tokens: [Token], _ path: [UInt8]) -> Bool {
        var places = [Bool](repeating: false, count: path.count + 1)
        places[0] = true
        for token in tokens {
            if token == .rest { return true }
            guard let next = step(token, path, places) else { return false }
            places = next
        }
        return places.indices.contains { places[$0] && ($0 == path.count || ($0 > 0 && path[$0] == slash)) }
    }

    private static let slash = UInt8(ascii: "/")

    /// nil: nothing fits.
    private static func step(_ token: Token, _ path: [UInt8], _ places: [Bool]) -> [Bool]? {
        var next = [Bool](repeating: false, count: places.count)
        var isAny = false
        /// Whether it has begun at some place before, and may go on.
        var goesOn = false
        for place in places.indices {
            let byte = place < path.count ? path[place] : nil
            switch token {
            case .one, .any, .oneOf:
                if places[place], let byte, token.takes(byte) {
                    next[place + 1] = true
                    isAny = true
                }
            case .many:
                goesOn = goesOn || places[place]
                if goesOn {
                    next[place] = true
                    isAny = true
                }
                if byte == slash { goesOn = false }
            case .folders:
                goesOn = goesOn || places[place]
                if places[place] { next[place] = true }
                if goesOn, byte == slash { next[place + 1] = true }
                isAny = isAny || goesOn
            case .rest: return places
            }
        }
        return isAny ? next : nil
    }
}

extension IgnorePatterns.Token {
    /// Whether it stands for this one byte.
    fileprivate func takes(_ byte: UInt8) -> Bool {
        switch self {
        case .one(let wanted): return byte == wanted
        case .any: return byte != UInt8(ascii: "/")
        case .oneOf(let ranges, let isNegated):
            return byte != UInt8(ascii: "/") && ranges.contains { $0.contains(byte) } != isNegated
        case .many, .folders, .rest: return false
        }
    }
}
