import Glibc
import OCI
import Processes
import Syscalls

/// skopeo(1), which knows registries: logins, mirrors, certificates, formats of archives.
package struct Skopeo: Sendable {
    let program: String

    /// - Parameter path: where programs are looked for, as in `PATH`.
    package static func find(path: String? = getenv("PATH").map { String(cString: $0) }) -> Skopeo? {
        ChildProcess.find("skopeo", path: path).map { Skopeo(program: $0) }
    }

    /// What stands before the command: the image wanted of those that are one by name.
    static func global(_ platform: Platform) -> [String] {
        var words = ["--override-os", platform.os, "--override-arch", platform.architecture]
        if let variant = platform.variant { words += ["--override-variant", variant] }
        return words
    }

    /// A registry on this machine may speak plain HTTP, as with Docker.
    ///
    /// - Parameter side: `src-` or `dest-` where a command has two.
    static func security(_ reference: ImageReference, side: String = "") -> [String] {
        reference.name?.isLoopback == true ? ["--\(side)tls-verify=false"] : []
    }

    /// A source that is silent for so many seconds is down: `SETTLE_PULL_TIMEOUT`, else 90.
    static let patience: Int = {
        let set = getenv("SETTLE_PULL_TIMEOUT").flatMap { Int(String(cString: $0)) }
        return set.map { min(max($0, 1), 86_400) } ?? 90
    }()

    /// For commands that fetch or send a manifest and no more.
    static let short = ["--command-timeout", "\(patience)s"]

    /// Prints the manifest as it is.
    func inspect(_ reference: ImageReference, output: Int32, errors: Int32) throws(SystemError) -> ChildProcess {
        let words = Self.short + ["inspect", "--raw"] + Self.security(reference) + [reference.skopeo]
        return try ChildProcess(program, words, output: output, errors: errors)
    }

    /// Gives out manifests and blobs over a socket, its standard input, until that is closed.
    func proxy(_ reference: ImageReference, _ platform: Platform, socket: Int32, errors: Int32) throws(SystemError)
        -> ChildProcess
    {
        let words = Self.global(platform) + ["experimental-image-proxy"] + Self.security(reference)
        return try ChildProcess(program, words, input: socket, errors: errors)
    }

    /// Under which name the registry is asked; nil where there is no login for it.
    func user(of reference: ImageReference) -> String? {
        guard let registry = reference.name?.registry, let output = try? MemoryFile("user"),
            let errors = try? MemoryFile("errors"),
            let child = try? ChildProcess(
                program, Self.short + ["login", "--get-login", registry], output: output.raw, errors: errors.raw),
            child.wait() == 0
        else { return nil }
        return output.text.split(separator: "\n").first.map(String.init)
    }

    func fault(_ reference: ImageReference, _ words: String) -> ImageFault {
        let fault = ImageFault(reference, skopeo: words)
        guard fault.kind == .loginMissing || fault.kind == .loginRefused else { return fault }
        return ImageFault(reference, skopeo: words, user: user(of: reference))
    }
}
