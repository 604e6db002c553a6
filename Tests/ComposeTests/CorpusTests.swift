import Diagnostics
import Foundation
import Testing
import YAML

@testable import Compose

/// Small projects with what the reference loader makes of them. A folder holds `compose.yaml`, what it names, and the
/// arguments in `cmd`, if there are any; the project stands in /p, and HOME is /root.
@Suite struct CorpusTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")

    static let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path))?.sorted() ?? []

    @Test func thereIsACorpus() { #expect(Self.names.count >= 16) }

    @Test(arguments: names)
    func isWhatTheReferenceMakesOfIt(name: String) throws {
        let files = try Self.files(in: name)
        let (model, diagnostics) = Self.load(name, files)
        #expect(diagnostics.filter { $0.severity == .error } == [])
        let text = try #require(files["/p/expected.json"])
        let expected = try #require(parse(text, file: "expected.json").documents.first)
        let json = try #require(model).json().pretty
        let printed = try #require(parse(json, file: "printed").documents.first)
        let (wanted, found) = (Self.leaves(expected), Self.leaves(printed))
        for key in Set(wanted.keys).union(found.keys).sorted() where wanted[key] != found[key] {
            Issue.record("\(key): expected \(wanted[key] ?? "nothing"), found \(found[key] ?? "nothing")")
        }
    }

    @Test(arguments: names)
    func whatIsPrintedMeansTheSame(name: String) throws {
        let files = try Self.files(in: name)
        let model = try #require(Self.load(name, files).model)
        var options = Self.arguments(name, files).options
        options.profiles = ["*"]
        let again = try #require(
            Compose.load(
                files: [SourceFile(path: "again.yaml", text: model.yaml())], environment: ["HOME": "/root"],
                options: options, system: FileSystem([:])
            ).model)
        #expect(again.yaml() == model.yaml())
    }

    private static func files(in name: String) throws -> [String: String] {
        let folder = root.appending(path: name)
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        var files: [String: String] = [:]
        for path in paths {
            guard let data = FileManager.default.contents(atPath: folder.appending(path: path).path) else { continue }
            files["/p/" + path] = String(decoding: data, as: UTF8.self)
        }
        return files
    }

    private static func variables(_ files: [String: String]) -> [String: String] {
        let dotenv = files["/p/.env"].map { [SourceFile(path: ".env", text: $0)] } ?? []
        return environment(of: ["HOME": "/root"], files: dotenv).environment
    }

    private static func arguments(
        _ name: String, _ files: [String: String]
    ) -> (paths: [String], options: LoadOptions) {
        var paths: [String] = []
        var options = LoadOptions(projectDirectory: "/p")
        options.profiles = (variables(files)["COMPOSE_PROFILES"] ?? "").split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        var words = (files["/p/cmd"] ?? "-f compose.yaml").split(whereSeparator: \.isWhitespace).map(String.init)[...]
        while let word = words.popFirst() {
            switch word {
            case "-f": paths.append(words.popFirst() ?? "")
            case "--profile": options.profiles = [words.popFirst() ?? ""]
            case "--no-normalize": options.normalizes = false
            case "--no-path-resolution": options.resolvesPaths = false
            case _: Issue.record("\(name)/cmd: \(word)")
            }
        }
        return (paths, options)
    }

    private static func load(
        _ name: String, _ files: [String: String]
    ) -> (model: Model?, diagnostics: [Diagnostic]) {
        let (paths, options) = arguments(name, files)
        let sources = paths.map { SourceFile(path: $0, text: files["/p/" + $0] ?? "") }
        return Compose.load(
            files: sources, environment: variables(files), options: options, system: FileSystem(files))
    }

    /// Every scalar, and every empty list or mapping, by its path.
    private static func leaves(_ node: Node, _ path: String = "") -> [String: String] {
        var leaves: [String: String] = [:]
        for entry in node.entries ?? [] { leaves.merge(Self.leaves(entry.value, path.key(entry.key))) { $1 } }
        for (index, item) in (node.items ?? []).enumerated() {
            leaves.merge(Self.leaves(item, path.item(index))) { $1 }
        }
        if let scalar = node.scalar { leaves[path] = scalar.value == .string ? "\"\(scalar.text)\"" : scalar.text }
        if leaves.isEmpty { leaves[path] = node.items == nil ? "{}" : "[]" }
        return leaves
    }
}
