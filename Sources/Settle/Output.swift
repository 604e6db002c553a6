import Diagnostics
import Glibc
import Stack
import Syscalls

/// Results go to standard output; progress and problems to standard error.
struct Output {
    let style: ProgressStyle
    /// For standard output.
    let palette: Palette
    private let isJSON: Bool
    private let errorPalette: Palette

    init(progress: ProgressMode = .auto, colours: ColourMode = .auto) {
        palette = colours.palette(for: STDOUT_FILENO)
        errorPalette = colours.palette(for: STDERR_FILENO)
        isJSON = progress == .json
        switch progress {
        case .auto, .plain: style = .plain(errorPalette)
        case .json: style = .json
        case .quiet: style = .quiet
        }
    }

    func write(_ text: String) { Self.write(text, to: STDOUT_FILENO) }

    func progress(_ resource: String, _ word: String) {
        if let line = style.line(resource: resource, word: word) { complain(line) }
    }

    func warn(_ text: String) { complain(style.warning(text)) }

    func show(_ diagnostic: Diagnostic) {
        if isJSON { return complain(diagnostic.json.compact) }
        let word = diagnostic.severity.rawValue + ":"
        let text = diagnostic.description
        guard let range = text.firstRange(of: word) else { return complain(text) }
        let colour: Palette.Colour = diagnostic.severity == .error ? .red : .yellow
        complain(text[..<range.lowerBound] + errorPalette.paint(word, colour) + text[range.upperBound...])
    }

    /// One or more lines for standard error.
    func complain(_ text: String) { Self.write(text + "\n", to: STDERR_FILENO) }

    /// Unbuffered: lines of several processes must not mix. A reader that is gone wants no more, and no complaint.
    private static func write(_ text: String, to descriptor: Int32) {
        try? Files.write(text.utf8, to: descriptor, named: "output")
    }
}
