// The only file that sees libyaml, and with it the C library.
import CYAML
package import Diagnostics

/// Reads YAML text.
///
/// - Returns: The documents, empty ones left out, and every problem found. A syntax error ends the reading; a key that
///   stands twice in a mapping, or a key that is no scalar, does not.
package func parse(_ text: String, file: String) -> (documents: [Node], problems: [Diagnostic]) {
    var composer = Composer(text, file: file)
    return composer.run()
}

/// Builds nodes from libyaml's events.
private struct Composer {
    /// An alias copies what it names, so a few lines could mean billions of nodes; a person writes fewer than this.
    static let nodeLimit = 200_000
    static let depthLimit = 100

    let file: String
    let bytes: [UInt8]
    var anchors: [String: (node: Node, size: Int)] = [:]
    var size = 0
    var problems: [Diagnostic] = []

    init(_ text: String, file: String) {
        self.file = file
        bytes = Array(text.utf8)
    }

    mutating func run() -> (documents: [Node], problems: [Diagnostic]) {
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { fatalError("libyaml is out of memory") }
        defer { yaml_parser_delete(&parser) }
        // libyaml reads the buffer while it parses, so it must outlive the loop; it is copied for that.
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        defer { buffer.deallocate() }
        _ = buffer.initialize(from: bytes)
        yaml_parser_set_input_string(&parser, buffer.baseAddress, bytes.count)
        var documents: [Node] = []
        do throws(Diagnostic) {
            while true {
                let event = try next(&parser)
                switch event.kind {
                case .documentStart:
                    anchors = [:]
                    let node = try node(from: try next(&parser), &parser, depth: 0)
                    if !node.isNull { documents.append(node) }
                case .streamEnd: return (documents, problems)
                case .streamStart, .documentEnd: continue
                case .alias, .scalar, .sequenceStart, .sequenceEnd, .mappingStart, .mappingEnd:
                    throw Diagnostic(.error, "the document has a stray part", at: event.place)
                }
            }
        } catch {
            return ([], problems + [error])
        }
    }

    private mutating func node(
        from event: Event, _ parser: inout yaml_parser_t, depth: Int
    ) throws(Diagnostic) -> Node {
        if depth > Self.depthLimit {
            throw Diagnostic(.error, "nested more than \(Self.depthLimit) levels deep", at: event.place)
        }
        try count(1, at: event.place)
        let start = size - 1
        let node: Node
        switch event.kind {
        case .alias(let name): return try alias(name, at: event.place)
        case .scalar(let scalar): node = Node(.scalar(scalar), at: event.place, tag: event.tag)
        case .sequenceStart: node = try sequence(event, &parser, depth)
        case .mappingStart: node = try mapping(event, &parser, depth)
        case .streamStart, .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd:
            throw Diagnostic(.error, "a value is missing", at: event.place)
        }
        if let anchor = event.anchor { anchors[anchor] = (node, size - start) }
        return node
    }

    private mutating func alias(_ name: String, at place: Place) throws(Diagnostic) -> Node {
        guard let anchor = anchors[name] else {
            throw Diagnostic(
                .error, "there is no anchor &\(name) before the alias *\(name)", at: place,
                hint: "put &\(name) before the value that it stands for; a value cannot contain itself")
        }
        try count(anchor.size, at: place)
        return anchor.node
    }

    private mutating func count(_ more: Int, at place: Place) throws(Diagnostic) {
        size += more
        if size > Self.nodeLimit {
            throw Diagnostic(.error, "with its aliases, the file has more than \(Self.nodeLimit) values", at: place)
        }
    }

    private mutating func sequence(
        _ start: Event, _ parser: inout yaml_parser_t, _ depth: Int
    ) throws(Diagnostic) -> Node {
        var items: [Node] = []
        while true {
            let event = try next(&parser)
            if case .sequenceEnd = event.kind { return Node(.sequence(items), at: start.place, tag: start.tag) }
            items.append(try node(from: event, &parser, depth: depth + 1))
        }
    }

    private mutating func mapping(
        _ start: Event, _ parser: inout yaml_parser_t, _ depth: Int
    ) throws(Diagnostic) -> Node {
        var entries: [Node.Entry] = []
        var places: [String: Place] = [:]
        var merged: (at: Int, sources: [Node])?
        while true {
            let event = try next(&parser)
            if case .mappingEnd = event.kind { break }
            let keyNode = try node(from: event, &parser, depth: depth + 1)
            let value = try node(from: try next(&parser), &parser, depth: depth + 1)
            guard let key = keyNode.scalar else {
                problems.append(Diagnostic(.error, "a key must be a text", at: keyNode.place))
                continue
            }
            if let first = places[key.text] {
                problems.append(
                    Diagnostic(
                        .error, "the key \(key.text) stands twice in one mapping", at: keyNode.place,
                        notes: [.init("it stands here first", at: first)], hint: "remove one of the two"))
                continue
            }
            places[key.text] = keyNode.place
            if key.text == "<<" && key.style == .plain {
                merged = (entries.count, sources(of: value))
            } else {
                entries.append(Node.Entry(key.text, at: keyNode.place, value))
            }
        }
        if let merged {
            entries.insert(contentsOf: Self.merge(merged.sources, except: Set(places.keys)), at: merged.at)
        }
        return Node(.mapping(entries), at: start.place, tag: start.tag)
    }

