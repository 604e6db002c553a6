import Foundation
import Glibc
import Testing

extension MachineTests {
    /// Deaths in the middle of a change, at every entry of the journal and at random: the next `up` reaches its goal, the
    /// next `down` leaves nothing.
    @Suite(.serialized) struct KillTests {
        static func yaml(_ port: Int, limit: String = "64m", seconds: String = "infinity") -> String {
            """
            services:
              db: {rootfs: host, init: true, command: [sleep, infinity], mem_limit: \(limit), stop_grace_period: 1s}
              web:
                rootfs: host
                init: true
                command: [sleep, "\(seconds)"]
                depends_on: [db]
                ports: ["127.0.0.1:\(port):80"]
                restart: always
                stop_grace_period: 1s
              side: {rootfs: host, init: true, command: [sleep, infinity], network_mode: "service:web", stop_grace_period: 1s}
            """
        }

        @Test func `a supervisor may die before any step of a first up`() throws {
            try withStack(Self.yaml(try Machine.freePort())) { stack in
                for step in steps(upTo: 22) {
                    try die(at: step, in: stack, "up", "-d")
                    try expectConvergence(stack, "step \(step)")
                    try expectRemoval(stack, "step \(step)")
                }
            }
        }

        @Test func `a supervisor may die before any step of a change`() throws {
            let port = try Machine.freePort()
            try withStack(Self.yaml(port)) { stack in
                try stack.up()
                for step in steps(upTo: 16) {
                    let isEven = step % 2 == 0
                    try stack.write(Self.yaml(port, limit: isEven ? "64m" : "96m", seconds: isEven ? "8888" : "9999"))
                    try die(at: step, in: stack, "up", "-d")
                    try expectConvergence(stack, "step \(step)")
                }
                try expectRemoval(stack, "the end")
            }
        }

        @Test func `a supervisor may die before any step of a down`() throws {
            try withStack(Self.yaml(try Machine.freePort())) { stack in
                for step in steps(upTo: 20) {
                    try stack.up()
                    try die(at: step, in: stack, "down")
                    // Every other time the stack comes back from the middle.
                    if step % 4 > 1 { try expectConvergence(stack, "step \(step)") }
                    try expectRemoval(stack, "step \(step)")
                }
            }
        }

        /// `SETTLE_KILLS` says how often.
        @Test func `whoever may be killed at any moment`() throws {
            let kills = ProcessInfo.processInfo.environment["SETTLE_KILLS"].flatMap { Int($0) } ?? (isVirtual ? 4 : 15)
            var random = Lehmer(state: 20261)
            try withStack(Self.yaml(try Machine.freePort())) { stack in
                let begin = Date()
                try stack.up()
                let upTime = Date().timeIntervalSince(begin)
                try stack.expect(0, "down")
                let downTime = Date().timeIntervalSince(begin) - upTime
                let victims = [
                    ["settle"], ["supervise"], ["keep"], ["supervise", "keep"], ["settle", "supervise"],
                    ["settle", "keep", "supervise"], ["hold", "keep", "supervise"], ["settle", "hold", "proxy"],
                ]
                for round in 0..<kills {
                    let isUp = random.next() % 2 == 0
                    if !isUp { try stack.up() }
                    let running = try stack.start(isUp ? ["up", "-d"] : ["down"])
                    let delay = (isUp ? upTime : downTime) * 1.1 * Double(random.next() % 1000) / 1000
                    usleep(UInt32(delay * 1e6))
                    let roles = victims[Int(random.next() % UInt64(victims.count))]
                    if roles.contains("settle") { running.kill() }
                    for role in roles { if let pid = stack.helper(role) { kill(pid, SIGKILL) } }
                    let what = "round \(round), \(isUp ? "up" : "down"), \(roles) after \(delay) s"
                    let ended = try running.wait()
                    #expect(ended.status == 0 || roles.contains("settle"), "\(what): \(ended)")
                    if random.next() % 3 > 0 { try expectConvergence(stack, what) }
                    if random.next() % 3 > 0 { try expectRemoval(stack, what) }
                }
            }
        }

        /// Each in turn, a few of them where everything is slow.
        private func steps(upTo last: Int) -> [Int] { Array(stride(from: 1, through: last, by: isVirtual ? 6 : 1)) }

        /// Every other time the command line and the keeper die with the supervisor, so that nobody goes on.
        private func die(at step: Int, in stack: Stack, _ arguments: String...) throws {
            let running = try stack.start(arguments, ["SETTLE_FAULT_POINT": "\(step)"])
            if step % 2 == 0 {
                let journal = "\(stack.state)/projects/\(stack.project)/journal"
                while !running.hasEnded {
                    let entries = Machine.text(journal)?.split(separator: "\n").count ?? 0
                    if entries >= step { break }
                    usleep(500)
                }
                running.kill()
                for role in ["keep", "supervise"] { if let pid = stack.helper(role) { kill(pid, SIGKILL) } }
            } else {
                let ended = try running.wait()
                #expect(ended.status == 0, "step \(step): \(ended)")
            }
        }

        private func expectConvergence(_ stack: Stack, _ what: String) throws {
            let up = try stack.run("up", "-d")
            #expect(up.status == 0, "\(what): \(up)")
            let diff = try stack.run("diff", "--exit-code")
            #expect(diff.status == 0, "\(what): \(diff)")
            #expect(try stack.pids().values.filter { $0 > 0 }.count == 3, "\(what)")
        }

        private func expectRemoval(_ stack: Stack, _ what: String) throws {
            let down = try stack.run("down", "--verify")
            #expect(down.status == 0, "\(what): \(down)")
            // Where the one before had done all but its own end, its processes may take a moment more.
            try waitUntil("\(what): the last processes") { stack.leftovers.isEmpty }
        }
    }
}

/// A small generator with a seed, so that a failure can be tried again.
private struct Lehmer {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }
}
