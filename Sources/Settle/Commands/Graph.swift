import Compose
import Stack
import Usage

struct Graph: SettleCommand {
    static let about = About(
        "graph", "Draws the stack: services, what they wait for, what they share.",
        """
          settle graph
          settle graph --format svg > stack.svg
          settle graph --format dot | dot -Tpng > stack.png
        """)

    private let format: Format
    private let names: [String]

    private enum Format: String, Choosable { case text, dot, mermaid, svg }

    init(_ line: inout Line) {
        format = line.choice("format", "Words, a language of another program, or a picture.", default: .text)
        names = line.operands("SERVICE", "Services, with what they need; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        let scene = try Scene(loading: options, services: names)
        guard var project = scene.project else { throw StackFiles.missing }
        try scene.expectKnown(names)
        project.services = project.closure(of: names)
        let graph = StackGraph(project)
        switch format {
        case .text: scene.output.write(graph.text(scene.output.palette))
        case .dot: scene.output.write(graph.dot)
        case .mermaid: scene.output.write(graph.mermaid)
        case .svg: scene.output.write(graph.svg)
        }
    }
}
