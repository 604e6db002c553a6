import Diagnostics
import YAML

/// `deploy.restart_policy` while it is being read.
struct RestartDraft {
    var policy = RestartPolicy.always
    var pace = RestartPace()
}

extension Keys {
    private static let restartPolicy = Grammar<RestartDraft>([
        "condition": { draft, reader in draft.policy = restartCondition(reader) ?? .always },
        "delay": { draft, reader in draft.pace.delay = pause(reader) },
        "window": { draft, reader in draft.pace.window = pause(reader) },
        "max_attempts": { draft, reader in
            let attempts = reader.integer(0...1_000_000, "a number of attempts, or 0 for no limit")
            draft.pace.attempts = attempts.flatMap { $0 == 0 ? nil : Int($0) }
        },
    ])

    static func restartPolicy(_ reader: Reader) -> RestartDraft? {
        if reader.node.isNull { return nil }
        var draft = RestartDraft()
        restartPolicy.read(reader, into: &draft)
        return draft
    }

    /// The words of `restart:` are understood as well, as Docker Compose does.
    private static func restartCondition(_ reader: Reader) -> RestartPolicy? {
        guard let text = reader.string() else { return nil }
        switch text {
        case "none", "no": return .no
        case "on-failure": return .onFailure(maximum: nil)
        case "any", "always", "": return .always
        case "unless-stopped": return .unlessStopped
        case _:
            let near = nearest(to: text, in: ["none", "on-failure", "any"])
            return reader.expected("none, on-failure or any", near.map { "did you mean \($0)?" })
        }
    }

    /// 0 is as if it were not set.
    private static func pause(_ reader: Reader) -> Duration? {
        guard let pause = reader.duration(), pause != .zero else { return nil }
        return pause < .milliseconds(1) ? reader.expected("a time of at least 1ms") : pause
    }
}
