import Diagnostics
import Glibc
package import OCI
import Processes
import Syscalls

/// Images on their way out of the store, through skopeo(1).
package struct Exporter {
    private let store: ImageStore

    package init(_ store: ImageStore) { self.store = store }

    /// Copies an image to a registry or into an archive, manifest and layers as they are where the target takes them.
    ///
    /// - Throws: `ImageFault`, `PullInterrupted`, `SystemError`.
    package func copy(_ image: Image, to target: ImageReference) throws {
        guard let skopeo = Skopeo.find() else { throw ImageFault.noSkopeo(target) }
        let use = try store.use()
        let folder = try layOut(image)
        defer {
            extendLifetime(folder)
            extendLifetime(use)
        }
        let errors = try MemoryFile("errors")
        let words =
            ["--insecure-policy", "copy", "--quiet", "--digestfile", "\(folder.path)/digest"]
            + Skopeo.security(target, side: "dest-") + ["dir:\(folder.path)", target.skopeo]
        let child = try ChildProcess(skopeo.program, words, errors: errors.raw)
        if try child.waitOrInterrupt() != 0 { throw skopeo.fault(target, errors.text) }
        if target.name != nil { try note(Digest(Files.text("\(folder.path)/digest")), of: image, as: target) }
    }

    /// Under which digest a registry has it: not always that of our own manifest, since layers are packed on their way.
    private func note(_ digest: Digest?, of image: Image, as target: ImageReference) throws {
        try store.update { entries in
            for index in entries.indices where entries[index].id == image.id && entries[index].answers(target) {
                entries[index].repoDigest = digest
            }
        }
    }

    /// Writes images into one file as `docker save` does. skopeo(1) writes archives of one image: several are unpacked
    /// into one folder, where they share layers, and packed again.
    ///
    /// - Parameter names: of the images, in the same order; nil for one that is to have none.
    /// - Throws: `ImageFault`, `PullInterrupted`, `SystemError`.
    package func save(_ images: [Image], names: [ImageName?], to path: String) throws {
        let folder = try TemporaryFolder(in: store.fetching, "save")
        var lists: [JSON] = []
        for (index, image) in images.enumerated() {
            let file = "\(folder.path)/\(index).tar"
            let tag = names[index].flatMap { name in name.tag.map { "\(name.registry)/\(name.path):\($0)" } }
            try copy(image, to: .dockerArchive(file: file, name: tag))
            if images.count == 1 { return try move(file, to: path) }
            try Files.makeFolders("\(folder.path)/all", mode: 0o700)
            try tar(["-xf", file, "-C", "\(folder.path)/all"])
            unlink(file)
            lists += try JSON(parsing: Files.bytes("\(folder.path)/all/manifest.json")).items
        }
        try Files.replace("\(folder.path)/all/manifest.json", JSON.array(lists).compact.utf8, mode: 0o644)
        // The old form's list of names, which has one image's only.
        unlink("\(folder.path)/all/repositories")
        let names = Files.names(in: "\(folder.path)/all")
        try tar(["-cf", "\(folder.path)/all.tar", "-C", "\(folder.path)/all", "--"] + names)
        try move("\(folder.path)/all.tar", to: path)
    }

    private func tar(_ words: [String]) throws {
        let errors = try MemoryFile("errors")
        let child = try ChildProcess(ChildProcess.find("tar") ?? "/bin/tar", words, errors: errors.raw)
        if try child.waitOrInterrupt() != 0 { throw Unsaved(words: errors.text) }
    }

    /// What tar(1) said.
    package struct Unsaved: Error, CustomStringConvertible {
        let words: String
        package var description: String { "the archive was not written: \(words.split(separator: "\n").first ?? "")" }
    }

    /// Copied where the target is on another file system, or no file.
    private func move(_ file: String, to path: String) throws {
        if Files.size(path) == nil || Files.isRegular(path), rename(file, path) == 0 { return }
        let from = try Descriptor(file, O_RDONLY)
        let to = try Descriptor(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        while true {
            let bytes = try Files.read(1 << 20, from: from.raw, named: file)
            if bytes.isEmpty { return }
            try Files.write(bytes, to: to.raw, named: path)
        }
    }

    /// The image as skopeo's `dir:`, which knows every form of manifest.
    private func layOut(_ image: Image) throws -> TemporaryFolder {
        let folder = try TemporaryFolder(in: store.fetching, "export")
        try Files.replace("\(folder.path)/version", "Directory Transport Version: 1.1\n".utf8)
        let blobs = [image.id] + image.layers.map(\.digest)
        try folder.link([(store.blob(image.manifestDigest), "manifest.json")] + blobs.map { (store.blob($0), $0.hex) })
        return folder
    }
}

extension ChildProcess {
    /// Its wait status.
    ///
    /// - Throws: `PullInterrupted` on Ctrl-C; it does not run any more then.
    func waitOrInterrupt() throws -> Int32 {
        let loop = EventLoop()
        let isInterrupted = try loop.untilInterrupted { loop in
            loop.watchProcess(process.raw) { loop.stop() }
            try loop.run()
        }
        if isInterrupted {
            kill()
            wait()
            throw PullInterrupted()
        }
        return wait()
    }
}

extension EventLoop {
    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    /// Runs the body, which turns this loop until it is stopped; SIGINT, SIGTERM and SIGHUP stop it, too.
    ///
    /// - Returns: whether one of them came.
    func untilInterrupted(_ body: (EventLoop) throws -> Void) throws -> Bool {
        var isInterrupted = false
        let watch = try watchSignals(Self.signals) { [unowned self] _ in
            isInterrupted = true
            stop()
        }
        defer {
            forget(watch)
            var set = sigset_t()
            sigemptyset(&set)
            for signal in Self.signals { sigaddset(&set, signal) }
            sigprocmask(SIG_UNBLOCK, &set, nil)
        }
        try body(self)
        return isInterrupted
    }
}

extension Files {
    fileprivate static func isRegular(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
