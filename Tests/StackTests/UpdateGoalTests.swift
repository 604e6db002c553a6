import Compose
import Diagnostics
import Stack
import Testing

/// The two network namespaces that a container has by turns.
@Suite struct UpdateGoalTests {
    private func web(_ command: String, _ edit: (inout Service) -> Void = { _ in }) -> Service {
        service("web") { service in
            service.command = [command]
            service.replicas = 2
            service.update = UpdateSettings()
            service.update?.order = .startFirst
            edit(&service)
        }
    }

    private func make(_ ledger: Ledger, again: Set<Instance> = [], _ services: Service...) throws -> Goal {
        var file = project()
        file.services = services
        let result = GoalMaker.make(project: file, observed: ledger, again: again)
        #expect(result.problems == [])
        return try #require(result.goal)
    }

    private func endpoints(_ goal: Goal) -> [String] {
        goal.containers.map { "\($0.endpoint) \($0.attachments[0].address)" }
    }

    @Test func aReplacementHasTheOtherOneWithAnAddressOfItsOwn() throws {
        let first = try make(Ledger(project: "demo"), web("one"))
        #expect(endpoints(first) == ["web 172.18.0.2", "web.2 172.18.0.3"])
        // Nothing changes, nothing moves.
        #expect(try make(applied(first), web("one")) == first)
        let second = try make(applied(first), web("two"))
        #expect(endpoints(second) == ["web+ 172.18.0.4", "web.2+ 172.18.0.5"])
        #expect(second.endpoints.map(\.name) == ["web+", "web.2+"])
        #expect(try make(applied(second), web("two")) == second)
        #expect(endpoints(try make(applied(second), web("three"))) == ["web 172.18.0.2", "web.2 172.18.0.3"])
        #expect(second.names(in: "default").map(\.address) == ["172.18.0.4", "172.18.0.5"])
        // Others are led to the old ones meanwhile.
        let serving = second.serving([ContainerID("web")], of: first)
        #expect(serving.names(in: "default").map(\.address) == ["172.18.0.2", "172.18.0.5"])
    }

    @Test func whatIsChangedInPlaceStaysWhereItIs() throws {
        let first = try make(Ledger(project: "demo"), web("one"))
        let edited = try make(applied(first), web("one") { $0.labels = ["a": "b"] })
        #expect(endpoints(edited) == endpoints(first))
        let again = try make(applied(first), again: [Instance(ContainerID("web", 2), 1)], web("one"))
        #expect(endpoints(again) == ["web 172.18.0.2", "web.2+ 172.18.0.4"])
    }

    @Test func whoStopsFirstKeepsItsPlace() throws {
        let first = try make(Ledger(project: "demo"), web("one"))
        let second = try make(applied(first), web("two"))
        let third = try make(applied(second), web("three") { $0.update?.order = .stopFirst })
        #expect(endpoints(third) == endpoints(second))
    }

    @Test func whatTwoLivesCannotShareIsRefused() {
        func problems(_ services: Service...) -> [String] {
            var file = project()
            file.services = services
            return GoalMaker.make(project: file, observed: Ledger(project: "demo")).problems.map {
                "\($0.path): \($0.message)"
            }
        }
        let fixed = web("one") { service in
            service.replicas = 1
            service.networks[0].address = IPv4Address("172.18.0.9")
        }
        #expect(
            problems(fixed).contains(
                "services.web.networks.default.ipv4_address: with order: start-first two containers stand beside each "
                    + "other, and one address is not enough"))
        let sidecar = service("sidecar", networks: []) { $0.namespaces.net = .service("web") }
        #expect(
            problems(web("one") { $0.replicas = 1 }, sidecar) == [
                "services.web.deploy.update_config.order: sidecar lives in the net namespace of web, which start-first "
                    + "would change"
            ])
    }
}
