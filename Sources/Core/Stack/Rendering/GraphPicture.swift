extension StackGraph {
    /// A picture that needs no other program: ranks from top to bottom, straight lines.
    package var svg: String {
        let picture = Picture(self)
        var text =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(picture.width)\" height=\"\(picture.height)\" "
            + "viewBox=\"0 0 \(picture.width) \(picture.height)\" font-family=\"sans-serif\" font-size=\"12\">\n"
        text += "  <title>\(escaped(project))</title>\n"
        text += "  <defs><marker id=\"to\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" "
        text += "markerHeight=\"8\" orient=\"auto\"><path d=\"M0,0 L8,4 L0,8 z\"/></marker></defs>\n"
        text += "  <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        for edge in edges { text += picture.line(edge) }
        for node in nodes { text += picture.box(node) }
        return text + "</svg>\n"
    }
}

private struct Picture {
    private struct Box {
        var x: Int
        var y: Int
        var width: Int
        var height: Int
        var middle: Int { x + width / 2 }
    }

    private var boxes: [String: Box] = [:]
    private(set) var width = 0
    private(set) var height = 0

    private static let margin = 24
    private static let gap = 40
    private static let rise = 90
    private static let line = 16

    init(_ graph: StackGraph) {
        var y = Self.margin
        var rows: [(nodes: [StackGraph.Node], width: Int)] = []
        for rank in graph.ranks {
            var x = 0
            let tallest = rank.map { ($0.notes.count + 1) * Self.line + 16 }.max() ?? 0
            for node in rank {
                let letters = ([node.name] + node.notes).map(\.count).max() ?? 0
                let box = Box(
                    x: x, y: y, width: max(letters * 7 + 24, 80), height: (node.notes.count + 1) * Self.line + 16)
                boxes[node.id] = box
                x += box.width + Self.gap
            }
            rows.append((rank, x - Self.gap))
            y += tallest + Self.rise
        }
        let widest = rows.map(\.width).max() ?? 0
        width = max(widest, 0) + 2 * Self.margin
        height = max(y - Self.rise + Self.margin, 2 * Self.margin)
        // Each rank in the middle.
        for row in rows {
            for node in row.nodes { boxes[node.id]?.x += Self.margin + (widest - row.width) / 2 }
        }
    }

    func box(_ node: StackGraph.Node) -> String {
        guard let box = boxes[node.id] else { return "" }
        let (fill, radius) =
            switch node.kind {
            case .service: ("#e8f1fb", 4)
            case .network: ("#e9f7ec", box.height / 2)
            case .volume: ("#fdf3dc", 10)
            case .namespace: ("#f3e8fb", 0)
            }
        var text = "  <g><title>\(escaped(node.id))</title><rect x=\"\(box.x)\" y=\"\(box.y)\" width=\"\(box.width)\" "
        text += "height=\"\(box.height)\" rx=\"\(radius)\" fill=\"\(fill)\" stroke=\"#444\"/>"
        for (index, note) in ([node.name] + node.notes).enumerated() {
            let weight = index == 0 ? " font-weight=\"bold\"" : " fill=\"#555\""
            text += "<text x=\"\(box.middle)\" y=\"\(box.y + 20 + index * Self.line)\" text-anchor=\"middle\"\(weight)>"
            text += "\(escaped(note))</text>"
        }
        return text + "</g>\n"
    }

    func line(_ edge: StackGraph.Edge) -> String {
        guard let from = boxes[edge.from], let to = boxes[edge.to] else { return "" }
        let isDown = from.y <= to.y
        let (y1, y2) = isDown ? (from.y + from.height, to.y) : (from.y, to.y + to.height)
        let style =
            switch edge.link {
            case .dependency(_, let required): required ? "" : " stroke-dasharray=\"2 3\""
            case .namespaces: " stroke-width=\"3\""
            case .network, .mount: " stroke-dasharray=\"6 4\""
            }
        let head =
            switch edge.link {
            case .dependency, .namespaces: " marker-end=\"url(#to)\""
            case .network, .mount: ""
            }
        var text =
            "  <line x1=\"\(from.middle)\" y1=\"\(y1)\" x2=\"\(to.middle)\" y2=\"\(y2)\" stroke=\"#444\"\(style)\(head)/>"
        if !edge.link.text.isEmpty {
            text += "<text x=\"\((from.middle + to.middle) / 2)\" y=\"\((y1 + y2) / 2)\" text-anchor=\"middle\" "
            text += "font-size=\"10\" fill=\"#333\">\(escaped(edge.link.text))</text>"
        }
        return text + "\n"
    }
}

/// As text of XML; what XML cannot hold is left out.
private func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case _ where scalar.value < 0x20: result += " "
        case _: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
