package import Glibc

extension Descriptor {
    package borrowing func write(_ text: String, named path: String) throws(SystemError) {
        try Files.write(text.utf8, to: raw, named: path)
    }
}

/// Whole files, read and written in one go.
package enum Files {
    /// The file's bytes. Works on /proc and cgroup files, whose sizes are not known beforehand.
    package static func bytes(_ path: String) throws(SystemError) -> [UInt8] {
        let file = try Descriptor(path, O_RDONLY)
        return try bytes(from: file.raw, named: path)
    }

    /// What is left to read from an open descriptor.
    package static func bytes(from descriptor: Int32, named path: String) throws(SystemError) -> [UInt8] {
        var result = try read(4096, from: descriptor, named: path)
        while !result.isEmpty {
            // Most files are small, and a large buffer that is freed again goes back to the kernel page by page.
            let chunk = try read(min(max(4096, 4 * result.count), 1 << 20), from: descriptor, named: path)
            if chunk.isEmpty { break }
            result += chunk
        }
        return result
    }

    /// What one read(2) gives, at most so many bytes; empty at the end.
    package static func read(_ most: Int, from descriptor: Int32, named path: String) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: most) { buffer, count in
            do throws(SystemError) {
                count = try check("read", on: path) { Glibc.read(descriptor, buffer.baseAddress, most) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    package static func text(_ path: String) throws(SystemError) -> String {
        String(decoding: try bytes(path), as: UTF8.self)
    }

    /// Writes into an existing file with one write(2), as cgroup and /proc files want it.
    package static func poke(_ path: String, _ text: String) throws(SystemError) {
        let file = try Descriptor(path, O_WRONLY)
        let bytes = Array(text.utf8)
        try check("write", on: path) { Glibc.write(file.raw, bytes, bytes.count) }
    }

    /// Writes every byte to an open descriptor.
    package static func write(_ bytes: some Collection<UInt8>, to descriptor: Int32, named path: String)
        throws(SystemError)
    {
        let bytes = Array(bytes)
        var done = 0
        while done < bytes.count {
            done += try check("write", on: path) {
                bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
            }
        }
    }

    /// Replaces a file by rename(2), so that a reader, or a crash, sees the old text or the new one.
    package static func replace(_ path: String, _ bytes: some Collection<UInt8>, mode: mode_t = 0o600)
        throws(SystemError)
    {
        let draft = path + ".new"
        let file = try Descriptor(draft, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
        try write(bytes, to: file.raw, named: draft)
        try check("rename", on: path) { rename(draft, path) }
    }

    /// The names in a folder, without `.` and `..`, sorted; empty where there is no such folder.
    package static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        return names(stream)
    }

    /// The same of an open folder, whose own position stays.
    package static func names(inFolder folder: Int32) throws(SystemError) -> [String] {
        let raw = try check("open") { openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard let stream = fdopendir(raw) else {
            let failure = errno
            close(raw)
            throw SystemError("fdopendir", errno: failure)
        }
        defer { closedir(stream) }
        return names(stream)
    }

    private static func names(_ stream: OpaquePointer) -> [String] {
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Whether a path leads to a folder; nil where it leads nowhere.
    package static func isFolder(_ path: String) -> Bool? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & S_IFMT == S_IFDIR : nil
    }

    /// The path with the first symbolic link on it, and what stands before that, replaced by what it leads to.
    package static func withoutLinks(_ path: String) -> String {
        var reached = ""
        for part in path.split(separator: "/") {
            reached += "/" + part
            var status = stat()
            guard lstat(reached, &status) == 0, status.st_mode & S_IFMT == S_IFLNK, let real = realpath(reached, nil)
            else { continue }
            defer { free(real) }
            return String(cString: real) + path.dropFirst(reached.count)
        }
        return path
    }

    /// mkdir(2) for the folder and those above it that are missing. Another process may make or remove the same ones
    /// meanwhile.
    package static func makeFolders(_ path: String, mode: mode_t = 0o755) throws(SystemError) {
        for _ in 0..<100 {
            if mkdir(path, mode) == 0 || errno == EEXIST { return }
            guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else { break }
            try makeFolders(String(path[..<slash]), mode: mode)
        }
        throw SystemError("mkdir", on: path, errno: errno)
    }
}
