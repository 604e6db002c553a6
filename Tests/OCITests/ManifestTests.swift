import OCI
import Testing

@Suite struct ManifestTests {
    private let config = "sha256:" + String(repeating: "a", count: 64)
    private let layer = "sha256:" + String(repeating: "b", count: 64)

    private func manifest(
        type: String? = "application/vnd.oci.image.manifest.v1+json",
        config configType: String = "application/vnd.oci.image.config.v1+json",
        layer layerType: String = "application/vnd.oci.image.layer.v1.tar+gzip", more: String = ""
    ) -> [UInt8] {
        Array(
            """
            {"schemaVersion": 2, \(type.map { "\"mediaType\": \"\($0)\"," } ?? "")
             "config": {"mediaType": "\(configType)", "digest": "\(config)", "size": 7},
             "layers": [{"mediaType": "\(layerType)", "digest": "\(layer)", "size": 9}]\(more)}
            """.utf8)
    }

    private func fault(_ bytes: [UInt8]) -> String? {
        do throws(OCIFault) {
            _ = try Manifest(parsing: bytes)
            return nil
        } catch { return error.message }
    }

    @Test func images() throws {
        guard case .image(let image) = try Manifest(parsing: manifest()) else {
            Issue.record("not an image")
            return
        }
        #expect("\(image.config.digest)" == config)
        #expect(image.layers.map { "\($0.digest) \($0.size)" } == ["\(layer) 9"])
        #expect(try Manifest(parsing: manifest(type: nil)) == .image(image))
        let docker = manifest(
            type: "application/vnd.docker.distribution.manifest.v2+json",
            config: "application/vnd.docker.container.image.v1+json",
            layer: "application/vnd.docker.image.rootfs.diff.tar.gzip")
        guard case .image = try Manifest(parsing: docker) else {
            Issue.record("not an image")
            return
        }
    }

    @Test func indexes() throws {
        let text = """
            {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json", "manifests": [
              {"mediaType": "m", "digest": "\(config)", "size": 1, "platform": {"os": "unknown", "architecture": "unknown"}},
              {"mediaType": "m", "digest": "\(layer)", "size": 1,
               "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}]}
            """
        guard case .index(let index) = try Manifest(parsing: Array(text.utf8)) else {
            Issue.record("not an index")
            return
        }
        #expect(index.choose(Platform(architecture: "arm64"))?.digest == Digest(layer))
        #expect(index.choose(Platform(architecture: "amd64")) == nil)
        #expect(index.platforms.map(\.description) == ["linux/arm64"])
    }

    @Test func faults() {
        #expect(fault(Array("{".utf8)) == "the manifest is no JSON")
        #expect(fault(Array("[]".utf8)) == "the manifest is no JSON object")
        #expect(fault(Array("{\"schemaVersion\": 1}".utf8))?.contains("schema 1") == true)
        #expect(fault(manifest(type: "text/x")) == "the manifest has the unknown media type text/x")
        #expect(fault(manifest(layer: "text/y")) == "layer 1 has the unknown media type text/y")
        #expect(
            fault(manifest(layer: "application/vnd.oci.image.layer.v1.tar+gzip+encrypted"))?
                .contains("+gzip+encrypted") == true)
        #expect(fault(manifest(config: "application/vnd.cncf.helm.config.v1+json"))?.contains("helm") == true)
        #expect(fault(manifest(more: ", \"manifests\": []")) == "the manifest is both an index and an image")
        let short = "{\"schemaVersion\": 2, \"config\": {\"digest\": \"sha256:../..\", \"size\": 1}}"
        #expect(fault(Array(short.utf8)) == "the configuration has no sha256 digest")
    }

    @Test func compressions() {
        #expect(LayerCompression(mediaType: "application/vnd.oci.image.layer.v1.tar+zstd") == .zstd)
        #expect(LayerCompression(mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip") == .gzip)
        #expect(LayerCompression(mediaType: "application/vnd.oci.image.layer.v1.tar") == LayerCompression.none)
    }
}

