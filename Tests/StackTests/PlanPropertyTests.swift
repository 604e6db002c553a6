import Stack
import Testing

/// What holds for any plan.
@Suite struct PlanPropertyTests {
    /// A stack that is drawn by lot.
    private func randomGoal(_ random: inout Lot) -> Goal {
        var containers: [ContainerSpec] = []
        for name in ["a", "b", "c", "d", "e", "f"] where random.next(4) > 0 {
            for index in 1...(1 + random.next(2)) {
                let earlier = containers.map(\.id.service)
                containers.append(
                    container(name, index) { spec in
                        for key in ServiceKey.allCases where random.next(4) == 0 && key != .networkMode {
                            spec.attachments = [place("front", "172.18.0.9")]
                            spec.ports = [PublishedPort(hostPort: nil, containerPort: 1)]
                            spec.files = [secret]
                            edit(key, &spec)
                        }
                        spec.namespaces = Namespaces()
                        spec.mounts = []
                        spec.attachments = [place("front", "172.18.0.\(containers.count + 2)")]
                        if random.next(2) == 0 {
                            spec.attachments.append(place("back", "172.18.1.\(containers.count + 2)"))
                        }
                        spec.dependencies = Set(earlier).sorted().filter { $0 != name && random.next(2) == 0 }
                            .map { Dependency($0) }
                        if let owner = earlier.first(where: { $0 != name }), random.next(3) == 0 {
                            spec.namespaces.pid = .service(owner)
                        }
                    })
            }
        }
        return goal(containers, networks: [back, front])
    }

    @Test func plansHoldForStacksDrawnByLot() throws {
        var random = Lot(seed: 7)
        var observation = Observation.nothing
        for _ in 0..<300 {
            let next = randomGoal(&random)
            let plan = plan(from: observation, to: next)
            #expect(Stack.plan(from: observation, to: next) == plan)
            #expect(Stack.plan(from: Observation(sound: plan.ledger), to: next).isEmpty)
            #expect(plan.ledger.goal == next)
            var started: Set<String> = []
            for turnover in plan.turnovers {
                for condition in turnover.after
                where plan.turnovers.contains(where: { $0.id.service == condition.service }) {
                    #expect(started.contains(condition.service))
                }
                started.insert(turnover.id.service)
            }
            var gone: Set<Instance> = []
            for level in plan.removals {
                for instance in level {
                    let waits = plan.removals.joined().filter { other in
                        observation.ledger.entry(other.id)!.spec.dependencies.contains {
                            $0.service == instance.id.service
                        }
                    }
                    #expect(gone.isSuperset(of: waits))
                }
                gone.formUnion(level)
            }
            observation = Observation(sound: plan.ledger)
        }
    }

    @Test func aThousandInAChainAreQuick() {
        let chain = goal(
            (0..<1000).map { number in
                container("s\(10_000 + number)") { spec in
                    if number > 0 { spec.dependencies = [Dependency("s\(10_000 + number - 1)")] }
                }
            })
        let up = plan(from: .nothing, to: chain)
        #expect(up.turnovers.map(\.id) == chain.containers.map(\.id))
        let down = plan(from: Observation(sound: chain), to: Goal(project: "demo"))
        #expect(down.removals.count == 1000)
        #expect(down.removals.flatMap { $0 }.map(\.id) == chain.containers.map(\.id).reversed())
    }
}

/// Numbers that are the same in every run (xorshift64).
struct Lot {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next(_ limit: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(limit))
    }
}
