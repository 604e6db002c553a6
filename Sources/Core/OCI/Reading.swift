package import Diagnostics

/// What others wrote and does not hold: a manifest, an index, a configuration.
package struct OCIFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String
    package init(_ message: String) { self.message = message }
    package var description: String { message }
}

/// Reading JSON that others wrote, as Docker does: what is missing, null or of another form counts as not there.
extension JSON {
    package var text: String? { if case .string(let text) = self, !text.isEmpty { text } else { nil } }

    package var number: Int64? {
        switch self {
        case .int(let number): number
        case .double(let number): Int64(exactly: number)
        case .object, .array, .string, .bool, .null: nil
        }
    }

    package var items: [JSON] { if case .array(let items) = self { items } else { [] } }

    package var entries: [(String, JSON)] { if case .object(let members) = self { members } else { [] } }

    /// A list of texts. Old images have a single text, which is a list of one.
    package var texts: [String]? {
        switch self {
        case .string(let text): [text]
        case .array(let items): items.compactMap { if case .string(let text) = $0 { text } else { nil } }
        case .object, .int, .double, .bool, .null: nil
        }
    }

    /// An object of texts.
    package var dictionary: [String: String] {
        var result: [String: String] = [:]
        for (key, value) in entries { if case .string(let text) = value { result[key] = text } }
        return result
    }

    init(document bytes: [UInt8], what: String) throws(OCIFault) {
        do {
            self = try JSON(parsing: bytes)
        } catch {
            throw OCIFault("the \(what) is no JSON")
        }
        guard case .object = self else { throw OCIFault("the \(what) is no JSON object") }
    }
}
