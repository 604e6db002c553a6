/// What runs inside a container that has just started, one after the other.
struct PostStart: Sendable {
    enum Step {
        case begin(HookCommand)
        case wait
        /// The one under way has had its time.
        case late
        case done
    }

    private var hooks: ArraySlice<HookCommand>
    /// When the first one has to have ended; nil where it has not begun.
    private(set) var deadline: Int64?

    /// Of one hook, in milliseconds.
    static let longest: Int64 = 300_000

    /// nil where there is nothing to run.
    init?(_ spec: ContainerSpec?) {
        guard let spec, let hooks = spec.hooks?.postStart, !hooks.isEmpty else { return nil }
        self.hooks = hooks.map { HookCommand($0, in: spec) }[...]
    }

    mutating func next(_ now: Int64) -> Step {
        guard let hook = hooks.first else { return .done }
        guard let deadline else {
            deadline = now + Self.longest
            return .begin(hook)
        }
        return deadline <= now ? .late : .wait
    }

    /// - Returns: the hook, where it has failed.
    mutating func take(_ answer: Health.Answer) -> HookCommand? {
        guard let hook = hooks.first else { return nil }
        if answer.exitCode != 0 { return hook }
        hooks.removeFirst()
        deadline = nil
        return nil
    }
}
