/// `Codable` values as JSON text (RFC 8259) and back. Foundation's coders take several times as long, and half of the
/// program's size.
extension JSON {
    /// - Throws: `DecodingError`.
    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: some Collection<UInt8>) throws -> Value
    {
        try Value(from: Decoding(try JSON(parsing: bytes)))
    }
}

/// A decoder that knows its value only, not the way to it: what is decoded was written by Settle itself.
private struct Decoding: Decoder {
    let value: JSON
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(_ value: JSON) { self.value = value }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(Keyed(try value.members))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { Unkeyed(items: try value.items) }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { Single(value: value) }
}

extension JSON {
    fileprivate var members: [(String, JSON)] {
        get throws {
            if case .object(let members) = self { return members }
            throw mismatch("an object")
        }
    }

    fileprivate var items: [JSON] {
        get throws {
            if case .array(let items) = self { return items }
            throw mismatch("an array")
        }
    }

    fileprivate var isNull: Bool { if case .null = self { true } else { false } }

    fileprivate func bool() throws -> Bool {
        if case .bool(let flag) = self { return flag }
        throw mismatch("true or false")
    }

    fileprivate func string() throws -> String {
        if case .string(let string) = self { return string }
        throw mismatch("a string")
    }

    fileprivate func double() throws -> Double {
        switch self {
        case .double(let number): return number
        case .int(let number): return Double(number)
        case .object, .array, .string, .bool, .null: throw mismatch("a number")
        }
    }

    fileprivate func integer<Number: FixedWidthInteger>() throws -> Number {
        if case .int(let number) = self, let exact = Number(exactly: number) { return exact }
        throw mismatch("a whole number")
    }

    private func mismatch(_ expected: String) -> DecodingError {
        .dataCorrupted(DecodingError.Context(codingPath: [], debugDescription: "expected \(expected), got \(compact)"))
    }
}

private struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let members: [(String, JSON)]
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { members.compactMap { Key(stringValue: $0.0) } }

    init(_ members: [(String, JSON)]) { self.members = members }

    private func find(_ key: Key) -> JSON? {
        let name = key.stringValue
        for member in members where member.0 == name { return member.1 }
        return nil
    }

    private func value(_ key: Key) throws -> JSON {
        if let value = find(key) { return value }
        throw DecodingError.keyNotFound(
            key, DecodingError.Context(codingPath: [], debugDescription: "there is no \(key.stringValue)"))
    }

    func contains(_ key: Key) -> Bool { find(key) != nil }
    func decodeNil(forKey key: Key) throws -> Bool { try value(key).isNull }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try value(key).bool() }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try value(key).string() }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try value(key).double() }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try value(key).double()) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try value(key).integer() }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try value(key).integer() }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try value(key).integer() }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try value(key).integer() }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try value(key).integer() }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try value(key).integer() }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try value(key).integer() }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try value(key).integer() }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try value(key).integer() }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try value(key).integer() }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try Value(from: Decoding(try value(key)))
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try Decoding(try value(key)).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try Decoding(try value(key)).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { Decoding(.object(members)) }
    func superDecoder(forKey key: Key) throws -> any Decoder { Decoding(try value(key)) }
}

private struct Unkeyed: UnkeyedDecodingContainer {
    let items: [JSON]
    var currentIndex = 0
    var codingPath: [any CodingKey] { [] }
    var count: Int? { items.count }
    var isAtEnd: Bool { currentIndex == items.count }

    private mutating func next() throws -> JSON {
        guard !isAtEnd else {
            throw DecodingError.dataCorrupted(DecodingError.Context(codingPath: [], debugDescription: "a short array"))
        }
        currentIndex += 1
        return items[currentIndex - 1]
    }

    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd, items[currentIndex].isNull else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try next().bool() }
    mutating func decode(_ type: String.Type) throws -> String { try next().string() }
    mutating func decode(_ type: Double.Type) throws -> Double { try next().double() }
    mutating func decode(_ type: Float.Type) throws -> Float { Float(try next().double()) }
    mutating func decode(_ type: Int.Type) throws -> Int { try next().integer() }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try next().integer() }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try next().integer() }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try next().integer() }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try next().integer() }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try next().integer() }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try next().integer() }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try next().integer() }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try next().integer() }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try next().integer() }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try Value(from: Decoding(try next()))
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        try Decoding(try next()).container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try Decoding(try next()).unkeyedContainer()
    }

    mutating func superDecoder() throws -> any Decoder { Decoding(try next()) }
}

private struct Single: SingleValueDecodingContainer {
    let value: JSON
    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool { value.isNull }
    func decode(_ type: Bool.Type) throws -> Bool { try value.bool() }
    func decode(_ type: String.Type) throws -> String { try value.string() }
    func decode(_ type: Double.Type) throws -> Double { try value.double() }
    func decode(_ type: Float.Type) throws -> Float { Float(try value.double()) }
    func decode(_ type: Int.Type) throws -> Int { try value.integer() }
    func decode(_ type: Int8.Type) throws -> Int8 { try value.integer() }
    func decode(_ type: Int16.Type) throws -> Int16 { try value.integer() }
    func decode(_ type: Int32.Type) throws -> Int32 { try value.integer() }
    func decode(_ type: Int64.Type) throws -> Int64 { try value.integer() }
    func decode(_ type: UInt.Type) throws -> UInt { try value.integer() }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try value.integer() }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try value.integer() }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try value.integer() }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try value.integer() }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try Value(from: Decoding(value)) }
}
