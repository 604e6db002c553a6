import Diagnostics
import Testing

@testable import Compose

@Suite struct DotenvTests {
    private func read(
        _ text: String, _ environment: [String: String] = ["P": "proc"], values: [String: String] = [:]
    ) -> (values: [String: String], said: [String]) {
        let report = Report()
        var reader = Dotenv(
            SourceFile(path: "e", text: text), environment: environment, report: report, values: values)
        let values = reader.run()
        return (values, report.diagnostics.map(\.description))
    }

    @Test(arguments: [
        ("A=1", ["A": "1"]), ("A = 1  \n", ["A": "1"]), ("A: 1", ["A": "1"]),
        ("export A=1\nexport\tB=2", ["A": "1", "B": "2"]),
        ("\u{FEFF}A=1", ["A": "1"]), ("A=1\r\nB=2\r\n", ["A": "1", "B": "2"]), ("# c\n  # d\n\nA=1", ["A": "1"]),
        ("A=x # c\nB=x#c\nC= # c\nD=x\t# c", ["A": "x", "B": "x#c", "C": "# c", "D": "x\t# c"]),
        ("A=\nB=1", ["A": "", "B": "1"]), ("1A=2\na.b-c[0]=3\né=4", ["1A": "2", "a.b-c[0]": "3", "é": "4"]),
        ("A='x # $Y' # c", ["A": "x # $Y"]), ("A='it\\'s \\n \\\\'", ["A": "it's \\n \\\\"]),
        ("A='x\ny'\nB=1", ["A": "x\ny", "B": "1"]), ("A=\"x\" B=2", ["A": "x", "B": "2"]),
        ("A=\"\\t\\n\\r\\\\\\\"\\$P\\x\\c\"", ["A": "\t\n\r\\\"$P\\x\\c"]),
        ("A=\"\\0101\\01\\0999\\0777\"", ["A": "A\\1\\999\\777"]),
        ("P\nU\nA=1\n", ["P": "proc", "A": "1"]), ("B=2\nA=${B}$P", ["B": "2", "A": "2proc"]),
        ("P=9\nA=$P", ["P": "9", "A": "proc"]),
        ("A=$$P", ["A": "$P"]), ("A=${U:-d}", ["A": "d"]), ("A=1\nA=2", ["A": "2"]), ("export\nA=1", ["A": "1"]),
        ("A\tB=1", ["A\tB": "1"]), ("A=\"x\n# y\"", ["A": "x\n# y"]), ("", [:]), ("#", [:]),
        ("A=http://x?a=b:c", ["A": "http://x?a=b:c"]),
    ])
    func values(text: String, values: [String: String]) {
        let (found, said) = read(text)
        #expect(found == values)
        #expect(said == [])
    }

    @Test(arguments: [
        ("\nA b=1", "e:2:2: error: a blank in the name of the variable A b"),
        ("A=1\n  é%=1", "e:2:4: error: the name of a variable cannot hold %"),
        ("A='x\ny", "e:1:3: error: the quote ' is not closed"),
        ("B=1\nA=\"x\\\"", "e:2:3: error: the quote \" is not closed"),
        ("A=${", "e:1:3: error: a variable's name must follow ${"),
        ("A=${U:?why}", "e:1:3: error: the variable U must be set: why"),
        ("export ", "e:1:1: error: nothing stands behind export"),
        ("just words\n", "e:1:5: error: a blank in the name of the variable just words"),
    ])
    func refused(text: String, message: String) {
        #expect(read(text).said.first?.split(separator: "\n").first.map(String.init) == message)
    }

    @Test func allProblemsAreTold() {
        let (values, said) = read("%=1\nA=1\nB C=2\nD=${\nE=2")
        #expect(said.count == 3)
        #expect(values["A"] == "1" && values["E"] == "2")
    }

    /// What Docker Compose makes of these is hardly what was meant.
    @Test(arguments: [("=1", ["": "1"]), ("A=1\nP", ["A": "1", "": "P"])])
    func oddities(text: String, values: [String: String]) {
        let (found, said) = read(text)
        #expect(found == values)
        #expect(said.count == 1 && said[0].contains("warning: "))
    }

    @Test func laterFilesSeeEarlierOnes() {
        #expect(
            read("B=$A\nA=2\nC=$A", values: ["A": "1", "X": "x"]).values == ["A": "2", "B": "1", "C": "2", "X": "x"])
    }

    @Test func unsetVariablesAreToldOnce() {
        let (values, said) = read("A=$U\nB=x$U")
        #expect(values == ["A": "", "B": "x"])
        #expect(said.count == 1)
        #expect(said.first?.hasPrefix("e:1:3: warning: the variable U is not set") == true)
    }

    @Test func valuesThatDoubleAreStopped() {
        let lines = (1...60).map { "A\($0)=$A\($0 - 1)$A\($0 - 1)\n" }
        #expect(read("A0=x\n" + lines.joined()).said.contains { $0.contains("its variables make the value longer") })
    }

    @Test func rawFiles() {
        let report = Report()
        let text = "# c\nA=\"x\" # $P \\n\r\n  B= y\nP\nU\nC D=1\n=2\n"
        var reader = Dotenv(SourceFile(path: "e", text: text), environment: ["P": "proc"], report: report)
        #expect(reader.raw() == ["A": "\"x\" # $P \\n", "B": " y", "P": "proc"])
        #expect(report.diagnostics.map { $0.place?.line } == [6, 7])
    }
}
