import Compose
import Diagnostics
import Testing

/// Loads one file named `f`, of the folder /p.
func load(
    _ text: String, _ environment: [String: String] = [:], dotenv: String? = nil, name: String? = nil
) -> (project: Project?, diagnostics: [Diagnostic]) {
    load([text], environment, dotenv: dotenv, name: name)
}

/// Loads files named `f`, `f2`, …
func load(
    _ texts: [String], _ environment: [String: String] = [:], dotenv: String? = nil, name: String? = nil
) -> (project: Project?, diagnostics: [Diagnostic]) {
    let (model, diagnostics) = model(texts, environment, dotenv: dotenv) { $0.projectName = name }
    guard let model else { return (nil, diagnostics) }
    let (project, more) = model.project()
    return (project, diagnostics + more)
}

/// What files named `f`, `f2`, … of the folder /p mean; `others` are there besides, by absolute path.
func model(
    _ texts: [String], _ environment: [String: String] = [:], dotenv: String? = nil, others: [String: String] = [:],
    _ adjust: (inout LoadOptions) -> Void = { _ in }
) -> (model: Model?, diagnostics: [Diagnostic]) {
    let files = texts.enumerated().map { SourceFile(path: $0 == 0 ? "f" : "f\($0 + 1)", text: $1) }
    let (variables, problems) = Compose.environment(
        of: environment, files: dotenv.map { [SourceFile(path: ".env", text: $0)] } ?? [])
    var options = LoadOptions(projectDirectory: "/p")
    adjust(&options)
    let own = Dictionary(
        uniqueKeysWithValues: files.map { ("/p/" + $0.path, String(decoding: $0.bytes, as: UTF8.self)) })
    let (model, diagnostics) = Compose.load(
        files: files, environment: variables, options: options, system: FileSystem(own.merging(others) { $1 }))
    let isRefused = problems.contains { $0.severity == .error }
    return (isRefused ? nil : model, problems + diagnostics)
}

/// What a file that must be right means.
func wholeModel(_ text: String, at location: SourceLocation = #_sourceLocation) throws -> Model {
    let (model, diagnostics) = model([text])
    #expect(diagnostics.map(\.description) == [], sourceLocation: location)
    return try #require(model, sourceLocation: location)
}

/// The project of a file that must be right.
func project(
    _ text: String, _ environment: [String: String] = [:], at location: SourceLocation = #_sourceLocation
) throws -> Project {
    let (project, diagnostics) = load(text, environment)
    #expect(diagnostics.map(\.description) == [], sourceLocation: location)
    return try #require(project, sourceLocation: location)
}

/// The service `w` of a file that holds nothing else; `keys` is YAML, one key per line.
func service(
    _ keys: String, _ environment: [String: String] = [:], top: String = "",
    at location: SourceLocation = #_sourceLocation
) throws -> Service {
    let text = serviceFile(keys) + top
    return try #require(project(text, environment, at: location).service("w"), sourceLocation: location)
}

/// A file with the service `w`, whose keys begin at line 4, column 5.
func serviceFile(_ keys: String) -> String {
    let lines = keys.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + $0 }
    let command = keys.contains("command:") || keys.contains("entrypoint:") ? "    x-run: no\n" : "    command: run\n"
    return "services:\n  w:\n" + command + lines.joined(separator: "\n") + "\n"
}

/// The messages of a file with errors.
func problems(
    _ text: String, _ environment: [String: String] = [:], at location: SourceLocation = #_sourceLocation
) -> [String] {
    let (project, diagnostics) = load(text, environment)
    #expect(project == nil, sourceLocation: location)
    return diagnostics.map(\.description)
}
