import Compose
import Diagnostics
import Linux
import Processes
import Stack
import Usage

struct Why: SettleCommand {
    static let about = About(
        "why", "Tells what a service is doing, and why.",
        """
          settle why web
          settle why --format json web

        Whether it runs, how it ended, by which signal, whether memory ran out; how often it was started again and when
        next; what its health check said; what it waits for; its last lines.
        """)

    private let format: Format
    private let lines: Int
    private let index: Int?
    private let service: String

    private enum Format: String, Choosable { case text, json }

    init(_ line: inout Line) {
        format = line.choice("format", "How it is printed.", default: .text)
        lines = line.number("tail", short: "n", "LINES", "So many of its last lines. (default: 10)") ?? 10
        index = line.number("index", "N", "Only this replica.", in: 1...Int.max)
        service = line.operand("SERVICE", "The service.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(naming: options)
        // While a change is under way, what it is about to start is there, too.
        let ledger = try scene.store.read(isOpen: true)
        let ids = ledger.entries.map(\.instance.id).filter { $0.service == service }.sorted()
        if ids.isEmpty {
            guard scene.project?.service(service) != nil else { throw Complaint("no such service: \(service)") }
            throw Complaint(
                "\(service) has no container: it was never started, or is removed", hint: "settle up -d \(service)")
        }
        let observed = try Observer(scene.paths).observe(ledger, .details)
        let explanations = ids.filter { index == nil || $0.index == index }.compactMap { id in
            Explanation(id, observed, output: output(of: id, scene), now: MachineClock.realtime)
        }
        if explanations.isEmpty { throw Complaint("\(service) has no replica \(index ?? 1)") }
        switch format {
        case .text: scene.output.write(explanations.map { $0.text(scene.output.palette) }.joined(separator: "\n"))
        case .json: scene.output.write(explanations.map { $0.json.compact + "\n" }.joined())
        }
    }

    private func output(of id: ContainerID, _ scene: Scene) -> [String] {
        let reader = LogReader(scene.paths.log(id), tail: lines)
        var result: [String] = []
        while let line = reader.next() ?? reader.rest() { result.append(String(decoding: line.text, as: UTF8.self)) }
        return result.suffix(lines)
    }
}
