/// How files are reached: loading itself touches nothing.
package struct FileSystem {
    package enum Kind: Sendable { case file, folder }

    /// What is in a file, or in a few words why there is nothing.
    package var read: (_ path: String) -> Result<[UInt8], Unreadable>
    /// nil where there is nothing.
    package var kind: (_ path: String) -> Kind?
    /// A path whose first symbolic link is replaced by what it leads to.
    package var withoutLinks: (_ path: String) -> String

    package struct Unreadable: Error {
        package var reason: String

        package init(_ reason: String) { self.reason = reason }
    }

    package init(
        read: @escaping (String) -> Result<[UInt8], Unreadable>, kind: @escaping (String) -> Kind?,
        withoutLinks: @escaping (String) -> String = { $0 }
    ) {
        self.read = read
        self.kind = kind
        self.withoutLinks = withoutLinks
    }

    /// Some files, by absolute path, and the folders that they are in.
    package init(_ files: [String: String]) {
        self.init(
            read: { path in files[path].map { .success(Array($0.utf8)) } ?? .failure(Unreadable("no such file")) },
            kind: { path in
                if files[path] != nil { return .file }
                return files.keys.contains { $0.hasPrefix(path + "/") } ? .folder : nil
            })
    }
}
