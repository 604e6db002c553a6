import Diagnostics
import Launch
import Stack
import Usage

struct Explain: SettleCommand {
    static let about = About(
        "explain", "Shows the system calls that would start a service, each with its reason.",
        """
          settle explain web
          settle explain --format json web

        What the child does between clone3 and execve, nothing else; beside each passage the key of the file that asks
        for it. Nothing is changed.
        """)

    private let format: Format
    private let index: Int
    private let service: String

    private enum Format: String, Choosable { case text, json }

    init(_ line: inout Line) {
        format = line.choice("format", "How it is printed.", default: .text)
        index = line.replica()
        service = line.operand("SERVICE", "The service.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(loading: options, services: [service])
        let prospect = try Prospect(scene, Prospect.Wish(services: [service]), status: Complaint.wrong)
        let id = ContainerID(service, index)
        guard let container = prospect.goal.container(id) else {
            throw Complaint("\(service) has no replica \(index)")
        }
        let instance =
            prospect.plan.turnovers.first { $0.id == id }?.start ?? prospect.observation.ledger.entry(id)?.instance
            ?? Instance(id, 1)
        guard let program = try prospect.program(of: container, instance, scene) else {
            throw Complaint("the image \(container.imageText) is not here", hint: "settle pull \(service)")
        }
        let place = { (key: String) -> Place? in key.isEmpty ? nil : scene.project?.place(of: .container(id), path: key)
        }
        switch format {
        case .text:
            scene.output.write("\(ResourceID.container(id)):\n\(program.explained(place))")
        case .json: scene.output.write(program.explainedJSON(place).pretty + "\n")
        }
    }
}
