import Diagnostics
import Glibc
import Images
import Linux
import OCI
import Processes
import Stack
import Syscalls
import Usage

struct ImagesCommand: SettleCommand {
    static let about = About(
        "images", "Lists the images of the services, or all of this machine.",
        """
          settle images
          settle images --all
        """)

    private let all: Bool
    private let format: Format
    private let quiet: Bool
    private let names: [String]

    private enum Format: String, Choosable { case table, json }

    init(_ line: inout Line) {
        all = line.flag("all", short: "a", "Every image of this machine, with what they take of the disk.")
        format = line.choice("format", "A table, or an array shaped as Docker Compose's.", default: .table)
        quiet = line.flag("quiet", short: "q", "Only the IDs.")
        names = line.operands("SERVICE", "Services; all where none is named.", .services)
    }

    func run(_ options: StackOptions) throws {
        if all { return try listStore(options) }
        let scene = try Scene(loading: options, services: names)
        let ledger = try scene.store.read()
        let store = scene.images
        let entries = store.entries()
        let rows = try scene.imageServices(names).flatMap { service -> [ImageRow] in
            let containers = ledger.entries.filter { $0.instance.id.service == service.name }
            let made = containers.compactMap { entry -> ImageRow? in
                guard let id = entry.spec.rootfs.layered?.id else { return nil }
                let stored = entries.first { $0.id == id }
                return ImageRow(stored, service.reference, id, store, container: entry.instance.id.name(in: scene.name))
            }
            if !made.isEmpty { return made }
            guard let stored = entries.first(where: { $0.reference == service.reference }) else { return [] }
            return [ImageRow(stored, service.reference, stored.id, store)]
        }
        if quiet { return scene.output.write(unique(rows.map { $0.id.hex }).map { "\($0)\n" }.joined()) }
        switch format {
        case .json: scene.output.write(JSON.array(rows.map(\.json)).pretty + "\n")
        case .table: scene.output.write(ImageRow.table(rows, hasContainers: true))
        }
    }

    private func listStore(_ options: StackOptions) throws {
        if !names.isEmpty { throw Complaint("--all lists every image; leave the services out") }
        let roots = Roots(environment: environment)
        let store = ImageStore(folder: roots.images)
        let used = try UsedDigests.find(in: roots.projects)
        let rows = store.entries().map { ImageRow($0, $0.reference, $0.id, store, isUsed: used.contains($0.id)) }
        if quiet { return options.output.write(unique(rows.map { $0.id.hex }).map { "\($0)\n" }.joined()) }
        let usage = store.usage(store.layers, inUse: used)
        switch format {
        case .json:
            let usage = JSON.object([
                ("Blobs", .int(usage.blobs)), ("Layers", .int(usage.layers)), ("Reclaimable", .int(usage.reclaimable)),
            ])
            options.output.write(
                JSON.object([("Images", .array(rows.map(\.json))), ("DiskUsage", usage)]).pretty + "\n")
        case .table:
            options.output.write(ImageRow.table(rows, hasContainers: false))
            options.output.write(
                """

                disk usage: \(byteText(usage.blobs)) packed, \(byteText(usage.layers)) unpacked; \
                \(byteText(usage.reclaimable)) could be freed: settle image prune --all

                """)
        }
    }

    private func unique(_ words: [String]) -> [String] {
        var seen: Set<String> = []
        return words.filter { seen.insert($0).inserted }
    }
}

/// A line of `images`.
private struct ImageRow {
    let id: Digest
    private let reference: ImageReference?
    private let container: String
    private let platform: String
    private let created: String
    private let pulled: Int64
    /// Unpacked, where it is.
    private let size: Int64
    private let isUsed: Bool

    init(
        _ stored: StoredImage?, _ reference: ImageReference?, _ id: Digest, _ store: ImageStore, container: String = "",
        isUsed: Bool = true
    ) {
        let image = stored.flatMap { store.image($0) }
        self.id = id
        self.reference = reference
        self.container = container
        self.isUsed = isUsed
        platform = stored?.platform.description ?? ""
        created = image?.config.created ?? ""
        pulled = stored?.pulled ?? 0
        size = (image?.layers ?? []).reduce(0) { $0 + (store.layers.layer("\($1.diffID)")?.bytes ?? $1.size) }
    }

    private var repository: String { reference?.name?.repository ?? reference?.description ?? "<none>" }
    private var tag: String { reference?.name?.tag ?? "<none>" }

    var json: JSON {
        .object([
            ("ID", .string("\(id)")), ("ContainerName", .string(container)), ("Repository", .string(repository)),
            ("Tag", .string(tag)), ("Platform", .string(platform)), ("Size", .int(size)), ("Created", .string(created)),
            ("LastTagTime", .string(MachineClock.rfc3339(pulled * 1_000_000_000))),
        ])
    }

