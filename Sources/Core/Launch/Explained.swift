package import Diagnostics

extension Program {
    /// Steps that follow each other and have one reason.
    package struct Passage: Hashable, Sendable {
        /// `mount ./site on /srv`
        package let purpose: String
        /// The key of the service that asks for it; empty for what every start has.
        package let key: String
        /// As strace(1) would write them.
        package let calls: [String]
    }

    package var passages: [Passage] {
        var result = [
            Passage(
                purpose: "make a process in namespaces of its own", key: "namespaces",
                calls: [String(text.prefix { $0 != "\n" })])
        ]
        for step in steps {
            if let last = result.last, last.purpose == step.purpose, last.key == step.key {
                result[result.count - 1] = Passage(
                    purpose: last.purpose, key: last.key, calls: last.calls + [step.text])
            } else {
                result.append(Passage(purpose: step.purpose, key: step.key, calls: [step.text]))
            }
        }
        return result
    }

    /// Each passage under its reason.
    ///
    /// - Parameter place: of a key in the file.
    package func explained(_ place: (String) -> Place?) -> String {
        passages.map { passage in
            let source = [passage.key, place(passage.key).map { "\($0)" } ?? ""].filter { !$0.isEmpty }
            let origin = source.isEmpty ? "" : " (\(source.joined(separator: ", ")))"
            return "  # \(passage.purpose)\(origin)\n" + passage.calls.map { "  \($0)\n" }.joined()
        }.joined()
    }

    /// An object for each call.
    package func explainedJSON(_ place: (String) -> Place?) -> JSON {
        .array(
            passages.flatMap { passage in
                passage.calls.map { call in
                    .object([
                        ("call", .string(String(call.prefix { $0 != "(" }))), ("text", .string(call)),
                        ("purpose", .string(passage.purpose)), ("key", .string(passage.key)),
                        ("place", place(passage.key).map { .string("\($0)") } ?? .null),
                    ])
                }
            })
    }
}
