import Foundation
import Glibc
import Testing

extension MachineTests {
    @Suite(.serialized) struct LoggingTests {
        /// A log of the machine, as it were.
        private final class Syslog {
            let path: String
            private let socket: Int32
            private(set) var lines: [String] = []

            init(_ folder: String) throws {
                path = "\(folder)/syslog"
                socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
                var address = sockaddr_un()
                address.sun_family = sa_family_t(AF_UNIX)
                withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
                let socket = socket
                let result = withUnsafePointer(to: address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                    }
                }
                try #require(result == 0)
            }

            deinit { close(socket) }

            func has(_ fits: (String) -> Bool) -> Bool {
                var bytes = [UInt8](repeating: 0, count: 1 << 16)
                while case let count = recv(socket, &bytes, bytes.count, 0), count > 0 {
                    lines.append(String(decoding: bytes.prefix(count), as: UTF8.self))
                }
                return lines.contains(where: fits)
            }
        }

        @Test func linesAreHandedOnAndKept() throws {
            try withStack("services: {}\n") { stack in
                let syslog = try Syslog(stack.folder)
                try stack.write(
                    """
                    services:
                      web:
                        rootfs: host
                        command: [sh, -c, "echo hello; printf unended"]
                        logging:
                          driver: syslog
                          options: {syslog-address: "unixgram://\(syslog.path)", tag: "{{.Name}}", syslog-facility: local0}
                      quiet: {rootfs: host, command: [sh, -c, "echo nobody hears; exit 5"], logging: {driver: none}}
                    """)
                try stack.up()
                try waitUntil("the lines") { syslog.has { $0.hasSuffix("unended") } }
                #expect(
                    syslog.has {
                        $0.hasPrefix("<134>") && $0.contains(" \(stack.project)-web-1[") && $0.hasSuffix("]: hello")
                    })
                #expect(try stack.expect(0, "logs", "--no-log-prefix", "web").out == "hello\nunended\n")
                try waitUntil("its end") { try stack.row("quiet").ExitCode == 5 }
                #expect(try stack.expect(0, "logs", "quiet").out == "")
                // The journal is either there, or missed before anything is done.
                try stack.edit("driver: none", "driver: journald")
                if access("/run/systemd/journal/socket", F_OK) != 0 {
                    let ended = try stack.expect(3, "up", "-d")
                    #expect(ended.err.contains("services.quiet.logging.driver: there is no journal on this machine"))
                } else {
                    try stack.up()
                }
            }
        }

        @Test func logsAreCutByTimeAndReplica() throws {
            let yaml = """
                services:
                  web:
                    rootfs: host
                    init: true
                    deploy: {replicas: 2}
                    command: [sh, -c, "echo early; while [ ! -e /go ]; do sleep 0.05; done; echo late; printf unended"]
                """
            try withStack(yaml) { stack in
                try stack.up()
                func logs(_ arguments: String...) throws -> [String] {
                    let ended = try stack.start(["logs", "--no-log-prefix"] + arguments).wait()
                    #expect(ended.status == 0, "\(ended)")
                    return ended.out.split(separator: "\n").map(String.init)
                }
                try waitUntil("the first lines") { try logs() == ["early", "early"] }
                let between = String(format: "%.6f", Date().timeIntervalSince1970)
                let follower = try stack.start([
                    "logs", "-f", "--no-log-prefix", "--since", between, "--index", "2", "web",
                ])
                for index in ["1", "2"] { try stack.expect(0, "exec", "-T", "--index", index, "web", "touch", "/go") }
                #expect(try follower.wait().out == "late\nunended\n")
                try waitUntil("their ends") { try stack.ps().allSatisfy { $0.State == "exited" } }
                #expect(try logs("--since", between).sorted() == ["late", "late", "unended", "unended"])
                #expect(try logs("--until", between) == ["early", "early"])
                #expect(try logs("--until", between, "--since", "1h", "--index", "1", "web") == ["early"])
                #expect(try logs("--since", "0s") == [])
                #expect(try stack.expect(1, "logs", "--index", "1").err.contains("name it"))
                #expect(try stack.expect(1, "logs", "--since", "yesterday").err.contains("42m for 42 minutes ago"))
            }
        }

        /// It prints 100 MB; fewer where processors are emulated.
        private static let loud = """
            services:
              loud:
                rootfs: host
                command: [sh, -c, "yes 0123456789012345678901234567890123456789 | head -c \(isVirtual ? 8 : 100)000000; echo; echo last; echo done > /done; exec sleep 1000"]
                init: true
                stop_grace_period: 0s
                logging: {options: {max-size: 1m, max-file: "3"}}
              calm:
                rootfs: host
                init: true
                command: [sh, -c, "i=0; while :; do i=$$((i+1)); echo $$i; sleep 0.05; done"]
                stop_grace_period: 0s
            """

        /// Bytes of the log of `loud`.
        private func size(in logs: String) -> Int {
            Machine.names(in: "\(logs)/loud.1").reduce(0) { sum, name in
                var status = stat()
                return stat("\(logs)/loud.1/\(name)", &status) == 0 ? sum + Int(status.st_size) : sum
            }
        }

        @Test func muchOutputIsBoundedAndDisturbsNobody() throws {
            try withStack(Self.loud) { stack in
                try stack.up()
                let loud = try stack.pid(of: "loud")
                let calm = try stack.pid(of: "calm")
                var largest = 0
                try waitUntil("all of the output", limit: 60) {
                    largest = max(largest, size(in: "\(stack.state)/projects/\(stack.project)/logs"))
                    return access("/proc/\(loud)/root/done", F_OK) == 0
                }
                #expect(largest > 1_000_000 && largest <= 3_500_000, "\(largest)")
                try waitUntil("the last line") {
                    try stack.expect(0, "logs", "--no-log-prefix", "-n", "1", "loud").out == "last\n"
                }
                // No line of the other one is missing.
                #expect(try stack.pid(of: "calm") == calm)
                let lines = try stack.expect(0, "logs", "--no-log-prefix", "calm").out.split(separator: "\n")
                #expect(lines.count > 1 && lines.map(String.init) == (1...lines.count).map(String.init), "\(lines)")
            }
        }

        @Test func aFullDiskStopsNobody() throws {
            try withStack(Self.loud) { stack in
                // The logs have a disk of their own, as large as a third of what loud may keep.
                let logs = "\(stack.state)/projects/\(stack.project)/logs"
                try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
                try #require(mount("tmpfs", logs, "tmpfs", 0, "size=1200k") == 0)
                defer { umount2(logs, Int32(MNT_DETACH)) }
                try stack.up()
                let loud = try stack.pid(of: "loud")
                try waitUntil("all of the output", limit: 60) {
                    access("/proc/\(loud)/root/done", F_OK) == 0
                }
                #expect(try stack.row("calm").State == "running")
                try stack.expect(0, "exec", "-T", "calm", "true")
                #expect(size(in: logs) > 100_000)
                let words = Machine.text("\(stack.state)/projects/\(stack.project)/supervisor.log") ?? ""
                #expect(words.contains("its output cannot be kept, and is lost"), "\(words)")
                // It is told once, not for each byte.
                #expect(words.components(separatedBy: "cannot be kept").count < 20, "\(words)")
                umount2(logs, Int32(MNT_DETACH))
                try stack.expect(0, "down")
            }
        }
    }
}
