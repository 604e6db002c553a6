import Diagnostics
import Glibc
import Stack
import Syscalls

/// The files that messages speak of, each read once. What cannot be read, standard input for example, is not shown.
private final class Sources {
    private var texts: [String: String?] = [:]

    func text(of path: String) -> String? {
        if let known = texts[path] { return known }
        let text = try? Files.text(path)
        texts[path] = .some(text)
        return text
    }
}

/// Results go to standard output; progress and problems to standard error.
struct Output {
    let style: ProgressStyle
    /// For standard output.
    let palette: Palette
    /// Whether lines may be drawn again in place.
    let isLive: Bool
    private let isJSON: Bool
    private let errorPalette: Palette
    private let sources = Sources()

    init(progress: ProgressMode = .auto, colours: ColourMode = .auto) {
        palette = colours.palette(for: STDOUT_FILENO)
        errorPalette = colours.palette(for: STDERR_FILENO)
        isJSON = progress == .json
        isLive = (progress == .auto || progress == .tty) && isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb"
        switch progress {
        case .auto, .tty, .plain: style = .plain(errorPalette)
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
        let text = illustrated(diagnostic)
        guard let range = text.firstRange(of: word) else { return complain(text) }
        let colour: Palette.Colour = diagnostic.severity == .error ? .red : .yellow
        complain(text[..<range.lowerBound] + errorPalette.paint(word, colour) + text[range.upperBound...])
    }

    /// For a person at a terminal, the line of the file below the message.
    private func illustrated(_ diagnostic: Diagnostic) -> String {
        let text = diagnostic.description
        guard isatty(STDERR_FILENO) == 1, let place = diagnostic.place, let source = sources.text(of: place.file),
            let excerpt = place.excerpt(of: source)
        else { return text }
        guard let end = text.firstIndex(of: "\n") else { return "\(text)\n\(excerpt)" }
        return "\(text[..<end])\n\(excerpt)\(text[end...])"
    }

    /// One or more lines for standard error.
    func complain(_ text: String) { Self.write(text + "\n", to: STDERR_FILENO) }

    /// Text with a terminal's own commands, for standard error.
    func draw(_ text: String) { Self.write(text, to: STDERR_FILENO) }

    /// Unbuffered: lines of several processes must not mix. A reader that is gone wants no more, and no complaint.
    private static func write(_ text: String, to descriptor: Int32) {
        try? Files.write(text.utf8, to: descriptor, named: "output")
    }
}
