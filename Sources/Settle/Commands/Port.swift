import Linux
import Stack
import Usage

struct Port: SettleCommand {
    static let about = About(
        "port", "Shows the host's address that leads to a port of a service.",
        "  settle port web 80")

    private let transport: PublishedPort.TransportProtocol
    private let index: Int
    private let service: String
    private let port: UInt16

    init(_ line: inout Line) {
        transport = line.choice("protocol", "Of the port.", default: .tcp)
        index = line.replica()
        service = line.operand("SERVICE", "The service.", .services)
        port = line.operand("PORT", "The port inside the container.", expects: "a port's number") { UInt16($0) } ?? 0
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        let ledger = try scene.store.read()
        _ = try scene.containers(of: [service], in: ledger)
        let ports = ledger.entry(ContainerID(ledger.keys(of: [service])[0], index))?.spec.ports ?? []
        guard let found = ports.first(where: { $0.containerPort == port && $0.transport == transport }) else {
            throw Complaint("\(service) publishes no port \(port)/\(transport.rawValue)")
        }
        let address = found.hostAddress ?? "0.0.0.0"
        scene.output.write("\(address.contains(":") ? "[\(address)]" : address):\(found.hostPort ?? 0)\n")
    }
}

extension PublishedPort.TransportProtocol: Choosable {}
