import CArchive
import Glibc
import Syscalls

/// Why an archive cannot be read or written.
struct TarFault: Error, CustomStringConvertible {
    let description: String

    /// - Parameter what: went wrong, as far as it is known here.
    init(_ archive: OpaquePointer?, _ what: String = "tar") {
        let words = archive.flatMap { archive_error_string($0) }.map { String(cString: $0) } ?? "unknown error"
        description = "\(what): \(words.prefix(1).lowercased() + words.dropFirst())"
    }
}

/// Reads a tar archive, plain or packed by gzip or zstd (what this binary carries along anyway).
final class TarSource {
    private let archive: OpaquePointer
    private let skipped: (String) -> Void

    init(_ descriptor: Int32, skipped: @escaping (String) -> Void) throws {
        guard let archive = archive_read_new() else { throw TarFault(nil) }
        self.archive = archive
        self.skipped = skipped
        archive_read_support_format_tar(archive)
        archive_read_support_filter_gzip(archive)
        archive_read_support_filter_zstd(archive)
        if archive_read_open_fd(archive, descriptor, 1 << 16) != ARCHIVE_OK {
            throw TarFault(archive, "expected a tar archive, plain or packed by gzip or zstd")
        }
    }

    deinit { archive_read_free(archive) }

    func walk(_ sink: CopySink) throws {
        var entry: OpaquePointer?
        while true {
            let result = archive_read_next_header(archive, &entry)
            if result == ARCHIVE_EOF { return }
            guard result == ARCHIVE_OK || result == ARCHIVE_WARN, let entry else { throw TarFault(archive) }
            guard let item = item(entry) else {
                skipped(archive_entry_pathname(entry).map { String(cString: $0) } ?? "")
                continue
            }
            try sink(item) { take in
                var bytes: UnsafeRawPointer?
                var count = 0
                var offset: Int64 = 0
                var reached: Int64 = 0
                while true {
                    let result = archive_read_data_block(archive, &bytes, &count, &offset)
                    if result != ARCHIVE_OK && result != ARCHIVE_EOF { throw TarFault(archive) }
                    // A sparse file leaves its holes out.
                    while reached < offset {
                        let hole = [UInt8](repeating: 0, count: Int(min(offset - reached, 1 << 16)))
                        try hole.withUnsafeBytes(take)
                        reached += Int64(hole.count)
                    }
                    if result == ARCHIVE_EOF { return }
                    try take(UnsafeRawBufferPointer(start: bytes, count: count))
                    reached += Int64(count)
                }
            }
        }
    }

    private func item(_ entry: OpaquePointer) -> CopyItem? {
        func names(_ text: UnsafePointer<CChar>) -> [String] {
            let names = String(cString: text).split(separator: "/").filter { $0 != "." }.map(String.init)
            return names.isEmpty ? ["."] : names
        }
        guard let path = archive_entry_pathname(entry) else { return nil }
        let kind: CopyItem.Kind
        switch mode_t(archive_entry_filetype(entry)) {
        case _ where archive_entry_hardlink(entry) != nil: kind = .hardLink(names(archive_entry_hardlink(entry)!))
        case S_IFREG: kind = .file(size: archive_entry_size(entry))
        case S_IFDIR: kind = .folder
        case S_IFLNK: kind = .link(archive_entry_symlink(entry).map { String(cString: $0) } ?? "")
        case S_IFIFO: kind = .pipe
        case _: return nil
        }
        return CopyItem(
            path: names(path), kind: kind, mode: archive_entry_perm(entry) & 0o7777,
            uid: uid_t(truncatingIfNeeded: archive_entry_uid(entry)),
            gid: gid_t(truncatingIfNeeded: archive_entry_gid(entry)),
            modified: timespec(
                tv_sec: Int(archive_entry_mtime(entry)), tv_nsec: Int(archive_entry_mtime_nsec(entry))))
    }
}

/// Writes a tar archive.
final class TarWriter {
    private let archive: OpaquePointer

    init(_ descriptor: Int32) throws {
        guard let archive = archive_write_new() else { throw TarFault(nil) }
        self.archive = archive
        archive_write_set_format_pax_restricted(archive)
        archive_write_set_bytes_in_last_block(archive, 1)
        try accept(archive_write_open_fd(archive, descriptor))
    }

    deinit { archive_write_free(archive) }

    func take(_ item: CopyItem, _ content: CopyContent) throws {
        guard let entry = archive_entry_new() else { throw TarFault(nil) }
        defer { archive_entry_free(entry) }
        var path = item.path.joined(separator: "/")
        var left: Int64 = 0
        switch item.kind {
        case .folder:
            archive_entry_set_filetype(entry, S_IFDIR)
            path += "/"
        case .file(let size):
            archive_entry_set_filetype(entry, S_IFREG)
            left = size
        case .link(let target):
            archive_entry_set_filetype(entry, S_IFLNK)
            archive_entry_set_symlink(entry, target)
        case .pipe: archive_entry_set_filetype(entry, S_IFIFO)
        case .hardLink: return
        }
        archive_entry_set_pathname(entry, path)
        archive_entry_set_size(entry, left)
        archive_entry_set_perm(entry, item.mode)
        archive_entry_set_uid(entry, Int64(item.uid))
        archive_entry_set_gid(entry, Int64(item.gid))
        archive_entry_set_mtime(entry, item.modified.tv_sec, item.modified.tv_nsec)
        try accept(archive_write_header(archive, entry))
        // Of a file that grows meanwhile as much as was said; what one that shrinks lacks is made up for with zeros.
        try content { bytes in
            let count = min(bytes.count, Int(left))
            if count == 0 { return }
            if archive_write_data(archive, bytes.baseAddress, count) != count { throw TarFault(archive) }
            left -= Int64(count)
        }
    }

    func finish() throws { try accept(archive_write_close(archive)) }

    private func accept(_ result: Int32) throws {
        if result != ARCHIVE_OK && result != ARCHIVE_WARN { throw TarFault(archive) }
    }
}
