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

    private static let update = Grammar<UpdateSettings>([
        "parallelism": { settings, reader in
            let count = reader.integer(0...1000, "a number of containers, or 0 for all")
            settings.parallelism = count.map { Int($0) } ?? 1
        },
        "delay": { $0.delay = pause($1) ?? .zero },
        "monitor": { $0.monitor = pause($1) ?? .zero },
        "order": { $0.order = $1.word(UpdateSettings.Order.self) ?? .stopFirst },
        "failure_action": { $0.failureAction = $1.word(UpdateSettings.FailureAction.self) ?? .pause },
        "max_failure_ratio": { settings, reader in
            guard let ratio = reader.text().flatMap({ Double($0) }), (0...1).contains(ratio) else {
                return reader.expected("a share from 0 to 1", "write 0.3") ?? ()
            }
            settings.maxFailureRatio = ratio
        },
    ])

    static func updateSettings(_ reader: Reader) -> UpdateSettings? {
        if reader.node.isNull { return nil }
        var settings = UpdateSettings()
        update.read(reader, into: &settings)
        return settings
    }
}
