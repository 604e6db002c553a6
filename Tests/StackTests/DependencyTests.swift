import Compose
import Stack
import Testing

/// What a dependency may come to, and what that means for who waits for it.
@Suite struct DependencyTests {
    private func stack(_ condition: Stack.Dependency.Condition, required: Bool = true) -> Goal {
        goal(
            container("db") { $0.healthCheck = HealthCheck(.tcp(1)) }, container("other"),
            container("web") { $0.dependencies = [Stack.Dependency("db", condition, required: required)] })
    }

    private let db = Instance(ContainerID("db"), 1)

    enum Fate: String, CaseIterable {
        case healthy, unhealthy, slow, endsWell, endsBadly
    }

    private func meet(_ fate: Fate, _ rehearsal: inout Rehearsal) {
        switch fate {
        case .healthy: rehearsal.turn(db, health(.healthy))
        case .unhealthy: rehearsal.turn(db, health(.unhealthy, output: "no disk"))
        case .slow: break
        case .endsWell: rehearsal.end(db, .code(0))
        case .endsBadly: rehearsal.end(db, .code(7))
        }
    }

    /// The whole matrix: nil waits on, else the failure or "".
    private func outcome(_ condition: Stack.Dependency.Condition, _ fate: Fate) -> String? {
        switch (condition, fate) {
        case (.started, _), (.healthy, .healthy), (.completed, .endsWell): ""
        case (.healthy, .slow), (.completed, .slow), (.completed, .healthy), (.completed, .unhealthy): nil
        case (.healthy, .unhealthy): "db was to become healthy, but it is unhealthy"
        case (.healthy, .endsWell): "db was to become healthy, but it exited with 0"
        case (.healthy, .endsBadly): "db was to become healthy, but it exited with 7"
        case (.completed, .endsBadly): "db was to complete successfully, but it exited with 7"
        }
    }

    @Test(arguments: [Stack.Dependency.Condition.started, .healthy, .completed], Fate.allCases)
    func matrix(condition: Stack.Dependency.Condition, fate: Fate) throws {
        let goal = stack(condition)
        var rehearsal = Rehearsal(plan(from: .nothing, to: goal), from: .nothing)
        try rehearsal.perform()
        // Who does not depend on it does not wait.
        #expect(rehearsal.log.contains("start other.1.1"))
        #expect(rehearsal.log.contains("start web.1.1") == (condition == .started))
        meet(fate, &rehearsal)
        do throws(ChangeRun.Failure) {
            try rehearsal.perform()
            #expect(outcome(condition, fate) == (rehearsal.run.isDone ? "" : nil))
            #expect(rehearsal.log.contains("start web.1.1") == rehearsal.run.isDone)
        } catch {
            #expect(error.message == outcome(condition, fate))
            #expect(error.container == ContainerID("web") && error.culprit == ContainerID("db"))
            #expect(error.key == "depends_on.db")
            if fate == .unhealthy { #expect(error.probe?.description == "its last probe failed with 1\nno disk") }
        }
    }

    @Test(arguments: [Stack.Dependency.Condition.healthy, .completed]) func whatIsNotRequiredOnlyWarns(
        condition: Stack.Dependency.Condition
    ) throws {
        var rehearsal = Rehearsal(plan(from: .nothing, to: stack(condition, required: false)), from: .nothing)
        try rehearsal.perform()
        rehearsal.end(db, .code(7))
        try rehearsal.perform()
        #expect(rehearsal.run.isDone)
        #expect(rehearsal.log.count { $0.hasPrefix("warn web/1 goes on without db") } == 1)
    }

    @Test func whatIsHealthyAlreadyIsNotWaitedFor() throws {
        for (status, isDone) in [(Health.Status.healthy, true), (.starting, false)] {
            var observation = Observation(sound: stack(.healthy))
            observation["db"].health = health(status)
            observation["web"].state = .exited(.code(1))
            var rehearsal = Rehearsal(plan(from: observation, to: stack(.healthy)), from: observation)
            try rehearsal.perform()
            #expect(rehearsal.run.isDone == isDone)
        }
    }

    @Test func anEarlierLifeSaysNothing() throws {
        var observation = Observation(sound: stack(.healthy))
        observation["db"].health = health(.healthy)
        var goal = stack(.healthy)
        goal.containers[0].arguments = ["other"]
        goal.containers[2].arguments = ["other"]
        var rehearsal = Rehearsal(plan(from: observation, to: goal), from: observation)
        rehearsal.turn(db, health(.unhealthy))
        try rehearsal.perform()
        #expect(!rehearsal.log.contains("start web.1.2"))
        rehearsal.turn(Instance(ContainerID("db"), 2), health(.healthy))
        try rehearsal.perform()
        #expect(rehearsal.log.contains("start web.1.2") && rehearsal.run.isDone)
    }

    @Test func aJobThatIsStartedAgainHasCompletedAllTheSame() throws {
        var rehearsal = Rehearsal(plan(from: .nothing, to: stack(.completed)), from: .nothing)
        try rehearsal.perform()
        rehearsal.restart(db, after: .code(0))
        try rehearsal.perform()
        #expect(rehearsal.run.isDone)
    }

    @Test func startWaitsForTheHealthOfWhatRuns() throws {
        var observation = Observation(sound: stack(.healthy))
        observation["web"].state = .exited(.signal(15))
        var rehearsal = Rehearsal(plan(starting: [ContainerID("web")], from: observation), from: observation)
        try rehearsal.perform()
        #expect(!rehearsal.run.isDone)
        rehearsal.turn(db, health(.healthy))
        try rehearsal.perform()
        #expect(rehearsal.log.contains("start web.1.1"))
    }

    // MARK: restart: true

    private func chain(_ edit: (inout ContainerSpec) -> Void = { _ in }) -> Goal {
        goal(
            container("app") { $0.dependencies = [Stack.Dependency("db", restarts: true)] },
            container("db", 1, edit), container("plain") { $0.dependencies = [Stack.Dependency("db")] },
            container("web") { $0.dependencies = [Stack.Dependency("app", restarts: true)] })
    }

    @Test func whatIsReplacedTakesItsDependentsAlong() {
        let plan = plan(from: Observation(sound: chain()), to: chain { $0.arguments = ["other"] })
        #expect(
            plan.lines == [
                "restart container/app/1: it depends on db/1, with restart: true",
                "replace container/db/1 (command: sleep inf -> other): command cannot be changed in place",
                "restart container/web/1: it depends on app/1, with restart: true",
            ])
        #expect(plan.turnovers.map(\.id.service) == ["db", "app", "web"])
    }

