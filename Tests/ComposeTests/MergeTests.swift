import Compose
import Diagnostics
import Testing

@Suite struct MergeTests {
    private func merged(_ base: String, _ over: String) throws -> Service {
        let (project, diagnostics) = load([serviceFile(base) + "volumes: {vol: }\n", serviceFile(over)])
        #expect(diagnostics.map(\.description) == [])
        return try #require(project?.service("w"))
    }

    @Test func scalarsAndMappings() throws {
        let service = try merged(
            "user: a\nenvironment: [A=1, B=2]\nlabels: {x: 1}\nmem_limit: 1m",
            "user: b\nenvironment: {B: 3, C: 4}\nlabels: [y=2]")
        #expect(service.user == "b")
        #expect(service.environment == ["A": "1", "B": "3", "C": "4"])
        #expect(service.labels == ["x": "1", "y": "2"])
        #expect(service.resources.memory == 1 << 20)
        #expect(service.places["user"] == Place(file: "f2", line: 4, column: 11))
        #expect(service.places["mem_limit"]?.file == "f")
    }

    @Test func lists() throws {
        let service = try merged(
            "ports: ['80:80', '81:81']\ncap_add: [BPF]\nvolumes: ['vol:/a', './b:/b/']\ntmpfs: /t",
            "ports: ['82:82', '80:80']\ncap_add: [BPF, MKNOD]\nvolumes: ['./c:/b']\ntmpfs: [/t, /u]")
        #expect(service.ports.map(\.target) == [80, 81, 82])
        #expect(service.addedCapabilities == ["BPF", "MKNOD"])
        #expect(service.volumes.map(\.target) == ["/a", "/b"])
        #expect(service.volumes.last?.source == .bind("/p/c", create: true))
        #expect(service.tmpfs.map(\.target) == ["/t", "/u"])
    }

    @Test func commandsAreReplaced() throws {
        let (project, _) = load(["services: {w: {command: [a, b]}}", "services: {w: {command: [c]}}"])
        #expect(project?.service("w")?.command == ["c"])
    }

    @Test func nothingChangesNothing() throws {
        let service = try merged("user: a\ndeploy: {replicas: 2}", "user:\ndeploy:")
        #expect(service.user == "a")
        #expect(service.replicas == 2)
    }

    @Test func resetAndOverride() throws {
        let service = try merged(
            "user: a\nports: ['80:80']\nlabels: {x: 1, y: 2}\ncap_add: [BPF]",
            "user: !reset null\nports: !override ['81:81']\nlabels: {x: !reset null}\ncap_add: !reset []")
        #expect(service.user == nil)
        #expect(service.ports.map(\.target) == [81])
        #expect(service.labels == ["y": "2"])
        #expect(service.addedCapabilities == [])
    }

    @Test func documentsOfOneFile() throws {
        let (project, _) = load("services: {a: {command: x}}\n---\nservices: {b: {command: x}}\n")
        #expect(project?.services.map(\.name) == ["a", "b"])
    }

    @Test func problemsAreToldInTheOrderOfTheFiles() {
        let (_, diagnostics) = load([serviceFile("init: x\ncpus: x"), serviceFile("user: 1")])
        #expect(diagnostics.map { $0.place?.description } == ["f:4:11", "f:5:11", "f2:4:11"])
    }

    @Test func otherTagsMeanNothing() {
        let (project, diagnostics) = load(serviceFile("user: !env x"))
        #expect(project?.service("w")?.user == "x")
        #expect(
            diagnostics.map(\.description) == [
                "f:4:11: warning: the tag !env means nothing here\n  hint: !reset and !override do"
            ])
    }
}
