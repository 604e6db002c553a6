import Diagnostics
import Foundation
import Testing
import YAML

@testable import Compose

/// What comes out of the table agrees with itself and with the files of the repository.
@Suite struct SchemaTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")

    private static func file(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func documents(_ path: String) throws -> [Node] {
        let (documents, problems) = parse(try file(path), file: path)
        try #require(problems.map(\.description) == [])
        return documents
    }

    @Test func theSchemaIsThatOfTheCode() throws {
        #expect(try Self.file("schema/settle.json") == Shape.schema.pretty + "\n", "run make schema")
    }

    @Test func theTableOfThePageIsThatOfTheCode() throws {
        let page = try Self.file("docs/compose.md").components(separatedBy: "<!-- settle schema --table -->\n")
        try #require(page.count == 3)
        #expect(page[1] == "\n" + Shape.table + "\n", "run make schema")
    }

    /// - Parameters:
    ///   - checked: whether the check accepts the documents of the file.
    ///   - valid: whether the schema does.
    @Test(arguments: [("valid", true, true), ("invalid", false, false), ("later", true, false)])
    func checkAndSchema(file: String, checked: Bool, valid: Bool) throws {
        let path = "Tests/schema/\(file).yaml"
        let documents = try Self.documents(path)
        let verdicts = try Self.verdicts(documents)
        for (document, verdict) in zip(documents, verdicts) {
            #expect((verdict == "valid") == valid, "\(path):\(document.place.line): the schema: \(verdict)")
            let problems = Shape.problems(in: document).map(\.description)
            #expect(problems.isEmpty == checked, "\(path):\(document.place.line): the check: \(problems)")
        }
        #expect(documents.count >= 10)
    }

    /// An editor sees variables where the check sees what they stand for.
    @Test func theSchemaTakesVariables() throws {
        let text = """
            services:
              web:
                init: ${INIT}
                scale: "${N:-2}"
                pull_policy: $POLICY
                stop_grace_period: ${T}s
                depends_on: {db: {condition: "${C}", required: "${R:-yes}"}}
                volumes: [{type: "${KIND}", target: /a}]
            """
        #expect(try Self.verdicts(parse(text, file: "f").documents) == ["valid"])
    }

    /// Each key of the format, given each kind of value. Texts are the corpus's matter: at some of them the check does not
    /// look, since later stages read them, where the schema has a pattern.
    @Test func checkAndSchemaAgreeAboutEveryKey() throws {
        let documents = Self.wrapped(.keys(Shape.file)) { $0 }
        let verdicts = try Self.verdicts(documents)
        for (document, verdict) in zip(documents, verdicts) {
            let problems = Shape.problems(in: document).map(\.description)
            #expect(problems.isEmpty == (verdict == "valid"), "\(Self.json(document).compact): \(problems), \(verdict)")
        }
        #expect(documents.count > 5000 && Set(verdicts).contains("valid"))
    }

    @Test func everyKeyIsDescribed() {
        for row in Shape.rows(of: Shape.file) {
            #expect(row.key.says.hasSuffix("."), "\(row.path)")
            let reason = row.key.support.why
            #expect((row.key.support.degree == .honoured) == reason.isEmpty, "\(row.path)")
            #expect(!reason.hasSuffix("."), "\(row.path)")
        }
    }
}

extension SchemaTests {
    /// What the validator of Debian says of each document.
    private static func verdicts(_ documents: [Node]) throws -> [String] {
        let folder = URL(filePath: NSTemporaryDirectory()).appending(path: "settle-schema-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let lines = folder.appending(path: "documents")
        let verdicts = folder.appending(path: "verdicts")
        try Data(documents.map { json($0).compact + "\n" }.joined().utf8).write(to: lines)
        try Data().write(to: verdicts)
        let validator = Process()
        validator.executableURL = root.appending(path: "Tests/schema/validate")
        validator.arguments = [root.appending(path: "schema/settle.json").path, lines.path]
        validator.standardOutput = try FileHandle(forWritingTo: verdicts)
        try validator.run()
        validator.waitUntilExit()
        try #require(validator.terminationStatus == 0)
        let text = try String(contentsOf: verdicts, encoding: .utf8).split(separator: "\n").map { String($0) }
        try #require(text.count == documents.count)
        return text
    }

    static func json(_ node: Node) -> JSON {
        switch node.content {
        case .sequence(let items): return .array(items.map { json($0) })
        case .mapping(let entries): return .object(entries.map { ($0.key, json($0.value)) })
        case .scalar(let scalar):
            switch scalar.value {
            case .null: return .null
            case .bool(let flag): return .bool(flag)
            case .int(let number): return .int(number)
            case .double(let number): return .double(number)
            case .string: return .string(scalar.text)
            }
        }
    }

    private static let place = Place(file: "f", line: 1, column: 1)

    private static func mapping(_ key: String, _ value: Node) -> Node {
        Node(.mapping([.init(key, at: place, value)]), at: place)
    }

    private static let values: [Node] = {
        let scalars = ["", "true", "0", "-1", "101", "70000", "1.5", "1.0"].map { Node.plain($0, at: place) }
        let text = Node.text("x", at: place)
        func list(_ items: Node...) -> Node { Node(.sequence(items), at: place) }
        return scalars + [
            list(), list(text, text), list(scalars[2]), list(scalars[0]), list(list()), list(mapping("x-x", text)),
            Node(.mapping([]), at: place), mapping("X", text), mapping("X", scalars[0]), mapping("x y", scalars[2]),
            mapping("x-x", list()), mapping("", text),
        ]
    }()

    /// The values in the place of `kind` and of everything within, each put into a whole document by `wrap`.
    private static func wrapped(_ kind: Shape.Kind, _ wrap: @escaping (Node) -> Node) -> [Node] {
        var documents = values.map(wrap)
        switch kind {
        case .any, .null, .text, .bool, .number, .whole: return []
        case .shared(_, let kind): return wrapped(kind, wrap)
        case .either(let kinds): return kinds.flatMap { wrapped($0, wrap) }
        case .list(let kind, _, _):
            documents += wrapped(kind) { wrap(Node(.sequence([$0]), at: place)) }
        case .names(let names):
            documents += wrapped(names.value) { wrap(mapping("a", $0)) }
        case .keys(let keys):
            let needed = keys.keys.filter { $0.traits.contains(.required) }
            for key in keys.keys {
                for name in key.names {
                    let others = needed.filter { $0.name != key.name }.map {
                        Node.Entry($0.name, at: place, example(of: $0.kind))
                    }
                    let within = { (value: Node) in
                        wrap(Node(.mapping([.init(name, at: place, value)] + others), at: place))
                    }
                    documents += values.map(within) + wrapped(key.kind, within)
                }
            }
        }
        return documents
    }

    /// What a required key may hold.
    private static func example(of kind: Shape.Kind) -> Node {
        switch kind {
        case .any, .null: return .plain("", at: place)
        case .shared(_, let kind): return example(of: kind)
        case .either(let kinds): return kinds.first.map { example(of: $0) } ?? .plain("", at: place)
        case .text(.words(let words)): return .text(words[0], at: place)
        case .text: return .text("x", at: place)
        case .bool: return .plain("true", at: place)
        case .number, .whole: return .plain("1", at: place)
        case .list(let kind, _, let count):
            return Node(.sequence(Array(repeating: example(of: kind), count: count.lowerBound)), at: place)
        case .keys, .names: return Node(.mapping([]), at: place)
        }
    }
}
