import Glibc
package import Syscalls

/// `/etc/hosts` of a container.
package enum HostsFile {
    package struct Entry: Hashable, Comparable {
        package let address: String
        package let names: [String]

        package init(_ address: String, _ names: [String]) {
            self.address = address
            self.names = names
        }

        package static func < (left: Self, right: Self) -> Bool {
            (left.names.first ?? "", left.address) < (right.names.first ?? "", right.address)
        }
    }

    /// The loopback names, then the entries in the order given. hosts(5).
    package static func text(_ entries: [Entry]) -> String {
        let all =
            [
                Entry("127.0.0.1", ["localhost"]), Entry("::1", ["localhost", "ip6-localhost", "ip6-loopback"]),
                Entry("ff02::1", ["ip6-allnodes"]), Entry("ff02::2", ["ip6-allrouters"]),
            ] + entries
        return lines(all)
    }

    package static func lines(_ entries: [Entry]) -> String {
        entries.map { "\($0.address)\t\($0.names.joined(separator: " "))\n" }.joined()
    }
}

/// `/etc/resolv.conf` of a container.
package enum ResolverFile {
    /// The host's text without the name servers that a container cannot reach, those on loopback addresses. Where no
    /// name server is left, those of `behind` take their place: what systemd-resolved asks itself. resolv.conf(5).
    package static func text(host: String, behind: String?) -> String {
        let lines = host.split(separator: "\n", omittingEmptySubsequences: true).map { String($0) }
        let kept = lines.filter { nameServer($0).map { !isLoopback($0) } ?? isSetting($0) }
        let real = (behind ?? "").split(separator: "\n").map { String($0) }
            .filter { nameServer($0).map { !isLoopback($0) } ?? false }
        let added = kept.contains { nameServer($0) != nil } ? [] : real
        return (added + kept).map { $0 + "\n" }.joined()
    }

    /// The host's files as a container may use them; a missing one counts as empty.
    package static func ofHost(
        path: String = "/etc/resolv.conf", behind: String = "/run/systemd/resolve/resolv.conf"
    ) -> String {
        text(host: (try? Files.text(path)) ?? "", behind: try? Files.text(behind))
    }

    private static func words(_ line: String) -> [Substring] { line.split { $0 == " " || $0 == "\t" } }

    private static func nameServer(_ line: String) -> String? {
        let words = words(line)
        return words.count >= 2 && words[0] == "nameserver" ? String(words[1]) : nil
    }

    /// `edns0`, `trust-ad` and their like were meant for the loopback server too, and do no harm.
    private static func isSetting(_ line: String) -> Bool {
        ["search", "domain", "options", "sortlist"].contains(words(line).first ?? "")
    }

    private static func isLoopback(_ address: String) -> Bool {
        address.hasPrefix("127.") || address == "::1" || address.hasPrefix("::ffff:127.") || address == "0.0.0.0"
    }
}

extension Files {
    /// Writes the whole text into the file that is there already, keeping its inode: a bind mount shows that inode, and
    /// would go on showing the old one after rename(2). A reader may see new text with an old tail for an instant.
    package static func rewrite(_ path: String, _ text: String) throws(SystemError) {
        let file = try Descriptor(path, O_WRONLY)
        try write(text.utf8, to: file.raw, named: path)
        try check("ftruncate", on: path) { ftruncate(file.raw, off_t(text.utf8.count)) }
    }
}
