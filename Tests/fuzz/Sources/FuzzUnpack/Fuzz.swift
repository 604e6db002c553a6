import CSyscalls
import CUnpack
import Glibc
import Syscalls

@testable import Images

/// A folder that nobody else has, in memory.
private let folder: String = {
    var template = Array("/dev/shm/settle-fuzz-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { fatalError("no folder in /dev/shm") }
    return String(cString: made)
}()
private let place: Int32 = {
    atexit { rmdir(folder) }
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
}()
private let home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/// Any bytes as an archive: they are unpacked within the limit or refused, and what they made can be removed.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let archive = Descriptor(settle_memfd_create("archive"))
    guard
        (try? Files.write(mended(UnsafeBufferPointer(start: bytes, count: count)), to: archive.raw, named: "")) != nil,
        mkdirat(place, "tree", 0o700) == 0
    else { fatalError("no place for it: \(errno)") }
    lseek(archive.raw, 0, SEEK_SET)
    unpack(archive.raw, into: Descriptor(openat(place, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC)))
    guard fchdir(home) == 0, settle_remove_at(place, "tree") == 0 else { fatalError("something is left: \(errno)") }
    return 0
}

private func unpack(_ archive: Int32, into root: consuming Descriptor) {
    let limit = UnpackLimit(set: 1 << 20, compressed: 0)
    do {
        let blob = BlobReader(archive, hashes: true) { _ in }
        let stream = try LayerStream(blob, Compression(magic: blob.peek(4)), limit)
        var walk = UnpackWalk(try TarReader(stream), UnpackTree(root: root.raw, isPrivileged: false), limit)
        try walk.tar.open()
        try walk.run()
        try stream.drain()
        precondition(walk.bytes <= 1 << 20 && stream.count <= 2 << 20 && stream.digest().utf8.count == 71)
    } catch is Refusal {
    } catch is EntryRefusal {
    } catch {
        fatalError("\(error)")
    }
}

/// Headers get the checksum that they should have: no mutation would get past it otherwise.
private func mended(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var archive = Array(bytes)
    for start in stride(from: 0, to: archive.count - 511, by: 512)
    where archive[start + 257..<start + 262].elementsEqual("ustar".utf8) {
        archive.replaceSubrange(start + 148..<start + 156, with: repeatElement(32, count: 8))
        var sum = archive[start..<start + 512].reduce(0) { $0 + Int($1) }
        for index in stride(from: start + 153, through: start + 148, by: -1) {
            archive[index] = UInt8(48 + sum % 8)
            sum /= 8
        }
        archive[start + 154] = 0
    }
    return archive
}
