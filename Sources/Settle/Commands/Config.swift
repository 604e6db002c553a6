import ArgumentParser
import Compose
import Diagnostics
import Glibc
import Syscalls

struct Config: StackCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Checks the file and shows what it means, everything spelled out.",
        discussion: "  settle config --format json")

    enum ConfigFormat: String, ExpressibleByArgument, CaseIterable { case yaml, json }

    @Option(help: "yaml or json.") var format: ConfigFormat = .yaml
    @Flag(help: "Only the names of the services.") var services = false
    @Flag(help: "Only the names of the volumes.") var volumes = false
    @Flag(help: "Only the names of the networks.") var networks = false
    @Flag(name: .shortAndLong, help: "Only check.") var quiet = false
    @Option(name: .shortAndLong, help: "Write to this file.") var output: String?
    @OptionGroup(title: "Global Options") var shared: SharedOptions
    @OptionGroup(title: "Global Options") var files: FileOption

    var options: StackOptions { StackOptions(shared, files) }

    func run() throws {
        let scene = try Scene(loading: options)
        guard let project = scene.project, !quiet else { return }
        let text = text(of: project)
        if let output {
            try Files.replace(output, text.utf8, mode: 0o644)
        } else {
            scene.output.write(text)
        }
    }

    private func text(of project: Project) -> String {
        if services { return lines(project.services.map(\.name)) }
        if volumes { return lines(project.volumes.map(\.key)) }
        if networks { return lines(project.networks.map(\.key)) }
        switch format {
        case .yaml: return project.yaml()
        case .json: return project.json().pretty + "\n"
        }
    }

    private func lines(_ names: [String]) -> String { names.map { $0 + "\n" }.joined() }
}
