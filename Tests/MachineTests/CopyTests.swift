import Foundation
import Glibc
import Testing

extension MachineTests {
    @Suite(.serialized) struct CopyTests {
        private static let yaml = """
            services:
              web: {rootfs: host, init: true, command: [sleep, infinity], stop_grace_period: 0s, volumes: ["./shared:/shared"]}
            """

        private func mode(_ path: String) -> mode_t {
            var status = stat()
            return lstat(path, &status) == 0 ? status.st_mode : 0
        }

        @Test func filesGoBothWays() throws {
            try withStack(Self.yaml) { stack in
                try stack.up()
                let folder = stack.folder
                try Machine.run("mkdir", "-p", "\(folder)/site/inner")
                try stack.file("site/index", "hello\n")
                try stack.file("site/inner/deep", "deep\n")
                try Machine.run("chmod", "640", "\(folder)/site/index")
                try Machine.run("ln", "-s", "index", "\(folder)/site/link")
                try Machine.run("touch", "-d", "2001-02-03T04:05:06Z", "\(folder)/site/inner")
                // A folder that is not there is made; onto one that is there it goes with its name, its content with `/.`.
                try stack.expect(0, "cp", "site", "web:/new")
                try stack.expect(0, "cp", "site", "web:/new")
                try stack.expect(0, "cp", "site/.", "web:/new/inner")
                try stack.expect(0, "cp", "site/index", "web:/new/renamed")
                try stack.expect(0, "cp", "site/index", "web:/tmp/")
                #expect(
                    try stack.shell("web", "cd /new && find . | sort | tr '\\n' ' '")
                        == ". ./index ./inner ./inner/deep ./inner/index ./inner/inner ./inner/inner/deep ./inner/link "
                        + "./link ./renamed ./site ./site/index ./site/inner ./site/inner/deep ./site/link ")
                #expect(
                    try stack.shell("web", "stat -c '%a %u' /new/index; readlink /new/link; cat /tmp/index")
                        == "640 0\nindex\nhello")
                #expect(try stack.shell("web", "date -u -r /new/site/inner +%F") == "2001-02-03")
                #expect(try stack.expect(1, "cp", "site", "web:/new/index").err.contains("/new/index is a file"))
                #expect(
                    try stack.expect(1, "cp", "site/index", "web:/nowhere/").err.contains("no folder that is there"))

