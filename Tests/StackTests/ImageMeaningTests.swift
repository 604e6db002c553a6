import Compose
import OCI
import Stack
import Testing

/// What the file leaves open, the image says, as with Docker.
@Suite struct ImageMeaningTests {
    private let id = Digest(hex: String(repeating: "a", count: 64))!
    private let layer = Digest(hex: String(repeating: "b", count: 64))!

    private func config(_ keys: String) throws -> ImageConfig {
        try ImageConfig(
            parsing: Array(
                """
                {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []},
                 "config": {\(keys)}}
                """.utf8))
    }

    private func spec(_ keys: String, _ edit: (inout Service) -> Void = { _ in }) throws -> ContainerSpec {
        let result = try make(keys, edit)
        #expect(result.problems == [])
        return try #require(result.goal?.containers.first)
    }

    private func make(_ keys: String?, _ edit: (inout Service) -> Void = { _ in }) throws -> GoalMaker.Result {
        let service = service("web") { service in
            service.root = .image
            service.image = ImageSource(try? ImageReference(parsing: "nginx"))
            service.command = nil
            edit(&service)
        }
        let root = LayeredRoot(name: "nginx", id: id, layers: [layer])
        return GoalMaker.make(
            project: project(service), observed: Ledger(project: "demo"),
            roots: try keys.map { ["web": FoundRoot(root, try config($0))] } ?? [:])
    }

    @Test(
        arguments: [
            (nil, nil, ["enter", "run"]), (nil, ["x"], ["enter", "x"]), (nil, [], ["enter"]),
            (["e"], nil, ["e"]), (["e"], ["x"], ["e", "x"]), ([], nil, ["run"]), ([], ["x"], ["x"]),
        ] as [([String]?, [String]?, [String])])
    func wordsOfTheFileTakeThePlaceOfTheImages(
        entrypoint: [String]?, command: [String]?, expected: [String]
    ) throws {
        let spec = try spec(#""Entrypoint": ["enter"], "Cmd": ["run"]"#) { service in
            service.entrypoint = entrypoint
            service.command = command
        }
        #expect(spec.arguments == expected)
    }

    @Test func theImageFillsWhatIsOpen() throws {
        let keys = #"""
            "Cmd": ["run"], "Env": ["PATH=/opt", "A=image", "B=image"], "User": "www:web", "WorkingDir": "/srv",
            "StopSignal": "SIGQUIT", "Labels": {"a": "image", "b": "image"}, "Volumes": {"/data": {}, "/other": {}}
            """#
        let open = try spec(keys)
        #expect(open.environment == ["A=image", "B=image", "PATH=/opt"])
        #expect(open.user == "www:web")
        #expect(open.workingDirectory == "/srv")
        #expect(open.stopSignal == 3)
        #expect(open.mounts.map(\.target) == ["/data", "/other"])
        #expect(open.mounts.map(\.copiesImage) == [true, true])
        #expect(open.rootfs == .image(LayeredRoot(name: "nginx", id: id, layers: [layer])))

        let said = try spec(keys) { service in
            service.environment = ["A": "file"]
            service.user = "root"
            service.workingDirectory = "/"
            service.stopSignal = Signal(number: 10)
            service.labels = ["a": "file"]
            service.volumes = [Compose.Mount(source: .bind("/x", create: false), target: "/data")]
            service.tmpfs = [Tmpfs(target: "/other")]
        }
        #expect(said.environment == ["A=file", "B=image", "PATH=/opt"])
        #expect(said.user == "root")
        #expect(said.workingDirectory == "/")
        #expect(said.stopSignal == 10)
        #expect(said.labels == ["a": "file", "b": "image"])
        #expect(said.mounts.map(\.key) == ["volumes[0]", "tmpfs[0]"])
    }

    @Test func anEmptyTextOfTheImageSaysNothing() throws {
        let spec = try spec(#""Cmd": ["run"], "User": "", "WorkingDir": """#)
        #expect(spec.user == nil)
        #expect(spec.workingDirectory == nil)
        #expect(spec.environment == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
        #expect(spec.stopSignal == 15)
    }

    @Test func somebodyHasToSayWhatToRun() throws {
        #expect(try make("").problems.map(\.message) == ["neither the file nor the image says what to run"])
        // It may, once it is here.
        let missing = try make(nil)
        #expect(missing.problems == [])
        #expect(missing.goal?.containers.first?.rootfs.description == "nginx:latest (not here yet)")
    }

    @Test func anotherImageReplacesTheContainer() throws {
        let old = try spec(#""Cmd": ["run"]"#)
        var new = old
        new.rootfs = .image(LayeredRoot(name: "nginx", id: layer, layers: [layer]))
        let changes = old.changes(to: new)
        #expect(changes.map(\.key) == [.image])
        #expect(changes.first?.key.effect == .replace)
        #expect(
            changes.first?.field
                == FieldChange(
                    "image", observed: "nginx (aaaaaaaaaaaa)", desired: "nginx (bbbbbbbbbbbb)"))
    }

    @Test func contentsOfSecretsChangeInPlace() throws {
        func make(_ mode: UInt32, _ content: Digest, target: String = "/run/secrets/s") throws -> ContainerSpec {
            try spec(#""Cmd": ["run"]"#) { _ in }.with { spec in
                spec.files = [
                    GrantedFile("secrets.s", target: target, mode: mode, content: content, key: "secrets[0]")
                ]
            }
        }
        let old = try make(0o400, id)
        #expect(try old.changes(to: make(0o400, layer)).map(\.field.path) == ["secrets[0].content"])
        #expect(try old.changes(to: make(0o440, id)).map(\.field.path) == ["secrets[0].mode"])
        #expect(try old.changes(to: make(0o440, layer)).map(\.key.effect) == [.inPlace, .inPlace])
        let moved = old.changes(to: try make(0o400, id, target: "/elsewhere"))
        #expect(moved.map(\.key) == [.files])
        #expect(ServiceKey.files.effect == .replace)
    }

    @Test func aChangedContentIsWrittenWithoutATurn() throws {
        let old = try spec(#""Cmd": ["run"]"#).with { spec in
            spec.files = [GrantedFile("secrets.s", target: "/s", content: id, key: "secrets[0]")]
        }
        let new = old.with { $0.files[0].content = layer }
        let ledger = applied(goal(old))
        let plan = plan(from: Observation(sound: ledger), to: goal(new))
        #expect(plan.turnovers == [])
        #expect(plan.preparation.contains(.files(Instance(old.id, 1), new.files)))
        #expect(plan.changes.map(\.verb) == [.update])
    }
}

extension ContainerSpec {
    fileprivate func with(_ edit: (inout ContainerSpec) -> Void) -> ContainerSpec {
        var copy = self
        edit(&copy)
        return copy
    }
}
