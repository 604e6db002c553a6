import Foundation
import Testing
import YAML

@testable import Compose

@Suite struct SchemaTests {
    /// What the decoder knows, by the name of the schema's definition.
    private static let grammars: [(name: String, keys: Set<String>)] = [
        ("service", Set(Keys.service.keys.keys).union(Keys.ownService.map { "x-" + $0 })),
        ("serviceNamespaces", Set(Keys.namespaces.keys.keys)),
        ("dependency", Set(Keys.dependency.keys.keys)), ("attachment", Set(Keys.attachment.keys.keys)),
        ("port", Set(Keys.port.keys.keys)), ("mount", Set(Keys.mount.keys.keys)),
        ("mountBind", Set(Keys.mountBind.keys.keys)), ("mountVolume", Set(Keys.mountVolume.keys.keys)),
        ("mountTmpfs", Set(Keys.mountTmpfs.keys.keys)), ("deploy", Set(Keys.deploy.keys.keys)),
        ("deployResources", Set(Keys.deployResources.keys.keys)), ("deployLimits", Set(Keys.deployLimits.keys.keys)),
        ("logging", Set(Keys.logging.keys.keys)), ("logOptions", Set(Keys.logOptions.keys.keys)),
        ("network", Set(Keys.network.keys.keys)), ("ipam", Set(Keys.ipam.keys.keys)),
        ("ipamConfig", Set(Keys.ipamConfig.keys.keys)), ("volume", Set(Keys.volume.keys.keys)),
        ("sharedNamespaces", Set(Keys.sharedNamespaces.keys.keys)), ("resources", Set(Keys.resources.keys.keys)),
    ]

    private static func schema() throws -> Node {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let text = try String(contentsOf: root.appending(path: "schema/settle.json"), encoding: .utf8)
        return try #require(parse(text, file: "settle.json").documents.first)
    }

    private static func properties(_ node: Node?) -> Set<String> {
        Set((node?["properties"]?.entries ?? []).map(\.key))
    }

    @Test func theSchemaHasTheKeysOfTheDecoder() throws {
        let schema = try Self.schema()
        #expect(Self.properties(schema) == Set(Keys.top.keys.keys).union(Keys.ownTop.map { "x-" + $0 }))
        for (name, keys) in Self.grammars { #expect(Self.properties(schema["$defs"]?[name]) == keys, "\(name)") }
        #expect(Set((schema["$defs"]?.entries ?? []).map(\.key)) == Set(Self.grammars.map(\.name)))
    }

    @Test func ownKeysAreDescribed() throws {
        let schema = try Self.schema()
        let own =
            Keys.ownTop.map { schema["properties"]?[$0] } + [schema["$defs"]?["service"]?["properties"]?["rootfs"]]
        for key in own {
            let target = key?["$ref"]?.scalar.map { String($0.text.dropFirst("#/$defs/".count)) }
            let definition = target.map { schema["$defs"]?[$0] } ?? key
            #expect(definition?["description"]?.scalar?.text.hasSuffix("A key of Settle's own.") == true)
        }
    }

    @Test func whatIsRefusedIsNotAccepted() {
        #expect(Set(Keys.service.keys.keys).isDisjoint(with: Keys.service.refused.keys))
        #expect(Keys.service.keys.count + Keys.service.refused.count >= 93)
        #expect(Set(Keys.top.keys.keys).isDisjoint(with: Keys.top.refused.keys))
    }
}
