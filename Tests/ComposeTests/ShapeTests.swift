import Diagnostics
import Testing
import YAML

@testable import Compose

/// What the check of a tree says.
@Suite struct ShapeTests {
    private func problems(_ text: String) throws -> [String] {
        let document = try #require(parse(text, file: "f").documents.first)
        return Shape.problems(in: document).map(\.description)
    }

    private func inService(_ keys: String) throws -> [String] { try problems("services:\n  w:\n    \(keys)\n") }

    @Test(arguments: [
        (
            "user: 1000",
            "f:3:11: error: services.w.user: expected a text, found the number 1000\n  hint: put it in quotes: \"1000\""
        ),
        (
            "hostname:",
            "f:3:5: error: services.w.hostname: expected a text, found nothing\n  hint: remove the key, or give it a value"
        ),
        (
            "ports: 8080:80",
            "f:3:12: error: services.w.ports: expected a list, found \"8080:80\"\n  hint: write it as a list: - 8080:80"
        ),
        (
            "cap_add: {NET_ADMIN: }",
            "f:3:14: error: services.w.cap_add: expected a list, found a mapping\n  hint: begin each entry with a hyphen: - NET_ADMIN"
        ),
        (
            "environment: [A: 1]",
            "f:3:19: error: services.w.environment[0]: expected a text, found a mapping\n  hint: write A=1, or put all of it in quotes"
        ),
        (
            "sysctls: a=1",
            "f:3:14: error: services.w.sysctls: expected a mapping or a list, found \"a=1\"\n  hint: write it as a list: - a=1"
        ),
        (
            "ulimits: nofile=5",
            "f:3:14: error: services.w.ulimits: expected a mapping, found \"nofile=5\"\n  hint: write it as a mapping: nofile: 5"
        ),
        (
            "logging: [driver]",
            "f:3:14: error: services.w.logging: expected a mapping, found a list\n  hint: write it as a mapping, without hyphens: driver: …"
        ),
        (
            "working_dir: [/srv]",
            "f:3:18: error: services.w.working_dir: expected a text, found a list\n  hint: write the value alone: /srv"
        ),
        (
            "mem_limit: true",
            "f:3:16: error: services.w.mem_limit: expected a number or a size such as 512m, found true"
        ),
        ("scale: 1.5", "f:3:12: error: services.w.scale: expected a whole number, found 1.5"),
        ("cpu_percent: 101", "f:3:18: error: services.w.cpu_percent: expected a whole number from 0 to 100, found 101"),
        (
            "storage_opt: {size: 10}",
            "f:3:25: error: services.w.storage_opt.size: expected a text, found the number 10\n  hint: put it in quotes: \"10\""
        ),
        ("cpu_count: -1", "f:3:16: error: services.w.cpu_count: expected a whole number of at least 0, found -1"),
        (
            "x-own: .inf",
            "f:3:12: error: services.w.x-own: expected a finite number, found .inf\n  hint: put it in quotes"
        ),
        (
            "container_name: a",
            "f:3:21: error: services.w.container_name: expected a name of two or more letters, digits, dots, _ and -, found \"a\""
        ),
        (
            "cgroup: hosts",
            "f:3:13: error: services.w.cgroup: expected host or private, found \"hosts\"\n  hint: did you mean host?"
        ),
        (
            "namespaces: {uts: [host]}",
            "f:3:23: error: services.w.namespaces.uts: expected private, host, service:NAME, stack:NAME or path:FILE, found a list\n  hint: write the value alone: host"
        ),
    ]) func aValueOfTheWrongKind(keys: String, expected: String) throws {
        #expect(try inService(keys) == [expected])
    }

    @Test(arguments: [
        ("dependson: [a]", "services.w.dependson: unknown key", "did you mean depends_on?"),
        ("mem-limit: 1g", "services.w.mem-limit: unknown key", "did you mean mem_limit?"),
        ("restart_policy: {}", "services.w.restart_policy: unknown key", "it belongs under deploy:"),
        ("replicas: 2", "services.w.replicas: unknown key", "it belongs under deploy:"),
        ("namespaces: {network: host}", "services.w.namespaces.network: unknown key", "did you mean net?"),
        ("helicopters: 2", "services.w.helicopters: unknown key", "keys of your own begin with x-"),
        (
            "env_file: [{path: a, mode: 1}]", "services.w.env_file[0].mode: unknown key",
            "known here are format, path or required"
        ),
    ]) func anUnknownKey(keys: String, message: String, hint: String) throws {
        let column = keys.hasPrefix("env_file") ? 26 : keys.hasPrefix("namespaces") ? 18 : 5
        #expect(try inService(keys) == ["f:3:\(column): error: \(message)\n  hint: \(hint)"])
    }

