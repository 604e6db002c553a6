import Foundation
import Glibc
import Testing

extension MachineTests {
    /// What can be seen beforehand is refused before the first action.
    @Suite(.serialized) struct RefusalTests {
        /// A stack that runs, then an edit that must be refused.
        ///
        /// - Parameter place: the line and column of the culprit in the file, whose first line is `name:`.
        private func refused(
            _ service: String, at place: String, _ words: [String], sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let yaml = """
                services:
                  web: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
                  #
                """
            try withStack(yaml, sourceLocation: sourceLocation) { stack in
                try stack.up()
                let before = try stack.ps().map(\.Pid)
                try stack.edit("  #", "  new:\n    rootfs: host\n    command: [sleep, infinity]\n" + service)
                let ended = try stack.run("up", "-d")
                #expect(ended.status == 3, "\(ended)", sourceLocation: sourceLocation)
                #expect(ended.err.contains("compose.yaml:\(place): error:"), "\(ended)", sourceLocation: sourceLocation)
                for word in words {
                    #expect(ended.err.contains(word), "\(word) in \(ended)", sourceLocation: sourceLocation)
                }
                #expect(try stack.ps().map(\.Pid) == before, sourceLocation: sourceLocation)
                try stack.edit("  new:\n    rootfs: host\n    command: [sleep, infinity]\n" + service, "  #")
                try stack.expectSettled(sourceLocation: sourceLocation)
            }
        }

        @Test func aMissingSource() throws {
            try refused(
                "    volumes:\n      - {type: bind, source: ./nowhere, target: /srv}", at: "8:9",
                ["/nowhere", "does not exist", "services.new.volumes[0]"])
        }

        @Test func aTakenPort() throws {
            let port = try Machine.freePort()
            let holder = try Running(
                "python3",
                [
                    "-c",
                    "import socket; s = socket.create_server(('127.0.0.1', \(port))); print(flush=True); s.accept()",
                ],
                ["PATH": "/usr/local/bin:/usr/bin:/bin"], in: "/")
            try waitUntil("the port") { !holder.out.isEmpty }
            try refused(
                "    ports: [\"\(port):80\"]", at: "7:13",
                ["port \(port)/tcp is taken", "\(holder.pid)", "python3", "services.new.ports[0]"])
        }

        @Test func aSubnetThatTheHostUses() throws {
            // The route of a link of the host; where there is none, of a subnet that a second stack asks for.
            let route = try Machine.run("ip", "-4", "route", "show").split(separator: "\n")
                .compactMap { $0.split(separator: " ").first }.first { $0.contains("/") }
            let subnet = route.map(String.init) ?? "127.0.0.0/8"
            try refused(
                "networks: {default: {ipam: {config: [{subnet: \(subnet)}]}}}", at: "7:47",
                [subnet, "ipam.config[0].subnet"])
        }

        @Test func aLimitThatCannotBeKept() throws {
            try refused("    cpuset: \"500\"", at: "7:13", ["500", "services.new.cpuset"])
        }

        @Test func aRootThatIsMissing() throws {
            try refused(
                "  other:\n    rootfs: ./nowhere\n    command: [sh]", at: "8:13", ["nowhere", "services.other.rootfs"])
        }

        @Test func aFileThatIsWrong() throws {
            try withStack("services:\n  web: {rootfs: host, comand: sh, command: sh, mem_limit: lots}\n") { stack in
                let ended = try stack.run("up", "-d")
                #expect(ended.status == 1, "\(ended)")
                #expect(ended.err.contains("compose.yaml:3:23: error:") && ended.err.contains("services.web.comand"))
                #expect(ended.err.contains("services.web.mem_limit"), "every problem is told at once: \(ended)")
                #expect(try stack.run("up", "--nonsense").status == 1)
                #expect(try stack.run("diff", "--exit-code").status == 1)
            }
        }
    }
}
