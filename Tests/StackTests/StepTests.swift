import Compose
import Stack
import Testing

/// The steps of a `pre_start`: when they are run again.
@Suite struct StepTests {
    private let stack = [
        container("web") { $0.dependencies = [Stack.Dependency("web-pre_start-0", .completed)] },
        container("web", 2) { $0.dependencies = [Stack.Dependency("web-pre_start-0", .completed)] },
        container("web-pre_start-0") { $0.precedes = Step(of: "web", key: "pre_start[0]") },
    ]

    /// The step has ended well, and both replicas run.
    private func observation(_ edit: (inout Observation) -> Void = { _ in }) -> Observation {
        var observation = Observation(sound: goal(stack))
        observation["web-pre_start-0"].state = .exited(.code(0))
        edit(&observation)
        return observation
    }

    private func steps(_ plan: Plan) -> [String] { plan.steps.filter { $0.hasPrefix("turn") } }

    @Test func theFirstUpRunsItBeforeTheService() {
        #expect(
            steps(plan(from: .nothing, to: goal(stack))) == [
                "turn start web-pre_start-0.1.1", "turn start web.1.1", "turn start web.2.1",
            ])
    }

    @Test func whatIsDoneStaysDone() {
        #expect(plan(from: observation(), to: goal(stack)).isEmpty)
    }

    @Test func oneMoreReplicaDoesNotRepeatIt() {
        let third = container("web", 3) { $0.dependencies = [Stack.Dependency("web-pre_start-0", .completed)] }
        #expect(steps(plan(from: observation(), to: goal(stack + [third]))) == ["turn start web.3.1"])
    }

    @Test func aCrashDoesNotRepeatIt() {
        let crashed = observation {
            $0.containers[ContainerID("web", 1)]?.state = .exited(.code(1))
            $0.containers[ContainerID("web", 2)]?.state = .exited(.code(1))
        }
        #expect(steps(plan(from: crashed, to: goal(stack))) == ["turn start web.1.1", "turn start web.2.1"])
    }

    @Test func aServiceThatIsReplacedRunsItAgain() {
        let newer = stack.map { spec in
            var spec = spec
            if spec.precedes == nil { spec.environment = ["A=1"] }
            return spec
        }
        #expect(
            steps(plan(from: observation(), to: goal(newer))) == [
                "turn start web-pre_start-0.1.2", "turn stop web.1.1 start web.1.2", "turn stop web.2.1 start web.2.2",
            ])
        // As does one that is asked for anew.
        let asked: Set = [Instance(ContainerID("web", 1), 1), Instance(ContainerID("web", 2), 1)]
        #expect(
            steps(plan(from: observation(), to: goal(stack), Manner(again: asked))).first
                == "turn start web-pre_start-0.1.2")
        // Where a replica goes on it has been done for that one, and counts.
        #expect(
            steps(plan(from: observation(), to: goal(stack), Manner(again: [Instance(ContainerID("web", 1), 1)])))
                == ["turn stop web.1.1 start web.1.2"])
    }

    @Test func oneForEachReplicaFollowsItsOwn() {
        let many = stack + [container("web-pre_start-0", 2) { $0.precedes = Step(of: "web", key: "pre_start[0]") }]
        var observation = Observation(sound: goal(many))
        for index in 1...2 { observation.containers[ContainerID("web-pre_start-0", index)]?.state = .exited(.code(0)) }
        #expect(
            steps(plan(from: observation, to: goal(many), Manner(again: [Instance(ContainerID("web", 2), 1)])))
                == ["turn start web-pre_start-0.2.2", "turn stop web.2.1 start web.2.2"])
    }

    @Test func neitherRestartNorStartRepeatsIt() {
        let all = stack.map(\.id)
        #expect(
            steps(plan(restarting: all, from: observation())) == [
                "turn stop web.1.1 start web.1.1", "turn stop web.2.1 start web.2.1",
            ])
        let stopped = observation {
            for index in 1...2 { $0.containers[ContainerID("web", index)]?.state = .exited(.signal(15)) }
        }
        #expect(steps(plan(starting: all, from: stopped)) == ["turn start web.1.1", "turn start web.2.1"])
    }
}
