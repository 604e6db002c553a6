import Foundation
import Glibc
import Testing

extension MachineTests {
    /// Three kinds of dependency, seven fates of what is depended on, four commands: each ends as described, none hangs.
    @Suite(.serialized) struct ConditionTests {
        /// What becomes of what is depended on, and how `run`, `up` and `up --wait` of its dependent end then.
        struct Fate: Sendable, CustomStringConvertible {
            let description: String
            /// nil: it is in a profile that is not enabled.
            let command: String?
            let started, healthy: [Int32]
            /// nil: who waits for that waits until interrupted.
            let completed: [Int32]?

            init(
                _ description: String, _ command: String?, started: [Int32], healthy: [Int32], completed: [Int32]?
            ) {
                self.description = description
                self.command = command
                self.started = started
                self.healthy = healthy
                self.completed = completed
            }
        }

        private static let fine: [Int32] = [0, 0, 0]
        private static let refused: [Int32] = [1, 3, 3]
        private static let unready: [Int32] = [0, 0, 1]
        private static let wrong: [Int32] = [1, 1, 1]

        /// Nothing of this depends on the kind of control groups: on the slow machine that has the other kind a few will do.
        static let fates = isVirtual ? all.filter { ["slow", "dying"].contains($0.description) } : all

        private static let all = [
            Fate("healthy", "touch /tmp/ok; exec sleep infinity", started: fine, healthy: fine, completed: nil),
            Fate("slow", "sleep 0.6; touch /tmp/ok; exec sleep infinity", started: fine, healthy: fine, completed: nil),
            Fate("failing", "exec sleep infinity", started: unready, healthy: refused, completed: nil),
            Fate("dying", "sleep 0.3; exit 4", started: unready, healthy: refused, completed: refused),
            Fate("ending with 0", "exit 0", started: fine, healthy: refused, completed: fine),
            Fate("ending with 1", "exit 1", started: unready, healthy: refused, completed: refused),
            Fate("missing", nil, started: wrong, healthy: wrong, completed: wrong),
        ]

        @Test(arguments: fates) func everyCombinationEnds(_ fate: Fate) throws {
            for (condition, expected) in [("service_started", fate.started), ("service_healthy", fate.healthy)] {
                try withStack(yaml(fate, condition)) { try expectStatuses($0, condition, expected) }
            }
            try withStack(yaml(fate, "service_completed_successfully")) { stack in
                if let completed = fate.completed { return try expectStatuses(stack, "completed", completed) }
                for words in [["run", "--rm", "-T", "web", "true"], ["up", "-d", "web"], ["up", "--wait"]] {
                    let waiting = try stack.start(words)
                    try waitUntil("its dependency") { waiting.err.contains("container/db/1 started") }
                    waiting.signal(SIGINT)
                    let ended = try waiting.wait(20)
                    #expect(ended.status == 130, "\(words): \(ended)")
                    #expect(try stack.ps().isEmpty)
                }
            }
        }

        private func expectStatuses(_ stack: Stack, _ condition: String, _ expected: [Int32]) throws {
            let all = [["run", "--rm", "-T", "web", "true"], ["up", "-d", "web"], ["up", "-d", "--wait"]]
            for (words, status) in zip(all, expected) {
                let ended = try stack.start(words).wait(20)
                #expect(ended.status == status, "\(condition), \(words): \(ended)")
            }
            // Who was never made cannot be restarted; who runs is, without waiting for anybody.
            let list = try stack.run("-p", stack.project, "ps", "-a", "--services").out
            let isThere = list.split(separator: "\n").contains("web")
            let restart = try stack.start(["restart", "-t", "0", "web"]).wait(20)
            #expect(restart.status == (isThere ? 0 : 1), "\(condition): \(restart)")
            #expect(isThere == (expected[1] == 0), "\(condition)")
        }

        private func yaml(_ fate: Fate, _ condition: String) -> String {
            """
            services:
              db:
                rootfs: host
                profiles: \(fate.command == nil ? "[never]" : "[]")
                command: [sh, -c, "\(fate.command ?? "")"]
                stop_grace_period: 0s
                healthcheck: {test: [CMD, test, -e, /tmp/ok], interval: 100ms, retries: 3, start_period: 1s, start_interval: 50ms}
              web:
                rootfs: host
                command: [sleep, infinity]
                stop_grace_period: 0s
                depends_on: {db: {condition: \(condition)}}
            """
        }
    }
}
