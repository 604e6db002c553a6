import Glibc
import Images
import Syscalls
import Testing

/// A run of settle.
struct Outcome {
    let status: Int
    /// Both streams.
    let text: String
}

extension Sandbox {
    /// Runs settle in the sandbox, with a machine of its own.
    ///
    /// - Parameter prefix: variables, `NAME=value`.
    func run(_ words: String, input: String = "/dev/null", with prefix: String = "") throws -> Outcome {
        let text = try shell(
            "cd \(path); timeout 120 env -u COMPOSE_FILE \(variables) \(prefix) \(settle) \(words) <\(input) 2>&1; echo status $?"
        )
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let status = lines.last { $0.hasPrefix("status ") }.flatMap { Int($0.dropFirst(7)) }
        return Outcome(status: try #require(status), text: text)
    }

    var variables: String {
        "SETTLE_STATE_DIR=\(path)/machine SETTLE_RUNTIME_DIR=\(path)/run SETTLE_CGROUP=settle-test/\(group)"
    }

    /// Of the control groups.
    private var group: String { "images-\(path.suffix(6))" }

    var machine: ImageStore { ImageStore(folder: "\(path)/machine/images") }

    func write(_ yaml: String) throws { try Files.replace("\(path)/compose.yaml", yaml.utf8) }

    /// Runs the body with the stack of a file, whose containers are taken down afterwards, whatever happened.
    func withStack(_ yaml: String, _ body: () throws -> Void) throws {
        try write(yaml)
        defer {
            do {
                let down = try run("down -v -t 0 --verify")
                if down.status != 0 { Issue.record("\(down.text)") }
                try shell("for root in /sys/fs/cgroup /sys/fs/cgroup/*; do rmdir $root/settle-test/\(group) || :; done")
            } catch { Issue.record(error) }
        }
        try body()
    }

    /// Waits for something to become true; a minute is for the slowest of machines.
    func waitUntil(_ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ condition: () throws -> Bool)
        throws
    {
        for _ in 0..<1200 {
            if try condition() { return }
            usleep(50_000)
        }
        Issue.record("waited in vain for \(what)", sourceLocation: sourceLocation)
    }
}
