import Stack
import Testing

@Suite struct HookTests {
    private let web = container("web") { spec in
        spec.hooks = Hooks(
            postStart: [Hook(["one"], key: "post_start[0]"), Hook(["two"], key: "post_start[1]")],
            preStop: [Hook(["drain"], key: "pre_stop[0]"), Hook(["flush"], key: "pre_stop[1]")])
    }
    private let client = container("client") { $0.dependencies = [Dependency("web")] }

    private func up(_ goal: Goal, from observation: Observation = .nothing) -> Rehearsal {
        Rehearsal(plan(from: observation, to: goal), from: observation)
    }

    @Test func theyRunInOrderAndDependentsWaitForThem() throws {
        var rehearsal = up(goal(client, web))
        try rehearsal.perform()
        #expect(
            rehearsal.log.suffix(6) == [
                "start web.1.1", "post_start[0] web.1.1", "post_start[1] web.1.1", "ready web.1.1",
                "start client.1.1", "commit",
            ])
    }

    @Test func aFailureFailsTheChange() {
        var rehearsal = up(goal(client, web))
        rehearsal.answers = ["one": 3]
        let failure = rehearsal.failure()
        #expect(failure?.key == "post_start[0]" && failure?.message == "one exited with 3")
        #expect(!rehearsal.log.contains { $0.hasPrefix("post_start[1]") || $0.hasPrefix("start client") })
    }

    @Test func whatDoesNotEndIsEnded() {
        var rehearsal = up(goal(web))
        rehearsal.endless = ["two"]
        let failure = rehearsal.failure()
        #expect(failure?.message == "two did not end within 300s")
        #expect(rehearsal.log.last == "end-hook web.1.1 at 300s")
    }

    @Test func aContainerThatEndsEndsThem() {
        var rehearsal = up(goal(web))
        rehearsal.tasks = ["web": .code(0)]
        let failure = rehearsal.failure()
        #expect(failure?.message == "one is not done: it exited with 0")
    }

    @Test func theyRunBeforeTheSignal() throws {
        var rehearsal = up(goal(), from: Observation(sound: goal(web)))
        try rehearsal.perform()
        #expect(
            rehearsal.log == [
                "commit", "pre_stop[0] web.1.1", "pre_stop[1] web.1.1", "signal web.1.1 15", "discard web.1.1",
            ])
    }

    @Test func aFailureBeforeAStopIsToldAndTheStopGoesOn() throws {
        var rehearsal = up(goal(), from: Observation(sound: goal(web)))
        rehearsal.answers = ["drain": 1]
        try rehearsal.perform()
        #expect(
            rehearsal.log == [
                "commit", "pre_stop[0] web.1.1", "warn container/web/1: pre_stop[0] exited with 1", "signal web.1.1 15",
                "discard web.1.1",
            ])
        #expect(rehearsal.run.isDone)
    }

    @Test func beforeAStopTheyHaveAGracePeriodOfTheirOwn() throws {
        let observation = Observation(sound: goal(web))
        var rehearsal = Rehearsal(plan(from: observation, to: goal()), from: observation, grace: ["web": 4000])
        rehearsal.endless = ["flush"]
        rehearsal.deaf = ["web"]
        try rehearsal.perform()
        #expect(
            rehearsal.log.dropFirst(3) == [
                "end-hook web.1.1 at 4s", "warn container/web/1: pre_stop[1] did not end in time at 4s",
                "signal web.1.1 15 at 4s", "kill web.1.1 at 8s", "discard web.1.1 at 8s",
            ])
        // Without any time there is none for them.
        rehearsal = Rehearsal(plan(from: observation, to: goal()), from: observation, grace: ["web": 0])
        try rehearsal.perform()
        #expect(rehearsal.log[1] == "warn container/web/1: there is no time to run its pre_stop")
        #expect(rehearsal.run.isDone)
    }

    @Test func aStartThatIsNotWholeIsMadeAnew() {
        var observation = Observation(sound: goal(web))
        observation["web"].isHalfStarted = true
        let made = plan(from: observation, to: goal(web))
        #expect(made.lines == ["! restart container/web/1: its post_start did not come to an end"])
        #expect(made.turnovers.map(\.stop) == [Instance(ContainerID("web"), 1)])
    }

    @Test func whatTheyHaveFromTheirContainer() {
        var spec = web
        spec.environment = ["A=1", "B=2"]
        spec.user = "www"
        spec.groups = ["disk"]
        spec.capabilities = ["CHOWN"]
        var hook = Hook(["x"], key: "post_start[0]")
        hook.environment = ["B=3"]
        var command = HookCommand(hook, in: spec)
        #expect(command.environment == ["A=1", "B=3"] && command.user == "www" && command.workingDirectory == "/")
        #expect(command.groups == ["disk"] && command.capabilities == ["CHOWN"])
        (hook.user, hook.workingDirectory, hook.isPrivileged) = ("root", "/srv", true)
        command = HookCommand(hook, in: spec)
        #expect(command.user == "root" && command.groups == [] && command.workingDirectory == "/srv")
        #expect(command.capabilities.contains("SYS_ADMIN"))
    }
}
