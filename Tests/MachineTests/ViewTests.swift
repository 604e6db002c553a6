import Foundation
import Glibc
import Testing

extension MachineTests {
    @Suite(.serialized) struct ViewTests {
        private struct Event: Decodable {
            let action, service, id, time, type: String
            let attributes: [String: String]
        }

        private func events(_ stack: Stack, _ arguments: String...) throws -> [Event] {
            let text = try stack.start(["events", "--json"] + arguments).wait().out
            return try text.split(separator: "\n").map { try JSONDecoder().decode(Event.self, from: Data($0.utf8)) }
        }

        private func object(_ text: String) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        }

        private static let yaml = """
            services:
              web:
                rootfs: host
                init: true
                command: [sh, -c, "sleep 1000 & exec sleep 2000"]
                labels: {tier: front}
                volumes: ["data:/data"]
                mem_limit: 64m
              job: {rootfs: host, command: [sh, -c, "echo done; exit 3"]}
            volumes: {data: {}, unused: {}}
            """

        @Test func eventsAreToldAndFollowed() throws {
            try withStack(Self.yaml) { stack in
                // Whenever it begins, before the stack or after it.
                let follower = try stack.start(["-p", stack.project, "events", "--since", "10m"])
                try stack.up()
                try waitUntil("the job's end") { try events(stack, "--since", "1h", "--until", "0s", "job").count == 3 }
                try stack.expect(0, "restart", "web")
                try stack.expect(0, "pause", "web")
                try stack.expect(0, "unpause", "web")
                try stack.expect(0, "kill", "-s", "TERM", "web")
                try waitUntil("its end") {
                    try events(stack, "--since", "1h", "--until", "0s", "web").last?.action == "die"
                }
                let all = try events(stack, "--since", "1h", "--until", "0s")
                #expect(all.filter { $0.service == "job" }.map(\.action) == ["create", "start", "die"])
                #expect(all.last { $0.service == "job" }?.attributes["exitCode"] == "3")
                let web = all.filter { $0.service == "web" }
                #expect(
                    web.map(\.action) == [
                        "create", "start", "kill", "die", "stop", "start", "restart", "pause", "unpause", "kill", "die",
                    ], "\(web)")
                #expect(web.allSatisfy { $0.attributes["name"] == "\(stack.project)-web-1" && $0.type == "container" })
                #expect(web[1].attributes["tier"] == "front" && web[1].id.hasPrefix("\(stack.project).web.1."))
                #expect(web[1].time.hasSuffix("Z") && web.map(\.time) == web.map(\.time).sorted())
                #expect(try events(stack, "--since", "0s", "--until", "0s").isEmpty)
                try stack.expect(0, "start", "web")
                try stack.expect(7, "exec", "-T", "web", "sh", "-c", "exit 7")
                try stack.expect(0, "kill", "web")
                try waitUntil("its end") {
                    try events(stack, "--since", "1h", "--until", "0s", "web").last?.action == "die"
                }
                let later = try events(stack, "--since", "1h", "--until", "0s", "web").dropFirst(web.count)
                #expect(
                    later.map(\.action) == [
                        "start", "exec_create: sh -c exit 7", "exec_start: sh -c exit 7", "exec_die", "kill", "die",
                    ], "\(later)")
                #expect(later.first { $0.action == "exec_die" }?.attributes["exitCode"] == "7")
                #expect(Set(later.compactMap { $0.attributes["execID"] }).count == 1)
                // A full file makes way for a new one, once.
                let file = "\(stack.state)/projects/\(stack.project)/events"
                let old = Machine.text(file) ?? ""
                try (old + String(repeating: "\n", count: 1 << 20)).write(
                    toFile: file, atomically: false, encoding: .utf8)
                try stack.expect(0, "start", "web")
                try stack.expect(0, "kill", "web")
                try waitUntil("its end") {
                    try events(stack, "--since", "1h", "--until", "0s", "web").last?.action == "die"
                }
                #expect(
                    Machine.text(file + ".1")?.hasPrefix(old) == true && Machine.text(file)?.utf8.count ?? 0 < 4096)
                #expect(try events(stack, "--since", "1h", "--until", "0s").count == all.count + 9)
                // Who follows has seen the same, and what comes after it, whoever runs.
                try stack.expect(0, "down")
                try waitUntil("the removal") { follower.out.contains(" container destroy \(stack.project).web.1.") }
                // Who is gone has been of some image, too.
                let told = follower.out.split(separator: "\n").filter {
                    $0.contains(" container destroy ") || $0.contains(" container kill ")
                }
                #expect(told.allSatisfy { $0.contains("image=rootfs:host") }, "\(told)")
                #expect(follower.out.contains(" container start \(stack.project).web.1."), "\(follower.out)")
                try stack.up()
                try waitUntil("the next life") {
                    follower.out.components(separatedBy: " container create \(stack.project).web.1.").count == 3
                }
                follower.signal(SIGINT)
                #expect(try follower.wait().status == 130)
            }
        }

        @Test func oneLooksAtProcessesUseAndVolumes() throws {
            try withStack(Self.yaml) { stack in
                #expect(try stack.expect(0, "ls", "-q", "--all").out == "")
                try stack.up()
                try waitUntil("the job's end") { try stack.row("job").State == "exited" }
                let pid = try stack.pid(of: "web")
                let top = try stack.expect(0, "top", "web").out.split(separator: "\n")
                #expect(top[0].hasPrefix("SERVICE  #  UID   PID") && top[0].hasSuffix("CMD"))
                #expect(top.contains { $0.hasPrefix("web      1  root") && $0.contains(" \(pid) ") })
                #expect(top.contains { $0.hasSuffix("sleep 1000") } && top.contains { $0.hasSuffix("sleep 2000") })
                #expect(try stack.expect(1, "top", "nobody").err.contains("no such service"))

                let stats = try object(try stack.expect(0, "stats", "--no-stream", "--format", "json", "web").out)
                #expect(stats["Name"] as? String == "\(stack.project)-web-1")
                #expect((stats["MemUsage"] as? String)?.hasSuffix(" / 64MiB") == true, "\(stats)")
                #expect(Int(stats["PIDs"] as? String ?? "") ?? 0 >= 3)
                let table = try stack.expect(0, "stats", "--no-stream", "--all").out.split(separator: "\n")
                #expect(table.count == 3 && table[0].hasPrefix("CONTAINER ID") && table[1].contains("-job-1"))
                // On a terminal it is drawn again in place, and the cursor is there again in the end.
                let live = try Running(
                    "script", ["-qec", "\(Stack.binary) stats", "/dev/null"],
                    stack.environment.merging(["TERM": "xterm"]) { $1 }, in: stack.folder)
                try waitUntil("the second table") { live.out.components(separatedBy: "\u{1b}[2A").count > 2 }
                for pid in Machine.processes(where: { $0.first == Stack.binary && $0.contains("stats") }) {
                    kill(pid, SIGINT)
                }
                #expect(try live.wait().out.hasSuffix("\u{1b}[?25h"))
                #expect(live.out.hasPrefix("\u{1b}[?25l"))

                let list = try stack.expect(0, "ls").out.split(separator: "\n")
                #expect(list.count == 2 && list[1].hasPrefix(stack.project))
                #expect(list[1].contains("exited(1), running(1)") && list[1].hasSuffix("\(stack.folder)/compose.yaml"))
                #expect(try stack.expect(0, "ls", "--filter", "name=^nothing$").out.hasPrefix("NAME"))
                let stacks = try JSONSerialization.jsonObject(
                    with: Data(stack.expect(0, "ls", "--format", "json", "--filter", "name=\(stack.project)").out.utf8))
                #expect((stacks as? [[String: String]])?.map { $0["Name"] } == [stack.project])

                #expect(try stack.expect(0, "volumes", "-q").out == "\(stack.project)_data\n")
                #expect(try stack.expect(0, "volumes", "-q", "job").out == "")
                let volume = try object(try stack.expect(0, "volumes", "--format", "json").out)
                let place = try #require(volume["Mountpoint"] as? String)
                try stack.shell("web", "echo here > /data/file")
                #expect(Machine.text("\(place)/file") == "here\n")
                #expect(try stack.expect(0, "volumes").out.hasPrefix("DRIVER"))
            }
        }

        @Test func whyTellsWhatAServiceDoes() throws {
            try withStack(
                """
                services:
                  db:
                    rootfs: host
                    init: true
                    command: [sleep, infinity]
                    stop_grace_period: 0s
                    healthcheck: {test: [CMD-SHELL, "echo not yet; exit 7"], interval: 100ms, start_period: 1h}
                  web:
                    rootfs: host
                    init: true
                    command: [sleep, infinity]
                    stop_grace_period: 0s
                    depends_on: {db: {condition: service_healthy}}
                  loop: {rootfs: host, init: true, command: [sh, -c, "echo crashed; kill -SEGV $$$$"], restart: always}
                """
            ) { stack in
                let up = try stack.start(["up", "-d"])
                try waitUntil("the wait") {
                    try stack.run("why", "web").out.contains("waits for   db to be healthy: it is starting")
                }
                try waitUntil("a probe") { try stack.run("why", "db").out.contains("not yet") }
                let db = try object(try stack.expect(0, "why", "--format", "json", "db").out)
                let health = db["health"] as? [String: Any]
                #expect((health?["lastProbe"] as? [String: Any])?["exitCode"] as? Int == 7, "\(db)")
                up.signal(SIGINT)
                _ = try up.wait()
                #expect(try stack.expect(1, "why", "web").err.contains("settle up -d web"))
                #expect(try stack.expect(1, "why", "nobody").err.contains("no such service"))
                try stack.up("loop")
                // The pauses double: sooner or later one is long enough to be met.
                var text = ""
                try waitUntil("the next start") {
                    text = try stack.run("why", "loop").out
                    return text.contains("next start  in ")
                }
                #expect(text.contains("SIGSEGV") && text.contains("    | crashed\n"), "\(text)")
            }
        }
    }
}