    /// The mappings that a merge key brings in (yaml.org/type/merge.html).
    private mutating func sources(of value: Node) -> [Node] {
        let sources = value.items ?? [value]
        for source in sources where source.entries == nil {
            problems.append(
                Diagnostic(
                    .error, "<< takes a mapping or a list of mappings", at: source.place,
                    hint: "write <<: *name, where &name stands before a mapping"))
        }
        return sources
    }

    /// The mapping's own keys win over merged ones, earlier sources over later ones.
    private static func merge(_ sources: [Node], except own: Set<String>) -> [Node.Entry] {
        var taken = own
        return sources.flatMap { $0.entries ?? [] }.filter { taken.insert($0.key).inserted }
    }
}

private struct Event {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias(String)
        case scalar(Scalar)
        case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    }

    var kind: Kind
    var place: Place
    var anchor: String?
    var tag: String?
}

extension Composer {
    private func place(_ mark: yaml_mark_t) -> Place {
        Place(file: file, line: mark.line + 1, column: mark.column + 1)
    }

    private func next(_ parser: inout yaml_parser_t) throws(Diagnostic) -> Event {
        var raw = yaml_event_t()
        guard yaml_parser_parse(&parser, &raw) == 1 else { throw syntaxError(parser) }
        defer { yaml_event_delete(&raw) }
        let place = place(raw.start_mark)
        switch raw.type {
        case YAML_STREAM_START_EVENT: return Event(kind: .streamStart, place: place)
        case YAML_STREAM_END_EVENT: return Event(kind: .streamEnd, place: place)
        case YAML_DOCUMENT_START_EVENT: return Event(kind: .documentStart, place: place)
        case YAML_DOCUMENT_END_EVENT: return Event(kind: .documentEnd, place: place)
        case YAML_ALIAS_EVENT: return Event(kind: .alias(string(raw.data.alias.anchor) ?? ""), place: place)
        case YAML_SCALAR_EVENT: return scalar(raw.data.scalar, place)
        case YAML_SEQUENCE_START_EVENT:
            let data = raw.data.sequence_start
            return Event(kind: .sequenceStart, place: place, anchor: string(data.anchor), tag: tag(data.tag))
        case YAML_MAPPING_START_EVENT:
            let data = raw.data.mapping_start
            return Event(kind: .mappingStart, place: place, anchor: string(data.anchor), tag: tag(data.tag))
        case YAML_SEQUENCE_END_EVENT: return Event(kind: .sequenceEnd, place: place)
        case YAML_MAPPING_END_EVENT: return Event(kind: .mappingEnd, place: place)
        default: throw Diagnostic(.error, "libyaml sent an event of an unknown kind", at: place)
        }
    }

    private func scalar(_ data: yaml_event_s.__Unnamed_union_data.__Unnamed_struct_scalar, _ place: Place) -> Event {
        let text = String(decoding: UnsafeBufferPointer(start: data.value, count: data.length), as: UTF8.self)
        let style: Scalar.Style
        switch data.style {
        case YAML_PLAIN_SCALAR_STYLE: style = string(data.tag) == YAML_STR_TAG ? .quoted : .plain
        case YAML_LITERAL_SCALAR_STYLE, YAML_FOLDED_SCALAR_STYLE: style = .block
        default: style = .quoted
        }
        return Event(
            kind: .scalar(Scalar(text, style: style)), place: place, anchor: string(data.anchor), tag: tag(data.tag))
    }

    private func string(_ bytes: UnsafePointer<yaml_char_t>?) -> String? { bytes.map { String(cString: $0) } }

    /// YAML's own tags say nothing that the decoder does not ask for itself.
    private func tag(_ bytes: UnsafePointer<yaml_char_t>?) -> String? {
        string(bytes).flatMap { $0.hasPrefix("tag:yaml.org,2002:") || $0 == "!" ? nil : $0 }
    }

    private func syntaxError(_ parser: yaml_parser_t) -> Diagnostic {
        let problem = parser.problem.map { String(cString: $0) } ?? "not readable as YAML"
        if parser.error == YAML_READER_ERROR {
            let before = bytes.prefix(Int(parser.problem_offset))
            let line = before.count { $0 == 0x0A } + 1
            let column = before.reversed().prefix { $0 != 0x0A }.count + 1
            return Diagnostic(.error, problem, at: Place(file: file, line: line, column: column))
        }
        var notes: [Diagnostic.Note] = []
        if let context = parser.context {
            notes.append(.init(String(cString: context), at: place(parser.context_mark)))
        }
        let mark = parser.problem_mark
        let tab = character(mark) == "\t"
        return Diagnostic(
            .error, problem, at: place(mark), notes: notes,
            hint: tab ? "YAML is indented with blanks, not with tabs" : nil)
    }

    private func character(_ mark: yaml_mark_t) -> Character? {
        let text = String(decoding: bytes, as: UTF8.self).unicodeScalars
        return text.index(text.startIndex, offsetBy: Int(mark.index), limitedBy: text.endIndex)
            .flatMap { $0 < text.endIndex ? Character(text[$0]) : nil }
    }
}
