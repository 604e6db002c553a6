import Foundation
import Glibc
import Testing

extension MachineTests {
    /// Limits that the kernel keeps, volumes, and services at rest.
    @Suite(.serialized) struct LimitTests {
        @Test func whoTakesMoreMemoryThanItsLimitIsKilled() throws {
            let yaml = """
                services:
                  hog: {rootfs: host, command: [python3, -c, "x = bytearray(1 << 28); print('survived')"],
                        mem_limit: 48m, memswap_limit: 48m}
                  web: {rootfs: host, init: true, command: [sleep, infinity]}
                """
            try withStack(yaml) { stack in
                try stack.run("up", "-d")
                try waitUntil("its end") { try stack.row("hog").State == "exited" }
                let hog = try stack.row("hog")
                #expect(hog.ExitCode == 137 && hog.Status == "Exited (137), out of memory", "\(hog)")
                #expect(try stack.diff().map(\.reason) == ["it was killed by the kernel: out of memory"])
                #expect(try stack.expect(0, "logs", "hog").out.contains("survived") == false)
                #expect(try stack.pid(of: "web") > 0)
            }
        }

        @Test func theBudgetHoldsForAllTogether() throws {
            let yaml = """
                services:
                  a: {rootfs: host, init: true, command: [sleep, infinity]}
                  b: {rootfs: host, init: true, command: [sleep, infinity]}
                resources: {pids_limit: 40, mem_limit: 256m, cpus: 1.5}
                """
            try withStack(yaml) { stack in
                try stack.up()
                try stack.expectSettled()
                let file = try Machine.limitFile(stack, "a", v1: "pids.max", v2: "pids.max")
                let node = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent().path
                #expect(Machine.text(node + "/pids.max") == "40\n")
                // Both have room alone; the second one takes what the first has left.
                let script = "for i in $(seq 25); do sleep 30 & done 2>&1; echo forked"
                let one = try stack.start(["exec", "-T", "a", "sh", "-c", script])
                try waitUntil("the first") { one.hasEnded }
                #expect(one.out.contains("forked"))
                let two = try stack.run("exec", "-T", "b", "sh", "-c", script)
                #expect(two.status != 0 || two.out.contains("fork"), "\(two)")
                #expect((two.out + two.err).contains("annot fork"), "\(two)")
                let before = try stack.pids()
                try stack.edit("pids_limit: 40", "pids_limit: 80")
                #expect(try stack.diff().flatMap { $0.fields.map(\.path) } == ["resources.pids_limit"])
                try stack.up()
                #expect(Machine.text(node + "/pids.max") == "80\n")
                #expect(try stack.pids() == before)
                try stack.expectSettled()
            }
        }

        @Test func processorsAreLimitedLive() throws {
            let yaml = """
                services:
                  busy: {rootfs: host, command: [sh, -c, "while :; do :; done"], cpus: 0.2, stop_grace_period: 0s}
                """
            try withStack(yaml) { stack in
                try stack.up()
                let pid = try stack.pid(of: "busy")
                /// Hundredths of a second of processor time.
                func used() throws -> Int {
                    let stat = try #require(Machine.text("/proc/\(pid)/stat"))
                    let fields = stat[stat.lastIndex(of: ")")!...].split(separator: " ")
                    return Int(fields[12])! + Int(fields[13])!
                }
                let (start, before) = (Date(), try used())
                usleep(1_000_000)
                let share = Double(try used() - before) / 100 / Date().timeIntervalSince(start)
                #expect(share < 0.5, "a fifth of a processor was allowed, \(share) was used")
            }
        }

        @Test func volumesPersistUntilTheyAreToGo() throws {
            let yaml = """
                services:
                  web:
                    rootfs: host
                    init: true
                    command: [sleep, infinity]
                    volumes: ["data:/data", "./input:/input:ro", "data:/again:ro"]
                    tmpfs: ["/scratch:size=1m"]
                    stop_grace_period: 0s
                volumes: {data: {}}
                """
            try withStack(yaml) { stack in
                try stack.up()
                try stack.expectSettled()
                try stack.shell("web", "echo kept > /data/file")
                #expect(try stack.shell("web", "cat /again/file") == "kept")
                #expect(try stack.run("exec", "-T", "web", "touch", "/again/x").status != 0)
                #expect(try stack.run("exec", "-T", "web", "touch", "/input/x").status != 0)
                #expect(
                    try stack.run("exec", "-T", "web", "dd", "if=/dev/zero", "of=/scratch/x", "bs=1M", "count=2").status
                        != 0)
                // In the short form a missing folder is made.
                try stack.file("input/file", "given")
                #expect(try stack.shell("web", "cat /input/file") == "given")
                try stack.expect(0, "down", "-t", "0", "--verify")
                try stack.up()
                #expect(try stack.shell("web", "cat /data/file") == "kept")
                try stack.expect(0, "down", "-v", "-t", "0", "--verify")
                #expect(Machine.names(in: stack.state + "/volumes") == [])
            }
        }

