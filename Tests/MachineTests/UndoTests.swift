import Foundation
import Glibc
import Testing

extension MachineTests {
    /// What cannot be done is undone: the machine is as it was, and the message says why.
    @Suite(.serialized) struct UndoTests {
        static let chain = """
            services:
              a: {rootfs: host, init: true, command: [sleep, "1111"], stop_grace_period: 0s}
              b: {rootfs: host, init: true, command: [sleep, "1111"], depends_on: [a], stop_grace_period: 0s}
              c: {rootfs: host, command: [sleep, "1111"], depends_on: [b], stop_grace_period: 0s}
              d: {rootfs: host, init: true, command: [sleep, "3333"], mem_limit: 64m, stop_grace_period: 0s}
            """

        @Test(arguments: [false, true]) func `a change whose third start fails brings back the first two`(hasInit: Bool)
            throws
        {
            try withStack(Self.chain) { stack in
                try stack.up()
                let before = try stack.pids()
                try stack.edit(
                    "a: {rootfs: host, init: true, command: [sleep, \"1111\"]",
                    "a: {rootfs: host, command: [sleep, \"2222\"]")
                try stack.edit(
                    "b: {rootfs: host, init: true, command: [sleep, \"1111\"]",
                    "b: {rootfs: host, command: [sleep, \"2222\"]")
                try stack.edit(
                    "c: {rootfs: host, command: [sleep, \"1111\"]",
                    "c: {rootfs: host, init: \(hasInit), command: [/no/such/program]")
                try stack.edit("mem_limit: 64m", "mem_limit: 96m")
                let ended = try stack.run("up", "-d")
                #expect(ended.status == 3, "\(ended)")
                #expect(ended.err.contains("compose.yaml:5:") && ended.err.contains("/no/such/program"), "\(ended)")
                #expect(ended.err.contains("everything is as it was before"), "\(ended)")
                let rows = try stack.ps()
                #expect(rows.count == 4 && rows.allSatisfy { $0.State == "running" }, "\(rows)")
                #expect(rows.first { $0.Service == "d" }?.Pid == before["\(stack.project)-d-1"])
                for service in ["a", "b", "c"] {
                    #expect(try stack.shell(service, "cat /proc/*/cmdline | tr '\\0' ' '").contains("sleep 1111"))
                }
                #expect(try Machine.limit(stack, "d", v1: "memory.limit_in_bytes", v2: "memory.max") == "\(64 << 20)")
                try stack.write(Self.chain)
                try stack.expectSettled()
            }
        }

        @Test func `a job that fails tells its last words, also afterwards`() throws {
            let yaml = """
                services:
                  job: {rootfs: host, command: [sh, -c, "echo the disk is on fire; exit 9"]}
                  web:
                    rootfs: host
                    command: [sleep, infinity]
                    depends_on: {job: {condition: service_completed_successfully}}
                """
            try withStack(yaml) { stack in
                let ended = try stack.run("up", "-d")
                #expect(ended.status == 3, "\(ended)")
                #expect(ended.err.contains("the disk is on fire") && ended.err.contains("compose.yaml:"), "\(ended)")
                #expect(try stack.ps().isEmpty)
                #expect(stack.helper("keep") == nil || !Machine.groups(of: stack).isEmpty == false)
                #expect(try stack.expect(0, "logs").out.contains("the disk is on fire"))
                try stack.expect(0, "down", "--verify")
                #expect(!FileManager.default.fileExists(atPath: "\(stack.state)/projects/\(stack.project)"))
            }
        }

        @Test func `an interrupted up goes back to what there was`() throws {
            let yaml = """
                services:
                  web: {rootfs: host, init: true, command: [sleep, "1111"], stop_grace_period: 0s}
                """
            try withStack(yaml) { stack in
                try stack.up()
                let job = """

                      job: {rootfs: host, command: [sh, -c, "touch /gate/began; sleep 1000"], volumes: ["./gate:/gate"], stop_grace_period: 0s}
                      last:
                        rootfs: host
                        command: [sleep, infinity]
                        depends_on: {job: {condition: service_completed_successfully}}
                    """
                try stack.write(yaml.replacingOccurrences(of: "1111", with: "2222") + job)
                let running = try stack.start(["up", "-d"])
                try waitUntil("the job") { access("\(stack.folder)/gate/began", F_OK) == 0 }
                running.signal(SIGINT)
                let ended = try running.wait()
                #expect(ended.status == 130, "\(ended)")
                try stack.write(yaml)
                try stack.expectSettled()
                #expect(try stack.ps().map(\.Service) == ["web"])
            }
        }
    }

    /// Many commands at once on one project.
    @Suite(.serialized) struct ConcurrencyTests {
        @Test func `twenty ups and downs at once take turns`() throws {
            try withStack(
                """
                services:
                  web: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s}
                  job: {rootfs: host, init: true, command: [sleep, infinity], depends_on: [web], stop_grace_period: 0s}
                """
            ) { stack in
                let all = try (0..<20).map { try stack.start($0 % 2 == 0 ? ["up", "-d"] : ["down"]) }
                for (index, running) in all.enumerated() {
                    let ended = try running.wait(120)
                    #expect(ended.status == 0, "\(index): \(ended)")
                }
                try stack.up()
                try stack.expectSettled()
                #expect(try stack.ps().filter { $0.State == "running" }.count == 2)
            }
        }

        @Test func `who waits is told for whom`() throws {
            try withStack(
                """
                services:
                  web: {rootfs: host, command: [sh, -c, "trap '' TERM; while :; do sleep 1; done"], stop_grace_period: 3s}
                """
            ) { stack in
                try stack.up()
                let down = try stack.start(["down"])
                try waitUntil("the lock") { down.err.contains("stopping") || down.out.contains("stopping") }
                let up = try stack.start(["up", "-d"])
                #expect(try down.wait().status == 0)
                let ended = try up.wait()
                #expect(ended.status == 0 && ended.err.contains("settle down"), "\(ended)")
            }
        }
    }
}
