extension StackGraph {
    /// For people: each service with what it needs, in the order of starting.
    package func text(_ palette: Palette) -> String {
        var text = palette.paint(project, .bold) + "\n"
        for node in ranks.reversed().flatMap({ $0 }) where node.kind == .service {
            let notes = node.notes.isEmpty ? "" : "  \(node.notes.joined(separator: "  "))"
            text += "  \(palette.paint(node.name, .cyan))\(printable(notes))\n"
            for edge in edges(from: node) { text += "    \(printable(line(edge)))\n" }
        }
        for kind in Kind.allCases where kind != .service {
            for node in nodes where node.kind == kind {
                let users = edges.filter { $0.to == node.id }.map { $0.from.dropFirst("service/".count) }
                let notes = node.notes.map { "  \($0)" }.joined()
                text += "  \(kind.rawValue) \(palette.paint(node.name, .cyan))\(printable(notes))"
                text += users.isEmpty ? "\n" : "  of \(users.joined(separator: " "))\n"
            }
        }
        return text
    }

    private func line(_ edge: Edge) -> String {
        let (kind, name) = Self.parts(edge.to)
        switch edge.link {
        case .dependency: return "after \(name): \(edge.link.text)"
        case .namespaces(let kinds):
            return "in \(kinds.joined(separator: " ")) of \(kind == "namespace" ? "namespace " : "")\(name)"
        case .network: return "network \(name)" + (edge.link.text.isEmpty ? "" : " as \(edge.link.text)")
        case .mount: return "volume \(name) on \(edge.link.text)"
        }
    }

    private static func parts(_ id: String) -> (Substring, Substring) {
        let slash = id.firstIndex(of: "/") ?? id.startIndex
        return (id[..<slash], id[slash...].dropFirst())
    }

    // MARK: For other programs

    /// The language of Graphviz, dot(1).
    package var dot: String {
        func quoted(_ text: String) -> String {
            "\"" + text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "\""
        }
        var text = "digraph \(quoted(project)) {\n  rankdir=TB\n  node [fontname=\"sans-serif\"]\n"
        text += "  edge [fontname=\"sans-serif\", fontsize=10]\n"
        for node in nodes {
            let shape =
                switch node.kind {
                case .service: "box"
                case .network: "ellipse"
                case .volume: "cylinder"
                case .namespace: "octagon"
                }
            let label = ([node.name] + node.notes).map { quoted($0).dropFirst().dropLast() }.joined(separator: "\\n")
            text += "  \(quoted(node.id)) [shape=\(shape), label=\"\(label)\"]\n"
        }
        for edge in edges {
            let style =
                switch edge.link {
                case .dependency(_, let required): required ? "solid" : "dotted"
                case .namespaces: "bold"
                case .network, .mount: "dashed"
                }
            let arrow = style == "dashed" ? ", dir=none" : ""
            text += "  \(quoted(edge.from)) -> \(quoted(edge.to)) "
            text += "[label=\(quoted(edge.link.text)), style=\(style)\(arrow)]\n"
        }
        return text + "}\n"
    }

    /// A flowchart of Mermaid.
    package var mermaid: String {
        let numbers = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($0.element.id, "n\($0.offset)") })
        func quoted(_ text: String) -> String {
            "\"" + text.map { $0 == "\"" ? "#quot;" : $0 == "<" ? "#lt;" : $0 == ">" ? "#gt;" : "\($0)" }.joined()
                + "\""
        }
        var text = "flowchart TB\n"
        for node in nodes {
            let label = quoted(([node.name] + node.notes).joined(separator: "\n")).replacingLineEnds
            let shape =
                switch node.kind {
                case .service: "[\(label)]"
                case .network: "([\(label)])"
                case .volume: "[(\(label))]"
                case .namespace: "{{\(label)}}"
                }
            text += "  \(numbers[node.id] ?? "")\(shape)\n"
        }
        for edge in edges {
            let arrow =
                switch edge.link {
                case .dependency(_, let required): required ? "-->" : "-.->"
                case .namespaces: "==>"
                case .network, .mount: "---"
                }
            let label = edge.link.text.isEmpty ? "" : "|\(quoted(edge.link.text))|"
            text += "  \(numbers[edge.from] ?? "") \(arrow)\(label) \(numbers[edge.to] ?? "")\n"
        }
        return text
    }
}

extension String {
    fileprivate var replacingLineEnds: String { split(separator: "\n").joined(separator: "<br/>") }
}
