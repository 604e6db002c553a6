import Diagnostics
import Testing
import YAML

@Suite struct YAMLTests {
    private func parse(_ text: String) -> (documents: [Node], problems: [String]) {
        let (documents, problems) = YAML.parse(text, file: "f")
        return (documents, problems.map(\.description))
    }

    private func node(_ text: String) throws -> Node {
        let (documents, problems) = parse(text)
        #expect(problems == [])
        return try #require(documents.first)
    }

    @Test(arguments: [
        ("yes", Scalar.Value.string), ("no", .string), ("on", .string), ("off", .string), ("y", .string),
        ("true", .bool(true)), ("False", .bool(false)), ("~", .null), ("null", .null), ("", .null),
        ("017", .int(15)), ("0o17", .int(15)), ("0x1F", .int(31)), ("0b101", .int(5)), ("1_000", .int(1000)),
        ("-12", .int(-12)), ("+7", .int(7)), ("0", .int(0)), ("089", .double(89)), ("22:22", .string),
        ("1e3", .double(1000)), ("1.50", .double(1.5)), (".5", .double(0.5)), ("-.inf", .double(-.infinity)),
        ("1.2.3", .string), ("2026-01-01", .string), ("nan", .string), ("0x", .string), ("-", .string),
        ("9223372036854775808", .double(9_223_372_036_854_775_808)),
    ])
    func plainScalars(text: String, value: Scalar.Value) {
        #expect(Scalar(text, style: .plain).value == value)
        #expect(Scalar(text, style: .quoted).value == .string)
    }

    @Test func places() throws {
        let node = try node("a:\n  - b\n  - é: \"c\"\n")
        let items = try #require(node["a"]?.items)
        #expect(node.entries?[0].keyPlace == Place(file: "f", line: 1, column: 1))
        #expect(items[0].place == Place(file: "f", line: 2, column: 5))
        #expect(items[1].entries?[0].value.place == Place(file: "f", line: 3, column: 8))
    }

    @Test func anchorsAndMergeKeys() throws {
        let text = """
            a: &a {x: 1, y: 2}
            b: &b {y: 3, z: 4}
            one: {<<: *a, y: 9}
            two: {<<: [*a, *b], w: 5}
            same: *a
            text: {"<<": 1}
            """
        let node = try node(text)
        func table(_ key: String) -> [String] {
            (node[key]?.entries ?? []).map { "\($0.key)=\($0.value.scalar?.text ?? "")" }
        }
        #expect(table("one") == ["x=1", "y=9"])
        #expect(table("two") == ["x=1", "y=2", "z=4", "w=5"])
        #expect(table("same") == ["x=1", "y=2"])
        #expect(table("text") == ["<<=1"])
        #expect(node["same"]?.entries?[0].value.place.line == 1)
    }

    @Test(arguments: [
        (
            "a: 1\nb: 2\na: 3",
            "f:3:1: error: the key a stands twice in one mapping\n  note: f:1:1: it stands here first\n  hint: remove one of the two"
        ),
        (
            "a: *b",
            "f:1:4: error: there is no anchor &b before the alias *b\n  hint: put &b before the value that it stands for; a value cannot contain itself"
        ),
        (
            "a: &a [*a]",
            "f:1:8: error: there is no anchor &a before the alias *a\n  hint: put &a before the value that it stands for; a value cannot contain itself"
        ),
        (
            "<<: 3",
            "f:1:5: error: << takes a mapping or a list of mappings\n  hint: write <<: *name, where &name stands before a mapping"
        ),
        ("? [a]\n: b", "f:1:3: error: a key must be a text"),
        ("a: [1", "f:2:1: error: did not find expected ',' or ']'\n  note: f:1:4: while parsing a flow sequence"),
    ])
    func refused(text: String, message: String) {
        #expect(parse(text + "\n").problems == [message])
    }

    @Test func tabsAreExplained() {
        #expect(parse("a:\n\tb: 1\n").problems.first?.contains("hint: YAML is indented with blanks") == true)
    }

    @Test func charactersThatYAMLRefusesHaveAPlace() {
        #expect(parse("a: 1\nb: x\u{1}\n").problems == ["f:2:5: error: control characters are not allowed"])
    }

    @Test func aliasBombsAreStopped() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let alias = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(alias)]\n"
        }
        #expect(parse(text).problems.first?.contains("has more than 200000 values") == true)
    }

    @Test func deepNestingIsStopped() {
        let text = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        #expect(parse(text).problems == ["f:1:102: error: nested more than 100 levels deep"])
    }

    @Test func documentsAndTags() throws {
        #expect(parse("a: 1\n---\nb: 2\n").documents.count == 2)
        #expect(parse("").documents.isEmpty)
        #expect(parse("# nothing\n").documents.isEmpty)
        #expect(try node("a: !reset null")["a"]?.tag == "!reset")
        #expect(try node("a: !!str 12")["a"]?.scalar?.value == .string)
    }

    /// Whatever stands in a file, the parser ends and says where.
    @Test func damagedTextsAreReadOrRefused() {
        let text = "a: &x {b: [1, \"2\"], c: |\n    d\n  }\ne: *x\n<<: *x\nf: !t 'g'\n"
        let bytes = Array(text.utf8)
        for index in bytes.indices {
            for byte in Array("\n\t{}[]:&*!|'\"-,#%@`\0\u{7f}".utf8) + [0xFF] {
                var damaged = bytes
                damaged[index] = byte
                let (documents, problems) = YAML.parse(String(decoding: damaged, as: UTF8.self), file: "f")
                #expect(!documents.isEmpty || !problems.isEmpty)
                #expect(problems.allSatisfy { $0.place.map { $0.line > 0 && $0.column > 0 } ?? false })
            }
        }
    }
}
