import Foundation
import Glibc
import Testing

extension MachineTests {
    /// Containers that are replaced in steps.
    @Suite(.serialized) struct UpdateTests {
        /// Serves what its variable says. `init`, so that it ends when it is asked to.
        private func yaml(_ port: Int, _ update: String) -> String {
            """
            services:
              web:
                rootfs: host
                init: true
                environment: {VERSION: "1", FAULT: ""}
                command:
                - sh
                - -c
                - mkdir -p /tmp/www; echo $$VERSION > /tmp/www/v; exec $$FAULT busybox httpd -f -p 8080 -h /tmp/www
                ports: ["127.0.0.1:\(port):8080"]
                healthcheck: {http: 8080/v, interval: 50ms, timeout: 5s, retries: 1000}
                deploy: {update_config: \(update)}
              client: {rootfs: host, command: [sleep, infinity], stop_grace_period: 0s}
            """
        }

        /// Two hundred requests in each second, as far as the machine is able to, each on a connection of its own, until the
        /// file `stop` is there; makes a file for each answer that is new, prints what has come, and what has not.
        private static let load = """
            import collections, os, sys, threading, time, urllib.request
            port, folder = sys.argv[1:]
            answers, faults, lock = collections.Counter(), [], threading.Lock()
            begin, count = time.monotonic(), [0]
            def work():
                while not os.path.exists(folder + "/stop"):
                    with lock:
                        due = begin + count[0] * 0.005
                        count[0] += 1
                    time.sleep(max(0, due - time.monotonic()))
                    try:
                        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v", timeout=20) as answer:
                            body = answer.read().decode().strip()
                        with lock:
                            if not answers[body]: open(folder + "/seen-" + body, "x").close()
                            answers[body] += 1
                    except Exception as fault:
                        with lock: faults.append(str(fault))
            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            print(sorted(answers), sum(answers.values()), faults[:3])
            """

        private final class Load {
            private let stack: Stack
            private let running: Running

            init(_ stack: Stack, _ port: Int) throws {
                self.stack = stack
                let script = try stack.file("load.py", UpdateTests.load)
                unlink(stack.folder + "/stop")
                running = try Running(
                    "python3", [script, String(port), stack.folder], stack.environment, in: stack.folder)
            }

            func awaitAnswer(_ text: String) throws {
                try waitUntil("the answer \(text)") { Machine.text(stack.folder + "/seen-" + text) != nil }
            }

            /// What was served, without a failure, and how often.
            func end() throws -> (versions: String, count: Int) {
                try stack.file("stop", "")
                let ended = try running.wait(60)
                let said = ended.out.trimmingCharacters(in: .newlines)
                let parts = said.components(separatedBy: "] ")
                #expect(parts.count == 2 && said.hasSuffix(" []"), "\(ended)")
                return (parts[0] + "]", Int(parts.last?.split(separator: " ").first ?? "") ?? 0)
            }
        }

        @Test func startFirstLosesNoRequest() throws {
            let port = try Machine.freePort()
            let update = "{order: start-first, monitor: \(isVirtual ? 4 : 1)s, failure_action: rollback}"
            try withStack(yaml(port, update)) { stack in
                try stack.expect(0, "up", "-d", "--wait")
                func address() throws -> String {
                    try stack.shell("client", "grep -w web /etc/hosts | cut -f1 | cut -d' ' -f1")
                }
                let (before, first) = (try stack.pid(of: "web"), try address())

                let load = try Load(stack, port)
                try load.awaitAnswer("1")
                try stack.edit("VERSION: \"1\"", "VERSION: \"2\"")
                try stack.up()
                try load.awaitAnswer("2")
                let seen = try load.end()
                #expect(seen.versions == "['1', '2']" && seen.count > (isVirtual ? 10 : 100), "\(seen)")
                #expect(try stack.pid(of: "web") != before && address() != first)
                try stack.expectSettled()

                // What fails while it is watched leads back to the one that never stopped.
                let second = try stack.pid(of: "web")
                try stack.edit("FAULT: \"\"", "FAULT: \"timeout 0.5\"")
                try stack.edit("VERSION: \"2\"", "VERSION: \"3\"")
                let ended = try stack.run("up", "-d")
                #expect(ended.status == 3 && ended.err.contains("services.web.deploy.update_config"), "\(ended)")
                #expect(ended.err.contains("web/1 was to be replaced, but its successor"), "\(ended)")
                #expect(ended.err.contains("everything is as it was before"), "\(ended)")
                #expect(try stack.pid(of: "web") == second)
                #expect(try stack.shell("client", "busybox wget -qO- http://web:8080/v") == "2")
                try Machine.run("busybox", "wget", "-qO", "/dev/null", "http://127.0.0.1:\(port)/v")

                // Back to the first of the two namespaces.
                try stack.edit("FAULT: \"timeout 0.5\"", "FAULT: \"\"")
                try stack.up()
                #expect(try address() == first)
                try stack.expectSettled()
                #expect(
                    Machine.names(in: "\(stack.runtime)/\(stack.project)/ns/net").filter { $0.hasPrefix("web") } == [
                        "web"
                    ])
            }
        }

        @Test func anUpdateThatFailsIsPaused() throws {
            let yaml = """
                services:
                  web:
                    rootfs: host
                    command: [sh, -c, "sleep 600"]
                    network_mode: none
                    stop_grace_period: 0s
                    deploy: {replicas: 3, update_config: {monitor: \(isVirtual ? 4 : 1)s}}
                """
            try withStack(yaml) { stack in
                try stack.up()
                let before = try stack.pids()
                try stack.edit("sleep 600", "sleep 0.1; exit 5")
                let ended = try stack.run("up", "-d")
                #expect(ended.status == 1 && ended.err.contains("its successor exited with 5"), "\(ended)")
                #expect(ended.err.contains("what has been replaced stays"), "\(ended)")
                let after = try stack.pids()
                for index in 2...3 {
                    let name = "\(stack.project)-web-\(index)"
                    #expect(before[name] == after[name])
                }
                // It goes on where it was.
                try stack.edit("sleep 0.1; exit 5", "sleep 601")
                try stack.up()
                #expect(Set(try stack.pids().values).isDisjoint(with: before.values))
                try stack.expectSettled()
            }
        }
    }
}
