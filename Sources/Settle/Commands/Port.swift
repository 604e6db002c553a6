import ArgumentParser
import Linux
import Stack

struct Port: StackCommand {
    static let configuration = CommandConfiguration(
        commandName: "port", abstract: "Shows the host's address that leads to a port of a service.",
        discussion: "  settle port web 80")

    @Option(name: .customLong("protocol"), help: "tcp or udp.")
    var transport: PublishedPort.TransportProtocol = .tcp
    @Option(help: "Which replica.") var index = 1
    @Argument(help: "The service.") var service: String
    @Argument(help: "The port inside the container.") var port: UInt16
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: FileOption

    var options: StackOptions { StackOptions(shared, files) }

    func run() throws {
        let scene = try Scene(naming: options)
        let ledger = try scene.store.read()
        _ = try scene.containers(of: [service], in: ledger)
        let ports = ledger.entry(ContainerID(service, index))?.spec.ports ?? []
        guard let found = ports.first(where: { $0.containerPort == port && $0.transport == transport }) else {
            throw Complaint("\(service) publishes no port \(port)/\(transport.rawValue)")
        }
        let address = found.hostAddress ?? "0.0.0.0"
        scene.output.write("\(address.contains(":") ? "[\(address)]" : address):\(found.hostPort ?? 0)\n")
    }
}

extension PublishedPort.TransportProtocol: ExpressibleByArgument {}