        @Test func whatEndedWellIsAtRestAndWhatDidNotIsDrift() throws {
            let yaml = """
                services:
                  good: {rootfs: host, command: [sh, -c, "echo run >> /data/good"], volumes: ["data:/data"]}
                  bad: {rootfs: host, command: [sh, -c, "echo run >> /data/bad; exit 7"], volumes: ["data:/data"]}
                volumes: {data: {}}
                """
            try withStack(yaml) { stack in
                try stack.up()
                try waitUntil("their ends") { try stack.ps().allSatisfy { $0.State == "exited" } }
                #expect(try stack.row("good").ExitCode == 0)
                #expect(try stack.row("bad").ExitCode == 7)
                let changes = try stack.diff()
                #expect(changes.map(\.resource) == ["container/bad/1"] && changes.first?.drift == true, "\(changes)")
                #expect(try stack.run("diff", "--exit-code").status == 2)
                try stack.up()
                let volume = "\(stack.state)/volumes/\(stack.project)_data"
                try waitUntil("the second run") { Machine.text(volume + "/bad") == "run\nrun\n" }
                #expect(Machine.text(volume + "/good") == "run\n")
                // `ps` alone shows what runs.
                try waitUntil("its end") { try stack.expect(0, "ps", "--format", "json").out.isEmpty }
            }
        }

        @Test func sharedMemoryHasItsSize() throws {
            let yaml = """
                services:
                  a: {rootfs: host, command: [sleep, infinity], shm_size: 8m, stop_grace_period: 0s}
                  b: {rootfs: host, command: [sleep, infinity], shm_size: 16m, stop_grace_period: 0s}
                  c: {rootfs: host, command: [sleep, infinity], ipc: "service:b", stop_grace_period: 0s}
                """
            try withStack(yaml) { stack in
                func size(_ service: String) throws -> String {
                    try stack.shell(service, "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d' ' -f2")
                }
                try stack.up()
                try stack.expectSettled()
                #expect(try ["a", "b", "c"].map(size) == ["8192", "16384", "16384"])
                let before = try stack.pids()
                try stack.edit("shm_size: 8m", "shm_size: 32m")
                try stack.edit("shm_size: 16m", "shm_size: 48m")
                #expect(
                    try stack.diff().map { "\($0.resource) \($0.action) \($0.fields.map(\.path))" } == [
                        #"container/a/1 update ["shm_size"]"#, #"container/b/1 update ["shm_size"]"#,
                    ])
                try stack.up()
                #expect(try ["a", "b", "c"].map(size) == ["32768", "49152", "49152"])
                #expect(try stack.pids() == before)
                // What is in it stays, so it cannot become smaller than that.
                try stack.shell("a", "head -c 20M /dev/zero > /dev/shm/file")
                try stack.edit("shm_size: 32m", "shm_size: 4m")
                let refused = try stack.expect(3, "up", "-d")
                #expect(
                    refused.err.contains("services.a.shm_size: /dev/shm cannot be made 4m: more than that is in use"),
                    "\(refused)")
                #expect(try ["a", "b"].map(size) == ["32768", "49152"])
                try stack.edit("shm_size: 4m", "shm_size: 32m")
                // Behind Settle's back.
                try Machine.run(
                    "nsenter", "-t", "\(try stack.pid(of: "a"))", "-m", "mount", "-o", "remount,size=40m", "/dev/shm")
                #expect(try stack.diff().map(\.drift) == [true])
                try stack.up()
                #expect(try size("a") == "32768")
                #expect(try stack.pids() == before)
            }
        }

        @Test func dependenciesAreWaitedFor() throws {
            let yaml = """
                services:
                  web: {rootfs: host, init: true, command: [sh, -c, "cat /data/made && sleep infinity"],
                        volumes: ["data:/data"], depends_on: {make: {condition: service_completed_successfully}}}
                  make: {rootfs: host, command: [sh, -c, "sleep 0.3; echo ready > /data/made"], volumes: ["data:/data"]}
                volumes: {data: {}}
                """
            try withStack(yaml) { stack in
                try stack.up()
                try waitUntil("its word") { try stack.expect(0, "logs", "web").out.contains("ready") }
                try stack.expectSettled()
            }
        }
    }
}
