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
}
