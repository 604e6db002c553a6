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
        ("1.", .double(1)), ("1.e3", .double(1000)), (".", .string), ("1e", .string), ("1e999", .string),
        ("0X1f", .int(31)), ("0B11", .int(3)), ("08", .double(8)), ("0_17", .int(15)), ("1_0.5_0", .double(10.5)),
        ("1_", .int(1)), ("_1", .string), (".1_0", .double(0.1)), ("._1", .string), ("0x1p4", .string),
        ("0x1.8", .string), ("+.inf", .double(.infinity)), (".Infinity", .string), ("+-1", .string), ("- 1", .string),
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
        ("? [a]\n: b", "f:1:3: error: a key must be a text\n  hint: write one word, or a text in quotes"),
        (
            "a: [1",
            "f:2:1: error: did not find expected ',' or ']'\n  note: f:1:4: while parsing a flow sequence\n  hint: put commas between the items, and close the list with ]"
        ),
    ])
    func refused(text: String, message: String) {
        #expect(parse(text + "\n").problems == [message])
    }

    @Test func tabsAreExplained() {
        #expect(parse("a:\n\tb: 1\n").problems.first?.contains("hint: YAML is indented with blanks") == true)
    }

    @Test func charactersThatYAMLRefusesHaveAPlace() {
        #expect(
            parse("a: 1\nb: x\u{1}\n").problems == [
                "f:2:5: error: control characters are not allowed\n  hint: remove it, or write it as an escape in double quotes, \"\\x07\" for example"
            ])
    }

    @Test func aliasBombsAreStopped() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let alias = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(alias)]\n"
        }
        #expect(parse(text).problems.first?.contains("error: the alias *a4 makes the file too large") == true)
    }

    @Test func deepNestingIsStopped() {
        let text = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        #expect(
            parse(text).problems == [
                "f:1:102: error: nested more than 100 levels deep\n  hint: close what was opened, or nest less"
            ])
    }

    @Test func documentsAndTags() throws {
        #expect(parse("a: 1\n---\nb: 2\n").documents.count == 2)
        #expect(parse("a: 1\n---\n").documents.map(\.isNull) == [false, true])
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

    @Test(arguments: [
        ("!!int \"3\"", Scalar.Value.int(3)), ("!!float 1.5", .double(1.5)), ("!!bool 'true'", .bool(true)),
        ("!!null ''", .null), ("!!str 1", .string), ("! 12", .int(12)), ("!own 3", .string), ("!!own 3", .string),
    ])
    func tagsOfYAML(text: String, value: Scalar.Value) throws {
        #expect(try node("a: \(text)")["a"]?.scalar?.value == value)
    }

    @Test func binaryIsDecoded() throws {
        #expect(try node("a: !!binary aGkh")["a"]?.scalar?.text == "hi!")
        #expect(try node("a: !!binary |\n  aG\n  k=")["a"]?.scalar?.text == "hi")
        #expect(parse("a: !!binary a").problems.first?.hasPrefix("f:1:13: error: !!binary asks for base64") == true)
    }

    @Test(arguments: [
        ("!!int x", "f:1:10: error: !!int asks for a whole number, and \"x\" is none"),
        ("!!bool yes", "f:1:11: error: !!bool asks for true or false, and \"yes\" is none"),
        ("!!float x", "f:1:12: error: !!float asks for a number, and \"x\" is none"),
    ])
    func tagsThatDoNotFit(text: String, message: String) {
        #expect(parse("a: \(text)").problems.first?.hasPrefix(message) == true)
    }

    @Test(arguments: [
        ("2001-01-02", "2001-01-02 00:00:00 +0000 UTC", "2001-01-02T00:00:00Z"),
        ("2001-1-2T3:4:5.50+02:00", "2001-01-02 03:04:05.5 +0200 +0200", "2001-01-02T03:04:05.5+02:00"),
        ("2001-01-02 10:11:12", "2001-01-02 10:11:12 +0000 UTC", "2001-01-02T10:11:12Z"),
        ("2000-02-29t00:00:00Z", "2000-02-29 00:00:00 +0000 UTC", "2000-02-29T00:00:00Z"),
    ])
    func dates(text: String, plain: String, json: String) {
        let date = Scalar(text, style: .plain).timestamp
        #expect(date?.text == plain)
        #expect(date?.json == json)
        #expect(Scalar(text, style: .quoted).timestamp == nil)
    }

    @Test(arguments: [
        "2001-02-29", "2001-13-01", "2001-00-01", "201-01-01", "2001-01-01T", "2001-01-01 1:1:1Z", "2001-01-011",
    ])
    func noDates(text: String) {
        #expect(Scalar(text, style: .plain).timestamp == nil)
    }

    @Test(arguments: [
        ("1: a", "1 is a number"), ("true: a", "true is a truth value"), ("~: a", "~ is nothing"),
        ("!!null '': a", "an empty one is nothing"), ("2001-01-01: a", "2001-01-01 is a date"),
    ])
    func keysThatAreNoTexts(text: String, kind: String) {
        #expect(parse(text).problems.first?.hasPrefix("f:1:1: error: a key must be a text, and \(kind)") == true)
        #expect(parse("yes: a\n'1': b\n!!str 2: c").problems == [])
    }

    @Test func mergeKeysTakeAListBehindAnAlias() throws {
        let node = try node("l: &l [{x: 1}, {x: 2, y: 3}]\no: {<<: *l, z: }")
        #expect(node["o"]?.entries?.map(\.key) == ["x", "y", "z"])
        #expect(node["o"]?["x"]?.scalar?.text == "1")
        #expect(parse("o: {<<: }").problems.count == 1)
        #expect(parse("a: &a {x: 1}\no: {<<: *a, <<: *a}").problems.count == 1)
    }

    /// Each anchor holds the one before: the levels add up though no line is nested.
    @Test func aliasesDoNotNestWithoutEnd() {
        let text = "a0: &a0 [x]\n" + (1...5000).map { "a\($0): &a\($0) [*a\($0 - 1)]\n" }.joined()
        #expect(parse(text).problems.first?.contains("nested more than 100 levels deep") == true)
    }

    @Test func longTextsBehindAliasesCount() {
        let text =
            "a: &a \(String(repeating: "x", count: 100_000))\nb: [\(Array(repeating: "*a", count: 1000).joined(separator: ","))]\n"
        #expect(parse(text).problems.first?.contains("the alias *a makes the file too large") == true)
    }

    @Test func manyDirectivesAreRefused() {
        let text = (1...1000).map { "%TAG !t\($0)! x\n" }.joined() + "---\na: 1\n"
        #expect(parse(text).problems.first?.contains("more than 100 lines begin with %") == true)
    }

    @Test func hugeFilesAreRefused() {
        #expect(
            parse(String(repeating: "- a\n", count: 600_000)).problems.first?.contains(
                "more than 500000 keys and values") == true)
        #expect(parse(String(repeating: "[", count: 1_000_000)).problems.count == 1)
        #expect(parse(String(repeating: "a: 1\n", count: 5000)).problems.count == 1001)
    }

    @Test func bytesThatAreNoTextAreRefused() {
        func said(_ bytes: [UInt8]) -> String? { read(bytes, file: "f").problems.first?.description }
        #expect(
            said(Array("a: 1\nb: ".utf8) + [0xFF, 0x0A])?.hasPrefix("f:2:4: error: invalid leading UTF-8 octet") == true
        )
        #expect(said(Array("é: \0".utf8))?.hasPrefix("f:1:4: error: control characters are not allowed") == true)
        #expect(
            read([0xFF, 0xFE, 0x61, 0, 0x3A, 0, 0x20, 0, 0x62, 0], file: "f").documents.first?["a"]?.scalar?.text == "b"
        )
    }

    @Test func lineEndsAndByteOrderMark() throws {
        let node = try node("\u{FEFF}a: 1\r\nb:\r\n  c: x\r\n")
        #expect(node.entries?.map(\.key) == ["a", "b"])
        #expect(node["b"]?["c"]?.scalar?.text == "x")
        #expect(node["b"]?["c"]?.place == Place(file: "f", line: 3, column: 6))
    }

    @Test func diagnosticsNameTheAlias() throws {
        let reading = read(
            "x-a: &a\n  cpus: no\n  deep: &d {e: 1}\ns:\n  one: *a\n  two:\n    <<: *a\n    more: *d\n".utf8, file: "f")
        func notes(_ path: String, _ line: Int, _ column: Int) -> [String] {
            let problem = Diagnostic(.error, "m", at: Place(file: "f", line: line, column: column), path: path)
            return reading.uses.annotated(problem).notes.map { "\($0.place.map { "\($0)" } ?? "") \($0.message)" }
        }
        #expect(notes("s.one.cpus", 2, 9) == ["f:5:8 *a brings it to s.one here"])
        #expect(notes("s.two.cpus", 2, 9) == ["f:7:9 *a brings it to s.two here"])
        #expect(notes("s.two.more.e", 3, 16) == ["f:8:11 *d brings it to s.two.more here"])
        #expect(notes("x-a.cpus", 2, 9) == [])
        #expect(notes("s.onely", 2, 9) == [])
        #expect(notes("s.two.more", 8, 5) == [])
    }
}
