package import Diagnostics

/// What was read from a text.
package struct Reading: Sendable {
    /// In their order; an empty document is null.
    package var documents: [Node] = []
    /// A syntax error ends the reading and leaves no documents. Other problems, such as a key that stands twice, do not.
    package var problems: [Diagnostic] = []
    /// Where anchored values are used.
    package var uses = AliasUses()
}

/// Reads YAML text: UTF-8, or UTF-16 with a byte order mark. Takes time and space in proportion to the text, whatever it
/// holds.
package func read(_ bytes: some Collection<UInt8>, file: String) -> Reading {
    // From here on the compiler knows what it goes through, byte by byte.
    var composer = Composer(Array(bytes), file: file)
    return composer.run()
}

package func parse(_ text: String, file: String) -> (documents: [Node], problems: [Diagnostic]) {
    let reading = read(text.utf8, file: file)
    return (reading.documents, reading.problems)
}

/// Bounds on what one text may ask for.
enum Limits {
    /// Every later stage walks the tree with a function that calls itself.
    static let depth = 100
    /// Keys and values, as written: 2,000 pages of them.
    static let nodes = 500_000
    static let problems = 1000
    /// libyaml compares each of these directives with all others.
    static let directives = 100

    /// An alias copies what it names, so a few lines could mean billions of values. What they come to is measured as
    /// their characters and so much for each value; a file without aliases never reaches this.
    static let weight = 16
    static func expanded(bytes: Int) -> Int { 4_000_000 + (weight + 16) * bytes }
}

/// Builds nodes from events.
private struct Composer: ~Copyable {
    private struct Anchor {
        var node: Node
        var weight: Int
        /// How many levels of nesting it holds.
        var height: Int
        var span: AliasUses.Span
    }

    private let file: String
    private let weightLimit: Int
    private let directives: Int
    private var events: Events
    private var reading = Reading()
    private var anchors: [String: Anchor] = [:]
    private var count = 0
    private var weight = 0
    /// The deepest level met since the anchored value began that is being read, and the steps to where we are.
    private var deepest = 0
    private var path: [AliasUses.Step] = []
    /// Where the value that was read last ends.
    private var end: Place

    init(_ bytes: [UInt8], file: String) {
        self.file = file
        weightLimit = Limits.expanded(bytes: bytes.count)
        directives = Self.directives(bytes)
        events = Events(bytes, file: file)
        end = Place(file: file, line: 1, column: 1)
    }

    private static func directives(_ bytes: [UInt8]) -> Int {
        var before: UInt8 = 0x0A
        var count = 0
        for byte in bytes {
            if byte == 0x25 && (before == 0x0A || before == 0x0D) { count += 1 }
            before = byte
        }
        return count
    }

    mutating func run() -> Reading {
        do throws(Diagnostic) {
            if directives > Limits.directives {
                throw Diagnostic(
                    .error, "more than \(Limits.directives) lines begin with %", at: end,
                    hint: "remove the directives; Compose files need none")
            }
            while true {
                let event = try events.next()
                switch event.kind {
                case .documentStart:
                    anchors = [:]
                    reading.documents.append(try node(from: try events.next(), depth: 0))
                case .streamEnd: return reading
                case .streamStart, .documentEnd: continue
                case .alias, .scalar, .sequenceStart, .sequenceEnd, .mappingStart, .mappingEnd:
                    throw Diagnostic(.error, "the document has a stray part", at: event.place)
                }
            }
        } catch {
            reading.documents = []
            reading.problems.append(error)
            return reading
        }
    }

    private mutating func node(from event: Event, depth: Int) throws(Diagnostic) -> Node {
        try check(depth: depth, at: event.place)
        count += 1
        if count > Limits.nodes {
            throw Diagnostic(
                .error, "the file has more than \(Limits.nodes) keys and values", at: event.place,
                hint: "split it into several files, and include: them")
        }
        let before = (weight: weight, deepest: deepest)
        if event.anchor != nil { deepest = depth }
        weight += Limits.weight + event.text.utf8.count
        let node: Node
        switch event.kind {
        case .alias: return try alias(event, depth)
        case .scalar:
            node = try scalar(event)
            end = event.place
        case .sequenceStart: node = try sequence(event, depth)
        case .mappingStart: node = try mapping(event, depth)
        case .streamStart, .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd:
            throw Diagnostic(.error, "a value is missing", at: event.place)
        }
        if let name = event.anchor {
            anchors[name] = Anchor(
                node: node, weight: weight - before.weight, height: deepest - depth,
                span: .init(from: event.place, to: end))
            deepest = max(deepest, before.deepest)
        }
        return node
    }

