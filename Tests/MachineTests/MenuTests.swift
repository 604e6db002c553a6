import Foundation
import Glibc
import Testing

extension MachineTests {
    /// `up` while files are edited, and its keys.
    @Suite(.serialized) struct MenuTests {
        private static let yaml = """
            services:
              web:
                rootfs: host
                init: true
                command: [sh, -c, "echo life; exec sleep infinity"]
                stop_grace_period: 0s
                develop:
                  watch:
                    - {action: sync, path: ./src, target: /app, initial_sync: true}
                    - {action: sync+restart, path: ./conf, target: /conf}
            """

        private func folders(_ stack: Stack) throws {
            for name in ["src", "conf"] {
                try FileManager.default.createDirectory(
                    atPath: "\(stack.folder)/\(name)", withIntermediateDirectories: true)
            }
            try stack.file("src/first", "one")
        }

        /// Whether the file is in the container.
        private func has(_ stack: Stack, _ path: String) throws -> Bool {
            try stack.run("exec", "-T", "web", "test", "-e", path).status == 0
        }

        @Test func keysLeaveAndWatchAndTheTerminalIsGivenBack() throws {
            try withStack(Self.yaml) { stack in
                try folders(stack)
                let up = try OnTerminal(stack, "up", "--menu")
                try up.waitFor("d leaves the stack running")
                #expect(up.isImmediate)
                up.type("xw")
                try up.waitFor("watch on")
                try waitUntil("the first copy") { try has(stack, "/app/first") }
                up.type("w")
                try up.waitFor("watch off")
                try stack.file("src/second", "two")
                // Whoever suspends it has the terminal as it was.
                _ = kill(up.pid, SIGTSTP)
                try waitUntil("the terminal") { up.isRestored }
                _ = kill(up.pid, SIGCONT)
                try waitUntil("the keys") { up.isImmediate }
                #expect(try !has(stack, "/app/second"))
                up.type("d")
                #expect(try up.wait() == 0)
                #expect(try stack.row("web").State == "running")
                for signal in [SIGQUIT, SIGTERM] {
                    let ended = try OnTerminal(stack, "up", "--menu", "-w")
                    try ended.waitFor("watch on")
                    _ = kill(ended.pid, signal)
                    #expect(try ended.wait() == (signal == SIGQUIT ? 131 : 130))
                }
                #expect(try stack.row("web").State == "exited")
                // Without being asked for it takes no keys.
                let plain = try OnTerminal(stack, "up")
                try plain.waitFor("life")
                #expect(plain.isRestored)
                plain.type("d")
                plain.type("\u{3}")
                #expect(try plain.wait() == 130)
            }
        }

        @Test func whatIsEditedIsNoEndOfTheStack() throws {
            try withStack(Self.yaml) { stack in
                try folders(stack)
                let up = try stack.start(["up", "--watch", "--abort-on-container-exit"])
                try waitUntil("the first copy") { try has(stack, "/app/first") }
                for number in 2...3 {
                    try stack.file("conf/\(number)", "x")
                    try waitUntil("life \(number)") {
                        up.out.split(separator: "\n").count { $0.hasSuffix("| life") } == number
                    }
                }
                #expect(!up.hasEnded)
                // While an edit is being followed: what has been begun comes to its end, and then all of it stops.
                try stack.file("conf/last", "x")
                try waitUntil("another start") { up.err.components(separatedBy: "web/1 stopping").count > 3 }
                up.signal(SIGINT)
                let ended = try up.wait()
                #expect(ended.status == 130 && !ended.err.contains("stopping everything"), "\(ended)")
                #expect(try stack.row("web").State == "exited")
                let both = try stack.run("up", "-d", "--watch")
                #expect(both.status == 1 && both.err.contains("--detach and --watch cannot both be given"), "\(both)")
                // Seen before anything is done.
                try stack.expect(0, "down")
                try stack.write("services: {web: {rootfs: host, command: [sleep, infinity]}}")
                let nothing = try stack.run("up", "--watch")
                #expect(nothing.status == 1 && nothing.err.contains("what is to be watched"), "\(nothing)")
                #expect(try stack.ps().isEmpty)
            }
        }
    }
}
