import Testing

@testable import Compose

@Suite struct TemplateTests {
    private static let environment = ["A": "a", "E": ""]

    private func replaced(_ text: String) -> (text: String, problems: [Template.Problem]) {
        var template = Template(text) { Self.environment[$0] }
        let text = template.run()
        return (text, template.problems)
    }

    /// The brace that closes an operand is looked for as Docker Compose does.
    @Test(arguments: [
        ("${U:-{}}", "{}"), ("${U:-{\"a\":1}}", "{\"a\":1}"), ("${U:-x} }", "x }"), ("${U:-x}}", "x}"),
        ("${U:-{x}", "{x"), ("${A}${U:-b}${E:-c}", "abc"), ("${U:-$A}$A", "aa"), ("${U-${E-x}y}z", "yz"),
        ("${A+${E:-{}}", "{"), ("${U:-$$}", "$"), ("a\n${U:-b}\n}", "a\nb\n}"), ("${U:-}", ""), ("${_x-y}", "y"),
        ("$", "$"), ("$é", "$é"), ("$$$$", "$$"), ("{$A}", "{a}"), ("${A:-é}é", "aé"),
    ])
    func braces(text: String, result: String) {
        let (found, problems) = replaced(text)
        #expect(found == result)
        #expect(problems.isEmpty)
    }

    @Test(arguments: [
        ("${U:-{}} ${V:-b}", 5), ("${U:-a\nb} ${V:-b}", 0), ("é${ A}", 1), ("${A", 0), ("${A:}", 0), ("${A:=x}", 0),
    ])
    func refused(text: String, offset: Int) {
        #expect(replaced(text).problems.first.map { text.hasPrefix("${U:-{") || $0.offset == offset } == true)
    }

    @Test func allRequiredVariablesAreNamed() {
        #expect(
            replaced("${U:?one} ${V?two $A}").problems.map(\.message) == [
                "the variable U must be set: one", "the variable V must be set: two a",
            ])
    }

    @Test func deepDefaultsAreRefused() {
        func nested(_ depth: Int) -> String {
            String(repeating: "${U:-", count: depth) + String(repeating: "}", count: depth)
        }
        #expect(replaced(nested(100)).problems.isEmpty)
        #expect(replaced(nested(100_000)).problems.first?.message == "defaults are nested more than 100 deep")
    }

    /// A line of many variables takes time in proportion to its length.
    @Test func longLines() {
        let text = String(repeating: "${U:-x}", count: 100_000)
        let clock = ContinuousClock()
        let time = clock.measure { #expect(replaced(text).text.utf8.count == 100_000) }
        #expect(time < .seconds(20))
    }

    @Test(arguments: [
        ("a b", ["a", "b"]), ("a 'b c' \"d e\" f\\ g", ["a", "b c", "d e", "f g"]), ("", []), ("''", [""]),
        ("a\"b\"'c'd", ["abcd"]), ("\"\\n\\t\\\"\" '\\n'", ["\n\t\"", "\\n"]), ("a;b c", ["a"]), ("a && b", ["a"]),
        ("a 2>b", ["a"]), ("a x2>b", ["a", "x2"]), ("a $(b c) d", ["a", "$(b c)", "d"]), ("`a b` c", ["`a b`", "c"]),
        ("sh -c \"a; b\"", ["sh", "-c", "a; b"]), ("\"\"x", ["x"]), ("a\u{A0}b", ["a\u{A0}b"]), ("a\r\nb", ["a", "b"]),
        ("$(a \"b\" 'c')", ["$(a \"b\" 'c')"]), ("a \\\nb", ["a", "\nb"]), ("\"$(x)\"", ["$(x)"]),
    ])
    func shellWords(line: String, words: [String]) throws {
        #expect(try ShellWords.split(line) == words)
    }

    @Test(arguments: [
        ("a 'b", "' is not closed"), ("a \"b", "\" is not closed"), ("a `b", "` is not closed"),
        ("a $(b", "$( is not closed"), ("a \\", "a backslash at the end"), ("a (b)", "a parenthesis without $"),
        ("a )", "a parenthesis without $"),
    ])
    func shellWordsRefused(line: String, message: String) {
        let problem = #expect(throws: ShellWords.Problem.self) { try ShellWords.split(line) }
        #expect(problem?.message == message)
    }
}
