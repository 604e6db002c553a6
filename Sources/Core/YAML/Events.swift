// The only file that sees libyaml, and with it the C library.
import CYAML
import Diagnostics

/// One step of the text: the beginning or end of something, or a scalar.
struct Event {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias, scalar
        case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    }

    var kind: Kind
    var place: Place
    /// Of a scalar.
    var text = ""
    var style = Scalar.Style.plain
    /// The name that the value gets, or that an alias asks for.
    var anchor: String?
    /// Whole: `tag:yaml.org,2002:int`, `!reset`.
    var tag: String?
}

/// libyaml's parser over one text.
struct Events: ~Copyable {
    private let file: String
    private let bytes: UnsafeMutableBufferPointer<UInt8>
    private let parser: UnsafeMutablePointer<yaml_parser_t>

    /// The bytes are copied: libyaml reads them while it parses.
    init(_ text: [UInt8], file: String) {
        self.file = file
        bytes = .allocate(capacity: max(text.count, 1))
        _ = bytes.initialize(from: text)
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else { fatalError("libyaml is out of memory") }
        yaml_parser_set_input_string(parser, bytes.baseAddress, text.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        bytes.deallocate()
    }

    mutating func next() throws(Diagnostic) -> Event {
        var raw = yaml_event_t()
        guard yaml_parser_parse(parser, &raw) == 1 else { throw syntaxError() }
        defer { yaml_event_delete(&raw) }
        let place = place(raw.start_mark)
        switch raw.type {
        case YAML_STREAM_START_EVENT: return Event(kind: .streamStart, place: place)
        case YAML_STREAM_END_EVENT: return Event(kind: .streamEnd, place: place)
        case YAML_DOCUMENT_START_EVENT: return Event(kind: .documentStart, place: place)
        case YAML_DOCUMENT_END_EVENT: return Event(kind: .documentEnd, place: place)
        case YAML_ALIAS_EVENT: return Event(kind: .alias, place: place, anchor: string(raw.data.alias.anchor))
        case YAML_SCALAR_EVENT: return scalar(raw)
        case YAML_SEQUENCE_START_EVENT:
            let data = raw.data.sequence_start
            return Event(kind: .sequenceStart, place: place, anchor: string(data.anchor), tag: string(data.tag))
        case YAML_SEQUENCE_END_EVENT: return Event(kind: .sequenceEnd, place: place)
        case YAML_MAPPING_START_EVENT:
            let data = raw.data.mapping_start
            return Event(kind: .mappingStart, place: place, anchor: string(data.anchor), tag: string(data.tag))
        case YAML_MAPPING_END_EVENT: return Event(kind: .mappingEnd, place: place)
        case _: throw Diagnostic(.error, "libyaml sent an event of an unknown kind", at: place)
        }
    }

    private func scalar(_ raw: yaml_event_t) -> Event {
        let data = raw.data.scalar
        var event = Event(kind: .scalar, place: place(raw.start_mark))
        let written = UnsafeBufferPointer(start: data.value, count: data.length)
        event.text = String(decoding: written, as: UTF8.self)
        event.anchor = string(data.anchor)
        event.tag = string(data.tag)
        let bare = event.anchor == nil && event.tag == nil
        let oneLine = raw.start_mark.line == raw.end_mark.line
        switch data.style {
        case YAML_PLAIN_SCALAR_STYLE: event.style = oneLine ? .plain : .block
        case YAML_LITERAL_SCALAR_STYLE, YAML_FOLDED_SCALAR_STYLE: event.style = .block
        case _:
            let width = Int(raw.end_mark.column) - Int(raw.start_mark.column)
            let asWritten = oneLine && bare && width == event.text.unicodeScalars.count + 2
            event.style = asWritten ? .quoted : .block
        }
        if event.style == .plain && !bare && event.tag?.hasPrefix("tag:yaml.org,2002:") ?? true {
            // A message about the text does not point at the anchor before it, nor at a tag that says only what it is.
            let column = Int(raw.end_mark.column) - event.text.unicodeScalars.count + 1
            event.place = Place(file: file, line: event.place.line, column: max(column, 1))
        }
        return event
    }

    private func string(_ bytes: UnsafePointer<yaml_char_t>?) -> String? { bytes.map { String(cString: $0) } }

    private func place(_ mark: yaml_mark_t) -> Place {
        Place(file: file, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}

// What libyaml cannot read.
extension Events {
    private func syntaxError() -> Diagnostic {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not readable as YAML"
        if parser.pointee.error == YAML_READER_ERROR {
            let hint =
                problem.hasPrefix("control")
                ? "remove it, or write it as an escape in double quotes, \"\\x07\" for example"
                : "save the file as UTF-8"
            return Diagnostic(.error, problem, at: place(ofByte: Int(parser.pointee.problem_offset)), hint: hint)
        }
        var notes: [Diagnostic.Note] = []
        if let context = parser.pointee.context {
            notes.append(.init(String(cString: context), at: place(parser.pointee.context_mark)))
        }
        let mark = parser.pointee.problem_mark
        let hint =
            character(mark) == 0x09 ? "YAML is indented with blanks, not with tabs" : syntaxHint(problem)
        return Diagnostic(.error, problem, at: place(mark), notes: notes, hint: hint)
    }

    private func place(ofByte offset: Int) -> Place {
        var line = 1
        var column = 1
        for byte in bytes.prefix(offset) {
            if byte == 0x0A {
                (line, column) = (line + 1, 1)
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return Place(file: file, line: line, column: column)
    }

    private func character(_ mark: yaml_mark_t) -> UInt8? {
        var left = Int(mark.index)
        for byte in bytes where byte & 0xC0 != 0x80 {
            if left == 0 { return byte }
            left -= 1
        }
        return nil
    }
}

/// What to write instead, for each of libyaml's refusals that a person is likely to meet.
private func syntaxHint(_ problem: String) -> String? {
    switch problem {
    case "found character that cannot start any token": "put the text in quotes"
    case "mapping values are not allowed in this context":
        "put a text that holds a colon and a blank in quotes, or check the indentation"
    case "did not find expected key": "begin all keys of a mapping in one column, and close what was opened"
    case "did not find expected '-' indicator": "begin all items of a list in one column, each with a dash and a blank"
    case "did not find expected <document start>": "begin all keys of the file in one column"
    case "could not find expected ':'": "write a colon and a blank behind the key"
    case "block sequence entries are not allowed in this context": "begin the list on a line of its own"
    case "did not find expected ',' or ']'": "put commas between the items, and close the list with ]"
    case "did not find expected ',' or '}'": "put commas between the entries, and close the mapping with }"
    case "found unexpected end of stream", "found unexpected document indicator": "close the quote"
    case "found unknown escape character": "write \\\\ for a backslash, or use single quotes"
    case "found undefined tag handle": "write the tag whole, or remove it"
    case _: nil
    }
}
