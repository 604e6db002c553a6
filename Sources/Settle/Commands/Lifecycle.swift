import ArgumentParser
import Compose
import Engine
import Linux
import Stack

/// What the commands that stop or start existing containers share.
protocol LifecycleCommand: StackCommand {
    var names: [String] { get }
    static var word: String { get }
    func command(_ ids: [ContainerID]) throws -> Request.Command
}

extension LifecycleCommand {
    func run() throws {
        let scene = try Scene(naming: options)
        try scene.locked("settle \(Self.word)") {
            let ids = try scene.containers(of: names, in: try scene.store.read())
            if ids.isEmpty { return scene.output.warn("\(scene.name) has no containers") }
            try scene.change(try command(ids))
        }
    }
}

struct Stop: LifecycleCommand {
    static let word = "stop"
    static let configuration = CommandConfiguration(
        abstract: "Stops containers and keeps them.", discussion: "  settle stop -t 3 web")

    @Option(name: [.customShort("t", allowingJoined: true), .long], help: "Seconds before a container is killed.")
    var timeout: Int?
    @Argument(help: "Services; all where none is named.") var names: [String] = []
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: FileOption

    var options: StackOptions { StackOptions(shared, files) }
    func command(_ ids: [ContainerID]) -> Request.Command { .stop(ids, timeout: timeout) }
}

struct StartCommand: LifecycleCommand {
    static let word = "start"
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Starts containers that were stopped.", discussion: "  settle start web")

    @Argument(help: "Services; all where none is named.") var names: [String] = []
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: FileOption

    var options: StackOptions { StackOptions(shared, files) }
    func command(_ ids: [ContainerID]) -> Request.Command { .start(ids) }
}

struct Restart: LifecycleCommand {
    static let word = "restart"
    static let configuration = CommandConfiguration(
        abstract: "Stops containers and starts the same ones again.", discussion: "  settle restart web")

    @Option(name: [.customShort("t", allowingJoined: true), .long], help: "Seconds before a container is killed.")
    var timeout: Int?
    @Argument(help: "Services; all where none is named.") var names: [String] = []
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: FileOption

    var options: StackOptions { StackOptions(shared, files) }
    func command(_ ids: [ContainerID]) -> Request.Command { .restart(ids, timeout: timeout) }
}

struct Kill: LifecycleCommand {
    static let word = "kill"
    static let configuration = CommandConfiguration(
        abstract: "Sends a signal to containers.", discussion: "  settle kill -s HUP web")

    @Option(name: [.customShort("s", allowingJoined: true), .long], help: "A name or a number.") var signal = "SIGKILL"
    @Argument(help: "Services; all where none is named.") var names: [String] = []
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: FileOption

    var options: StackOptions { StackOptions(shared, files) }

    func validate() throws {
        if Signal.number(named: signal) == nil { throw ValidationError("there is no signal \(signal)") }
    }

    func command(_ ids: [ContainerID]) throws -> Request.Command {
        .kill(ids, signal: Signal.number(named: signal) ?? Signal.kill.number)
    }
}
