import Compose
import Diagnostics
import Testing

@Suite struct HealthTests {
    private func settings(_ yaml: String) throws -> HealthSettings {
        try #require(try service("healthcheck: \(yaml)").healthCheck)
    }

    @Test(
        arguments: [
            ("{test: curl -f localhost}", .shell("curl -f localhost")),
            ("{test: [CMD-SHELL, 'a | b']}", .shell("a | b")),
            ("{test: [CMD, a, 'b c']}", .command(["a", "b c"])), ("{test: [NONE]}", .disabled),
            ("{disable: true}", .disabled),
            ("{test: x, disable: true}", .disabled), ("{tcp: 5432}", .tcp(5432)), ("{tcp: '5432'}", .tcp(5432)),
            ("{x-tcp: 5432}", .tcp(5432)), ("{http: 80}", .http(HTTPProbe(port: 80))),
            ("{http: 80/a?b=c}", .http(HTTPProbe(port: 80, path: "/a?b=c"))),
            ("{http: {port: 80, path: up}}", .http(HTTPProbe(port: 80, path: "/up"))),
            ("{http: {port: '80', host: shop.example.com}}", .http(HTTPProbe(port: 80, host: "shop.example.com"))),
            ("{http: {port: 80, status: 204}}", .http(HTTPProbe(port: 80, statuses: [204...204]))),
            (
                "{http: {port: 80, status: '200,301-302'}}",
                .http(HTTPProbe(port: 80, statuses: [200...200, 301...302]))
            ),
        ] as [(String, HealthSettings.Test)])
    func tests(yaml: String, test: HealthSettings.Test) throws {
        #expect(try settings(yaml).test == test)
    }

    @Test func times() throws {
        let settings = try settings(
            "{test: x, interval: 1m30s, timeout: 500ms, retries: 7, start_period: 0s, start_interval: 2s}")
        #expect(settings.interval == .seconds(90))
        #expect(settings.timeout == .milliseconds(500))
        #expect(settings.retries == 7)
        #expect(settings.startPeriod == nil)
        #expect(settings.startInterval == .seconds(2))
        #expect(try self.settings("{retries: 3}").test == nil)
    }

    @Test func reactions() throws {
        #expect(try service("").onUnhealthy == .none)
        #expect(try service("on_unhealthy: restart").onUnhealthy == .restart)
        #expect(try service("x-on_unhealthy: stop").onUnhealthy == .stop)
    }

    @Test func conditions() throws {
        let project = try project(
            """
            services:
              db: {command: x, healthcheck: {tcp: 1}}
              web: {command: x, depends_on: {db: {condition: service_healthy, required: false}}}
            """)
        #expect(
            project.service("web")?.dependencies == [Dependency(service: "db", condition: .healthy, required: false)])
    }
}
