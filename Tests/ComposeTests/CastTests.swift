import Diagnostics
import Testing
import YAML

@testable import Compose

@Suite struct CastTests {
    /// The tree of a file after interpolation, and what was said about it.
    private func tree(_ text: String, _ environment: [String: String] = [:]) throws -> (Node, [String]) {
        let report = Report()
        var interpolation = Interpolation(environment: environment, report: report)
        let node = interpolation.file(try #require(YAML.parse(text, file: "f").documents.first))
        return (node, report.diagnostics.map(\.description))
    }

    @Test(arguments: [
        ("cpu_shares: '017'", Scalar.Value.int(17)), ("pids_limit: '-1'", .int(-1)), ("scale: \"+2\"", .int(2)),
        ("oom_score_adj: $N", .int(3)), ("cpus: '0.1'", .double(0.1)), ("cpus: '${N}'", .double(3)),
        ("cpus: '0x1p-2'", .double(0.25)), ("cpu_percent: '1_0.5'", .double(10.5)), ("cpus: inf", .double(.infinity)),
        ("init: 'TRUE'", .bool(true)), ("privileged: '${T}'", .bool(true)), ("tty: \"false\"", .bool(false)),
        ("cpu_shares: 017", .int(15)), ("user: '3'", .string), ("user: $N", .string), ("mem_limit: $N", .string),
    ])
    func formsByPath(text: String, value: Scalar.Value) throws {
        let (node, said) = try tree("services: {w: {\(text)}}", ["N": "3", "T": "true"])
        #expect(node["services"]?["w"]?.entries?.first?.value.scalar?.value == value)
        #expect(said == [])
    }

    @Test(arguments: [
        "services: {w: {ports: [{target: '80'}]}}", "services: {w: {ulimits: {nofile: '80'}}}",
        "services: {w: {ulimits: {nofile: {hard: '80'}}}}", "services: {w: {deploy: {replicas: '80'}}}",
        "services: {w: {healthcheck: {retries: '80'}}}",
    ])
    func deepIntegers(text: String) throws {
        #expect(try Self.leaf(of: tree(text).0).scalar?.value == .int(80))
    }

    @Test(arguments: [
        "services: {w: {depends_on: {a: {required: 'true'}}}}",
        "services: {w: {volumes: [{volume: {nocopy: 'true'}}]}}",
        "networks: {n: {internal: 'true'}}", "configs: {c: {external: 'true'}}",
    ])
    func deepTruthValues(text: String) throws {
        #expect(try Self.leaf(of: tree(text).0).scalar?.value == .bool(true))
    }

    private static func leaf(of node: Node) -> Node {
        switch node.content {
        case .scalar: node
        case .sequence(let items): leaf(of: items[0])
        case .mapping(let entries): leaf(of: entries[0].value)
        }
    }

    @Test(arguments: [
        (
            "pids_limit: two",
            "f:1:28: error: services.w.pids_limit: expected a whole number, found \"two\"\n  hint: write a whole number"
        ),
        (
            "scale: $A",
            "f:1:23: error: services.w.scale: expected a whole number, found \"a\"\n  hint: it comes from A: set it to a whole number"
        ),
        (
            "init: maybe",
            "f:1:22: error: services.w.init: expected true or false, found \"maybe\"\n  hint: write true or false"
        ),
        ("cpus: '0x1'", "f:1:22: error: services.w.cpus: expected a number, found \"0x1\"\n  hint: write a number"),
        (
            "scale: '0x10'",
            "f:1:23: error: services.w.scale: expected a whole number, found \"0x10\"\n  hint: write a whole number"
        ),
    ])
    func refused(text: String, message: String) throws {
        #expect(try tree("services: {w: {\(text)}}", ["A": "a"]).1 == [message])
    }

    @Test func anUnsetVariableIsNamed() throws {
        let said = try tree("services: {w: {scale: $U}}").1
        #expect(said.count == 2)
        #expect(
            said.last?.hasSuffix("hint: U is not set: set it to a whole number, or give it a default with ${U:-…}")
                == true)
    }

    @Test func oldTruthValuesWarn() throws {
        let (node, said) = try tree("services: {w: {init: Yes, tty: off}}")
        let entries = try #require(node["services"]?["w"]?.entries)
        #expect(entries.map { $0.value.scalar?.value } == [.bool(true), .bool(false)])
        #expect(said.count == 2)
        #expect(
            said.first?.hasPrefix("f:1:22: warning: services.w.init: \"Yes\" is no truth value in YAML 1.2") == true)
    }

    @Test func whatIsResetStays() throws {
        let (node, said) = try tree("services: {w: {init: !reset \"${\"}}")
        #expect(node["services"]?["w"]?["init"]?.scalar?.text == "${")
        #expect(said == [])
    }

    @Test func placesWithinValues() throws {
        func place(_ text: String) throws -> String? { try tree(text).1.first.map { String($0.prefix { $0 != " " }) } }
        #expect(try place("a: x${") == "f:1:5:")
        #expect(try place("a: 'x${'") == "f:1:6:")
        #expect(try place("a: !!str x${") == "f:1:10:")
        #expect(try place("a: é${") == "f:1:5:")
        #expect(try place("a: |\n  b\n  ${\n") == "f:1:4:")
        #expect(try place("a: \"\\t${\"") == "f:1:4:")
        #expect(try place("a: b\n  ${") == "f:1:4:")
    }

    /// Values of the environment may be long, and used often.
    @Test func whatVariablesAddIsBounded() throws {
        let text = "a: '" + String(repeating: "$A", count: 1000) + "'\n"
        let said = try tree(text, ["A": String(repeating: "x", count: 100_000)]).1
        #expect(said.first?.contains("its variables make the value longer than") == true)
    }

    @Test func variablesOfATree() throws {
        let text = """
            a: $A ${B} $$C
            b: [{c: "${D:-d} ${E:?e}"}, '${F:+$G}', "${H-${I:-i}}"]
            "$K": 1
            """
        let found = variables(in: YAML.parse(text, file: "f").documents)
        #expect(found.map(\.name) == ["A", "B", "D", "E", "F", "G", "H", "I"])
        #expect(found.map(\.defaultValue) == ["", "", "d", "", "", "", "${I:-i}", "i"])
        #expect(found.map(\.alternative) == ["", "", "", "", "$G", "", "", ""])
        #expect(found.map(\.isRequired) == [false, false, false, true, false, false, false, false])
    }
}
