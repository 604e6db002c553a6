import Compose
import OCI
import Testing

@Suite struct ImageTests {
    @Test func aServiceHasOneRoot() throws {
        func root(_ keys: String) throws -> (RootFileSystem, ImageSource?) {
            let service = try service(keys)
            return (service.root, service.image)
        }
        #expect(try root("command: x") == (.host, nil))
        #expect(try root("image: nginx:1.27").0 == .image)
        #expect(try root("image: nginx:1.27").1?.reference?.description == "nginx:1.27")
        #expect(try root("image: oci:./layout:web").1?.reference == .ociLayout(folder: "/p/layout", name: "web"))
        // What is Settle's own wins: the same file says both to Docker and to Settle.
        #expect(try root("image: nginx\nx-rootfs: host\ncommand: x").0 == .host)
        #expect(try root("rootfs: ./a.tar.zst\ncommand: x").0 == .archive("/p/a.tar.zst"))
        #expect(try root("rootfs: ./tar\ncommand: x").0 == .directory("/p/tar"))
    }

    @Test func howAnImageIsToBeHad() throws {
        let image = try #require(try service("image: a\npull_policy: daily\nplatform: linux/arm64/v8").image)
        #expect(image.pullPolicy == .every(seconds: 86400))
        #expect(image.platform?.description == "linux/arm64")
        let all = try project("services: {web: {build: .}, db: {image: x/y, build: /b}}\nname: shop")
        #expect(all.services.map { all.image(of: $0)?.description } == ["x/y:latest", "shop-web:latest"])
        #expect(all.services.map { $0.image?.build?.context } == ["/b", "/p"])
    }

    @Test func whatBuildahIsTold() throws {
        let project = try project(
            """
            name: shop
            services:
              web:
                build:
                  context: ./web
                  dockerfile: sub/File
                  args: {B: 2, A: 1, GONE: , HAD: }
                  target: final
                  tags: [other:1]
                  labels: {k: v}
                  platforms: [linux/amd64]
                  network: none
                  extra_hosts: ["db=10.0.0.1"]
                  secrets: [{source: s, target: token}]
                  ssh: [default]
                  shm_size: 64m
                  ulimits: {nofile: {soft: 1, hard: 2}, nproc: 9}
                  no_cache: true
                  pull: true
                  additional_contexts: {base: "service:base", files: ./f}
              base: {build: .}
            secrets: {s: {file: ./s}}
            """, ["HAD": "3"])
        let build = try #require(project.service("web")?.image?.build)
        let web = try ImageReference(parsing: "shop-web")
        let base = try ImageReference(parsing: "shop-base")
        let words = build.words(Build.Surroundings(image: web, secrets: ["s": "/tmp/s"], images: ["base": base]))
        #expect(build.services == ["base"])
        #expect(
            words == [
                "build", "--format", "docker", "--layers", "--tag", "docker.io/library/shop-web:latest",
                "--tag", "docker.io/library/other:1", "--file", "/p/web/sub/File", "--build-arg", "A=1", "--build-arg",
                "B=2", "--build-arg", "HAD=3", "--target", "final", "--label", "k=v", "--platform", "linux/amd64",
                "--network", "none", "--add-host", "db:10.0.0.1", "--secret", "id=token,src=/tmp/s", "--ssh", "default",
                "--shm-size", "67108864b", "--ulimit", "nofile=1:2", "--ulimit", "nproc=9",
                "--build-context", "base=docker-image://docker.io/library/shop-base:latest",
                "--build-context", "files=/p/f", "--no-cache", "--pull=always", "/p/web",
            ])
    }

    @Test func secretsAndConfigurations() throws {
        let project = try project(
            """
            services:
              w:
                command: x
                secrets: [a, {source: b, target: other, uid: "5", gid: "6", mode: 0440}]
                configs: [c, {source: c, target: /etc/x.conf}]
            secrets: {a: {file: ./a}, b: {environment: B}}
            configs: {c: {content: "for $WHO"}}
            """, ["WHO": "me", "B": "b"])
        let files = try #require(project.service("w")?.files)
        #expect(files.map(\.target) == ["/c", "/etc/x.conf", "/run/secrets/a", "/run/secrets/other"])
        #expect(files.map(\.mode) == [0o444, 0o444, 0o444, 0o440])
        #expect([files[3].uid, files[3].gid] == [5, 6])
        #expect(files.map(\.key) == ["configs[0]", "configs[1]", "secrets[0]", "secrets[1]"])
        #expect(project.file(.secret, "a")?.source == .file("/p/a"))
        #expect(project.file(.secret, "b")?.source == .environment("B"))
        #expect(project.file(.config, "c")?.source == .content("for me"))
    }
}
