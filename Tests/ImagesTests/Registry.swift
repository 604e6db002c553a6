import Glibc
import Images
import OCI
import Syscalls
import Testing

extension Sandbox {
    var images: ImageStore { ImageStore(folder: path + "/state") }

    /// A Python program that begins with `images.py`, too.
    @discardableResult
    func make(_ program: String) throws -> String {
        try python(try Files.text(#filePath.replacing("Registry.swift", with: "images.py")) + program)
    }

    /// Two images that share a layer: `one` has it alone, `two` has one of 3 MiB above it.
    func makeTwo() throws {
        try make(
            """
            base = layer('base', [entry('etc', DIR), entry('etc/name', data=b'base'), entry('noise', data=noise(1 << 20, 1))])
            top = layer('top', [entry('etc/name', data=b'two'), entry('more', data=noise(3 << 20, 2))])
            settings = {'Env': ['A=1'], 'Cmd': ['/bin/true'], 'Healthcheck': {'Test': ['CMD', 'true'], 'Retries': 4}}
            layout('layout', {'one': image('layout', [base], config=settings), 'two': image('layout', [base, top])})
            """)
    }

    /// - Parameter name: `oci:…` relative to the sandbox, or a registry's.
    func reference(_ name: String) throws -> ImageReference { try ImageReference(parsing: name).resolved(in: path) }

    func fetch(
        _ names: [String], platform: String = "linux/amd64", isFetched: Bool = true,
        tell: @escaping (PullEvent) -> Void = { _ in }
    ) throws -> [Result<Image, ImageFault>] {
        let requests = try names.map { name in
            PullRequest(try reference(name), platform: try Platform(parsing: platform), isFetched: isFetched)
        }
        return try Puller(images, images.layers, executable: settle, tell: tell).run(requests)
    }

    /// One that has to come.
    func fetched(_ name: String, platform: String = "linux/amd64") throws -> Image {
        try fetch([name], platform: platform)[0].get()
    }

    func fault(_ name: String, platform: String = "linux/amd64") throws -> ImageFault? {
        switch try fetch([name], platform: platform)[0] {
        case .success: nil
        case .failure(let fault): fault
        }
    }

    /// The files of an image, the uppermost of each name.
    func content(_ image: Image, _ file: String) throws -> String {
        let folders = try images.layers.lowerFolders(chain: image.layers.map { "\($0.diffID)" })
        let found = folders.map { "\($0)/\(file)" }.first { Files.exists($0) }
        return try Files.text(try #require(found))
    }

    /// What is in the store that is not whole, or not called what it is.
    func brokenBlobs() throws -> String {
        try shell("cd \(images.folder)/blobs/sha256 && sha256sum * | awk '$1 != $2'; ls ../../fetching")
    }
}

/// A docker-registry(1) of the test's own on 127.0.0.1; it ends with its last reference.
final class Registry {
    let address: String
    let folder: String
    private let pid: Int32

    /// - Parameter hasPassword: whether it wants to know the user `user` with the password `password`.
    init(in sandbox: Sandbox, hasPassword: Bool = false) throws {
        folder = try sandbox.folder("registry-\(hasPassword)")
        address = "127.0.0.1:\(try Self.freePort())"
        // bcrypt of `password`, as htpasswd(1) writes it.
        let password = "$2b$05$abcdefghijklmnopqrstuu"
        try Files.replace("\(folder)/htpasswd", "user:\(try Self.hash("password", like: password))\n".utf8)
        let auth = hasPassword ? "auth: {htpasswd: {realm: test, path: \(folder)/htpasswd}}" : ""
        let settings = """
            version: 0.1
            log: {accesslog: {disabled: false}, level: error}
            storage: {filesystem: {rootdirectory: \(folder)/data}, delete: {enabled: true}}
            http: {addr: "\(address)"}
            \(auth)
            """
        try Files.replace("\(folder)/config.yml", settings.utf8)
        let words = try shell(
            "OTEL_TRACES_EXPORTER=none setsid docker-registry serve \(folder)/config.yml >\(folder)/log 2>&1 & echo $!")
        pid = try #require(Int32(words.lines.first ?? ""))
        try shell(
            "for _ in $(seq 200); do (: </dev/tcp/127.0.0.1/\(address.split(separator: ":")[1])) 2>/dev/null && exit; sleep 0.05; done; exit 1",
            with: "bash")
    }

    deinit { stop() }

    func stop() { kill(pid, SIGKILL) }

    /// glibc's own crypt(3) knows bcrypt.
    private static func hash(_ word: String, like salt: String) throws -> String {
        String(
            try shell("python3 -W ignore -c 'import crypt; print(crypt.crypt(\"\(word)\", \"\(salt)\"))'").lines.first
                ?? "")
    }

    private static func freePort() throws -> UInt16 {
        let words = try shell(
            "python3 -c 'import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(s.getsockname()[1])'")
        return try #require(UInt16(words.lines.first ?? ""))
    }

    /// - Parameter source: as skopeo(1) wants it, relative to the sandbox.
    func push(_ source: String, as name: String, in sandbox: Sandbox, _ options: String = "") throws {
        try shell(
            "cd \(sandbox.path) && skopeo --insecure-policy copy -q --dest-tls-verify=false \(options) \(source) docker://\(address)/\(name)"
        )
    }

    /// How often each blob was asked for.
    func requests() throws -> [String: Int] {
        var counts: [String: Int] = [:]
        for line in try Files.text("\(folder)/log").lines where line.contains("\"GET /v2/") {
            guard let start = line.firstRange(of: "/blobs/sha256:")?.upperBound else { continue }
            counts[String(line[start...].prefix(64)), default: 0] += 1
        }
        return counts
    }
}

@discardableResult
func shell(_ command: String, with program: String) throws -> String {
    try shell("\(program) -c '\(command)'")
}
