import Compose
import Diagnostics
import Linux
import Processes
import Stack
import Syscalls
import Usage

/// `settle volume …`: the volumes of this machine, whosever they are.
struct VolumeCommand: SettleCommand {
    static let about = About(
        "volume", "Makes, lists, shows, renames and removes volumes.",
        """
          settle volume create backups
          settle volume create --opt type=nfs --opt device=:/export --opt o=addr=10.0.0.5,rw media
          settle volume ls
          settle volume rename old_data new_data

        A volume made here is there for every stack that says `external: true`. One that a project uses at the moment
        is neither renamed nor removed.
        """)

    private let action: Action?
    private let names: [String]
    private let labels: [String]
    private let options: [String]
    private let quiet: Bool
    private let format: Format

    private enum Action: String, CaseIterable { case create, inspect, ls, rename, rm }
    private enum Format: String, Choosable { case table, json }

    init(_ line: inout Line) {
        labels = line.texts("label", "NAME=VALUE", "A label of the new volume; may be repeated. (create)")
        options = line.texts(
            "opt", short: "o", "NAME=VALUE", "type, device or o: what is mounted as the volume. (create)")
        quiet = line.flag("quiet", short: "q", "Only names. (ls)")
        format = line.choice("format", "How it is printed. (ls)", default: .table)
        let words = Action.allCases.map(\.rawValue)
        action = line.operand("ACTION", "\(either(words)).", .words(words), expects: either(words)) {
            Action(rawValue: $0)
        }
        names = line.operands("VOLUME", "Names of volumes; rename takes the old one and the new one.")
        switch action {
        case .create: if names.count != 1 { line.refuse("create takes one name") }
        case .rename: if names.count != 2 { line.refuse("rename takes two names, the old one and the new one") }
        case .inspect, .rm: if names.isEmpty { line.refuse("VOLUME is missing") }
        case .ls: if let name = names.first { line.refuse("\"\(name)\" is one word too many") }
        case nil: break
        }
        for name in names where !Volume.isName(name) {
            line.refuse("\"\(name)\" is no name", hint: "letters, digits, dots, _ and -, the first a letter or digit")
        }
    }

    func run(_ options: StackOptions) throws {
        let roots = Roots(environment: environment)
        let volumes = Volumes(roots)
        let output = options.output
        switch action {
        case .create: try create(volumes, roots, output)
        case .inspect:
            try requireAll(volumes)
            output.write(JSON.array(names.map { inspection($0, volumes, roots) }).pretty + "\n")
        case .ls, nil: list(volumes, roots, output)
        case .rename: try rename(volumes, output)
        case .rm:
            try requireAll(volumes)
            try requireUnused(names, volumes)
            for name in names {
                try volumes.remove(name)
                output.write("\(name)\n")
            }
        }
    }

    private func create(_ volumes: Volumes, _ roots: Roots, _ output: Output) throws {
        let mount = try driverOptions()
        let labels = Dictionary(try labels.map { try pair($0, "--label") }, uniquingKeysWith: { $1 })
        let record = VolumeRecord(labels: labels, mount: mount, created: MachineClock.realtime / 1_000_000_000)
        if volumes.exists(names[0]) {
            let there = volumes.record(names[0]) ?? VolumeRecord()
            // As in Docker, asking twice for the same is no mistake.
            guard there.mount == mount else {
                throw Complaint("there is a volume \(names[0]) already, with other options")
            }
        } else {
            try volumes.write(record, of: names[0])
            try Files.makeFolders(roots.volume(names[0]))
        }
        output.write("\(names[0])\n")
    }

    private func driverOptions() throws -> VolumeMount? {
        let pairs = try options.map { try pair($0, "--opt") }
        if let wrong = pairs.first(where: { !["type", "device", "o"].contains($0.0) }) {
            throw Complaint("--opt knows no \(wrong.0)", hint: "its names are type, device and o, as for mount(8)")
        }
        func value(_ name: String) -> String? { pairs.last { $0.0 == name }?.1 }
        if pairs.isEmpty { return nil }
        guard let type = value("type"), let device = value("device") else {
            throw Complaint(
                "--opt needs both type and device", hint: "--opt type=none --opt o=bind --opt device=/folder")
        }
        return VolumeMount(type: type, options: value("o") ?? "", device: device)
    }

    private func pair(_ text: String, _ option: String) throws -> (String, String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw Complaint("\(option) takes NAME=VALUE, not \"\(text)\"") }
        return (parts[0], parts[1])
    }

    private func rename(_ volumes: Volumes, _ output: Output) throws {
        let (old, new) = (names[0], names[1])
        guard volumes.exists(old) else { throw missing(old, volumes) }
        try requireUnused(names, volumes)
        if volumes.exists(new) {
            throw Complaint("there is a volume \(new) already", hint: "if it is not needed: settle volume rm \(new)")
        }
        try volumes.rename(old, to: new)
        output.write("\(new)\n")
    }

    // MARK: What is there

    private func missing(_ name: String, _ volumes: Volumes) -> Complaint {
        let near = nearest(to: name, in: volumes.records().keys.sorted())
        return Complaint(
            "there is no volume \(name)", hint: near.map { "did you mean \($0)?" } ?? "settle volume ls lists them")
    }

    private func requireAll(_ volumes: Volumes) throws {
        let unknown = names.filter { !volumes.exists($0) }.map { missing($0, volumes) }
        if !unknown.isEmpty { throw Complaint(unknown.flatMap(\.diagnostics)) }
    }

    private func requireUnused(_ names: [String], _ volumes: Volumes) throws {
        let used = names.compactMap { name in
            volumes.users(of: name).first.map { project in
                Diagnostic(
                    .error, "the project \(project) uses the volume \(name)", hint: "settle -p \(project) down")
            }
        }
        if !used.isEmpty { throw Complaint(used) }
    }

    private func list(_ volumes: Volumes, _ roots: Roots, _ output: Output) {
        let records = volumes.records().sorted { $0.key < $1.key }
        if quiet { return output.write(records.map { "\($0.key)\n" }.joined()) }
        if format == .json {
            return output.write(records.map { inspection($0.key, volumes, roots).compact + "\n" }.joined())
        }
        let rows = records.map { name, record in
            [
                name, record.project ?? "-", record.mount?.text ?? "folder",
                volumes.users(of: name).joined(separator: " "),
            ]
        }
        let table = aligned([["VOLUME", "PROJECT", "CONTENT", "IN USE BY"]] + rows)
        output.write(table.map { printable($0) + "\n" }.joined())
    }

    /// With the members that Docker shows, and whose it is.
    private func inspection(_ name: String, _ volumes: Volumes, _ roots: Roots) -> JSON {
        let record = volumes.record(name) ?? VolumeRecord()
        func texts(_ values: [String: String]) -> JSON {
            .object(values.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
        }
        let options = record.mount.map { ["type": $0.type, "device": $0.device, "o": $0.options] } ?? [:]
        return .object([
            ("Name", .string(name)), ("Driver", .string("local")), ("Scope", .string("local")),
            ("Mountpoint", .string(roots.volume(name))), ("Labels", texts(record.labels)),
            ("Options", texts(options.filter { !$0.value.isEmpty })),
            ("CreatedAt", record.created.map { JSON.string(MachineClock.rfc3339($0 * 1_000_000_000)) } ?? .null),
            ("Project", record.project.map(JSON.string) ?? .null), ("Key", record.key.map(JSON.string) ?? .null),
            ("UsedBy", .array(volumes.users(of: name).map(JSON.string))),
        ])
    }
}
