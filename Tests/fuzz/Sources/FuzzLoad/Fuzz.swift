import Compose
import Diagnostics

/// Any bytes, up to three files with NUL between them: a Compose file, one laid over it, and `.env`. They load or are
/// refused; one of the two. The files may include and extend each other.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let parts = UnsafeBufferPointer(start: bytes, count: count)
        .split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        .map { Array($0) }
    let files = zip(["a.yaml", "b.yaml"], parts).map { SourceFile(path: $0, bytes: $1) }
    let process = ["HOME": "/root", "A": "a", "N": "3", "EMPTY": ""]
    let (variables, problems) = environment(
        of: process, files: parts.count > 2 ? [SourceFile(path: ".env", bytes: parts[2])] : [])
    let texts = Dictionary(
        uniqueKeysWithValues: files.map { ("/p/" + $0.path, String(decoding: $0.bytes, as: UTF8.self)) })
    let (model, diagnostics) = load(
        files: files, environment: variables, options: LoadOptions(projectName: "p", projectDirectory: "/p"),
        system: FileSystem(texts))
    precondition((model == nil) == diagnostics.contains { $0.severity == .error }, "neither loaded nor refused")
    if let model {
        let (project, more) = model.project()
        precondition((project == nil) == more.contains { $0.severity == .error }, "neither a project nor refused")
        precondition(!model.yaml().isEmpty && !model.json().compact.isEmpty)
    }
    for diagnostic in problems + diagnostics { precondition(!diagnostic.json.compact.isEmpty) }
    return 0
}
