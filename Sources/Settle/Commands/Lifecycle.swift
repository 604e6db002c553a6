import Compose
import Engine
import Linux
import Stack
import Usage

/// A command that has something done with containers that exist.
protocol LifecycleCommand: SettleCommand {
    /// Of the services; all where none is named.
    var names: [String] { get }
    func command(_ ids: [ContainerID]) -> Request.Command
}

extension LifecycleCommand {
    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        try scene.locked("settle \(Self.about.name)") {
            let ids = try scene.containers(of: names, in: try scene.store.read())
            if ids.isEmpty { return scene.output.warn("\(scene.name) has no containers") }
            try scene.change(command(ids))
        }
    }
}

extension Line {
    /// Of containers that exist.
    fileprivate mutating func services() -> [String] {
        operands("SERVICE", "Services; all where none is named.", .services)
    }
}

struct Stop: LifecycleCommand {
    static let about = About("stop", "Stops containers and keeps them.", "  settle stop -t 3 web")

    let names: [String]
    private let timeout: Int?

    init(_ line: inout Line) {
        timeout = line.timeout()
        names = line.services()
    }

    func command(_ ids: [ContainerID]) -> Request.Command { .stop(ids, timeout: timeout) }
}

struct StartCommand: SettleCommand {
    static let about = About("start", "Starts containers that were stopped.", "  settle start web")

    private let wait: Bool
    private let waitTimeout: Int?
    private let names: [String]

    init(_ line: inout Line) {
        wait = line.flag("wait", "Return when they are healthy, or run where they have no health check, or are done.")
        waitTimeout = line.number("wait-timeout", "SECONDS", "How long --wait waits at most.").flatMap {
            $0 == 0 ? nil : $0
        }
        names = line.services()
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        let ids = try scene.locked("settle start") {
            let ids = try scene.containers(of: names, in: try scene.store.read())
            if ids.isEmpty { scene.output.warn("\(scene.name) has no containers") }
            if !ids.isEmpty { try scene.change(.start(ids)) }
            return ids
        }
        if wait { try scene.awaitReadiness(of: ids, timeout: waitTimeout) }
    }
}

struct Kill: LifecycleCommand {
    static let about = About("kill", "Sends a signal to containers.", "  settle kill -s HUP web")

    let names: [String]
    private let signal: Int32

    init(_ line: inout Line) {
        let signal = line.option(
            "signal", short: "s", "SIGNAL", "A name or a number. (default: SIGKILL)", expects: "a signal such as HUP"
        ) { Signal.number(named: $0) }
        self.signal = signal ?? Signal.kill.number
        names = line.services()
    }

    func command(_ ids: [ContainerID]) -> Request.Command { .kill(ids, signal: signal) }
}
