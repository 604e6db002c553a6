import Foundation
import Testing

extension MachineTests {
    /// What runs before a service, in containers of its own.
    @Suite(.serialized) struct PreStartTests {
        private let yaml = """
            services:
              web:
                rootfs: host
                command: [sh, -c, "cp /shared/log /shared/seen; exec sleep infinity"]
                environment: {WHO: web}
                user: nobody
                volumes: ["data:/shared"]
                scale: 2
                network_mode: none
                stop_grace_period: 0s
                pre_start:
                  - command: [sh, -c, "chmod 777 /shared; echo first $$WHO $$(id -un) >>/shared/log; chmod 666 /shared/log"]
                    user: root
                  - command: [sh, -c, "echo second $$WHO $$(id -un) $$PWD >>/shared/log"]
                    environment: [WHO=step]
                    working_dir: /usr
            volumes: {data: {}}
            """
        private let whole = ["first web root", "second step nobody /usr"]

        private func log(_ stack: Stack, _ name: String = "log") throws -> [String] {
            try stack.shell("web", "cat /shared/\(name)").split(separator: "\n").map(String.init)
        }

        @Test func theStepsRunOnceInOrderBeforeTheService() throws {
            try withStack(yaml) { stack in
                try stack.up()
                // The service has seen all of it.
                try waitUntil("the service") { try log(stack, "seen") == whole }
                #expect(
                    try stack.ps().filter { $0.State == "running" }.map(\.Name)
                        == ["web-1", "web-2"].map { "\(stack.project)-\($0)" })
                try stack.expectSettled()
                let pids = try stack.pids()
                // Neither another start nor another replica repeats them.
                try stack.up()
                try stack.expect(0, "restart", "-t", "0")
                try stack.expect(0, "stop")
                try stack.expect(0, "start")
                try stack.edit("scale: 2", "scale: 3")
                try stack.up()
                #expect(try log(stack) == whole)
                #expect(try stack.pids().values.count { $0 > 0 } == 3 && stack.pids() != pids)
                // What begins anew does.
                try stack.up("--force-recreate")
                #expect(try log(stack) == whole + whole)
                // An edit of a step replaces the service.
                try stack.edit("echo second", "echo third")
                #expect(try stack.diff().filter { $0.resource == "container/web/1" }.map(\.action) == ["replace"])
                try stack.up()
                #expect(try log(stack) == whole + whole + [whole[0], "third step nobody /usr"])
                try stack.expectSettled()
                // What a service no longer has goes with the next change, and nobody calls it an orphan.
                try stack.edit("pre_start:", "x-none:")
                let ended = try stack.expect(0, "up", "-d")
                #expect(!ended.err.contains("no longer in the file"), "\(ended)")
                #expect(try stack.expect(0, "ps", "-a").out.contains("pre_start") == false)
            }
        }

        @Test func oneThatFailsKeepsTheServiceFromStarting() throws {
            try withStack(yaml.replacingOccurrences(of: "scale: 2", with: "scale: 1")) { stack in
                try stack.up()
                try stack.edit("echo second", "echo no way; exit 17 #")
                let ended = try stack.run("up", "-d")
                #expect(ended.status == 3, "\(ended)")
                #expect(
                    ended.err.contains("web-pre_start-1 was to complete successfully, but it exited with 17")
                        && ended.err.contains("no way"), "\(ended)")
                #expect(ended.err.contains("compose.yaml:15:9: error: services.web.pre_start[1]: "), "\(ended)")
                // The first step ran again, the service goes on as it was.
                #expect(try log(stack) == whole + [whole[0]])
                #expect(try stack.row("web").State == "running")
            }
        }

        @Test func aStepForEachReplicaHasThatOnesVolumes() throws {
            let text = """
                services:
                  web:
                    rootfs: host
                    command: [sleep, infinity]
                    volumes: [/own]
                    scale: 2
                    network_mode: none
                    stop_grace_period: 0s
                    pre_start: [{command: [sh, -c, "echo once >>/own/log"], per_replica: true}]
                """
            try withStack(text) { stack in
                try stack.up()
                try stack.edit("scale: 2", "scale: 3")
                try stack.up()
                for index in 1...3 {
                    let id = "\(index)"
                    #expect(
                        try stack.expect(0, "exec", "--index", id, "web", "cat", "/own/log").out == "once\n", "\(id)")
                }
            }
        }
    }
}
