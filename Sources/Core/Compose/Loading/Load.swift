package import Diagnostics
import YAML

/// A file that the caller has read.
package struct SourceFile: Hashable, Sendable {
    /// As diagnostics shall name it, and where it is: relative to the working folder or absolute.
    package var path: String
    package var bytes: [UInt8]

    package init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }

    package init(path: String, text: String) { self.init(path: path, bytes: Array(text.utf8)) }
}

package struct LoadOptions: Hashable, Sendable {
    /// Absolute: `--project-directory`, else the folder of the first file.
    package var projectDirectory: String
    /// Absolute: what paths of files are relative to, and messages are.
    package var workingFolder: String
    /// `-p`
    package var projectName: String?
    package var profiles: [String] = []
    /// Only these services, with what they need; they enable their profiles.
    package var services: [String] = []
    /// Services that enable their profiles.
    package var enabledServices: [String] = []
    package var interpolates = true
    package var normalizes = true
    package var resolvesPaths = true
    package var checksConsistency = true
    package var resolvesEnvironment = true
    /// Also networks, volumes, secrets and configs that no service uses.
    package var keepsUnused = false

    package init(projectName: String? = nil, projectDirectory: String, workingFolder: String? = nil) {
        self.projectName = projectName
        self.projectDirectory = projectDirectory
        self.workingFolder = workingFolder ?? projectDirectory
    }
}

/// The names that are looked for in a folder, and then in those above it, where no `-f` names a file.
package let defaultFileNames = [
    "settle.yaml", "settle.yml", "compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml",
]

/// The names of a file that is laid over the one found, in its folder.
package let overrideFileNames = [
    "settle.override.yaml", "settle.override.yml", "compose.override.yml", "compose.override.yaml",
    "docker-compose.override.yml", "docker-compose.override.yaml",
]

/// The variables of a project: the process's own, then those of the files, where later ones win.
package func environment(
    of process: [String: String], files: [SourceFile]
) -> (environment: [String: String], diagnostics: [Diagnostic]) {
    let report = Report()
    var variables: [String: String] = [:]
    for file in files {
        var reader = Dotenv(file, environment: process, report: report, values: variables)
        variables = reader.run()
    }
    return (variables.merging(process) { $1 }, report.diagnostics)
}

/// From texts to what they mean, in stages. Per document: variables, `include`, `!reset`, `extends`, laying over what came
/// before, one of what is said twice, the form of every value, long forms. Then defaults, keys that exclude each other,
/// paths, what is implied, units, profiles, references.
///
/// - Parameters:
///   - files: Later ones are laid over earlier ones.
///   - environment: Variables, `HOME` stands for `~`.
/// - Returns: No model if any of the diagnostics is an error; all problems of the stages that could be reached.
package func load(
    files: [SourceFile], environment: [String: String], options: LoadOptions, system: FileSystem
) -> (model: Model?, diagnostics: [Diagnostic]) {
    let loader = Loader(environment, options, system)
    let model = loader.run(files)
    let diagnostics = loader.report.sorted()
    return (loader.report.hasErrors ? nil : model, diagnostics)
}

/// The project's name alone.
///
/// - Returns: no name where a file cannot be read as YAML or the name is none.
package func projectName(
    of files: [SourceFile], environment: [String: String], options: LoadOptions, system: FileSystem
) -> (name: String?, diagnostics: [Diagnostic]) {
    let loader = Loader(environment, options, system)
    let name = loader.projectName(files.map { loader.open($0) })
    return (loader.report.hasErrors ? nil : name, loader.report.sorted())
}

extension Loader {
    func run(_ sources: [SourceFile]) -> Model? {
        let files = sources.map { open($0) }
        let name = projectName(files)
        environment["COMPOSE_PROJECT_NAME"] = name
        let directory = Path.clean(options.projectDirectory)
        let scope = Scope(
            folder: directory, base: directory, environment: environment, files: [],
            resolvesPaths: options.resolvesPaths)
        guard var root = tree(files, scope) else { return nil }
        if root.entries?.isEmpty == true {
            if !report.hasErrors { report.error("the file is empty", at: root.place, hint: "begin with services:") }
            return nil
        }
        var model = Model(name: name, directory: directory, environment: environment)
        if options.normalizes {
            var normalization = Normalization(name: name, environment: environment)
            normalization.run(&root)
            model.implied = normalization.implied
        }
        root.remove("name")
        model.untyped = options.interpolates ? nil : root
        for service in root["services"]?.entries ?? [] {
            if let image = service.value["image"], image.string == "" { model.emptyImages[service.key] = image.place }
        }
        model.root = Typing(report: report, keepsVariables: !options.interpolates).typed(root)
        model.enable(options.profiles)
        model.enable(profilesOf: options.enabledServices)
        if options.checksConsistency {
            Consistency(model: model, report: report, isWhole: isWhole).check()
            model.alignReplicas()
        }
        if !options.services.isEmpty { model.select(options.services, report) }
        // A command that is about some services makes no others, whose files may be missing.
        let needed = options.enabledServices.isEmpty ? nil : model.needed(by: options.enabledServices)
        EnvironmentFiles(environment: environment, system: system, report: report, display: display, needed: needed)
            .resolve(&model, variables: options.resolvesEnvironment)
        if !options.keepsUnused { model.dropUnused() }
        model.sharedValues = sharedValues
        model.origins = report.origins
        return model
    }

    /// `-p`, then `COMPOSE_PROJECT_NAME`, then `name:` of the last file that has one, then the folder's name. The first
    /// two must be right as they are, the others are put right: lower case, without what a name may not hold.
    fileprivate func projectName(_ files: [OpenFile]) -> String {
        let given =
            options.projectName.map { ($0, "-p") }
            ?? environment["COMPOSE_PROJECT_NAME"].flatMap { $0.isEmpty ? nil : ($0, "COMPOSE_PROJECT_NAME") }
        if let (name, source) = given {
            if name == ProjectName.normalized(name), !name.isEmpty { return name }
            let better = ProjectName.normalized(name)
            report.error(
                "\(source): \"\(name)\" is no project name", at: nil,
                hint: "lower case letters, digits, _ and -, the first a letter or digit"
                    + (better.isEmpty ? "" : ": \(better)"))
            return name
        }
        guard let node = files.flatMap(\.documents).last(where: { !($0.string("name") ?? "").isEmpty })?["name"] else {
            let name = ProjectName.normalized(Path.last(Path.clean(options.projectDirectory)))
            if name.isEmpty {
                report.error(
                    "the project has no name, and that of its folder cannot be used", at: nil,
                    hint: "add name: at the top, or use -p")
            }
            return name
        }
        var text = node.string ?? ""
        if options.interpolates {
            var interpolation = Interpolation(environment: environment, report: report)
            let file = Node.mapping([.init("name", at: node.place, node)], at: node.place)
            text = interpolation.file(file)["name"]?.scalar?.text ?? text
        }
        if !options.normalizes { return text }
        let name = ProjectName.normalized(text)
        if name.isEmpty {
            report.error(
                "expected a name, found \"\(text)\"", at: node.place, path: "name",
                hint: "lower case letters, digits, _ and -, the first a letter or digit")
        }
        return name
    }
}

enum ProjectName {
    static func normalized(_ name: String) -> String {
        let kept = name.lowercased().utf8.filter { Keys.isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x5F }
        return String(decoding: kept.drop { !Keys.isLetterOrDigit($0) }, as: UTF8.self)
    }
}
