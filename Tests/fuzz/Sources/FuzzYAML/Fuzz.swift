import Diagnostics
import YAML

/// Any bytes: they are read or refused, every refusal has a place, and every node can be walked.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let reading = read(UnsafeBufferPointer(start: bytes, count: count), file: "f")
    for problem in reading.problems {
        guard let place = problem.place, place.line > 0, place.column > 0 else { fatalError("no place: \(problem)") }
        precondition(!reading.uses.annotated(problem).description.isEmpty)
    }
    for document in reading.documents { walk(document, depth: 0) }
    return 0
}

private func walk(_ node: Node, depth: Int) {
    precondition(depth <= 100 && node.place.line > 0 && node.place.column > 0)
    switch node.content {
    case .scalar(let scalar):
        _ = scalar.value
        _ = scalar.timestamp?.text
    case .sequence(let items): for item in items { walk(item, depth: depth + 1) }
    case .mapping(let entries): for entry in entries { walk(entry.value, depth: depth + 1) }
    }
}
