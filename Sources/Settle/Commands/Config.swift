import ArgumentParser
import Compose
import Diagnostics
import Glibc
import Syscalls

struct Config: StackCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Checks the file and shows what it means, everything spelled out.",
        discussion: """
              settle config --format json
              settle config --services

            With --format json the problems of a file that is refused are printed as JSON, too.
            What is printed is a file again. Services that are named are shown with what they need.
            """)

    enum ConfigFormat: String, ExpressibleByArgument, CaseIterable { case yaml, json }

    @Option(help: "yaml or json.") var format: ConfigFormat?
    @Flag(help: "Only the names of the services.") var services = false
    @Flag(help: "Only the names of the volumes.") var volumes = false
    @Flag(help: "Only the names of the networks.") var networks = false
    @Flag(help: "Only the names of the models.") var models = false
    @Flag(help: "Only the names of the images.") var images = false
    @Flag(help: "Only the names of the profiles.") var profiles = false
    @Flag(help: "Only the variables that the file speaks of, with their defaults.") var variables = false
    @Flag(help: "Only the variables that there are.") var environment = false
    @Option(help: "Only the hashes of these services, `*` for all.") var hash: String?
    @Flag(name: .shortAndLong, help: "Only check.") var quiet = false
    @Option(name: .shortAndLong, help: "Write to this file.") var output: String?
    @Flag(help: "Leave variables as they are.") var noInterpolate = false
    @Flag(help: "Leave out what is implied.") var noNormalize = false
    @Flag(help: "Leave relative paths as they are.") var noPathResolution = false
    @Flag(help: "Do not check what services refer to.") var noConsistency = false
    @Flag(help: "Do not read the files of `env_file`.") var noEnvResolution = false
    @Argument(help: "Services, with what they need; all where none is named.") var names: [String] = []
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: FileOption

    var options: StackOptions { StackOptions(shared, files) }

    func run() throws {
        guard let files = try StackFiles.find(options) else { throw StackFiles.missing }
        let (model, diagnostics) = try files.load(options, services: names) { options in
            options.interpolates = !noInterpolate && !variables
            options.normalizes = !noNormalize
            options.resolvesPaths = !noPathResolution
            options.checksConsistency = !noConsistency && !variables
            options.resolvesEnvironment = !noEnvResolution && !needsNoFiles
        }
        guard let model else {
            if format == .json { options.output.write(Self.json(of: diagnostics)) }
            throw Complaint(diagnostics)
        }
        for diagnostic in diagnostics { options.output.show(diagnostic) }
        if quiet { return }
        let text = text(of: model)
        if let output {
            try Files.replace(output, text.utf8, mode: 0o644)
        } else {
            options.output.write(text)
        }
    }

    /// `{"diagnostics": [{"severity", "file", "line", "column", "path", "message", "notes", "hint"}]}`
    private static func json(of diagnostics: [Diagnostic]) -> String {
        JSON.object([("diagnostics", .array(diagnostics.map(\.json)))]).pretty + "\n"
    }

    /// Where only names are asked for, files that services name may be missing.
    private var needsNoFiles: Bool { services || volumes || networks || models || variables }

    private func text(of model: Model) -> String {
        if services { return lines(model.serviceNames) }
        if volumes { return lines(model.volumeNames) }
        if networks { return lines(model.networkNames) }
        if models { return lines(model.modelNames) }
        if let hash {
            let wanted = hash.split(separator: ",").map(String.init)
            return lines(
                model.hashes.filter { hash == "*" || wanted.contains($0.service) }.map { "\($0.service) \($0.hash)" })
        }
        if profiles { return lines(model.profileNames) }
        if images { return lines(model.imageNames) }
        if variables { return table(of: model.variables) }
        if environment { return lines(model.environment.map { "\($0)=\($1)" }.sorted()) }
        switch format {
        case .yaml, nil: return model.yaml()
        case .json: return model.json().pretty + "\n"
        }
    }

    private func table(of variables: [Variable]) -> String {
        if format == .json {
            let members = variables.map { variable in
                let members: [(String, JSON)] = [
                    ("Name", .string(variable.name)), ("DefaultValue", .string(variable.defaultValue)),
                    ("PresenceValue", .string(variable.alternative)), ("Required", .bool(variable.isRequired)),
                ]
                return (variable.name, JSON.object(members))
            }
            return JSON.object(members).pretty + "\n"
        }
        let rows =
            [["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"]]
            + variables.map { [$0.name, "\($0.isRequired)", $0.defaultValue, $0.alternative] }
        let widths = rows[0].indices.map { column in (rows.map { $0[column].count }.max() ?? 0) + 3 }
        return lines(
            rows.map { row in
                let cells = zip(row, widths).map { cell, width in
                    cell + String(repeating: " ", count: width - cell.count)
                }
                return cells.joined()
            })
    }

    private func lines(_ names: [String]) -> String { names.map { $0 + "\n" }.joined() }
}
