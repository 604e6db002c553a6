import Diagnostics
import YAML

/// Changing trees in place: what holds the children is moved out while they are changed, so that nothing is copied.
extension Node {
    static func mapping(_ entries: [Entry], at place: Place) -> Node { Node(.mapping(entries), at: place) }
    static func sequence(_ items: [Node], at place: Place) -> Node { Node(.sequence(items), at: place) }
    static func null(at place: Place) -> Node { .plain("", at: place) }

    private static let nothing = Content.scalar(Scalar("", style: .plain))

    /// Changes the entries of a mapping; does nothing to anything else.
    mutating func editEntries(_ body: (inout [Entry]) -> Void) {
        guard case .mapping(var entries) = content else { return }
        content = Self.nothing
        body(&entries)
        content = .mapping(entries)
    }

    /// Changes the items of a list; does nothing to anything else.
    mutating func editItems(_ body: (inout [Node]) -> Void) {
        guard case .sequence(var items) = content else { return }
        content = Self.nothing
        body(&items)
        content = .sequence(items)
    }

    /// Changes each value of a mapping.
    mutating func editValues(_ body: (inout Entry) -> Void) {
        editEntries { entries in
            for index in entries.indices { body(&entries[index]) }
        }
    }

    /// Changes the value of a key, if it is there.
    mutating func edit(_ key: String, _ body: (inout Node) -> Void) {
        editEntries { entries in
            if let index = entries.firstIndex(where: { $0.key == key }) { body(&entries[index].value) }
        }
    }

    /// Replaces the value of a key, or adds one behind the others.
    mutating func set(_ key: String, to value: Node) {
        editEntries { entries in
            if let index = entries.firstIndex(where: { $0.key == key }) {
                entries[index].value = value
            } else {
                entries.append(Entry(key, at: value.place, value))
            }
        }
    }

    /// Sets a key; a new one comes before those whose names come after it, as they stand once they are typed.
    mutating func setInOrder(_ key: String, to value: Node) {
        editEntries { entries in
            entries.removeAll { $0.key == key }
            let index = entries.firstIndex { $0.key > key } ?? entries.endIndex
            entries.insert(Entry(key, at: value.place, value), at: index)
        }
    }

    /// Adds a key that is not there.
    mutating func setDefault(_ key: String, to value: Node) {
        if self[key] == nil { set(key, to: value) }
    }

    /// Takes a key away.
    mutating func remove(_ key: String) {
        editEntries { entries in entries.removeAll { $0.key == key } }
    }

    /// A text that could not be anything else.
    var string: String? {
        guard case .scalar(let scalar) = content, scalar.value == .string else { return nil }
        return scalar.text
    }

    /// The text of the member of that name.
    func string(_ key: String) -> String? { self[key]?.string }

    var integer: Int64? {
        guard case .scalar(let scalar) = content, case .int(let number) = scalar.value else { return nil }
        return number
    }

    var isTrue: Bool {
        guard case .scalar(let scalar) = content else { return false }
        return scalar.value == .bool(true)
    }

    /// What the value is called in messages.
    var described: String {
        switch content {
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .scalar(let scalar):
            switch scalar.value {
            case .null: "nothing"
            case .bool: scalar.text
            case .int, .double: "the number \(scalar.text)"
            case .string: "\"\(scalar.text)\""
            }
        }
    }
}

extension Scalar {
    /// The value as the reference writes it where a text is wanted.
    var printed: String {
        switch value {
        case .null: ""
        case .bool(let flag): flag ? "true" : "false"
        case .int(let number): String(number)
        case .double(let number): Self.shortest(number)
        case .string: timestamp?.text ?? text
        }
    }

    /// As few digits as say the number, with an exponent from a million on and below a ten thousandth.
    private static func shortest(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
        if number == 0 { return number.sign == .minus ? "-0" : "0" }
        let (digits, exponent) = decimal(number.magnitude)
        let sign = number < 0 ? "-" : ""
        if exponent < -4 || exponent >= 6 {
            let rest = digits.dropFirst()
            let power = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
            return sign + digits.prefix(1) + (rest.isEmpty ? "" : ".\(rest)") + "e" + (exponent < 0 ? "-" : "+") + power
        }
        if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
        if digits.count <= exponent + 1 {
            return sign + digits + String(repeating: "0", count: exponent + 1 - digits.count)
        }
        return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
    }

    /// The digits of a positive number without zeros around them, and the power of ten of the first.
    private static func decimal(_ number: Double) -> (digits: String, exponent: Int) {
        let text = "\(number)"
        let parts = text.split(separator: "e")
        var exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let halves = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        exponent += halves[0].count - 1
        var digits = halves.joined()[...]
        while digits.first == "0", digits.count > 1 {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.last == "0", digits.count > 1 { digits.removeLast() }
        return (String(digits), exponent)
    }
}