                try stack.shell("web", "chown -R 1234:5678 /new; mkfifo /new/pipe")
                try stack.expect(0, "cp", "web:/new", "back")
                try stack.expect(0, "cp", "-a", "web:/new/.", "kept")
                #expect(Machine.text("\(folder)/back/inner/inner/deep") == "deep\n")
                #expect(
                    mode("\(folder)/back/link") & S_IFMT == S_IFLNK && mode("\(folder)/back/pipe") & S_IFMT == S_IFIFO)
                #expect(
                    try Machine.run("stat", "-c", "%u:%g", "\(folder)/back/index", "\(folder)/kept/index")
                        == "0:0\n1234:5678\n")
                try stack.expect(0, "cp", "-L", "web:/new/link", "followed")
                #expect(mode("\(folder)/followed") & S_IFMT == S_IFREG)
                #expect(try stack.expect(1, "cp", "web:/missing", ".").err.contains("/missing"))
            }
        }

        @Test func archivesComeAndGo() throws {
            try withStack(Self.yaml) { stack in
                try stack.up()
                try stack.shell(
                    "web",
                    "mkdir -p /data/inner; echo one > /data/file; ln -s file /data/link; echo two > /data/inner/x")
                let shell = { (script: String) in
                    try Running(
                        "sh", ["-c", script], stack.environment.merging(["S": Stack.binary]) { $1 }, in: stack.folder
                    ).wait()
                }
                let listed = try shell("$S cp web:/data - | tar -t | sort")
                #expect(listed.out == "data/\ndata/file\ndata/inner/\ndata/inner/x\ndata/link\n", "\(listed)")
                let passed = try shell(
                    "$S cp web:/data - | gzip | $S cp - web:/tmp && $S exec -T web cat /tmp/data/inner/x /tmp/data/link"
                )
                #expect(passed.out == "two\none\n", "\(passed)")
                // Holes are holes to the file's end, and one file of two names stays one.
                let sparse = try shell(
                    """
                    mkdir sparse; cd sparse; printf x | dd of=holes bs=1 seek=300000 2>&-; truncate -s 1M holes; ln holes same
                    tar -c --sparse . | zstd -q | $S -f ../compose.yaml cp - web:/tmp; sha256sum < holes
                    $S -f ../compose.yaml exec -T web sh -c 'sha256sum < /tmp/same; stat -c %h /tmp/holes'
                    """)
                let lines = sparse.out.split(separator: "\n")
                #expect(lines.count == 3 && lines[0] == lines[1] && lines[2] == "2", "\(sparse)")
                #expect(try shell("echo no archive | $S cp - web:/tmp").err.contains("plain or packed by gzip or zstd"))
                #expect(try shell("$S cp web:/data - | $S cp - web:/data/file").err.contains("no folder"))
            }
        }

        /// Its writable layer, its volumes and its root are what they are when it runs.
        @Test func whatDoesNotRunHasFiles() throws {
            let yaml = """
                services:
                  job:
                    rootfs: host
                    command: [sh, -c, "cat /in /data/in; echo result > /out; echo kept > /data/out; ln -sfn /out /trap"]
                    volumes: ["data:/data", "./shared:/shared:ro"]
                volumes: {data: {}}
                """
            try withStack(yaml) { stack in
                try stack.up()
                try waitUntil("its end") { try stack.row("job").State == "exited" }
                try stack.expect(0, "cp", "job:/out", "out")
                try stack.expect(0, "cp", "job:/data", "data")
                #expect(Machine.text("\(stack.folder)/out") == "result\n")
                #expect(Machine.text("\(stack.folder)/data/out") == "kept\n")
                try stack.file("in", "given\n")
                try stack.expect(0, "cp", "in", "job:/in")
                try stack.expect(0, "cp", "in", "job:/data/in")
                try stack.expect(0, "cp", "in", "job:/trap")
                #expect(try stack.expect(1, "cp", "in", "job:/shared/in").err.contains("read-only"))
                try stack.expectSettled()
                try stack.expect(0, "start", "job")
                try waitUntil("its lines") {
                    try stack.expect(0, "logs", "--no-log-prefix", "job").out.hasSuffix("given\ngiven\n")
                }
                // Nothing of it is left.
                #expect(Machine.mounts(below: stack.state).allSatisfy { !$0.contains("/containers/") })
                try FileManager.default.removeItem(atPath: "\(stack.folder)/shared")
                try waitUntil("its end") { try stack.row("job").State == "exited" }
                #expect(try stack.expect(1, "cp", "job:/out", "out").err.contains("cannot be put together"))
            }
        }

        /// What a container prepares for whoever copies must not reach the host, whichever way.
        @Test func noLinkLeadsOut() throws {
            try withStack(Self.yaml) { stack in
                try stack.up()
                let folder = stack.folder
                try stack.file("secret", "secret\n")
                try stack.file("mine", "mine\n")
                try Machine.run("mkdir", "\(folder)/tree", "\(folder)/tree/trap")
                try stack.file("tree/trap/file", "mine\n")
                // The same path inside and outside: a link that is resolved on the host would hit the host's file.
                try stack.shell(
                    "web",
                    "mkdir -p \(folder); echo inside > \(folder)/secret; ln -s \(folder)/secret /link; ln -s \(folder) /way; ln -s / /up; mkdir /dst; ln -s \(folder) /dst/trap"
                )
                try stack.expect(0, "cp", "-L", "web:/link", "got")
                #expect(Machine.text("\(folder)/got") == "inside\n")
                try stack.expect(0, "cp", "web:/way/secret", "got")
                #expect(Machine.text("\(folder)/got") == "inside\n")
                try stack.expect(0, "cp", "web:/../../../..\(folder)/secret", "got")
                #expect(Machine.text("\(folder)/got") == "inside\n")
                try stack.expect(0, "cp", "mine", "web:/link")
                try stack.expect(0, "cp", "mine", "web:/way/planted")
                #expect(Machine.text("\(folder)/secret") == "secret\n" && Machine.text("\(folder)/planted") == nil)
                #expect(try stack.shell("web", "cat \(folder)/secret \(folder)/planted") == "mine\nmine")
                // A link in the place of a folder is not gone through.
                #expect(try stack.expect(1, "cp", "tree/.", "web:/dst").err.contains("trap"))
                #expect(Machine.text("\(folder)/file") == nil)
                let archive = try Running(
                    "sh",
                    ["-c", "tar -cf - -P --transform 's,^tree,../../tree,' tree | \(Stack.binary) cp - web:/tmp"],
                    stack.environment, in: folder
                ).wait()
                #expect(archive.status == 1, "\(archive)")
            }
        }
    }
}
