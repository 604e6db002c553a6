import Diagnostics
import YAML

/// What is shared by all files of one project while they are read; it never leaves `load`.
final class Loader {
    let options: LoadOptions
    let system: FileSystem
    let report: Report
    var environment: [String: String]
    /// Whether every file could be read, so that what is missing is missing indeed.
    var isWhole = true
    /// See `Model`.
    private(set) var sharedValues: [String: (variable: String, text: String)] = [:]

    init(_ environment: [String: String], _ options: LoadOptions, _ system: FileSystem) {
        self.environment = environment
        self.options = options
        self.system = system
        report = Report()
    }

    /// A file with its documents.
    struct OpenFile {
        /// Absolute.
        var location: String
        /// As messages call it.
        var name: String
        var documents: [Node]
    }

    /// Where the files named by a file are looked for, and what holds for what it says.
    struct Scope {
        /// Absolute.
        var folder: String
        /// The same for paths in values: absolute at the top, in an included file relative to what includes it.
        var base: String
        var environment: [String: String]
        /// The files that are being read, each included by the one before.
        var files: [(location: String, place: Place?)]
        var resolvesPaths: Bool
    }

    // MARK: Files

    /// Paths below the working folder are told relative to it.
    func display(_ location: String) -> String {
        let folder = options.workingFolder == "/" ? "/" : options.workingFolder + "/"
        return location.hasPrefix(folder) ? String(location.dropFirst(folder.count)) : location
    }

    func open(_ source: SourceFile) -> OpenFile {
        report.know(source.path)
        let reading = YAML.read(source.bytes, file: source.path)
        report.know(reading.uses)
        for problem in reading.problems { report.add(problem) }
        if reading.problems.contains(where: { $0.severity == .error }) { isWhole = false }
        let mappings = reading.documents.filter { document in
            if document.entries != nil { return true }
            report.error(
                "expected a mapping at the top, found \(document.described)", at: document.place,
                hint: "begin with services:")
            return false
        }
        let location = Path.absolute(source.path, in: options.workingFolder)
        return OpenFile(location: location, name: source.path, documents: mappings)
    }

    /// A file that another one names.
    func open(_ location: String, for use: String, at place: Place, path: String) -> OpenFile? {
        let name = display(location)
        switch system.read(location) {
        case .success(let bytes):
            report.know(name, usedBy: .init(use, at: place))
            return open(SourceFile(path: name, bytes: bytes))
        case .failure(let problem):
            isWhole = false
            report.error("\(name) cannot be read: \(problem.reason)", at: place, path: path)
            return nil
        }
    }

    // MARK: Trees

    /// All documents of the files, laid over one another and completed.
    func tree(_ files: [OpenFile], _ scope: Scope) -> Node? {
        guard let first = files.first else { return nil }
        var root = Node.mapping([], at: Place(file: first.name, line: 1, column: 1))
        for file in files {
            for document in file.documents { add(document, of: file, to: &root, scope) }
        }
        Defaults.fill(&root)
        Exclusions(report: report).check(root)
        let paths = Paths(folder: scope.base, home: environment["HOME"], system: system, report: report)
        if scope.resolvesPaths { paths.resolve(&root) }
        resolveEnvironment(&root, scope.environment)
        keepSharedValues(root, scope)
        return root
    }

    private func add(_ document: Node, of file: OpenFile, to root: inout Node, _ scope: Scope) {
        var scope = scope
        scope.files.append((file.location, nil))
        var document = prepared(document, scope)
        let resets = Resets.take(from: &document, report)
        include(in: &document, scope, resets)
        resets.apply(to: &root)
        extend(&document, of: file, scope, resets)
        lay(document, over: &root)
        // Whether every key is known and every value is of a kind that it may be of.
        Shape.check(root, report: report)
        if let version = root["version"] {
            report.warn("is ignored", at: version.place, path: "version", hint: "remove it")
            root.remove("version")
        }
        spellOut(&root)
    }

    /// With variables replaced.
    private func prepared(_ document: Node, _ scope: Scope) -> Node {
        var document = OwnKeys(report: report).renamed(document)
        if options.interpolates {
            var interpolation = Interpolation(environment: scope.environment, report: report)
            document = interpolation.file(document)
        }
        return document
    }

    private func lay(_ document: Node, over root: inout Node) {
        if root.entries?.isEmpty == true {
            root = document
        } else {
            Merge(report: report).merge(&root, document)
        }
        Uniqueness(report: report).enforce(on: &root)
    }

    private func spellOut(_ root: inout Node) {
        Canonical(report: report, keepsUnreadable: !options.interpolates).spellOut(&root)
        // Spelled out, two values may prove to be one.
        Uniqueness(report: report).enforce(on: &root)
    }

    /// The services of a file that others extend, in their long forms, with paths seen from that other file.
    func bases(_ file: OpenFile, _ scope: Scope) -> (services: Node?, resets: Resets) {
        var root = Node.mapping([], at: Place(file: file.name, line: 1, column: 1))
        var last = Resets()
        for document in file.documents {
            var document = prepared(document, scope)
            let resets = Resets.take(from: &document, report)
            resets.apply(to: &root)
            lay(document, over: &root)
            spellOut(&root)
            last = resets
        }
        let base = Path.relative(Path.parent(file.location), from: scope.folder)
        Paths(folder: base, home: environment["HOME"], system: system, report: report).resolve(&root)
        return (root["services"], last)
    }

    /// `NAME` alone in a list of variables stands for what the environment of its own file has.
    private func resolveEnvironment(_ root: inout Node, _ environment: [String: String]) {
        root.edit(along: Self.variables) { node, _, _ in
            node.editItems { items in
                for index in items.indices {
                    guard let name = items[index].string, let value = environment[name] else { continue }
                    items[index] = .text("\(name)=\(value)", at: items[index].place)
                }
            }
        }
    }

    /// Who includes a file does not know its variables; where both have one, that of the including file counts.
    private func keepSharedValues(_ root: Node, _ scope: Scope) {
        for section in ["secrets", "configs"] {
            for file in root[section]?.entries ?? [] {
                guard let name = file.value.string("environment"), environment[name] == nil else { continue }
                if let value = scope.environment[name] { sharedValues[section.key(file.key)] = (name, value) }
            }
        }
    }

    private static let variables = PathTable<Bool>(["services.*.environment": true])
}
