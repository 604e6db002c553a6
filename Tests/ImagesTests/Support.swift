import Glibc
import Images
import Syscalls
import Testing

/// The binary that the package builds: its role unpacks.
let settle: String = {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return "/\(root)/.build/debug/settle"
}()

/// A folder of the test's own with a store of layers in it; removed at the end.
final class Sandbox {
    let path: String
    var store: LayerStore { LayerStore(folder: path + "/state/layers") }

    /// - Parameter inMemory: where nothing is asked of the file system but to be fast.
    init(inMemory: Bool = false) throws {
        // Not every file system takes whiteouts and attributes of overlays: another overlay does not.
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
        var template = Array("\(parent)/settle-images-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
        chmod(path, 0o755)
        if inMemory { try shell("mount -t tmpfs -o size=1G,mode=755 settle-test \(path)") }
    }

    deinit {
        // Whatever a tool that failed has left mounted as well.
        _ = try? shell(
            "awk '{ print $2 }' /proc/mounts | grep -E '^\(path)(/|$)' | sort -r | xargs -r umount -l; rm -rf --one-file-system \(path)"
        )
    }

    func folder(_ name: String) throws -> String {
        try Files.makeFolders("\(path)/\(name)")
        return "\(path)/\(name)"
    }

    /// Runs a Python program in the sandbox; it begins with `archives.py`.
    @discardableResult
    func python(_ program: String) throws -> String {
        let file = "\(path)/program.py"
        let begin = try Files.text(#filePath.replacing("Support.swift", with: "archives.py"))
        try Files.replace(file, (begin + program).utf8)
        return try shell("cd \(path) && python3 \(file)")
    }

    func unpack(_ source: LayerSource, limit: Int64? = nil) throws -> LayerUnpack.State {
        try store.unpack(source, limit: limit, executable: settle).wait()
    }

    /// Unpacks what has to be fine.
    func layer(_ name: String, limit: Int64? = nil) throws -> Layer {
        let state = try unpack(LayerSource(path: "\(path)/\(name)"), limit: limit)
        guard case .done(let layer) = state else { throw Failure(text: "\(state)") }
        return layer
    }

    /// Every entry below a folder, as text: name, type, mode, owner, size, time, content, links, attributes.
    func listing(_ folder: String) throws -> [String] {
        try python("list_tree('\(folder)')").lines.map(String.init)
    }
}

struct Failure: Error { let text: String }

/// What a command wrote; it has to succeed.
@discardableResult
func shell(_ command: String) throws -> String {
    guard let stream = popen("(\(command)) 2>&1 </dev/null", "r") else { throw Failure(text: "popen") }
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = fread(&buffer, 1, buffer.count, stream)
        if count == 0 { break }
        output += buffer[..<count]
    }
    let text = String(decoding: output, as: UTF8.self)
    let status = pclose(stream)
    if status != 0 { throw Failure(text: "\(command): \(status): \(text)") }
    return text
}

/// The processes that unpack into a sandbox's store, the confined ones last.
func unpackers(_ sandbox: Sandbox) -> [Int32] {
    let mark = sandbox.path.split(separator: "/").last ?? ""
    let all = Files.names(in: "/proc").compactMap { Int32($0) }.filter { pid in
        let line = (try? Files.text("/proc/\(pid)/cmdline")) ?? ""
        return line.hasPrefix("settle\0\(UnpackRole.name)\0") && line.contains(mark)
    }
    return all.filter { !all.contains(parent($0)) } + all.filter { all.contains(parent($0)) }
}

func parent(_ pid: Int32) -> Int32 {
    let status = (try? Files.text("/proc/\(pid)/status")) ?? ""
    return status.lines.first { $0.hasPrefix("PPid:\t") }.flatMap { Int32($0.dropFirst(6)) } ?? 0
}
