/// `Codable` values as JSON text.
extension JSON {
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let node = Node()
        try value.encode(to: Encoding(node: node))
        var text: [UInt8] = []
        node.write(to: &text)
        return text
    }
}

/// A value under construction: containers fill it while others fill what is in it.
private final class Node {
    enum Content {
        /// A number, `true`, `false` or `null`.
        case word(String)
        case string(String)
        case array
        case object
    }

    var content = Content.word("null")
    private var keys: [String] = []
    private var children: [Node] = []

    var count: Int { children.count }

    func add(_ key: String) -> Node {
        keys.append(key)
        return add()
    }

    func add() -> Node {
        let child = Node()
        children.append(child)
        return child
    }

    func write(to text: inout [UInt8]) {
        switch content {
        case .word(let word): text += word.utf8
        case .string(let string): Self.quote(string, to: &text)
        case .array:
            text.append(UInt8(ascii: "["))
            for (index, child) in children.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                child.write(to: &text)
            }
            text.append(UInt8(ascii: "]"))
        case .object:
            text.append(UInt8(ascii: "{"))
            for (index, child) in children.enumerated() {
                if index > 0 { text.append(UInt8(ascii: ",")) }
                Self.quote(keys[index], to: &text)
                text.append(UInt8(ascii: ":"))
                child.write(to: &text)
            }
            text.append(UInt8(ascii: "}"))
        }
    }

    /// Control characters as numbers: on one line nobody sees the short names.
    private static func quote(_ string: String, to text: inout [UInt8]) {
        text.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            if byte < 0x20 {
                let digits = String(byte, radix: 16)
                text += "\\u00\(byte < 0x10 ? "0" : "")\(digits)".utf8
                continue
            }
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text.append(UInt8(ascii: "\\")) }
            text.append(byte)
        }
        text.append(UInt8(ascii: "\""))
    }
}

extension Node {
    func set(_ value: Bool) { content = .word(value ? "true" : "false") }
    func set(_ value: String) { content = .string(value) }
    func set(_ value: Double) { content = .word(JSON.double(value).compact) }
    func set(_ value: some FixedWidthInteger) { content = .word(String(value)) }
    func set(encoding value: some Encodable) throws { try value.encode(to: Encoding(node: self)) }
}

private struct Encoding: Encoder {
    let node: Node
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        node.content = .object
        return KeyedEncodingContainer(Keyed(node: node))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        node.content = .array
        return Unkeyed(node: node)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { Single(node: node) }
}

private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: Node
    var codingPath: [any CodingKey] { [] }

    private func add(_ key: Key) -> Node { node.add(key.stringValue) }

    func encodeNil(forKey key: Key) { _ = add(key) }
    func encode(_ value: Bool, forKey key: Key) { add(key).set(value) }
    func encode(_ value: String, forKey key: Key) { add(key).set(value) }
    func encode(_ value: Double, forKey key: Key) { add(key).set(value) }
    func encode(_ value: Float, forKey key: Key) { add(key).set(Double(value)) }
    func encode(_ value: Int, forKey key: Key) { add(key).set(value) }
    func encode(_ value: Int8, forKey key: Key) { add(key).set(value) }
    func encode(_ value: Int16, forKey key: Key) { add(key).set(value) }
    func encode(_ value: Int32, forKey key: Key) { add(key).set(value) }
    func encode(_ value: Int64, forKey key: Key) { add(key).set(value) }
    func encode(_ value: UInt, forKey key: Key) { add(key).set(value) }
    func encode(_ value: UInt8, forKey key: Key) { add(key).set(value) }
    func encode(_ value: UInt16, forKey key: Key) { add(key).set(value) }
    func encode(_ value: UInt32, forKey key: Key) { add(key).set(value) }
    func encode(_ value: UInt64, forKey key: Key) { add(key).set(value) }
    func encode(_ value: some Encodable, forKey key: Key) throws { try add(key).set(encoding: value) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        Encoding(node: add(key)).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        Encoding(node: add(key)).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { Encoding(node: node) }
    func superEncoder(forKey key: Key) -> any Encoder { Encoding(node: add(key)) }
}

private struct Unkeyed: UnkeyedEncodingContainer {
    let node: Node
    var codingPath: [any CodingKey] { [] }
    var count: Int { node.count }

    func encodeNil() { _ = node.add() }
    func encode(_ value: Bool) { node.add().set(value) }
    func encode(_ value: String) { node.add().set(value) }
    func encode(_ value: Double) { node.add().set(value) }
    func encode(_ value: Float) { node.add().set(Double(value)) }
    func encode(_ value: Int) { node.add().set(value) }
    func encode(_ value: Int8) { node.add().set(value) }
    func encode(_ value: Int16) { node.add().set(value) }
    func encode(_ value: Int32) { node.add().set(value) }
    func encode(_ value: Int64) { node.add().set(value) }
    func encode(_ value: UInt) { node.add().set(value) }
    func encode(_ value: UInt8) { node.add().set(value) }
    func encode(_ value: UInt16) { node.add().set(value) }
    func encode(_ value: UInt32) { node.add().set(value) }
    func encode(_ value: UInt64) { node.add().set(value) }
    func encode(_ value: some Encodable) throws { try node.add().set(encoding: value) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        Encoding(node: node.add()).container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { Encoding(node: node.add()).unkeyedContainer() }
    func superEncoder() -> any Encoder { Encoding(node: node.add()) }
}

private struct Single: SingleValueEncodingContainer {
    let node: Node
    var codingPath: [any CodingKey] { [] }

    func encodeNil() { node.content = .word("null") }
    func encode(_ value: Bool) { node.set(value) }
    func encode(_ value: String) { node.set(value) }
    func encode(_ value: Double) { node.set(value) }
    func encode(_ value: Float) { node.set(Double(value)) }
    func encode(_ value: Int) { node.set(value) }
    func encode(_ value: Int8) { node.set(value) }
    func encode(_ value: Int16) { node.set(value) }
    func encode(_ value: Int32) { node.set(value) }
    func encode(_ value: Int64) { node.set(value) }
    func encode(_ value: UInt) { node.set(value) }
    func encode(_ value: UInt8) { node.set(value) }
    func encode(_ value: UInt16) { node.set(value) }
    func encode(_ value: UInt32) { node.set(value) }
    func encode(_ value: UInt64) { node.set(value) }
    func encode(_ value: some Encodable) throws { try node.set(encoding: value) }
}
