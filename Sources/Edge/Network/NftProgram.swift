import CSyscalls
import Glibc
import Syscalls

/// `nft -f -` on its way. Input and output are memory files: a pipe would have to be served while the program runs.
struct NftProgram: ~Copyable {
    private let pid: pid_t
    private let output: Descriptor

    /// Starts it in the namespace with the text as its input.
    init(_ text: String, in namespace: Int32) throws(FirewallError) {
        let places = ["/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft", "/usr/bin/nft"]
        guard let program = places.first(where: { access($0, X_OK) == 0 }) else { throw .programMissing }
        do throws(SystemError) {
            let input = try Self.memoryFile("nft input")
            let output = try Self.memoryFile("nft output")
            try Files.write(text.utf8, to: input.raw, named: "nft input")
            lseek(input.raw, 0, SEEK_SET)
            pid = try NetworkNamespace.within(namespace) { () throws(SystemError) in
                try Self.spawn(program, input: input.raw, output: output.raw)
            }
            self.output = output
        } catch {
            throw .system(error)
        }
    }

    /// Waits for its end.
    func finish() throws(FirewallError) {
        let words: String?
        do throws(SystemError) {
            words = try failure()
        } catch {
            throw .system(error)
        }
        if let words { throw .refused(words) }
    }

    /// What the program said where it failed.
    private func failure() throws(SystemError) -> String? {
        var status: Int32 = 0
        try check("waitpid", on: "nft") { waitpid(pid, &status, 0) }
        if status == 0 { return nil }
        lseek(output.raw, 0, SEEK_SET)
        let words = String(decoding: try Files.bytes(from: output.raw, named: "nft output"), as: UTF8.self)
        return words.isEmpty ? "ended with wait status \(status)" : String(words.dropLast())
    }

    private static func memoryFile(_ name: String) throws(SystemError) -> Descriptor {
        Descriptor(try check("memfd_create", on: name) { settle_memfd_create(name) })
    }

    private static func spawn(_ program: String, input: Int32, output: Int32) throws(SystemError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (from, to) in [(input, Int32(0)), (output, 1), (output, 2)] {
            posix_spawn_file_actions_adddup2(&actions, from, to)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("nft"), strdup("-f"), strdup("-"), nil]
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("LC_ALL=C"), nil]
        defer { (arguments + environment).forEach { free($0) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, program, &actions, &attributes, &arguments, &environment)
        if failure != 0 { throw SystemError("posix_spawn", on: program, errno: failure) }
        return pid
    }
}
