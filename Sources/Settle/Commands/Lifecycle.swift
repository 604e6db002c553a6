import ArgumentParser
import Compose
import Engine
import Linux
import Stack

/// The options of the commands that stop containers.
struct StopOptions: ParsableArguments {
    @Option(name: [.customShort("t", allowingJoined: true), .long], help: "Seconds before a container is killed.")
    var timeout: Int?
}

/// The arguments of all commands on existing containers.
struct ContainerOptions: ParsableArguments {
    @Argument(help: "Services; all where none is named.") var names: [String] = []
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: FileOption
}

/// What the commands that stop or start existing containers share.
protocol LifecycleCommand: StackCommand {
    var containers: ContainerOptions { get }
    static var word: String { get }
    func command(_ ids: [ContainerID]) throws -> Request.Command
}

extension LifecycleCommand {
    var options: StackOptions { StackOptions(containers.shared, containers.files) }

    func run() throws {
        let scene = try Scene(naming: options)
        try scene.locked("settle \(Self.word)") {
            let ids = try scene.containers(of: containers.names, in: try scene.store.read())
            if ids.isEmpty { return scene.output.warn("\(scene.name) has no containers") }
            try scene.change(try command(ids))
        }
    }
}

struct Stop: LifecycleCommand {
    static let word = "stop"
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stops containers and keeps them.", discussion: "  settle stop -t 3 web")

    @OptionGroup var stopping: StopOptions
    @OptionGroup var containers: ContainerOptions

    func command(_ ids: [ContainerID]) -> Request.Command { .stop(ids, timeout: stopping.timeout) }
}

struct StartCommand: LifecycleCommand {
    static let word = "start"
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Starts containers that were stopped.", discussion: "  settle start web")

    @OptionGroup var containers: ContainerOptions

    func command(_ ids: [ContainerID]) -> Request.Command { .start(ids) }
}

struct Restart: LifecycleCommand {
    static let word = "restart"
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Stops containers and starts the same ones again.",
        discussion: "  settle restart web")

    @OptionGroup var stopping: StopOptions
    @OptionGroup var containers: ContainerOptions

    func command(_ ids: [ContainerID]) -> Request.Command { .restart(ids, timeout: stopping.timeout) }
}

struct Kill: LifecycleCommand {
    static let word = "kill"
    static let configuration = CommandConfiguration(
        commandName: "kill", abstract: "Sends a signal to containers.", discussion: "  settle kill -s HUP web")

    @Option(name: [.customShort("s", allowingJoined: true), .long], help: "A name or a number.") var signal = "SIGKILL"
    @OptionGroup var containers: ContainerOptions

    func validate() throws {
        if Signal.number(named: signal) == nil { throw ValidationError("there is no signal \(signal)") }
    }

    func command(_ ids: [ContainerID]) throws -> Request.Command {
        .kill(ids, signal: Signal.number(named: signal) ?? Signal.kill.number)
    }
}
