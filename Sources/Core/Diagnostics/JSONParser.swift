extension JSON {
    /// The value that a text holds (RFC 8259).
    ///
    /// - Throws: `DecodingError`.
    package init(parsing bytes: some Collection<UInt8>) throws {
        self = try Array(bytes).withUnsafeBufferPointer { bytes in
            var parser = JSONParser(bytes)
            return try parser.document()
        }
    }
}

private struct JSONParser {
    /// Deeper than anything that is written here: a text without end must not use up the stack.
    private static let deepest = 200

    private let bytes: UnsafeBufferPointer<UInt8>
    private var index = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    mutating func document() throws -> JSON {
        let value = try value(0)
        skipBlanks()
        if index < bytes.count { throw fault("the end") }
        return value
    }

    private func fault(_ expected: String) -> DecodingError {
        .dataCorrupted(
            DecodingError.Context(codingPath: [], debugDescription: "no JSON: expected \(expected) at byte \(index)"))
    }

    private mutating func skipBlanks() {
        while index < bytes.count, [32, 10, 13, 9].contains(bytes[index]) { index += 1 }
    }

    /// The next byte that is no blank; 0 at the end.
    private mutating func peek() -> UInt8 {
        skipBlanks()
        return index < bytes.count ? bytes[index] : 0
    }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: byte) else { return false }
        index += 1
        return true
    }

    private mutating func value(_ depth: Int) throws -> JSON {
        if depth > Self.deepest { throw fault("less depth") }
        switch peek() {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case _: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws -> JSON {
        let end = index + word.utf8CodeUnitCount
        guard end <= bytes.count,
            bytes[index..<end].elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
        else { throw fault("\(word)") }
        index = end
        return value
    }

    private mutating func object(_ depth: Int) throws -> JSON {
        index += 1
        var members: [(String, JSON)] = []
        if take("}") { return .object([]) }
        repeat {
            guard peek() == UInt8(ascii: "\"") else { throw fault("a key") }
            let key = try string()
            guard take(":") else { throw fault("a colon") }
            members.append((key, try value(depth + 1)))
        } while take(",")
        guard take("}") else { throw fault("a comma or a brace") }
        return .object(members)
    }

    private mutating func array(_ depth: Int) throws -> JSON {
        index += 1
        var items: [JSON] = []
        if take("]") { return .array([]) }
        repeat { items.append(try value(depth + 1)) } while take(",")
        guard take("]") else { throw fault("a comma or a bracket") }
        return .array(items)
    }

    private mutating func number() throws -> JSON {
        let begin = index
        while index < bytes.count, "+-.eE0123456789".utf8.contains(bytes[index]) { index += 1 }
        let text = String(decoding: bytes[begin..<index], as: UTF8.self)
        if let number = Int64(text) { return .int(number) }
        if let number = Double(text) { return .double(number) }
        index = begin
        throw fault("a value")
    }

    private mutating func string() throws -> String {
        index += 1
        let begin = index
        while index < bytes.count, bytes[index] != UInt8(ascii: "\""), bytes[index] != UInt8(ascii: "\\") { index += 1 }
        var text = String(decoding: bytes[begin..<index], as: UTF8.self)
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            if bytes[index] == UInt8(ascii: "\\") {
                text.unicodeScalars.append(try escaped())
                continue
            }
            let begin = index
            while index < bytes.count, bytes[index] != UInt8(ascii: "\""), bytes[index] != UInt8(ascii: "\\") {
                index += 1
            }
            text += String(decoding: bytes[begin..<index], as: UTF8.self)
        }
        guard index < bytes.count else { throw fault("a quotation mark") }
        index += 1
        return text
    }

    private mutating func escaped() throws -> Unicode.Scalar {
        guard index + 1 < bytes.count else { throw fault("an escape") }
        let letter = Unicode.Scalar(bytes[index + 1])
        index += 2
        switch letter {
        case "\"", "\\", "/": return letter
        case "b": return "\u{8}"
        case "f": return "\u{C}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "u": return try scalar()
        case _: throw fault("an escape")
        }
    }

    /// What is beyond sixteen bits comes as two halves.
    private mutating func scalar() throws -> Unicode.Scalar {
        let first = try unit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
            bytes[index + 1] == UInt8(ascii: "u")
        else { throw fault("the other half of a character") }
        index += 2
        let second = try unit()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        else { throw fault("the other half of a character") }
        return scalar
    }

    private mutating func unit() throws -> UInt32 {
        let end = index + 4
        guard end <= bytes.count, let number = UInt32(String(decoding: bytes[index..<end], as: UTF8.self), radix: 16)
        else { throw fault("four digits") }
        index = end
        return number
    }
}
