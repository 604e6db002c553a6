import Foundation
import Glibc
import Testing

extension MachineTests {
    /// `watch`: files that are edited come into containers, once for each save.
    @Suite(.serialized) struct WatchTests {
        private static let yaml = """
            services:
              web:
                rootfs: host
                init: true
                command: [sh, -c, "echo life; exec sleep infinity"]
                stop_grace_period: 0s
                develop:
                  watch:
                    - {action: sync, path: ./src, target: /app, ignore: ["*.tmp", "lib/**", "!lib/keep"], initial_sync: true}
                    - {action: sync+restart, path: ./conf, target: /conf}
                    - {action: sync+exec, path: ./pages, target: /pages, exec: {command: [sh, -c, "echo x >> /runs"], environment: {A: b}}}
                    - {action: restart, path: ./single}
            """

        private func write(_ stack: Stack, _ path: String, _ text: String) throws {
            let folder = (stack.folder + "/" + path as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try stack.file(path, text)
        }

        /// The output of a script in the container; nil where it fails.
        private func see(_ stack: Stack, _ script: String) -> String? {
            guard let ended = try? stack.run("exec", "-T", "web", "sh", "-c", script), ended.status == 0 else {
                return nil
            }
            return ended.out.trimmingCharacters(in: .newlines)
        }

        private func lives(_ stack: Stack) throws -> Int {
            try stack.expect(0, "logs", "--no-log-prefix", "web").out.split(separator: "\n").count { $0 == "life" }
        }

        @Test func `what is edited comes into the container`() throws {
            try withStack(Self.yaml) { stack in
                for folder in ["src", "conf", "pages"] { try write(stack, folder + "/first", "one") }
                let watch = try stack.start(["watch"])
                try waitUntil("the first copy") { see(stack, "cat /app/first") == "one" }
                #expect(see(stack, "ls /conf /pages 2>/dev/null") == nil)
                // New folders, renamed and removed files.
                try write(stack, "src/a/b/deep", "two")
                try write(stack, "src/x.tmp", "ignored")
                try write(stack, "src/lib/other", "ignored")
                try write(stack, "src/lib/keep", "kept")
                try waitUntil("a new folder") { see(stack, "cat /app/a/b/deep /app/lib/keep") == "twokept" }
                #expect(see(stack, "ls /app; ls /app/lib") == "a\nfirst\nlib\nkeep")
                try Machine.run("mv", stack.folder + "/src/a", stack.folder + "/src/c")
                unlink(stack.folder + "/src/first")
                try waitUntil("a renamed folder") { see(stack, "ls /app; cat /app/c/b/deep") == "c\nlib\ntwo" }
                // A link in the container leads nowhere outside of it.
                try stack.shell("web", "rm -r /app/c; ln -s /../../../../../.. /app/c")
                try write(stack, "src/c/escape-\(stack.id)", "inside")
                try waitUntil("a copy through a link") { see(stack, "cat /escape-\(stack.id)") == "inside" }
                #expect(access("/escape-\(stack.id)", F_OK) != 0)
                #expect(try lives(stack) == 1)
                // One save is one start, however many files it touches.
                for index in 0..<20 { try write(stack, "conf/\(index)", "x") }
                try waitUntil("a start") { try lives(stack) == 2 }
                try waitUntil("the copies") { see(stack, "ls /conf | wc -l") == "20" }
                // As editors do it: a new file in the place of the old one.
                try write(stack, "single.new", "y")
                try Machine.run("mv", stack.folder + "/single.new", stack.folder + "/single")
                try waitUntil("another start") { try lives(stack) == 3 }
                for index in 0..<5 { try write(stack, "pages/\(index)", "x") }
                try waitUntil("the command") { see(stack, "cat /runs; ls /pages | wc -l") == "x\n5" }
                #expect(try lives(stack) == 3)
                watch.signal(SIGINT)
                let ended = try watch.wait()
                #expect(ended.status == 130 && ended.err.contains("started again"), "\(ended)")
                #expect(try stack.row("web").State == "running")
            }
        }

        @Test func `there is something to watch, and files that can be read again`() throws {
            try withStack("services: {web: {rootfs: host, command: [sleep, infinity]}}") { stack in
                let nothing = try stack.run("watch", "--no-up")
                #expect(nothing.status == 1 && nothing.err.contains("none of the services says what is to be watched"))
                #expect(try stack.run("-f", "-", "watch", input: Self.yaml).status == 1)
                #expect(stack.leftovers == [])
            }
        }
    }
}
