/// How much an archive may become.
package struct UnpackLimit {
    /// Of all entries together.
    let bytes: Int64
    let isSet: Bool

    /// An empty file is 1024 bytes in an archive, a folder 512; what is more than twice the limit cannot be within it.
    var stream: Int64 { bytes > .max / 2 ? .max : bytes * 2 }

    init(set: Int64?, compressed: Int64) {
        isSet = set != nil
        bytes = set ?? (compressed > .max / 100 ? .max : max(1 << 30, compressed * 100))
    }

    var refusal: Refusal {
        let limit = isSet ? "SETTLE_UNPACK_LIMIT" : "a hundred times its size, or 1 GiB"
        return Refusal(
            "it unpacks to more than \(bytes) bytes (\(limit))",
            hint: "if it is to be trusted, set SETTLE_UNPACK_LIMIT to more, `20G` for example")
    }

    /// SETTLE_UNPACK_LIMIT's value: bytes, with K, M, G or T behind for 1024 of them and so on. nil where it is none.
    package static func bytes(_ text: String) -> Int64? {
        let power = "KMGT".firstIndex { $0 == text.last }.map { "KMGT".distance(from: "KMGT".startIndex, to: $0) + 1 }
        guard let number = Int64(power == nil ? text : String(text.dropLast())), number > 0 else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << (10 * (power ?? 0)))
        return overflow ? nil : bytes
    }
}
