import Diagnostics
import YAML

/// The problems found so far. Shared by all that read one project; it never leaves `load`.
final class Report {
    private(set) var diagnostics: [Diagnostic] = []
    private var seen: Set<Diagnostic> = []
    /// Key paths of values that could not be interpolated: what is left of them is not judged any more.
    var unreadable: Set<String> = []
    private(set) var origins: Origins

    /// The files of a project.
    struct Origins {
        /// In the order in which they were met.
        fileprivate var files: [String: Int] = [:]
        /// What brought a file in.
        fileprivate var uses: [String: Diagnostic.Note] = [:]
        /// Which aliases brought in what.
        fileprivate var aliases = AliasUses()
    }

    init(_ origins: Origins = Origins()) { self.origins = origins }

    /// A file that is read from now on. What is wrong in it is told with the place that brought it in.
    func know(_ file: String, usedBy use: Diagnostic.Note? = nil) {
        if origins.files[file] == nil { origins.files[file] = origins.files.count }
        if let use, origins.uses[file] == nil { origins.uses[file] = use }
    }

    func know(_ aliases: AliasUses) { origins.aliases.add(aliases) }

    /// An anchor's problem is met once for each of its aliases; it is told once.
    func add(_ diagnostic: Diagnostic) {
        var diagnostic = origins.aliases.annotated(diagnostic)
        if let file = diagnostic.place?.file, let use = origins.uses[file], use.place?.file != file,
            !diagnostic.notes.contains(use)
        {
            diagnostic.notes.append(use)
        }
        if seen.insert(diagnostic).inserted { diagnostics.append(diagnostic) }
    }

    func error(
        _ message: String, at place: Place?, path: String = "", notes: [Diagnostic.Note] = [], hint: String? = nil
    ) {
        add(Diagnostic(.error, message, at: place, path: path, notes: notes, hint: hint))
    }

    func warn(_ message: String, at place: Place?, path: String = "", hint: String? = nil) {
        add(Diagnostic(.warning, message, at: place, path: path, hint: hint))
    }

    /// For stages that look at values which an earlier error may have left out: tells nothing about a path whose own
    /// value, or one above or below it, could not be read.
    func followUp(_ diagnostic: Diagnostic) {
        let path = diagnostic.path
        let known = diagnostics.contains { other in
            other.severity == .error && !other.path.isEmpty && other.path != path
                && (path.isWithin(other.path) || other.path.isWithin(path))
                || other.severity == .error && other.path == path
        }
        if !known { add(diagnostic) }
    }

    /// In the order of the files and of the lines; first what has no place.
    func sorted() -> [Diagnostic] {
        func order(_ diagnostic: Diagnostic) -> (Int, Int, Int) {
            guard let place = diagnostic.place else { return (-1, 0, 0) }
            return (origins.files[place.file] ?? -1, place.line, place.column)
        }
        return diagnostics.enumerated().sorted { left, right in
            let (one, other) = (order(left.element), order(right.element))
            return one == other ? left.offset < right.offset : one < other
        }.map(\.element)
    }

    func hasError(at path: String) -> Bool {
        diagnostics.contains { $0.severity == .error && ($0.path == path || $0.path.isWithin(path)) }
    }

    var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}

extension String {
    /// The key path of a member.
    func key(_ key: String) -> String { isEmpty ? key : "\(self).\(key)" }
    func isWithin(_ path: String) -> Bool { hasPrefix(path + ".") || hasPrefix(path + "[") }
    func item(_ index: Int) -> String { "\(self)[\(index)]" }
}
