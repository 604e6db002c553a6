import Compose
import Diagnostics
import Engine
import Images
import OCI
import Stack
import Syscalls

/// What secrets and configurations hold, read where the file says.
struct FileContents {
    private(set) var contents: [Content] = []
    /// What names each, by its key path.
    private(set) var digests: [String: Digest] = [:]

    /// - Parameter services: those whose files are read.
    init(_ scene: Scene, _ project: Project, _ services: [Service]) throws {
        var problems: [Diagnostic] = []
        for file in project.files {
            let users = services.flatMap(\.files).filter { $0.kind == file.kind && $0.source == file.key }
            if users.isEmpty { continue }
            do {
                let bytes = try scene.content(of: file)
                guard let digest = Digest(SHA256.digest(of: bytes)) else { continue }
                digests[file.path] = digest
                contents.append(Content(digest, bytes))
            } catch let complaint as Complaint {
                problems += complaint.diagnostics
            }
        }
        if !problems.isEmpty { throw Complaint(problems, status: Complaint.notReached) }
    }
}

extension Scene {
    /// - Throws: a `Complaint` that names the place.
    func content(of file: SharedFile) throws -> [UInt8] {
        func complaint(_ key: String, _ message: String, _ hint: String) -> Complaint {
            Complaint(
                [Diagnostic(.error, message, at: file.places[key], path: "\(file.path).\(key)", hint: hint)],
                status: Complaint.notReached)
        }
        switch file.source {
        case .content(let text): return Array(text.utf8)
        case .environment(let name):
            guard let value = variables[name] ?? file.value else {
                throw complaint("environment", "the variable \(name) is not set", "set it, or name a file:")
            }
            return Array(value.utf8)
        case .file(let path):
            do throws(SystemError) {
                return try Files.bytes(path)
            } catch {
                throw complaint("file", "cannot read \(path): \(error.reason)", "make the file, or name another")
            }
        }
    }
}
