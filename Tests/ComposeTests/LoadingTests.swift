import Compose
import Diagnostics
import Testing

/// What goes wrong over several files, and where that is told.
@Suite struct LoadingTests {
    private func messages(_ text: String, _ others: [String: String], _ adjust: (inout LoadOptions) -> Void = { _ in })
        -> [String]
    {
        let (model, diagnostics) = model([text], others: others, adjust)
        #expect(model == nil)
        return diagnostics.map(\.description)
    }

    @Test func includedFilesNameWhoIncludesThem() {
        let found = messages(
            "include: [sub/a.yaml]\nservices: {w: {image: x}}",
            ["/p/sub/a.yaml": "services:\n  b: {image: x, init: maybe}"])
        #expect(
            found == [
                """
                sub/a.yaml:2:23: error: services.b.init: expected true or false, found "maybe"
                  note: f:1:11: included here
                  hint: write true or false
                """
            ])
    }

    @Test func circlesOfFilesAreToldWhole() {
        let found = messages("include: [a.yaml]", ["/p/a.yaml": "include: [b.yaml]", "/p/b.yaml": "include: [f]"])
        #expect(found.count == 1)
        #expect(
            found.first?.hasPrefix(
                "b.yaml:1:11: error: include[0]: the files include each other: f -> a.yaml -> b.yaml -> f") == true)
    }

    @Test func circlesOfServicesAreToldWhole() {
        let found = messages(
            "services:\n  a: {extends: b}\n  b: {extends: {service: c}}\n  c: {extends: a}\n  d: {extends: a}", [:])
        #expect(found.count == 1)
        #expect(found.first?.contains("the services extend each other: a -> b -> c -> a") == true)
        let across = messages(
            "services: {a: {extends: {file: g, service: a}}}",
            ["/p/g": "services: {a: {extends: {file: f, service: a}}}"])
        #expect(across.first?.contains("a in f -> a in g -> a in f") == true)
    }

    @Test func whatIsExtendedMustBeThere() {
        #expect(
            messages("services: {a: {extends: webb}, web: {image: x}}", [:]).first
                == "f:1:25: error: services.a.extends: there is no service webb in f\n  hint: did you mean web?")
        #expect(
            messages("services: {a: {image: x, extends: {file: g, service: b}}}", [:])
                == ["f:1:42: error: services.a.extends.file: g cannot be read: no such file"])
    }

    @Test func aMissingFileDoesNotAccuseOthers() {
        let found = messages(
            "include: [gone.yaml]\nservices: {a: {image: x, depends_on: [b], volumes: ['vol:/v']}}", [:])
        #expect(found == ["f:1:11: error: include[0]: gone.yaml cannot be read: no such file"])
    }

    @Test func disabledServicesThatAreNeeded() {
        let text = "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, profiles: [debug]}"
        #expect(
            messages(text, [:]) == [
                """
                f:2:30: error: services.a.depends_on.b: the service b is needed, but no profile enables it
                  note: f:3:27: its profiles
                  hint: add --profile debug, or required: false to the dependency
                """
            ])
        #expect(model([text]) { $0.profiles = ["debug"] }.model?.serviceNames == ["a", "b"])
        #expect(model([text]) { $0.profiles = ["*"] }.model?.serviceNames == ["a", "b"])
        #expect(
            model([text]) {
                $0.services = ["b"]; $0.checksConsistency = false
            }.model?.serviceNames == ["b"])
    }

    @Test(arguments: ["configs: [{target: /x}]", "secrets: [{}]", "build: {context: ., secrets: [{target: y}]}"])
    func filesWithoutASource(keys: String) throws {
        let found = messages("services:\n  a:\n    image: x\n    \(keys)", [:])
        let section = keys.contains("secrets") ? "secret" : "config"
        #expect(found.count == 1)
        #expect(
            found.first?.hasSuffix(
                "[0]: its source is missing\n  hint: add source: with the name of a \(section) under the top-level \(section)s:"
            ) == true, "\(found)")
    }

    @Test func filesOfVariables() throws {
        let text = "services: {a: {image: x, env_file: [{path: a.env}, {path: b.env, required: false}], label_file: l}}"
        let found = messages(text, ["/p/l": "x=1"])
        #expect(
            found == [
                "f:1:44: error: services.a.env_file[0]: there is no file a.env\n  hint: make it, or write {path: …, required: false}"
            ])
        let (model, _) = model([text], others: ["/p/a.env": "A=1\nB=$A", "/p/l": "x=1"])
        let service = try #require(model?.json()["services"]?["a"])
        #expect(service["environment"]?.compact == #"{"A":"1","B":"1"}"#)
        #expect(service["labels"]?.compact == #"{"x":"1"}"#)
        #expect(service["env_file"] == nil)
    }

    @Test func anIncludedFileHasVariablesOfItsOwnForItsSecrets() throws {
        let top = "include: [{path: sub/a.yaml, env_file: [a.env]}]\nservices: {w: {command: x}}"
        let others = [
            "/p/a.env": "MINE=hidden",
            "/p/sub/a.yaml":
                "services: {s: {command: x, secrets: [mine], configs: [mine]}}\nsecrets: {mine: {environment: MINE}}\nconfigs: {mine: {environment: OTHER}}",
        ]
        let included = try #require(model([top], others: others).0)
        let files = try #require(included.project().project?.files)
        #expect(files.map(\.path) == ["configs.mine", "secrets.mine"])
        #expect(files.map(\.value) == [nil, "hidden"])
        #expect(!included.json().compact.contains("hidden"))
    }

    @Test func theImpliedIsNotRun() throws {
        let (project, _) = load(
            "services:\n  a: {command: x}\n  b: {command: x, network_mode: 'service:a'}\n  c: {command: x, network_mode: 'service:a', depends_on: {a: {condition: service_started, restart: true}}}"
        )
        #expect(project?.service("b")?.dependencies == [])
        #expect(project?.service("c")?.dependencies == [Dependency(service: "a", restart: true)])
    }

    @Test func hashesFollowWhatContainersAreMadeOf() throws {
        func hash(_ keys: String) throws -> String {
            try #require(try wholeModel(serviceFile(keys)).hashes.first).hash
        }
        let plain = try hash("user: a")
        #expect(plain.count == 64)
        #expect(try hash("user: a\nscale: 2") == plain)
        #expect(try hash("user: b") != plain)
    }

    @Test func unusedResourcesAreDropped() throws {
        let text = "services: {a: {image: x}}\nvolumes: {v: }\nsecrets: {s: {file: f}}"
        #expect(model([text]).model?.json()["volumes"] == nil)
        #expect(model([text]) { $0.keepsUnused = true }.model?.json()["volumes"]?["v"] != nil)
    }

    /// Loading takes as long as the text is large: ten times as many services may take twenty times as long.
    @Test func loadingIsLinear() throws {
        func time(_ count: Int) -> Duration {
            let services = (0..<count).map {
                "  s\($0): {image: x, ports: ['\($0 + 1000):80'], depends_on: [s0x], environment: [A=1]}\n"
            }
            let text = "services:\n  s0x: {image: x}\n" + services.joined()
            return ContinuousClock().measure { #expect(model([text]).model?.serviceNames.count == count + 1) }
        }
        _ = time(10)
        #expect(time(2000) < time(200) * 25)
    }
}
