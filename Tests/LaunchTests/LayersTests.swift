import FoundationEssentials
import Glibc
import Testing

@testable import Launcher

/// setxattr(2), which Glibc's module lacks.
@_silgen_name("setxattr")
private func setAttribute(
    _ path: UnsafePointer<CChar>, _ name: UnsafePointer<CChar>, _ value: UnsafePointer<CChar>, _ size: Int,
    _ flags: Int32
) -> Int32

/// Files looked up as overlayfs would show them.
@Suite final class LayersTests {
    private let folder =
        FileManager.default.temporaryDirectory.path + "/layers-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ path: String, _ text: String) throws {
        let file = "\(folder)/\(path)"
        let parent = String(file[..<file.lastIndex(of: "/")!])
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try text.write(toFile: file, atomically: false, encoding: .utf8)
    }

    private func link(_ path: String, to target: String) throws {
        let file = "\(folder)/\(path)"
        try FileManager.default.createDirectory(
            atPath: String(file[..<file.lastIndex(of: "/")!]), withIntermediateDirectories: true)
        #expect(symlink(target, file) == 0)
    }

    private func whiteout(_ path: String) throws {
        try write("\(path).gone", "")
        #expect(mknod("\(folder)/\(path)", S_IFCHR | 0o600, 0) == 0)
    }

    private var layers: Layers { get throws { try Layers(["top", "middle", "low"].map { "\(folder)/\($0)" }) } }

    @Test func theUppermostFileCounts() throws {
        try write("low/etc/a", "low")
        try write("low/etc/b", "low")
        try write("middle/etc/b", "middle")
        try write("top/etc/c", "top")
        #expect(try layers.text("/etc/a") == "low")
        #expect(try layers.text("/etc/b") == "middle")
        #expect(try layers.text("/etc/c") == "top")
        #expect(try layers.text("/etc/d") == nil)
        #expect(try layers.text("/etc") == nil)
        #expect(try layers.hasFolder("/etc"))
        #expect(try !layers.hasFolder("/etc/a"))
    }

    @Test func whiteoutsAndOpaqueFoldersHide() throws {
        try write("low/etc/passwd", "low")
        try write("low/opt/x/y", "low")
        try whiteout("middle/etc/passwd")
        try write("top/opt/new", "top")
        #expect(setAttribute("\(folder)/top/opt", "trusted.overlay.opaque", "y", 1, 0) == 0)
        #expect(try layers.text("/etc/passwd") == nil)
        #expect(try layers.text("/opt/x/y") == nil)
        #expect(try !layers.hasFolder("/opt/x"))
        #expect(try layers.text("/opt/new") == "top")
    }

    @Test func aFileHidesTheFolderBelowAndTheOtherWayRound() throws {
        try write("low/a/x", "low")
        try write("middle/a", "file")
        try write("low/b", "file")
        try write("middle/b/x", "middle")
        #expect(try layers.text("/a/x") == nil)
        #expect(try layers.text("/a") == "file")
        #expect(try layers.text("/b/x") == "middle")
        #expect(try layers.text("/b") == nil)
    }

    @Test func linksAreFollowedInsideAcrossLayers() throws {
        try write("low/usr/lib/os-release", "low")
        try link("middle/etc/os-release", to: "../usr/lib/os-release")
        try link("top/lib", to: "/usr/lib")
        try link("top/out", to: "../../../../etc/hostname")
        try link("top/loop", to: "loop")
        #expect(try layers.text("/etc/os-release") == "low")
        #expect(try layers.text("/lib/os-release") == "low")
        #expect(try layers.resolved("/lib/os-release") == "/usr/lib/os-release")
        #expect(try layers.resolved("/lib/none/more") == "/usr/lib/none/more")
        // The host has that file, the layers do not.
        #expect(try layers.text("/out") == nil)
        #expect(try layers.resolved("/out") == "/etc/hostname")
        #expect(try layers.text("/loop") == nil)
    }

    @Test func aLayerThatIsNotThereYetIsNone() throws {
        try write("low/a", "low")
        #expect(try layers.text("/a") == "low")
    }
}
