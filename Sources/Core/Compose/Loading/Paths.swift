import Diagnostics
import YAML

/// Makes paths relative to the project those of a folder, which may itself be relative (an included file's, or that of a
/// file extended from): then the stage is run once more on what they become part of.
struct Paths {
    private enum Rule { case path, maybeURL, host, mount, options, watched }

    private static let rules: PathTable<Rule> = {
        var rules: [String: Rule] = ["configs.*.file": .host, "secrets.*.file": .host, "volumes.*": .options]
        let service: [String: Rule] = [
            "build.context": .maybeURL, "build.additional_contexts.*": .maybeURL, "build.ssh.*": .host,
            "env_file.*.path": .path, "label_file.*": .path, "extends.file": .path, "develop.watch.*.path": .watched,
            "volumes.*": .mount, "rootfs": .path,
        ]
        for (path, rule) in service { rules["services.*." + path] = rule }
        return PathTable(rules)
    }()

    let folder: String
    let home: String?
    let system: FileSystem
    let report: Report

    func resolve(_ root: inout Node) {
        root.edit(along: Self.rules) { node, path, rule in
            switch rule {
            case .path: if !(path.hasSuffix(".rootfs") && node.string == "host") { replace(&node, this) }
            case .maybeURL: if !isRemote(node.string ?? "") { replace(&node, this) }
            case .host: replace(&node, host)
            case .watched:
                replace(&node, this)
                replace(&node) { system.withoutLinks($0) }
            case .mount: mount(&node, path)
            case .options: options(&node)
            }
        }
    }

    private func replace(_ node: inout Node, _ body: (String) -> String) {
        guard let text = node.string else { return }
        let path = body(text)
        if path != text { node.content = .scalar(Scalar(path, style: .quoted)) }
    }

    private func this(_ path: String) -> String {
        let path = expanded(path)
        return path.isEmpty || Path.isAbsolute(path) ? path : Path.join(folder, path)
    }

    private func host(_ path: String) -> String {
        let path = expanded(path)
        return Path.isAbsolute(path) || Path.isWindows(path) ? path : Path.join(folder, path)
    }

    private func expanded(_ path: String) -> String {
        guard path.hasPrefix("~"), let home, !home.isEmpty else { return path }
        return Path.join(home, String(path.dropFirst()))
    }

    private func isRemote(_ text: String) -> Bool {
        let prefixes = ["service:", "https://", "http://", "git://", "ssh://", "github.com/", "git@"]
        return text.contains("://") || prefixes.contains { text.hasPrefix($0) }
    }

    private func mount(_ node: inout Node, _ path: String) {
        guard node.string("type") == "bind" else { return }
        if node["source"] == nil {
            report.followUp(
                Diagnostic(
                    .error, "the source is missing", at: node.place, path: path,
                    hint: "add source: and a path on the host"))
        }
        node.edit("source") { replace(&$0, host) }
    }

    /// A volume that is in truth a folder of the host.
    private func options(_ node: inout Node) {
        guard node.string("driver") == "local", node["driver_opts"]?.string("o") == "bind" else { return }
        node.edit("driver_opts") { $0.edit("device") { replace(&$0, host) } }
    }
}
