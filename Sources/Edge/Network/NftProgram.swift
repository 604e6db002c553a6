import Processes
import Syscalls

/// `nft -f -` on its way.
struct NftProgram: ~Copyable {
    private let child: ChildProcess
    private let output: MemoryFile

    /// Starts it in the namespace with the text as its input.
    init(_ text: String, in namespace: Int32) throws(FirewallError) {
        guard let program = Firewall.program else { throw .programMissing }
        do throws(SystemError) {
            let input = try MemoryFile("nft input", holding: text)
            let output = try MemoryFile("nft output")
            child = try NetworkNamespace.within(namespace) { () throws(SystemError) in
                try ChildProcess(
                    program, ["-f", "-"], input: input.raw, output: output.raw, errors: output.raw,
                    environment: ["LC_ALL=C"])
            }
            self.output = output
        } catch {
            throw .system(error)
        }
    }

    /// Waits for its end.
    func finish() throws(FirewallError) {
        let status = child.wait()
        if status == 0 { return }
        let words = output.text
        throw .refused(words.isEmpty ? "ended with wait status \(status)" : String(words.dropLast()))
    }
}

extension Firewall {
    /// nft(8), where it is installed. Not looked for in `PATH`: what may change a network is the system's own.
    package static var program: String? {
        ChildProcess.find("nft", path: "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin")
    }
}
