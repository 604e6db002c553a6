package import Compose

/// What a probe sends, and what it makes of the answer.
extension HTTPProbe {
    package var request: String {
        let isWhole = host.contains(":") || port == 80
        return [
            "GET \(path) HTTP/1.1", "Host: \(host)\(isWhole ? "" : ":\(port)")", "User-Agent: settle", "Accept: */*",
            "Connection: close", "", "",
        ].joined(separator: "\r\n")
    }

    /// How much of an answer is looked at.
    package static let longestAnswer = 4096

    /// nil: more of it is needed. Of an answer that is not wanted the text is kept, since it may say what is wrong.
    ///
    /// - Parameter isOver: nothing more will come.
    package func judge(_ reply: [UInt8], isOver: Bool) -> Health.Answer? {
        let isOver = isOver || reply.count >= Self.longestAnswer
        let text = String(decoding: reply.prefix(Self.longestAnswer), as: UTF8.self)
        guard let end = reply.firstIndex(of: UInt8(ascii: "\n")) else {
            return isOver ? Health.Answer(exitCode: 1, output: text.isEmpty ? "no answer" : "no HTTP: \(text)") : nil
        }
        let line = String(decoding: reply[..<end].filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
        let words = line.split(separator: " ", maxSplits: 2)
        guard line.hasPrefix("HTTP/"), words.count >= 2, let status = Int(words[1]) else {
            return Health.Answer(exitCode: 1, output: "no HTTP: \(text)")
        }
        if statuses.contains(where: { $0.contains(status) }) { return Health.Answer(exitCode: 0, output: line) }
        return isOver ? Health.Answer(exitCode: 1, output: text) : nil
    }
}