    private mutating func check(depth: Int, at place: Place) throws(Diagnostic) {
        deepest = max(deepest, depth)
        if depth > Limits.depth {
            throw Diagnostic(
                .error, "nested more than \(Limits.depth) levels deep", at: place,
                hint: "close what was opened, or nest less")
        }
    }

    private mutating func alias(_ event: Event, _ depth: Int) throws(Diagnostic) -> Node {
        let name = event.anchor ?? ""
        guard let anchor = anchors[name] else {
            throw Diagnostic(
                .error, "there is no anchor &\(name) before the alias *\(name)", at: event.place,
                hint: "put &\(name) before the value that it stands for; a value cannot contain itself")
        }
        try check(depth: depth + anchor.height, at: event.place)
        weight += anchor.weight
        if weight > weightLimit {
            throw Diagnostic(
                .error,
                "the alias *\(name) makes the file too large: what its aliases stand for is \(weightLimit)"
                    + " characters and more", at: event.place,
                notes: [.init("&\(name) stands here", at: anchor.span.from)],
                hint: "let fewer aliases stand for values that hold aliases themselves")
        }
        reading.uses.add(name, at: event.place, path, anchor.span)
        end = event.place
        return anchor.node
    }

    private mutating func sequence(_ start: Event, _ depth: Int) throws(Diagnostic) -> Node {
        var items: [Node] = []
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind {
                end = event.place
                return Node(.sequence(items), at: start.place, tag: Self.custom(start.tag))
            }
            path.append(.item(items.count))
            items.append(try node(from: event, depth: depth + 1))
            path.removeLast()
        }
    }

    private mutating func mapping(_ start: Event, _ depth: Int) throws(Diagnostic) -> Node {
        var entries: [Node.Entry] = []
        var keys = KeySet()
        var merged: (at: Int, sources: [Node])?
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind {
                end = event.place
                break
            }
            let keyPlace = event.place
            let keyNode = try node(from: event, depth: depth + 1)
            let key = try key(keyNode, at: keyPlace)
            let isMerge = key?.text == "<<" && key?.style == .plain
            if let key, !isMerge { path.append(.key(key.text)) }
            let value = try node(from: try events.next(), depth: depth + 1)
            guard let key else { continue }
            if !isMerge { path.removeLast() }
            if let first = keys.insert(key.text, keyPlace) {
                try report(
                    "the key \(Self.short(key.text)) stands twice in one mapping", at: keyPlace,
                    notes: [.init("it stands here first", at: first)], hint: "remove one of the two")
            } else if isMerge {
                merged = (entries.count, try sources(of: value))
            } else {
                entries.append(Node.Entry(key.text, at: keyPlace, value))
            }
        }
        if let merged { entries.insert(contentsOf: keys.adding(merged.sources), at: merged.at) }
        return Node(.mapping(entries), at: start.place, tag: Self.custom(start.tag))
    }

    /// The mappings that a merge key brings in (yaml.org/type/merge.html).
    private mutating func sources(of value: Node) throws(Diagnostic) -> [Node] {
        let sources = value.items ?? [value]
        for source in sources where source.entries == nil {
            try report(
                "<< takes a mapping or a list of mappings", at: source.place,
                hint: "write <<: *name, where &name stands before a mapping")
        }
        return sources
    }

    private mutating func report(
        _ message: String, at place: Place, notes: [Diagnostic.Note] = [], hint: String? = nil
    ) throws(Diagnostic) {
        let problem = Diagnostic(.error, message, at: place, notes: notes, hint: hint)
        // What has so many is hardly a Compose file, and every further one costs.
        if reading.problems.count == Limits.problems { throw problem }
        reading.problems.append(problem)
    }
}

// Scalars and keys.
extension Composer {
    /// A key's text; nil, and reported, if it is none.
    private mutating func key(_ node: Node, at place: Place) throws(Diagnostic) -> Scalar? {
        guard let scalar = node.scalar else {
            try report("a key must be a text", at: place, hint: "write one word, or a text in quotes")
            return nil
        }
        let kind: String
        switch scalar.value {
        case .string where scalar.timestamp == nil: return scalar
        case .string: kind = "a date"
        case .null: kind = "nothing"
        case .bool: kind = "a truth value"
        case .int, .double: kind = "a number"
        }
        try report(
            "a key must be a text, and \(scalar.text.isEmpty ? "an empty one" : Self.short(scalar.text)) is \(kind)",
            at: place, hint: "put it in quotes: \"\(Self.short(scalar.text))\"")
        return nil
    }

