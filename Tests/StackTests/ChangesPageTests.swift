import FoundationEssentials
import Stack
import Testing

@Suite struct ChangesPageTests {
    @Test func thePageAgreesWithTheTable() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let page = try String(contentsOfFile: "/\(root)/docs/changes.md", encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }.map(String.init)
        #expect(rows == ServiceKey.allCases.map { "| `\($0.rawValue)` | \($0.effect.rawValue) |" })
    }
}
