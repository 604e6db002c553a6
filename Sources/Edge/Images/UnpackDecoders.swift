import CCompress
import Glibc

/// gzip: any number of members, each with its checksum checked; zeros may follow.
final class GzipDecoder {
    private let blob: BlobReader
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    private var input = UnsafeRawBufferPointer(start: nil, count: 0)
    private var isBetweenMembers = false
    /// What filled the output may have left more behind, which takes no further input.
    private var mayHoldMore = false

    init(_ blob: BlobReader) throws {
        self.blob = blob
        stream.initialize(to: z_stream())
        let gzipOnly = 16 + MAX_WBITS
        let result = inflateInit2_(stream, gzipOnly, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        if result != Z_OK { throw Refusal("there is no memory to decompress it") }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        output.deallocate()
    }

    func next() throws -> UnsafeRawBufferPointer {
        var produced = 0
        while produced == 0 {
            if input.isEmpty && !mayHoldMore { input = try blob.next() }
            if isBetweenMembers {
                if try !beginMember() { break }
                continue
            }
            if input.isEmpty && !mayHoldMore { throw Refusal("it is cut off: its gzip stream does not end") }
            produced = try inflateOnce()
        }
        return UnsafeRawBufferPointer(rebasing: output[..<produced])
    }

    private func inflateOnce() throws -> Int {
        let bytes = input.bindMemory(to: UInt8.self)
        stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
        stream.pointee.avail_in = UInt32(bytes.count)
        stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_out = UInt32(output.count)
        let result = inflate(stream, Z_NO_FLUSH)
        input = UnsafeRawBufferPointer(rebasing: input.suffix(Int(stream.pointee.avail_in)))
        switch result {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isBetweenMembers = true
        case Z_MEM_ERROR: throw Refusal("there is no memory to decompress it")
        case _:
            let words = stream.pointee.msg.map { String(cString: $0) } ?? "unknown error"
            throw Refusal("its gzip stream is damaged: \(words)")
        }
        mayHoldMore = stream.pointee.avail_out == 0 && !isBetweenMembers
        return output.count - Int(stream.pointee.avail_out)
    }

    /// False at the end of the input.
    private func beginMember() throws -> Bool {
        if input.isEmpty { return false }
        if input[0] == 0x1F {
            inflateReset(stream)
            isBetweenMembers = false
            return true
        }
        guard input.allSatisfy({ $0 == 0 }) else { throw Refusal("something that is not gzip follows its gzip stream") }
        input = UnsafeRawBufferPointer(start: nil, count: 0)
        return true
    }
}

/// Zstandard: any number of frames.
final class ZstdDecoder {
    private let blob: BlobReader
    private let stream: OpaquePointer
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    private var input = UnsafeRawBufferPointer(start: nil, count: 0)
    private var isBetweenFrames = true
    private var mayHoldMore = false

    init(_ blob: BlobReader) throws {
        self.blob = blob
        guard let stream = ZSTD_createDStream() else { throw Refusal("there is no memory to decompress it") }
        self.stream = stream
    }

    deinit {
        ZSTD_freeDStream(stream)
        output.deallocate()
    }

    func next() throws -> UnsafeRawBufferPointer {
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        while target.pos == 0 {
            if input.isEmpty && !mayHoldMore { input = try blob.next() }
            if input.isEmpty && !mayHoldMore {
                if isBetweenFrames { break }
                throw Refusal("it is cut off: its zstd stream does not end")
            }
            var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
            let result = ZSTD_decompressStream(stream, &target, &source)
            if ZSTD_isError(result) != 0 {
                throw Refusal("its zstd stream is damaged: \(String(cString: ZSTD_getErrorName(result)).lowercased())")
            }
            isBetweenFrames = result == 0
            mayHoldMore = target.pos == target.size && !isBetweenFrames
            input = UnsafeRawBufferPointer(rebasing: input[source.pos...])
        }
        return UnsafeRawBufferPointer(rebasing: output[..<target.pos])
    }
}
