/// A text with variables in it: `$NAME`, `${NAME}`, `${NAME:-default}` and so on; `$$` is a dollar sign, and a dollar
/// sign that begins none of these stands for itself.
///
/// Docker Compose finds variables with a pattern in which an operand reaches to the *last* closing brace of its line, and
/// then looks for the brace that fits. Where none fits, as in `${A:-{}`, the last one counts. Files depend on that.
struct Template {
    /// What stands at a dollar sign, `end` being behind it.
    enum Part {
        case dollar(end: Int)
        case variable(name: Range<Int>, end: Int)
        /// `reach` is where the pattern's match ends, `end` where the variable does.
        case operation(Operation, name: Range<Int>, operand: Range<Int>, end: Int, reach: Int)
        case invalid(name: Range<Int>)
    }

    enum Operation {
        case `default`(empty: Bool)
        case required(empty: Bool)
        case alternative(empty: Bool)
    }

    struct Problem {
        /// In characters (Unicode scalars) from the beginning of the text.
        var offset: Int
        var message: String
        var hint: String?
    }

    /// Defaults in defaults; a person writes two or three.
    static let depthLimit = 100

    let bytes: [UInt8]
    private let look: (String) -> String?
    /// How long the result may be: variables can make it much longer than the text.
    private let limit: Int
    private(set) var problems: [Problem] = []
    private(set) var unset: [(offset: Int, name: String)] = []
    /// The variables whose values were asked for.
    private(set) var names: Set<String> = []
    private var result: [UInt8] = []
    private var stopped = false
    private var told: Set<String> = []

    init(_ text: String, limit: Int = 1 << 24, _ look: @escaping (String) -> String? = { _ in nil }) {
        bytes = Array(text.utf8)
        self.limit = limit
        self.look = look
    }

    mutating func run() -> String {
        expand(0..<bytes.count, depth: 0)
        return String(decoding: result, as: UTF8.self)
    }

    static func mayStandInName(_ byte: UInt8, first: Bool) -> Bool {
        switch byte {
        case 0x41...0x5A, 0x61...0x7A, 0x5F: true
        case 0x30...0x39: !first
        case _: false
        }
    }

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
}

// Finding variables.
extension Template {
    /// Goes through a range from left to right.
    struct Scan {
        private let end: Int
        /// Behind the last part that was found.
        private(set) var at: Int
        /// The line that was looked through for its last closing brace: that is done once for each line.
        private var line: (end: Int, brace: Int?) = (-1, nil)

        init(_ range: Range<Int>) {
            at = range.lowerBound
            end = range.upperBound
        }

        /// - Returns: The next part, and the plain text before it; no part at the end.
        mutating func next(in bytes: [UInt8]) -> (before: Range<Int>, part: Part?) {
            let start = at
            var dollar = at
            while dollar < end {
                if bytes[dollar] == 0x24, let part = part(at: dollar, bytes) {
                    switch part {
                    case .dollar(let end), .variable(_, let end), .operation(_, _, _, let end, _): at = end
                    case .invalid: at = dollar + 2
                    }
                    return (start..<dollar, part)
                }
                dollar += 1
            }
            at = end
            return (start..<end, nil)
        }

        private mutating func part(at dollar: Int, _ bytes: [UInt8]) -> Part? {
            guard dollar + 1 < end else { return nil }
            if bytes[dollar + 1] == 0x24 { return .dollar(end: dollar + 2) }
            guard bytes[dollar + 1] == 0x7B else {
                let name = name(at: dollar + 1, bytes)
                return name.isEmpty ? nil : .variable(name: name, end: name.upperBound)
            }
            let name = name(at: dollar + 2, bytes)
            let behind = name.upperBound
            guard !name.isEmpty, behind < end else { return .invalid(name: name) }
            if bytes[behind] == 0x7D { return .variable(name: name, end: behind + 1) }
            let hasColon = bytes[behind] == 0x3A
            let sign = hasColon ? behind + 1 : behind
            guard sign < end, let operation = operation(bytes[sign], hasColon), let last = brace(from: sign + 1, bytes)
            else { return .invalid(name: name) }
            let closing = fitting(from: dollar, to: last, bytes)
            return .operation(
                operation, name: name, operand: (sign + 1)..<(closing ?? last), end: (closing ?? last) + 1,
                reach: last + 1)
        }

        private func name(at start: Int, _ bytes: [UInt8]) -> Range<Int> {
            var behind = start
            while behind < end, Template.mayStandInName(bytes[behind], first: behind == start) { behind += 1 }
            return start..<behind
        }

