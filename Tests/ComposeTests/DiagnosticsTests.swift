import Diagnostics
import Testing

@Suite struct DiagnosticsTests {
    private let place = Place(file: "compose.yaml", line: 5, column: 16)

    @Test func text() {
        let diagnostic = Diagnostic(
            .error, "expected a number, found \"two\"", at: place, path: "services.web.cpus",
            notes: [.init("the stack's", at: Place(file: "x", line: 1, column: 2)), .init("no place")], hint: "write 2")
        #expect(
            diagnostic.description == """
                compose.yaml:5:16: error: services.web.cpus: expected a number, found "two"
                  note: x:1:2: the stack's
                  note: no place
                  hint: write 2
                """)
        #expect(Diagnostic(.warning, "old").description == "warning: old")
    }

    @Test func json() {
        let diagnostic = Diagnostic(.error, "m", at: place, path: "a.b", notes: [.init("n", at: place)], hint: "h")
        #expect(
            diagnostic.json.compact
                == #"{"severity":"error","file":"compose.yaml","line":5,"column":16,"path":"a.b","message":"m","#
                + #""notes":[{"message":"n","file":"compose.yaml","line":5,"column":16}],"hint":"h"}"#)
        #expect(Diagnostic(.warning, "m").json.compact == #"{"severity":"warning","message":"m"}"#)
    }

    @Test func values() {
        let value = JSON.object([
            ("b", .array([.int(-1), .double(0.5), .double(3), .double(.nan), .bool(true), .null])),
            ("a", .string("\"\\\n\t\u{1}é/")), ("e", .object([])), ("l", .array([])),
        ])
        #expect(value.compact == #"{"b":[-1,0.5,3,null,true,null],"a":"\"\\\n\t\u0001é/","e":{},"l":[]}"#)
        #expect(
            JSON.object([("a", .array([.int(1)])), ("e", .array([]))]).pretty
                == "{\n  \"a\": [\n    1\n  ],\n  \"e\": []\n}")
        #expect(value["e"] == .object([]))
        #expect(value["z"] == nil)
    }

    @Test func excerpts() {
        func excerpt(_ source: String, _ line: Int, _ column: Int) -> String? {
            Place(file: "f", line: line, column: column).excerpt(of: source)
        }
        #expect(excerpt("a: 1\nbc: x\n", 2, 5) == "  2 | bc: x\n    |     ^")
        #expect(excerpt("a: 1", 1, 5) == "  1 | a: 1\n    |     ^")
        #expect(excerpt("ä: é\r\n", 1, 4) == "  1 | ä: é \n    |    ^")
        #expect(excerpt("\tx\u{1B}[1m", 1, 2) == "  1 |  x [1m\n    |  ^")
        let wide = String(repeating: "-", count: 150) + "x"
        #expect(
            excerpt(wide, 1, 151) == "  1 | " + String(repeating: "-", count: 99) + "x\n    | "
                + String(repeating: " ", count: 99) + "^")
        for (line, column) in [(0, 1), (1, 0), (1, 7), (3, 1)] { #expect(excerpt("a: 1\n", line, column) == nil) }
        #expect(excerpt("a: 1\n", 2, 1) == "  2 | \n    | ^")
    }
}
