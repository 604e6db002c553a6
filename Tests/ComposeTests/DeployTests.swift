import Compose
import Diagnostics
import Testing

@Suite struct DeployTests {
    @Test(
        arguments: [
            ("{}", .always, nil),
            ("{condition: any}", .always, nil),
            ("{condition: none}", .no, nil),
            ("{condition: on-failure, max_attempts: 0}", .onFailure(maximum: nil), nil),
            (
                "{condition: on-failure, max_attempts: '3', delay: 1m, window: 500ms}", .onFailure(maximum: nil),
                RestartPace(attempts: 3, delay: .seconds(60), window: .milliseconds(500))
            ),
            ("{delay: 0s}", .always, nil),
        ] as [(String, RestartPolicy, RestartPace?)])
    func restartPolicies(yaml: String, policy: RestartPolicy, pace: RestartPace?) throws {
        let service = try service("restart: unless-stopped\ndeploy: {restart_policy: \(yaml)}")
        #expect(service.restart == policy && service.restartPace == pace)
    }

    @Test func withoutOneRestartCounts() throws {
        #expect(try service("restart: unless-stopped\ndeploy: {replicas: 2}").restart == .unlessStopped)
    }

    @Test func updates() throws {
        #expect(try service("deploy: {replicas: 2}").update == nil)
        #expect(try service("deploy: {update_config: {}}").update == UpdateSettings())
        #expect(try service("deploy: {rollback_config: {order: stop-first}}").rollback == UpdateSettings())
        var settings = UpdateSettings()
        (settings.parallelism, settings.delay, settings.monitor) = (0, .seconds(90), .milliseconds(500))
        (settings.order, settings.failureAction, settings.maxFailureRatio) = (.startFirst, .rollback, 0.5)
        let yaml = """
            {parallelism: "0", delay: 1m30s, monitor: 500ms, order: start-first, failure_action: rollback,
             max_failure_ratio: 0.5}
            """
        #expect(try service("deploy: {update_config: \(yaml)}").update == settings)
    }
}
