import Diagnostics
import Glibc
import Images
import Linux
import OCI
import Syscalls
import Usage

struct Load: SettleCommand {
    static let about = About(
        "load", "Takes images out of an archive into the store.",
        """
          settle load -i shop.tar
          docker save shop | settle load
        """)

    private let input: String?
    private let quiet: Bool

    init(_ line: inout Line) {
        input = line.text("input", short: "i", "FILE", "The archive (default: standard input).", .files)
        quiet = line.flag("quiet", short: "q", "Nothing of the progress.")
    }

    func run(_ options: StackOptions) throws {
        let store = ImageStore(folder: Roots(environment: environment).images)
        let use = try store.use()
        defer { extendLifetime(use) }
        let copy = input == nil ? try InputFile(in: store.folder) : nil
        defer { extendLifetime(copy) }
        guard let path = try copy?.path ?? input.map(absolute) else { return }
        if Files.isFolder(path) != false {
            throw Complaint("\(path): no such file", hint: "--input names an archive, made by docker save for example")
        }
        let archive: ImageArchive
        do {
            archive = try interruptible { try ImageArchive(path) }
        } catch let error as ImageArchive.Unreadable {
            throw Complaint("\(input ?? "standard input") is no archive of images: \(error.reason)")
        }
        try load(archive, into: store, options)
    }

    private func load(_ archive: ImageArchive, into store: ImageStore, _ options: StackOptions) throws {
        let board = PullOutput(quiet ? Output(progress: .quiet) : options.output)
        let requests = archive.entries.map { PullRequest($0.source, platform: .host) }
        let results = try interruptible {
            defer { board.finish() }
            return try Puller(store, store.layers, tell: board.tell).run(requests)
        }
        var faults: [Diagnostic] = []
        for (entry, result) in zip(archive.entries, results) {
            switch result {
            case .success(let image):
                try store.retag(entry.source, as: entry.names, .host)
                let name = entry.names.first.map(\.description)
                options.output.write(name.map { "Loaded image: \($0)\n" } ?? "Loaded image ID: \(image.id)\n")
            case .failure(let fault): faults.append(Diagnostic(.error, fault.message, hint: fault.hint))
            }
        }
        if !faults.isEmpty { throw Complaint(faults) }
    }

    private func absolute(_ path: String) throws -> String {
        path.hasPrefix("/") ? path : "\(try StackFiles.workingFolder())/\(path)"
    }

    /// What comes over standard input, as a file.
    private final class InputFile {
        let path: String

        init(in folder: String) throws {
            if isatty(STDIN_FILENO) == 1 {
                throw Complaint("no archive is given", hint: "name one with -i, or send one to standard input")
            }
            path = "\(folder)/load.\(getpid())"
            let file = try Descriptor(path, O_WRONLY | O_CREAT | O_TRUNC)
            while true {
                let bytes = try Files.read(1 << 20, from: STDIN_FILENO, named: "standard input")
                if bytes.isEmpty { return }
                try Files.write(bytes, to: file.raw, named: path)
            }
        }

        deinit { unlink(path) }
    }
}

struct Save: SettleCommand {
    static let about = About(
        "save", "Writes images into an archive, as docker save does.",
        """
          settle save -o shop.tar shop:1 postgres:16
          settle save shop:1 | ssh host settle load
        """)

    private let path: String?
    private let names: [String]

    init(_ line: inout Line) {
        path = line.text("output", short: "o", "FILE", "The archive (default: standard output).", .files)
        names = line.operands("IMAGE", "Names, or the first digits of IDs.", required: true)
    }

    func run(_ options: StackOptions) throws {
        if path == nil && isatty(STDOUT_FILENO) == 1 {
            throw Complaint("an archive is nothing for a terminal", hint: "write it to a file: -o FILE")
        }
        let store = ImageStore(folder: Roots(environment: environment).images)
        let found = try store.find(names)
        let images = try found.map { entry in
            guard let image = store.image(entry) else {
                throw Complaint("image \(entry.id.short) is not whole", hint: "pull it again")
            }
            return image
        }
        do {
            let tags = zip(names, found).map { word, entry in
                entry.id.hex.hasPrefix(word) ? nil : entry.reference?.name
            }
            try interruptible { try Exporter(store).save(images, names: tags, to: path ?? "/dev/stdout") }
        } catch let fault as ImageFault {
            throw Complaint(fault.message, hint: fault.hint)
        }
    }
}

extension ImageStore {
    /// The images that words mean: names, or the first digits of IDs.
    func find(_ words: [String]) throws -> [StoredImage] {
        let entries = entries()
        let found = words.map { (word: $0, entries: entries.matching($0)) }
        let missing = found.filter { $0.entries.isEmpty }
        if !missing.isEmpty {
            throw Complaint(
                missing.map {
                    Diagnostic(.error, "no such image: \($0.word)", hint: "settle images --all lists what there is")
                })
        }
        return found.compactMap(\.entries.first)
    }
}
