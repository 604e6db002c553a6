import Diagnostics
import YAML

/// What happens when files of the host change while somebody works on them: an entry of `develop.watch`.
package struct WatchRule: Codable, Hashable, Sendable {
    package enum Action: String, Codable, Hashable, Sendable, CaseIterable {
        case rebuild, sync, restart
        case syncAndRestart = "sync+restart"
        case syncAndExecute = "sync+exec"

        package var copies: Bool {
            switch self {
            case .sync, .syncAndRestart, .syncAndExecute: true
            case .rebuild, .restart: false
            }
        }
    }

    package var action: Action
    /// A file or folder of the host, absolute and without links.
    package var path: String
    /// Where it is copied to; empty where nothing is.
    package var target: String
    /// Only these count; all where there are none.
    package var include: [String]
    package var ignore: [String]
    /// What runs in the container after copying.
    package var command: Hook?
    /// Whether everything is copied at the beginning.
    package var isInitial: Bool
    /// Where the file says so: `develop.watch[0]`.
    package var key: String

    package init(_ action: Action, path: String, target: String = "", key: String = "") {
        self.action = action
        self.path = path
        self.target = target
        self.key = key
        include = []
        ignore = []
        isInitial = false
    }
}

extension Keys {
    private struct WatchDraft {
        var rule = WatchRule(.sync, path: "")
        var exec: Reader?
    }

    private static let watched = Grammar<WatchDraft>([
        "action": { $0.rule.action = $1.word(WatchRule.Action.self) ?? .sync },
        "path": { $0.rule.path = $1.hostPath() ?? "" },
        "target": { $0.rule.target = $1.target() ?? "" },
        "include": { $0.rule.include = $1.strings() ?? [] },
        "ignore": { $0.rule.ignore = $1.strings() ?? [] },
        "initial_sync": { $0.rule.isInitial = $1.boolean() ?? false },
        "exec": { $0.exec = $1 },
    ])

    static let develop = Grammar<ServiceDraft>([
        "watch": { draft, reader in
            draft.service.watch = (reader.items() ?? []).enumerated().map { index, item -> WatchRule in
                var watch = WatchDraft()
                watch.rule.key = "develop.watch[\(index)]"
                watched.read(item, into: &watch)
                if watch.rule.action == .syncAndExecute { readCommand(&watch, item) }
                return watch.rule
            }
        }
    ])

    private static func readCommand(_ watch: inout WatchDraft, _ item: Reader) {
        var hook = Hook([], key: "\(watch.rule.key).exec")
        if let exec = watch.exec { self.hook.read(exec, into: &hook) }
        if hook.command.isEmpty {
            item.error("there is nothing to run", hint: "add exec: {command: [program, argument]}, or use sync")
        }
        watch.rule.command = hook
    }
}

extension Check {
    /// What cannot be done when something changes is said before.
    func watched(_ service: Service) {
        for rule in service.watch where rule.action == .rebuild && service.image?.build == nil {
            error(
                "there is nothing to build", service, rule.key,
                hint: "add build:, or use sync to copy what changes, or restart")
        }
    }
}
