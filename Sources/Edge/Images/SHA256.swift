import CCrypto

/// SHA-256 with what the processor has for it.
package struct SHA256 {
    private var context = SHA256_CTX()

    package init() { SHA256_Init(&context) }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        SHA256_Update(&context, bytes.baseAddress, bytes.count)
    }

    /// The digest as images name it, `sha256:` and 64 hexadecimal digits. Nothing may be added afterwards.
    package mutating func digest() -> String {
        var bytes = [UInt8](repeating: 0, count: 32)
        SHA256_Final(&bytes, &context)
        return "sha256:" + Self.hexadecimal(bytes)
    }

    package static func digest(of bytes: [UInt8]) -> String {
        var hash = SHA256()
        bytes.withUnsafeBytes { hash.update($0) }
        return hash.digest()
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
