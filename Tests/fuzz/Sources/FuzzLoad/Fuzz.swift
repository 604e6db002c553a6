import Compose
import Diagnostics

/// Any bytes, up to three files with NUL between them: a Compose file, one laid over it, and `.env`. They load or are
/// refused; one of the two.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let parts = UnsafeBufferPointer(start: bytes, count: count)
        .split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
    let files = zip(["a.yaml", "b.yaml"], parts).map { SourceFile(path: $0, text: $1) }
    let (project, diagnostics) = load(
        files: files, environment: ["HOME": "/root", "A": "a", "N": "3", "EMPTY": ""],
        dotenv: parts.count > 2 ? SourceFile(path: ".env", text: parts[2]) : nil,
        options: LoadOptions(projectName: "p", projectDirectory: "/p"))
    precondition((project == nil) == diagnostics.contains { $0.severity == .error }, "neither loaded nor refused")
    for diagnostic in diagnostics { precondition(!diagnostic.json.compact.isEmpty) }
    return 0
}
