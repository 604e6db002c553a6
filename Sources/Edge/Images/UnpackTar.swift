import CArchive
import Glibc

/// libarchive, reading nothing but tar, and from nothing but the stream.
final class TarReader {
    private let archive: OpaquePointer
    private let stream: LayerStream
    /// What the stream threw while libarchive asked it for bytes.
    private var failure: (any Error)?

    init(_ stream: LayerStream) throws {
        guard let archive = archive_read_new() else { throw Refusal("there is no memory to read it") }
        self.archive = archive
        self.stream = stream
        archive_read_support_format_tar(archive)
    }

    deinit { archive_read_free(archive) }

    /// Reads as far as the first header.
    func open() throws {
        let client = Unmanaged.passUnretained(self).toOpaque()
        let opened = archive_read_open2(
            archive, client, nil, { _, client, bytes in TarReader.read(client, bytes) }, nil, nil)
        if failure != nil || stream.count > 0 { try accept(opened) }
    }

    private static func read(
        _ client: UnsafeMutableRawPointer?, _ bytes: UnsafeMutablePointer<UnsafeRawPointer?>?
    ) -> Int {
        let reader = Unmanaged<TarReader>.fromOpaque(client!).takeUnretainedValue()
        do {
            let next = try reader.stream.next()
            bytes?.pointee = next.baseAddress
            return next.count
        } catch {
            reader.failure = error
            return Int(ARCHIVE_FATAL)
        }
    }

    /// nil at the archive's end. Valid until the next call.
    func next() throws -> TarEntry? {
        var entry: OpaquePointer?
        let result = archive_read_next_header(archive, &entry)
        if failure == nil && (result == ARCHIVE_EOF || stream.count == 0) { return nil }
        try accept(result)
        guard let entry else { throw Refusal("its next entry cannot be read") }
        return TarEntry(entry)
    }

    /// The next piece of the entry's content and where in the file it belongs; nil at its end.
    func data() throws -> (bytes: UnsafeRawBufferPointer, offset: Int64)? {
        var start: UnsafeRawPointer?
        var count = 0
        var offset: Int64 = 0
        let result = archive_read_data_block(archive, &start, &count, &offset)
        if result == ARCHIVE_EOF && failure == nil { return nil }
        try accept(result)
        return (UnsafeRawBufferPointer(start: start, count: count), offset)
    }

    /// A name that is not ASCII cannot be converted to the locale "C"; libarchive then says so and gives the bytes as they
    /// are, which is what a file system takes. Everything else that it warns of would be a file other than its maker meant.
    private func accept(_ result: Int32) throws {
        if let failure { throw failure }
        if result == ARCHIVE_OK { return }
        let words = archive_error_string(archive).map { String(cString: $0) } ?? "unknown error"
        if result == ARCHIVE_WARN && words.contains("can't be converted from") { return }
        if words == "Unrecognized archive format" { throw Refusal("it is no tar archive") }
        throw Refusal("its tar headers are damaged: \(words.prefix(1).lowercased() + words.dropFirst())")
    }
}

/// One entry, as libarchive tells it.
struct TarEntry {
    private let entry: OpaquePointer

    enum Kind {
        case file
        case folder
        case symbolicLink(to: [UInt8])
        case hardLink(to: [UInt8])
        case fifo
        case device(mode_t, number: dev_t)
    }

    init(_ entry: OpaquePointer) { self.entry = entry }

    var name: [UInt8] { bytes(archive_entry_pathname(entry)) }
    var size: Int64 { archive_entry_size(entry) }
    var permissions: mode_t { archive_entry_perm(entry) & 0o7777 }
    var modified: timespec {
        timespec(tv_sec: archive_entry_mtime(entry), tv_nsec: archive_entry_mtime_nsec(entry))
    }

    func kind() throws -> Kind {
        if let target = archive_entry_hardlink(entry) { return .hardLink(to: bytes(target)) }
        let type = archive_entry_filetype(entry)
        switch type {
        case mode_t(Glibc.S_IFREG): return name.last == UInt8(ascii: "/") ? .folder : .file
        case mode_t(Glibc.S_IFDIR): return .folder
        case mode_t(Glibc.S_IFLNK): return .symbolicLink(to: bytes(archive_entry_symlink(entry)))
        case mode_t(Glibc.S_IFIFO): return .fifo
        case mode_t(Glibc.S_IFCHR), mode_t(Glibc.S_IFBLK): return .device(type, number: archive_entry_rdev(entry))
        case _: throw Refusal("it is of a kind that no file system has")
        }
    }

    func owner() throws -> Owner {
        guard let user = UInt32(exactly: archive_entry_uid(entry)), user != .max,
            let group = UInt32(exactly: archive_entry_gid(entry)), group != .max
        else { throw Refusal("its owner's number is beyond 32 bits") }
        return Owner(user: user, group: group)
    }

    /// Extended attributes.
    func attributes() -> [(name: String, value: [UInt8])] {
        var result: [(name: String, value: [UInt8])] = []
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var count = 0
        archive_entry_xattr_reset(entry)
        while archive_entry_xattr_next(entry, &name, &value, &count) == ARCHIVE_OK {
            guard let name else { continue }
            let bytes = UnsafeRawBufferPointer(start: value, count: count)
            result.append((String(cString: name), Array(bytes)))
        }
        return result
    }

    private func bytes(_ text: UnsafePointer<CChar>?) -> [UInt8] {
        guard let text else { return [] }
        return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }
}

struct Owner: Equatable {
    let user: UInt32
    let group: UInt32
}

extension timespec {
    /// What folders have that nobody gave a time to.
    static var epoch: timespec { timespec(tv_sec: 0, tv_nsec: 0) }
}
