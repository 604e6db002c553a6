import Glibc
import Network
import Syscalls
import Testing

@Suite struct HostFileTests {
    @Test func hostsBeginsWithTheLoopbackNames() {
        let text = HostsFile.text([.init("172.18.0.2", ["web", "web-1"])])
        #expect(text.hasPrefix("127.0.0.1\tlocalhost\n::1\tlocalhost "))
        #expect(text.hasSuffix("172.18.0.2\tweb web-1\n"))
    }

    @Test func loopbackNameServersAreReplaced() {
        let host = "# made by resolved\nnameserver 127.0.0.53\noptions edns0\nsearch lan\n"
        #expect(
            ResolverFile.text(host: host, behind: "nameserver 127.0.0.1\nnameserver 192.0.2.1\nsearch other\n")
                == "nameserver 192.0.2.1\noptions edns0\nsearch lan\n")
        #expect(ResolverFile.text(host: host, behind: nil) == "options edns0\nsearch lan\n")
    }

    @Test func reachableNameServersStay() {
        let host = "nameserver 127.0.0.1\nnameserver\t192.0.2.7\nnameserver ::1\n"
        #expect(ResolverFile.text(host: host, behind: "nameserver 192.0.2.1\n") == "nameserver\t192.0.2.7\n")
    }

    @Test func rewritingKeepsTheInode() throws {
        let path = "/tmp/settle-hosts-\(getpid())"
        try Files.replace(path, "a rather long text\n".utf8)
        defer { unlink(path) }
        var before = stat()
        var after = stat()
        stat(path, &before)
        try Files.rewrite(path, "short\n")
        stat(path, &after)
        #expect(before.st_ino == after.st_ino)
        #expect(try Files.text(path) == "short\n")
    }
}