@Suite struct ImageConfigTests {
    private let diff = "sha256:" + String(repeating: "c", count: 64)

    private func parse(_ config: String, more: String = "") throws -> ImageConfig {
        let text = """
            {"architecture": "arm64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["\(diff)"]}\(more),
             "config": \(config)}
            """
        return try ImageConfig(parsing: Array(text.utf8))
    }

    @Test func whole() throws {
        let config = try parse(
            """
            {"Env": ["B=2", "A=1"], "Entrypoint": ["/e"], "Cmd": ["a", "b"], "User": "app:web", "WorkingDir": "/srv",
             "Volumes": {"/b": {}, "/a": {}}, "ExposedPorts": {"80/tcp": {}, "53": {}}, "StopSignal": "SIGQUIT",
             "StopTimeout": 3, "Labels": {"x": "y"}, "Shell": ["/bin/bash", "-c"], "OnBuild": ["RUN x"],
             "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 1000000000, "Retries": 3}}
            """,
            more: """
                , "created": "2020-01-01T00:00:00Z", "history": [{"created_by": "x", "empty_layer": true}]
                """)
        #expect(config.environment == ["B=2", "A=1"])
        #expect(config.entrypoint == ["/e"])
        #expect(config.command == ["a", "b"])
        #expect(config.user == "app:web")
        #expect(config.workingDirectory == "/srv")
        #expect(config.volumes == ["/a", "/b"])
        #expect(config.exposedPorts == ["53/tcp", "80/tcp"])
        #expect(config.stopSignal == "SIGQUIT")
        #expect(config.stopTimeout == 3)
        #expect(config.labels == ["x": "y"])
        #expect(config.shell == ["/bin/bash", "-c"])
        #expect(config.onBuild == ["RUN x"])
        #expect(config.healthcheck?.test == ["CMD-SHELL", "true"])
        #expect(config.healthcheck?.interval == 1_000_000_000)
        #expect(config.healthcheck?.retries == 3)
        #expect(config.platform.description == "linux/arm64")
        #expect(config.history.map(\.isEmptyLayer) == [true])
        #expect(config.diffIDs == [Digest(diff)])
    }

    @Test func lenient() throws {
        let config = try parse(
            "{\"Env\": null, \"Entrypoint\": \"/run\", \"Cmd\": null, \"Volumes\": null, \"Labels\": [], \"User\": null}"
        )
        #expect(config.environment == [])
        #expect(config.entrypoint == ["/run"])
        #expect(config.command == nil)
        #expect(config.volumes == [])
        #expect(config.user == "")
        #expect(try parse("null").command == nil)
    }

    @Test func faults() {
        #expect(throws: OCIFault.self) { try ImageConfig(parsing: Array("{}".utf8)) }
        let text = "{\"rootfs\": {\"diff_ids\": [\"sha256:../x\"]}}"
        #expect(throws: OCIFault.self) { try ImageConfig(parsing: Array(text.utf8)) }
    }

    @Test func layersAreCounted() throws {
        let config = try parse("{}")
        let digest = try #require(Digest(diff))
        let layer = BlobDescriptor(mediaType: "application/vnd.oci.image.layer.v1.tar", digest: digest, size: 5)
        let reference = try ImageReference(parsing: "a")
        func image(_ layers: [BlobDescriptor]) throws -> Image {
            let manifest = ImageManifest(
                mediaType: "", config: BlobDescriptor(mediaType: "", digest: digest, size: 1), layers: layers)
            return try Image(
                reference: reference, manifest: manifest, manifestDigest: digest, repoDigest: nil, config: config,
                pulled: 0)
        }
        #expect(try image([layer]).size == 5)
        #expect(try image([layer]).layers.map(\.diffID) == [digest])
        #expect(throws: OCIFault.self) { try image([]) }
    }
}
