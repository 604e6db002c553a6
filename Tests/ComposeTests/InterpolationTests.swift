import Compose
import Diagnostics
import Testing

@Suite struct InterpolationTests {
    private static let environment = ["A": "a", "EMPTY": "", "N": "3", "HOME": "/root"]

    private func label(_ text: String) throws -> String? {
        let (project, _) = load(serviceFile("labels: {l: '\(text)'}"), Self.environment)
        return try #require(project).service("w")?.labels["l"]
    }

    @Test(arguments: [
        ("$A", "a"), ("${A}", "a"), ("x${A}y", "xay"), ("$A$A", "aa"), ("$$A", "$A"), ("$$$A", "$a"),
        ("${U:-d}", "d"), ("${U-d}", "d"), ("${EMPTY:-d}", "d"), ("${EMPTY-d}", ""), ("${A:-d}", "a"),
        ("${U:-}", ""), ("${U:-${V:-deep}}", "deep"), ("${U:-${A}b}c", "abc"), ("${U:-{}}x", "{}x"),
        ("${U:-a:-b}", "a:-b"), ("${A:+r}", "r"), ("${U:+r}", ""), ("${EMPTY:+r}", ""), ("${EMPTY+r}", "r"),
        ("${A:?m}", "a"), ("${EMPTY?m}", ""), ("${A:-${U:?m}}", "a"), ("${U:+${V:?m}}", ""),
        ("$", "$"), ("$1", "$1"), ("$-", "$-"), ("a$ b", "a$ b"), ("${U}", ""), ("cost: 5$", "cost: 5$"),
    ])
    func replaced(text: String, result: String) throws {
        #expect(try label(text) == result)
    }

    @Test(arguments: [
        ("${", 1, "a variable's name must follow ${"), ("${}", 1, "a variable's name must follow ${"),
        ("${1X}", 1, "a variable's name must follow ${"), ("ab${A", 3, "the brace of ${A is not closed"),
        ("${A:-x", 1, "the brace of ${A is not closed"),
        ("${A/x/y}", 1, "only :- - :? ? :+ + or a closing brace may follow ${A"),
        ("xy${U:?say why}", 3, "the variable U must be set: say why"),
        ("${EMPTY:?}", 1, "the variable EMPTY must be set"),
        ("${U:?$A}", 1, "the variable U must be set: a"), ("${U:-${V?}}", 6, "the variable V must be set"),
    ])
    func refused(text: String, column: Int, message: String) throws {
        let messages = problems(serviceFile("user: \(text)"), Self.environment)
        #expect(messages.count == 1)
        #expect(
            messages.first?.split(separator: "\n").first == "f:4:\(10 + column): error: services.w.user: \(message)")
    }

    @Test func unsetIsEmptyAndToldOnce() throws {
        let (project, diagnostics) = load(serviceFile("labels: {l: x$U, m: '$U'}"))
        #expect(project?.service("w")?.labels == ["l": "x", "m": ""])
        #expect(
            diagnostics.map(\.description) == [
                """
                f:4:18: warning: services.w.labels.l: the variable U is not set, an empty text stands for it
                  hint: set U, give it a default with ${U:-…}, or write $$ for a dollar sign
                """
            ])
    }

    @Test func typedValuesMayComeFromVariables() throws {
        let environment = ["N": "3", "T": "true", "M": "64m", "P": "8080"]
        let service = try service(
            """
            cpus: ${N}
            pids_limit: $N
            init: ${T}
            mem_limit: $M
            ports: ["${P}:80"]
            user: ${N}
            """, environment)
        #expect(service.resources.nanoCPUs == 3_000_000_000)
        #expect(service.resources.pids == 3)
        #expect(service.`init`)
        #expect(service.resources.memory == 64 << 20)
        #expect(service.ports.first?.published == 8080...8080)
        #expect(service.user == "3")
    }

    @Test func keysStayAndExtensionsDoNot() throws {
        let project = try project("services: {w: {command: run, labels: {$A: b}}}")
        #expect(project.service("w")?.labels == ["$A": "b"])
        #expect(problems("x-a: ${\nservices: {w: {command: run}}").first?.hasPrefix("f:1:6: error: x-a: ") == true)
    }
}
