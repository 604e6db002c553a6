import Diagnostics
import Foundation
import Testing

/// What Settle writes and reads of its own, beside Foundation's coders.
@Suite struct JSONTests {
    private struct Thing: Codable, Equatable {
        enum Kind: Codable, Equatable {
            case plain
            case sized(Int64, unit: String?)
        }

        var name: String
        var number: Int32?
        var big: UInt64
        var ratio: Double
        var flags: [Bool]
        var kinds: [Kind]
        var labels: [String: String]
        var inner: [Thing]
    }

    private let thing = Thing(
        name: "a \"b\"\\ \n\t\u{1}ä🐟/", number: nil, big: 1 << 62, ratio: 0.25, flags: [true, false],
        kinds: [.plain, .sized(-5, unit: nil), .sized(1, unit: "k")], labels: ["x": "y", "": "z"],
        inner: [
            Thing(name: "", number: -1, big: 0, ratio: 3, flags: [], kinds: [], labels: [:], inner: [])
        ])

    @Test func aValueSurvives() throws {
        let text = try JSON.encode(thing)
        #expect(try JSON.decode(Thing.self, from: text) == thing)
        #expect(!text.contains(10), "one line")
    }

    @Test func foundationReadsWhatIsWritten() throws {
        #expect(try JSONDecoder().decode(Thing.self, from: Data(try JSON.encode(thing))) == thing)
    }

    @Test func whatFoundationWritesIsRead() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .prettyPrinted
        #expect(try JSON.decode(Thing.self, from: try encoder.encode(thing)) == thing)
        #expect(try JSON.decode([String].self, from: Array(#"["\ud83d\udc1f\u00e4\/\b"]"#.utf8)) == ["🐟ä/\u{8}"])
    }

    @Test(arguments: [
        "", "[", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "[\"", "[\"\\x\"]", "[\"\\ud83d\"]", "[tru]", "[-]",
        "[1] 2", "[1e999999999999999999x]", String(repeating: "[", count: 100_000),
    ])
    func whatIsNoJSONIsRefused(text: String) {
        #expect(throws: DecodingError.self) { try JSON(parsing: Array(text.utf8)) }
    }

    @Test func whatDoesNotFitIsRefused() {
        for text in ["{}", "[]", #"{"name":1}"#] {
            #expect(throws: DecodingError.self) { try JSON.decode(Thing.self, from: Array(text.utf8)) }
        }
        #expect(throws: DecodingError.self) { try JSON.decode([UInt8].self, from: Array("[256]".utf8)) }
        #expect(throws: DecodingError.self) { try JSON.decode([Int].self, from: Array("[1.5]".utf8)) }
    }
}