    static func table(_ rows: [ImageRow], hasContainers: Bool) -> String {
        let now = MachineClock.realtime
        let first = hasContainers ? ["CONTAINER"] : []
        let last = hasContainers ? [] : ["IN USE"]
        let head = first + ["REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "PULLED"] + last
        let cells = rows.map { row in
            (hasContainers ? [row.container.isEmpty ? "-" : row.container] : [])
                + [
                    row.repository, row.tag, row.platform, row.id.short, byteText(row.size),
                    row.pulled == 0 ? "-" : ago(now - row.pulled * 1_000_000_000),
                ] + (hasContainers ? [] : [row.isUsed ? "yes" : "no"])
        }
        return aligned([head] + cells).map { printable($0) + "\n" }.joined()
    }

    private static func ago(_ nanoseconds: Int64) -> String {
        let seconds = max(nanoseconds / 1_000_000_000, 0)
        for (length, unit) in [(86_400, "day"), (3600, "hour"), (60, "minute")] as [(Int64, String)] {
            let count = seconds / length
            if count > 0 { return "\(count) \(unit)\(count == 1 ? "" : "s") ago" }
        }
        return "less than a minute ago"
    }
}

struct Rmi: SettleCommand {
    static let about = About(
        "rmi", "Removes images that no container uses.",
        """
          settle rmi nginx:1.27 4f4fb700ef54

        A name goes; with its last name the image, and the layers that no other image has.
        """)

    private let names: [String]

    init(_ line: inout Line) {
        names = line.operands("IMAGE", "Names, or the first digits of IDs.", required: true)
        _ = line.flag("force", short: "f", "Without effect: what a container uses is never removed.")
    }

    func run(_ options: StackOptions) throws {
        let roots = Roots(environment: environment)
        let store = ImageStore(folder: roots.images)
        do {
            let removed = try store.remove(names, store.layers) { try UsedDigests.find(in: roots.projects) }
            for name in removed.names { options.output.write("Untagged: \(name)\n") }
            for id in removed.images { options.output.write("Deleted: \(id)\n") }
        } catch let fault as RemovalFault {
            throw Complaint(
                fault.problems.map { problem in
                    switch problem {
                    case .unknown(let word):
                        Diagnostic(
                            .error, "no such image: \(word)", hint: "settle images --all lists what there is")
                    case .used(let word):
                        Diagnostic(
                            .error, "image \(word) is in use: containers are made from it",
                            hint: "settle down takes the containers of a stack away")
                    }
                })
        }
    }
}

/// `settle image prune`, `settle image inspect`, as Docker has them.
struct ImageCommand: SettleCommand {
    static let about = About(
        "image", "Shows an image as JSON (inspect), or removes what nobody uses (prune).",
        """
          settle image inspect nginx:1.27
          settle image prune --all --force

        What a container uses is never removed. Without --all, prune removes images without a name.
        """)

    private let action: Action?
    private let all: Bool
    private let force: Bool
    private let names: [String]

    private enum Action: String, CaseIterable { case inspect, prune }

    init(_ line: inout Line) {
        all = line.flag("all", short: "a", "Images with names, too. (prune)")
        force = line.flag("force", short: "f", "Do not ask. (prune)")
        let words = Action.allCases.map(\.rawValue)
        action = line.operand("ACTION", "inspect or prune.", .words(words), expects: "inspect or prune") {
            Action(rawValue: $0)
        }
        names = line.operands("IMAGE", "Names, or the first digits of IDs. (inspect)")
        if action == .inspect && names.isEmpty { line.refuse("IMAGE is missing") }
        if action == .prune, let name = names.first {
            line.refuse("\"\(name)\" is one word too many", hint: "settle rmi removes one image")
        }
    }

    func run(_ options: StackOptions) throws {
        let roots = Roots(environment: environment)
        let store = ImageStore(folder: roots.images)
        switch action {
        case .prune, nil: try prune(store, roots, options.output)
        case .inspect:
            let items = try store.find(names).compactMap { entry in
                store.image(entry).map { ImageInspection($0, entry, store).json }
            }
            options.output.write(JSON.array(items).pretty + "\n")
        }
    }

    private func prune(_ store: ImageStore, _ roots: Roots, _ output: Output) throws {
        if !force { try ask(output) }
        Builder(store)?.removeLeftovers()
        let removed = try store.prune(all ? .unused : .nameless, store.layers) {
            try UsedDigests.find(in: roots.projects)
        }
        for name in removed.names { output.write("Untagged: \(name)\n") }
        for id in removed.images { output.write("Deleted: \(id)\n") }
        output.write("Total reclaimed space: \(byteText(removed.bytes))\n")
    }

    private func ask(_ output: Output) throws {
        guard isatty(STDIN_FILENO) == 1 else {
            throw Complaint("nobody is there to be asked", hint: "settle image prune --force does not ask")
        }
        let what = all ? "all images that no container uses" : "all images without a name that no container uses"
        output.write("This removes \(what). Go on? [y/N] ")
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
            throw Complaint("nothing was removed")
        }
    }
}
