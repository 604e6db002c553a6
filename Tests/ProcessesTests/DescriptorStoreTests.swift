import Glibc
import Processes
import Syscalls
import Testing

@Suite(.serialized) struct DescriptorStoreTests {
    func withHolder(_ body: (Int32) throws -> Void) throws {
        let folder = TemporaryFolder()
        var start = RoleStart(project: "demo")
        start.environment = ["SETTLE_TEST=\(folder.path)"]
        let pid = try start.holder { _ in }
        defer { try? endAll(with: folder.path) }
        try body(pid)
    }

    @Test func descriptorsOutliveWhoPutThem() throws {
        try withHolder { holder in
            var pipe: [Int32] = [0, 0]
            #expect(Glibc.pipe(&pipe) == 0)
            let putter = child {
                let store = try DescriptorStore(holder: holder)
                try store.put(pipe[0], as: "web.1/output")
                try store.put(pipe[1], as: "web.1/input")
                kill(getpid(), SIGKILL)
            }
            #expect(reap(putter) == SIGKILL)
            close(pipe[0])
            close(pipe[1])

            let store = try DescriptorStore(holder: holder)
            #expect(try store.list() == ["web.1/input", "web.1/output"])
            guard let input = try store.get("web.1/input"), let output = try store.get("web.1/output") else {
                Issue.record("not held")
                return
            }
            try Files.write(Array("hello".utf8), to: input.raw, named: "pipe")
            var bytes = [UInt8](repeating: 0, count: 16)
            #expect(read(output.raw, &bytes, 16) == 5)
            #expect(fcntl(output.raw, F_GETFD) & FD_CLOEXEC != 0)
        }
    }

    @Test func namesAreReplacedDroppedAndMissed() throws {
        try withHolder { holder in
            let store = try DescriptorStore(holder: holder)
            let null = try Descriptor("/dev/null", O_RDONLY)
            let zero = try Descriptor("/dev/zero", O_RDONLY)
            try store.put(null.raw, as: "a")
            try store.put(zero.raw, as: "a")
            try store.put(null.raw, as: "b")
            #expect(try store.list() == ["a", "b"])
            guard let a = try store.get("a") else {
                Issue.record("not held")
                return
            }
            var byte: UInt8 = 1
            #expect(read(a.raw, &byte, 1) == 1)
            #expect(try store.drop("a"))
            #expect(try !store.drop("a"))
            #expect(try store.get("a") == nil)
            #expect(try store.list() == ["b"])
            let long = String(repeating: "x", count: 128)
            #expect(throws: SystemError.self) { try store.put(null.raw, as: long) }
        }
    }

    @Test func manyNamesAndManyClients() throws {
        try withHolder { holder in
            let null = try Descriptor("/dev/null", O_RDONLY)
            let names = (0..<900).map { "service-with-a-long-name.\($0)/descriptor" }
            do {
                let store = try DescriptorStore(holder: holder)
                for name in names { try store.put(null.raw, as: name) }
            }
            // More clients, one after another, than may be connected at once.
            for _ in 0..<40 {
                let store = try DescriptorStore(holder: holder)
                #expect(try store.list() == names.sorted())
            }
        }
    }

    @Test func signalsDoNotEndIt() throws {
        try withHolder { holder in
            let store = try DescriptorStore(holder: holder)
            #expect(try store.list() == [])
            for signal in [SIGTERM, SIGINT, SIGHUP] { kill(holder, signal) }
            #expect(try store.list() == [])
            try store.end()
            try eventually("its end") { !runs(holder) }
        }
    }
}

/// `#expect` cannot hold a value that is not copyable.
private func == (left: consuming Descriptor?, right: Never?) -> Bool {
    if let _ = left { return false }
    return true
}