    private mutating func scalar(_ event: Event) throws(Diagnostic) -> Node {
        var scalar = Scalar(event.text, style: event.style)
        if let tag = event.tag { scalar = try tagged(scalar, tag, at: event.place) }
        return Node(.scalar(scalar), at: event.place, tag: Self.custom(event.tag))
    }

    /// Applies YAML's own tags. With another tag a value is a text, except that `!reset` makes nothing of it.
    private mutating func tagged(_ scalar: Scalar, _ tag: String, at place: Place) throws(Diagnostic) -> Scalar {
        let plain = Scalar(scalar.text, style: .plain)
        let text = Scalar(scalar.text, style: .block)
        let wanted: String
        switch (tag, plain.value) {
        case ("!", _), ("!reset", _): return scalar
        case ("tag:yaml.org,2002:int", .int), ("tag:yaml.org,2002:float", .int), ("tag:yaml.org,2002:float", .double),
            ("tag:yaml.org,2002:bool", .bool), ("tag:yaml.org,2002:null", .null):
            return plain
        case ("tag:yaml.org,2002:timestamp", _) where plain.timestamp != nil: return plain
        case ("tag:yaml.org,2002:binary", _):
            if let bytes = base64(scalar.text) { return Scalar(String(decoding: bytes, as: UTF8.self), style: .block) }
            wanted = "base64"
        case ("tag:yaml.org,2002:int", _): wanted = "a whole number"
        case ("tag:yaml.org,2002:float", _): wanted = "a number"
        case ("tag:yaml.org,2002:bool", _): wanted = "true or false"
        case ("tag:yaml.org,2002:null", _): wanted = "null"
        case ("tag:yaml.org,2002:timestamp", _): wanted = "a date"
        case _: return text
        }
        let short = "!!" + tag.dropFirst("tag:yaml.org,2002:".count)
        try report(
            "\(short) asks for \(wanted), and \"\(Self.short(scalar.text))\" is none", at: place,
            hint: "remove \(short), or write \(wanted) behind it")
        return text
    }

    /// YAML's own tags are settled when the value has been read.
    private static func custom(_ tag: String?) -> String? {
        tag.flatMap { $0.hasPrefix("tag:yaml.org,2002:") || $0 == "!" ? nil : $0 }
    }

    /// So much of a text as a message can hold.
    private static func short(_ text: String) -> String { text.utf8.count > 60 ? "\(text.prefix(40))…" : text }
}

/// The keys of one mapping: mappings mostly have few, where comparing is faster than hashing.
private struct KeySet {
    private static let few = 8

    private var list: [(key: String, place: Place)] = []
    private var table: [String: Place] = [:]

    /// - Returns: Where the key stands first, if it is there.
    mutating func insert(_ key: String, _ place: Place) -> Place? {
        if list.count < Self.few {
            if let first = list.first(where: { $0.key == key }) { return first.place }
            list.append((key, place))
            return nil
        }
        if table.isEmpty { for (key, place) in list { table[key] = place } }
        if let first = table[key] { return first }
        table[key] = place
        return nil
    }

    /// The entries that merged mappings add: the mapping's own keys win, then earlier sources.
    mutating func adding(_ sources: [Node]) -> [Node.Entry] {
        var added: [Node.Entry] = []
        for source in sources {
            for entry in source.entries ?? [] where insert(entry.key, entry.keyPlace) == nil { added.append(entry) }
        }
        return added
    }
}

/// As RFC 4648, section 4, has it; line ends do not count.
private func base64(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var digits = 0
    var padding = 0
    for byte in text.utf8 where byte != 0x0A && byte != 0x0D {
        let digit: UInt8
        switch byte {
        case 0x41...0x5A: digit = byte - 0x41
        case 0x61...0x7A: digit = byte - 0x61 + 26
        case 0x30...0x39: digit = byte - 0x30 + 52
        case 0x2B: digit = 62
        case 0x2F: digit = 63
        case 0x3D:
            padding += 1
            digit = 0
        case _: return nil
        }
        if padding > 0 && byte != 0x3D { return nil }
        bits = bits << 6 | UInt32(digit)
        digits += 1
        if digits % 4 == 0 {
            bytes += [UInt8(truncatingIfNeeded: bits >> 16), UInt8(truncatingIfNeeded: bits >> 8), UInt8(bits & 0xFF)]
            bits = 0
        }
    }
    guard digits % 4 == 0, padding <= 2 else { return nil }
    return bytes.dropLast(padding)
}
