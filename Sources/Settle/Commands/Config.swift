import Compose
import Diagnostics
import Glibc
import Syscalls
import Usage

struct Config: SettleCommand {
    static let about = About(
        "config", "Checks the file and shows what it means, everything spelled out.",
        """
          settle config --format json
          settle config --services

        With --format json the problems of a file that is refused are printed as JSON, too.
        What is printed is a file again. Services that are named are shown with what they need.
        """)

    private let format: Format
    private let quiet: Bool
    private let output: String?
    private let part: Part?
    /// Of which services.
    private let hash: String?
    /// Whether only images are printed, each by its digest, or everything with such images.
    private let locksDigests: Bool
    private let resolvesDigests: Bool
    private let noInterpolate: Bool
    private let noNormalize: Bool
    private let noPathResolution: Bool
    private let noConsistency: Bool
    private let noEnvResolution: Bool
    private let names: [String]

    private enum Format: String, Choosable { case yaml, json }

    /// What is printed in place of everything.
    private enum Part { case services, volumes, networks, models, images, profiles, variables, environment }

    init(_ line: inout Line) {
        format = line.choice("format", "How it is printed.", default: .yaml)
        quiet = line.flag("quiet", short: "q", "Only check.")
        output = line.text("output", short: "o", "FILE", "Write to this file.", .files)
        let parts: [(part: Part, isWanted: Bool)] = [
            (.services, line.flag("services", "Only the names of the services.")),
            (.volumes, line.flag("volumes", "Only the names of the volumes.")),
            (.networks, line.flag("networks", "Only the names of the networks.")),
            (.models, line.flag("models", "Only the names of the models.")),
            (.images, line.flag("images", "Only the names of the images.")),
            (.profiles, line.flag("profiles", "Only the names of the profiles.")),
            (.variables, line.flag("variables", "Only the variables that the file speaks of, with their defaults.")),
            (.environment, line.flag("environment", "Only the variables that there are.")),
        ]
        part = parts.first { $0.isWanted }?.part
        hash = line.text("hash", "SERVICE,…", "Only the hashes of these services, `*` for all.", .services)
        locksDigests = line.flag("lock-image-digests", "Only the images, each by its digest: a file to be merged.")
        resolvesDigests = line.flag("resolve-image-digests", "Name images by their digests.")
        noInterpolate = line.flag("no-interpolate", "Leave variables as they are.")
        noNormalize = line.flag("no-normalize", "Leave out what is implied.")
        noPathResolution = line.flag("no-path-resolution", "Leave relative paths as they are.")
        noConsistency = line.flag("no-consistency", "Do not check what services refer to.")
        noEnvResolution = line.flag("no-env-resolution", "Do not read the files of `env_file`.")
        names = line.operands("SERVICE", "Services, with what they need; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        guard let files = try StackFiles.find(options) else { throw StackFiles.missing }
        let (model, diagnostics) = try files.load(options, services: names) { options in
            options.interpolates = !noInterpolate && part != .variables
            options.normalizes = !noNormalize
            options.resolvesPaths = !noPathResolution
            options.checksConsistency = !noConsistency && part != .variables
            options.resolvesEnvironment = !noEnvResolution && !needsNoFiles
        }
        guard var model else {
            if format == .json { options.output.write(Self.json(of: diagnostics)) }
            throw Complaint(diagnostics)
        }
        for diagnostic in diagnostics { options.output.show(diagnostic) }
        if quiet { return }
        let digests = locksDigests || resolvesDigests ? try ImageDigests(model) : nil
        if resolvesDigests { digests?.pin(&model) }
        let text = locksDigests ? digests?.override(isJSON: format == .json) ?? "" : text(of: model)
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
    private var needsNoFiles: Bool {
        switch part {
        case .services, .volumes, .networks, .models, .variables: true
        case .images, .profiles, .environment, nil: false
        }
    }

    private func text(of model: Model) -> String {
        switch part {
        case .services: return lines(model.serviceNames)
        case .volumes: return lines(model.volumeNames)
        case .networks: return lines(model.networkNames)
        case .models: return lines(model.modelNames)
        case .images: return lines(model.imageNames)
        case .profiles: return lines(model.profileNames)
        case .variables: return table(of: model.variables)
        case .environment: return lines(model.environment.map { "\($0)=\($1)" }.sorted())
        case nil: break
        }
        if let hash {
            let wanted = hash.split(separator: ",").map(String.init)
            return lines(
                model.hashes.filter { hash == "*" || wanted.contains($0.service) }.map { "\($0.service) \($0.hash)" })
        }
        switch format {
        case .yaml: return model.yaml()
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