        private func operation(_ sign: UInt8, _ hasColon: Bool) -> Operation? {
            switch sign {
            case 0x2D: .default(empty: hasColon)
            case 0x3F: .required(empty: hasColon)
            case 0x2B: .alternative(empty: hasColon)
            case _: nil
            }
        }

        /// The last closing brace of the line.
        private mutating func brace(from start: Int, _ bytes: [UInt8]) -> Int? {
            if start > line.end {
                line = (start, nil)
                while line.end < end, bytes[line.end] != 0x0A {
                    if bytes[line.end] == 0x7D { line.brace = line.end }
                    line.end += 1
                }
            }
            return line.brace.flatMap { $0 >= start ? $0 : nil }
        }

        /// The brace that closes the one behind the dollar sign. What follows an opening brace is not looked at.
        private func fitting(from dollar: Int, to last: Int, _ bytes: [UInt8]) -> Int? {
            var open = 0
            var at = dollar
            while at <= last {
                if bytes[at] == 0x7D {
                    open -= 1
                    if open == 0 { return at }
                } else if bytes[at] == 0x7B {
                    open += 1
                    at += 1
                }
                at += 1
            }
            return nil
        }
    }
}

// Replacing them.
extension Template {
    private mutating func expand(_ range: Range<Int>, depth: Int) {
        var scan = Scan(range)
        while !stopped {
            let (before, part) = scan.next(in: bytes)
            append(bytes[before])
            guard let part else { return }
            let dollar = before.upperBound
            switch part {
            case .dollar: append([0x24])
            case .variable(let name, _): append((value(of: text(name), dollar) ?? "").utf8)
            case .operation(let operation, let name, let operand, _, _):
                expand(operation, text(name), operand, dollar, depth)
            case .invalid(let name): invalid(dollar, name, range.upperBound)
            }
        }
    }

    private mutating func append(_ more: some Collection<UInt8>) {
        if result.count + more.count > limit {
            if !stopped {
                problem(0, "its variables make the value longer than \(limit) bytes", hint: "use fewer or shorter ones")
            }
            return
        }
        result += more
    }

    private mutating func value(of name: String, _ dollar: Int) -> String? {
        names.insert(name)
        let value = look(name)
        if value == nil, told.insert(name).inserted { unset.append((offset(dollar), name)) }
        return value
    }

    private mutating func expand(
        _ operation: Operation, _ name: String, _ operand: Range<Int>, _ dollar: Int, _ depth: Int
    ) {
        guard depth < Self.depthLimit else {
            return problem(dollar, "defaults are nested more than \(Self.depthLimit) deep", hint: "nest less")
        }
        names.insert(name)
        let value = look(name)
        switch operation {
        case .default(let empty):
            if let value, !(empty && value.isEmpty) { return append(value.utf8) }
            expand(operand, depth: depth + 1)
        case .alternative(let empty):
            if let value, !(empty && value.isEmpty) { expand(operand, depth: depth + 1) }
        case .required(let empty):
            if let value, !(empty && value.isEmpty) { return append(value.utf8) }
            let kept = result.count
            expand(operand, depth: depth + 1)
            let reason = String(decoding: result[kept...], as: UTF8.self)
            result.removeSubrange(kept...)
            if stopped { return }
            problem(
                dollar, "the variable \(name) must be set\(reason.isEmpty ? "" : ": \(reason)")",
                hint: "set \(name) in the environment or .env\(empty ? ", and not to an empty text" : "")")
            stopped = false
        }
    }

    private mutating func invalid(_ dollar: Int, _ name: Range<Int>, _ end: Int) {
        let behind = name.upperBound
        let message =
            if name.isEmpty {
                "a variable's name must follow ${"
            } else if !bytes[behind..<end].contains(0x7D) {
                "the brace of ${\(text(name)) is not closed"
            } else {
                "only :- - :? ? :+ + or a closing brace may follow ${\(text(name))"
            }
        problem(dollar, message, hint: "write ${NAME}, ${NAME:-default}, or $$ for a dollar sign")
    }

    /// What follows is not understood any more.
    private mutating func problem(_ dollar: Int, _ message: String, hint: String) {
        problems.append(Problem(offset: offset(dollar), message: message, hint: hint))
        stopped = true
    }

    private func offset(_ byte: Int) -> Int { bytes[..<byte].count { $0 & 0xC0 != 0x80 } }
}
