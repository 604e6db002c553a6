import OCI
import Testing

@Suite struct PullBoardTests {
    private let image: ImageReference
    private let layers: [Digest]

    init() throws {
        image = try ImageReference(parsing: "nginx:1")
        layers = try ["a", "b"].map { try #require(Digest(hex: String(repeating: $0, count: 64))) }
    }

    private func board(_ events: [(PullEvent, Int64)]) -> PullBoard {
        events.reduce(into: PullBoard()) { board, event in board.take(event.0, at: event.1) }
    }

    private func event(_ layer: Int?, _ phase: PullEvent.Phase, _ bytes: Int64 = 0, _ total: Int64 = 0) -> PullEvent {
        PullEvent(image, layer.map { layers[$0] }, phase, bytes: bytes, total: total)
    }

    @Test func linesHaveBytesAndSpeed() {
        let board = board([
            (event(nil, .resolving), 0), (event(nil, .fetching), 0), (event(0, .fetching, 0, 30_000_000), 0),
            (event(1, .waiting, 0, 10_000_000), 0), (event(0, .fetching, 12_340_000, 30_000_000), 2_000_000_000),
        ])
        #expect(
            board.lines(width: 80, height: 9) == [
                "nginx:1         fetching   12.3 MB of 40.0 MB",
                "  aaaaaaaaaaaa  fetching   12.3 MB of 30.0 MB  6.2 MB/s",
                "  bbbbbbbbbbbb  waiting",
            ])
        #expect(board.lines(width: 12, height: 9)[0] == "nginx:1     ")
        #expect(board.lines(width: 80, height: 2).count == 2)
    }

    @Test func anImageThatIsThereIsOneLine() {
        let board = board([
            (event(nil, .fetching), 0), (event(0, .done, 30, 30), 0), (event(1, .done, 999, 999), 0),
            (event(nil, .done), 0),
        ])
        #expect(board.lines(width: 80, height: 9) == ["nginx:1  done       1.0 kB"])
    }

    @Test func whatMattersIsSaid() {
        var board = PullBoard()
        let steps: [(PullEvent.Phase, Int64)] = [(.fetching, 1), (.fetching, 2), (.fetched, 2)]
        let isNew = steps.map { board.take(event(0, $0, $1, 2), at: 0) }
        #expect(isNew == [true, false, true])
    }

    @Test(
        arguments: [
            (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_951, "1.0 MB"),
            (29_149_000, "29.1 MB"), (12_000_000_000, "12.0 GB"), (5_000_000_000_000, "5000.0 GB"), (-1, "0 B"),
        ] as [(Int64, String)])
    func sizes(bytes: Int64, text: String) {
        #expect(byteText(bytes) == text)
    }
}
