import Engine
import Glibc
import OCI
import Stack
import Syscalls

/// The secrets and configurations of a project: in its runtime folder, which is memory. Each content is there once, by its
/// digest, so that an undo finds that of before; each container has files of its own, with its owners and modes, so that
/// a newer content reaches it in place.
struct GrantedFiles {
    let paths: ProjectPaths

    init(_ paths: ProjectPaths) { self.paths = paths }

    private func content(_ digest: Digest) -> String { "\(paths.contents)/\(digest.hex)" }

    /// Takes contents in; those that nobody needs any more go.
    func keep(_ contents: [Digest: [UInt8]], needed: Set<Digest>) throws(SystemError) {
        if contents.isEmpty && !Files.exists(paths.contents) { return }
        try Files.makeFolders(paths.contents, mode: 0o700)
        for (digest, bytes) in contents where !Files.exists(content(digest)) {
            try Files.replace(content(digest), bytes)
        }
        let known = Set(needed.map(\.hex))
        for name in Files.names(in: paths.contents) where !known.contains(name) { unlink("\(paths.contents)/\(name)") }
    }

    /// Makes the files of an instance what they should be, or overwrites them: who has one mounted sees the new content.
    func write(_ files: [GrantedFile], for instance: Instance) throws {
        if files.isEmpty { return }
        // Security: the runtime folder is root's alone, so nobody meets a file before it has its owner and its mode.
        try Files.makeFolders(paths.files(of: instance), mode: 0o700)
        for file in files {
            let path = paths.file(file, of: instance)
            guard let bytes = try? Files.bytes(content(file.content)) else {
                // After a reboot nobody has it but whoever describes the stack.
                throw Event.Failure(
                    resource: ResourceID.container(instance.id).description, key: file.key,
                    message: "what \(file.source) holds is no longer in memory; `settle up` brings it")
            }
            let open = try Descriptor(path, O_WRONLY | O_CREAT, mode: 0o600)
            try Files.write(bytes, to: open.raw, named: path)
            try check("ftruncate", on: path) { ftruncate(open.raw, off_t(bytes.count)) }
            try check("fchown", on: path) { fchown(open.raw, file.uid, file.gid) }
            try check("fchmod", on: path) { fchmod(open.raw, mode_t(file.mode)) }
        }
    }

    /// What somebody else did to the files.
    func drift(of spec: ContainerSpec, _ instance: Instance) -> [FieldChange] {
        spec.files.compactMap { file in
            let path = paths.file(file, of: instance)
            var status = stat()
            var found = "as described"
            if lstat(path, &status) != 0 {
                found = "absent"
            } else if status.st_mode & 0o7777 != mode_t(file.mode) || status.st_uid != file.uid
                || status.st_gid != file.gid
            {
                found = "\(status.st_uid):\(status.st_gid) \(String(status.st_mode & 0o7777, radix: 8))"
            } else if let wanted = try? Files.bytes(content(file.content)) {
                if (try? Files.bytes(path)) != wanted { found = "edited" }
            } else {
                found = "not in memory"
            }
            return found == "as described"
                ? nil : FieldChange(file.key, observed: found, desired: "as described")
        }
    }
}

extension ProjectPaths {
    var contents: String { "\(runtime)/contents" }
    func files(of instance: Instance) -> String { "\(runtime)/files/\(instance)" }

    /// One name for each target, which may hold slashes.
    func file(_ file: GrantedFile, of instance: Instance) -> String {
        let name = file.target.map { $0 == "/" ? "%2F" : $0 == "%" ? "%25" : String($0) }.joined()
        return "\(files(of: instance))/\(name)"
    }
}

extension Goal {
    var contents: Set<Digest> { Set(containers.flatMap(\.files).map(\.content)) }
}