    @Test func whatStandsAtTheTopButDoesNotBelongThere() throws {
        #expect(
            try problems("web:\n  image: nginx\n") == [
                "f:1:1: error: web: unknown key\n  hint: a service stands under services:"
            ])
        #expect(
            try problems("service:\n  web: {}\n") == [
                "f:1:1: error: service: unknown key\n  hint: did you mean services?"
            ])
        #expect(try problems("[a]") == ["f:1:1: error: expected a mapping at the top\n  hint: begin with services:"])
    }

    @Test func whatIsMissing() throws {
        #expect(
            try inService("depends_on: {a: {restart: true}}") == [
                "f:3:21: error: services.w.depends_on.a: the key condition is missing\n  hint: add condition: service_started"
            ])
        #expect(
            try inService("volumes: [{target: /a}]") == [
                "f:3:15: error: services.w.volumes[0]: the key type is missing\n  hint: add type: bind"
            ])
    }

    @Test func whatStandsTwice() throws {
        #expect(
            try inService("security_opt: [a, b, a]") == [
                "f:3:26: error: services.w.security_opt[2]: \"a\" is listed twice\n  note: f:3:20: it stands here first\n  hint: remove one of the two"
            ])
        // Numbers are the same however they are spelled, texts and numbers are not.
        #expect(try inService("group_add: [1, \"1\"]") == [])
        #expect(try inService("group_add: [16, 0x10]").count == 1)
    }

    @Test func names() throws {
        #expect(
            try problems("services: {\"a b\": {}}") == [
                "f:1:12: error: services.a b: \"a b\" is no name\n  hint: letters, digits, dots, _ and -"
            ])
    }

    @Test func allProblemsAtOnce() throws {
        #expect(try inService("user: 1\n    imge: a\n    ports: [[1], true]").count == 4)
    }

    @Test func whatCouldNotBeReadIsNotJudgedAgain() throws {
        let document = try #require(parse("services: {w: {user: 1, hostname: 2}}", file: "f").documents.first)
        let report = Report()
        report.unreadable = ["services.w.user"]
        Shape.check(document, report: report)
        #expect(report.diagnostics.map(\.path) == ["services.w.hostname"])
    }
}

@Suite struct UnhonouredTests {
    private func unhonoured(_ text: String) throws -> [String] {
        let document = try #require(parse(text, file: "f").documents.first)
        #expect(Shape.problems(in: document).map(\.description) == [])
        return Shape.unhonoured(in: document).map(\.description)
    }

    private func inService(_ keys: String) throws -> [String] { try unhonoured("services:\n  w:\n    \(keys)\n") }

    @Test func whatIsHonouredIsNotTold() throws {
        #expect(
            try inService(
                """
                command: [a]
                    privileged: false
                    secrets: []
                    network_mode: service:db
                    logging: {driver: json-file, options: {max-size: 1m}}
                    depends_on: {db: {condition: service_started}}
                    deploy: {mode: replicated, replicas: 2, placement: {}}
                    volumes: [{type: bind, source: /a, target: /b, bind: {create_host_path: true}}]
                    x-own: {privileged: true}
                """) == [])
        #expect(try unhonoured("networks: {a: {driver: bridge, external: false}, b: }") == [])
    }

    @Test func whatIsRefused() throws {
        // Its keys are not told one by one.
        #expect(try inService("deploy: {resources: {reservations: {cpus: 1, memory: 1g}}}").count == 1)
        #expect(
            try unhonoured("networks: {a: {driver: overlay}}") == [
                "f:1:24: error: networks.a.driver: \"overlay\" cannot be honoured: networks are bridges\n  hint: leave it out"
            ])
    }

    @Test func whatIsDoneWithout() throws {
        #expect(
            try inService("cpu_count: 2") == [
                "f:3:5: warning: services.w.cpu_count: has no meaning here: is for Windows"
            ])
        #expect(
            try unhonoured("x-resources: {cpus: 1}\nversion: \"3\"") == [
                "f:2:1: warning: version: cannot be honoured: ignored\n  hint: remove it"
            ])
    }

    @Test func inTheOrderOfTheFile() throws {
        #expect(
            try unhonoured("services: {b: {gpus: all, oom_score_adj: 5}, a: {dns: x}}").map { $0.prefix(6) } == [
                "f:1:16", "f:1:27", "f:1:50",
            ])
    }
}
