/// A step of an image, or of one of its layers, on the way here.
package struct PullEvent: Hashable, Sendable {
    package enum Phase: String, Hashable, Sendable, CaseIterable {
        /// The image: what the registry has under the name is being found out.
        case resolving
        /// The layer: another command has it in hand.
        case waiting
        case fetching
        case fetched
        case unpacking
        /// The layer, or the whole image.
        case done
        case failed
    }

    package let image: ImageReference
    /// nil for the image as a whole.
    package let layer: Digest?
    package let phase: Phase
    /// Fetched or unpacked so far, of how many.
    package let bytes: Int64
    package let total: Int64

    package init(_ image: ImageReference, _ layer: Digest? = nil, _ phase: Phase, bytes: Int64 = 0, total: Int64 = 0) {
        self.image = image
        self.layer = layer
        self.phase = phase
        self.bytes = bytes
        self.total = total
    }
}