    @Test func whatStartsAgainAfterItsEndTakesNobodyAlong() {
        var observation = Observation(sound: chain())
        observation["db"].state = .exited(.code(1))
        #expect(plan(from: observation, to: chain()).turnovers.map(\.id.service) == ["db"])
    }

    @Test func restartTakesDependentsAlong() {
        let plan = plan(restarting: [ContainerID("db")], from: Observation(sound: chain()))
        #expect(plan.turnovers.map(\.id.service) == ["db", "app", "web"])
        #expect(
            plan.lines.last
                == "restart container/web/1 (state: running -> running): it depends on app/1, with restart: true")
    }

    // MARK: Readiness, checks

    @Test func whoIsNotReady() {
        var observation = Observation(sound: stack(.started))
        let all = Set(observation.containers.keys)
        #expect(observation.unready(all).map(\.message) == ["it has not become healthy"])
        observation["db"].health = health(.healthy)
        observation["other"].state = .exited(.code(0))
        #expect(observation.unready(all).isEmpty)
        observation["db"].health = health(.unhealthy)
        observation["other"].state = .exited(.code(3))
        observation["web"].state = .restarting(.code(1))
        let unready = observation.unready(all)
        #expect(unready.map(\.id.service) == ["db", "other", "web"] && unready.map(\.isFinal) == [true, true, false])
        #expect(observation.unready([ContainerID("other")]).count == 1)
    }

    @Test func whoWaitsForHealthWithoutACheckIsRefused() {
        let result = GoalMaker.make(
            project: project(
                service("db"),
                service("web") { $0.dependencies = [Compose.Dependency(service: "db", condition: .healthy)] }),
            observed: Ledger(project: "demo"))
        #expect(result.problems.map(\.path) == ["services.web.depends_on.db"])
        #expect(result.problems.map(\.message) == ["db has no health check to wait for"])
        // What may be missing need not be more than started.
        let optional = Compose.Dependency(service: "db", condition: .healthy, required: false)
        let goal = GoalMaker.make(
            project: project(service("db"), service("web") { $0.dependencies = [optional] }),
            observed: Ledger(project: "demo"))
        #expect(goal.problems == [] && goal.goal?.containers.count == 2)
    }

    @Test func theFileSaysWhatTheImageDoesNot() {
        var image = HealthCheck(.command(["/check"]))
        image.retries = 9
        image.interval = 1000
        var settings = HealthSettings()
        settings.interval = .seconds(5)
        let check = HealthCheck(settings, over: image, reaction: .restart)
        #expect(check?.probe == .command(["/check"]) && check?.retries == 9 && check?.interval == 5000)
        #expect(check?.reaction == .restart)
        settings.test = .shell("true")
        #expect(HealthCheck(settings, over: image, reaction: .none)?.probe == .command(["/bin/sh", "-c", "true"]))
        settings.test = .disabled
        #expect(HealthCheck(settings, over: image, reaction: .none) == nil)
        #expect(HealthCheck(nil, over: nil, reaction: .stop) == nil)
        #expect(HealthCheck(nil, over: image, reaction: .none)?.retries == 9)
    }

    @Test(
        arguments: [
            ("HTTP/1.1 204 No Content\r\n", false, 0, "HTTP/1.1 204 No Content"), ("HTTP/1.1 30", false, nil, ""),
            ("HTTP/1.0 503 No\r\n\r\nthe disk", false, nil, ""),
            ("HTTP/1.0 503 No\r\n\r\nthe disk", true, 1, "HTTP/1.0 503 No\r\n\r\nthe disk"), ("", true, 1, "no answer"),
            ("SSH-2.0-x\r\n", false, 1, "no HTTP: SSH-2.0-x\r\n"), ("x", true, 1, "no HTTP: x"),
        ] as [(String, Bool, Int32?, String)])
    func answers(reply: String, isOver: Bool, code: Int32?, output: String) {
        let answer = HTTPProbe(port: 80).judge(Array(reply.utf8), isOver: isOver)
        #expect(answer == code.map { Health.Answer(exitCode: $0, output: output) })
    }

    @Test func aListSaysHowTheyFare() {
        var observation = Observation(sound: stack(.started))
        observation["db"].health = health(.unhealthy, output: "no disk")
        observation["db"].startedAt = 0
        let list = ContainerList(observation, project: "demo", now: 60_000_000_000)
        #expect(list.table().contains("Up About a minute (unhealthy)"))
        #expect(list.jsonLines().contains("\"Health\":\"unhealthy\",\"HealthLog\":[{\"Start\""))
        #expect(list.jsonLines().contains("\"ExitCode\":1,\"Output\":\"no disk\""))
    }
}
