/// Why a text names no image, platform or policy.
package struct ReferenceFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, in lower case, without a full stop.
    package let message: String
    /// What to write instead.
    package let hint: String

    package init(_ message: String, hint: String) {
        self.message = message
        self.hint = hint
    }

    package var description: String { "\(message); \(hint)" }
}
