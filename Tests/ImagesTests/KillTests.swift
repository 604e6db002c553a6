import Glibc
import Images
import Syscalls
import Testing

/// Whatever happens to the unpackers, there is a whole layer or none.
@Suite(.serialized) struct KillTests {
    private func archive(_ sandbox: Sandbox) throws -> LayerSource {
        let diffID = try sandbox.python(
            """
            entries = [entry('big', data=os.urandom(4 << 20))]
            for i in range(1000):
                entries += [entry('d%d/f%d' % (i % 50, i), data=b'text %d' % i * 300, uid=i)]
            tar('layer', entries)
            write('layer.gz', gzip.compress(read('layer'), 1))
            print(digest(read('layer')))
            """
        ).lines[0]
        return LayerSource(path: sandbox.path + "/layer.gz", diffID: String(diffID))
    }

    @Test func killedAtTwentyMoments() throws {
        let sandbox = try Sandbox(inMemory: true)
        let source = try archive(sandbox)
        let diffID = try #require(source.diffID)
        _ = try sandbox.unpack(source)
        let wanted = try sandbox.listing(sandbox.store.tree(diffID))
        #expect(wanted.count == 1051)
        var random = SystemRandomNumberGenerator()
        var killed = 0
        for round in 0..<20 {
            try sandbox.store.remove(diffID)
            let unpacking = try sandbox.store.unpack(source, executable: settle)
            usleep(UInt32.random(in: 0..<60_000, using: &random))
            // The one that reads, the one that keeps the lock, or both.
            for pid in unpackers(sandbox).suffix(round % 3 == 2 ? 2 : 1) { kill(pid, SIGKILL) }
            if round % 3 == 1, let pid = unpackers(sandbox).first { kill(pid, SIGKILL) }
            if case .failed(let error) = unpacking.wait() {
                #expect("\(error)".contains("was killed"))
                #expect(sandbox.store.layer(diffID) == nil)
                killed += 1
            }
            guard case .done = try sandbox.unpack(source) else {
                Issue.record("round \(round)")
                continue
            }
            if round % 5 == 4 { #expect(try sandbox.listing(sandbox.store.tree(diffID)) == wanted) }
            #expect(!Files.names(in: sandbox.store.folder).contains { $0.hasPrefix(".staging") })
        }
        #expect(killed > 0)
    }

    @Test func twoAtOnceUnpackOnce() throws {
        let sandbox = try Sandbox(inMemory: true)
        let source = try archive(sandbox)
        let jobs = try (0..<4).map { _ in try sandbox.store.unpack(source, executable: settle) }
        // Only who reads has progress to tell.
        var readers = Set<Int>()
        for (index, job) in jobs.enumerated() {
            while case .running = job.state {
                var entry = pollfd(fd: job.descriptor, events: Int16(POLLIN), revents: 0)
                poll(&entry, 1, 10_000)
                if case .running(let read, _) = job.advance(), read > 0 { readers.insert(index) }
            }
            guard case .done(let layer) = job.state else {
                Issue.record("\(job.state)")
                continue
            }
            #expect(layer.diffID == source.diffID)
        }
        #expect(readers.count <= 1)
        #expect(Files.names(in: sandbox.store.folder).filter { $0.hasPrefix(".staging") } == [])
        #expect(sandbox.store.list().count == 1)
    }

    @Test func whoGivesUpLeavesNothing() throws {
        let sandbox = try Sandbox(inMemory: true)
        let source = try archive(sandbox)
        let unpacking = try sandbox.store.unpack(source, executable: settle)
        unpacking.cancel()
        guard case .failed = unpacking.state else {
            Issue.record("it goes on")
            return
        }
        for _ in 0..<1000 {
            if unpackers(sandbox).isEmpty { break }
            usleep(10_000)
        }
        #expect(unpackers(sandbox).isEmpty)
        #expect(Files.names(in: sandbox.store.folder).filter { $0.hasPrefix(".staging") } == [])
        guard case .done = try sandbox.unpack(source) else {
            Issue.record("not unpacked afterwards")
            return
        }
    }

    /// A layer of another boot counts only if it was on the disk.
    @Test func aCrashedMachineUnpacksAgain() throws {
        let sandbox = try Sandbox(inMemory: true)
        let source = try archive(sandbox)
        let diffID = try #require(source.diffID)
        _ = try sandbox.unpack(source)
        let folder = sandbox.store.folder + "/" + diffID.dropFirst(7).prefix(16)
        for _ in 0..<1000 {
            if Files.exists(folder + "/synced") { break }
            usleep(20_000)
        }
        #expect(Files.exists(folder + "/synced"))
        let record = try Files.text(folder + "/layer.json")
        let boot = try #require(try Files.text("/proc/sys/kernel/random/boot_id").lines.first)
        try Files.replace(folder + "/layer.json", record.replacing(boot, with: "another boot").utf8)
        #expect(sandbox.store.layer(diffID) != nil)
        unlink(folder + "/synced")
        unlink(folder + "/tree/big")
        #expect(sandbox.store.layer(diffID) == nil)
        guard case .done = try sandbox.unpack(source) else {
            Issue.record("not unpacked again")
            return
        }
        #expect(Files.exists(folder + "/tree/big"))
    }

    /// What reads the archive can reach nothing else.
    @Test func theReaderIsConfined() throws {
        let sandbox = try Sandbox(inMemory: true)
        try sandbox.python(
            "write('large', read(tar('plain', [entry('f%d' % i, data=bytes(9999)) for i in range(5000)])))")
        let unpacking = try sandbox.store.unpack(LayerSource(path: sandbox.path + "/large"), executable: settle)
        var entry = pollfd(fd: unpacking.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&entry, 1, 10_000) == 1, "the first mebibyte is read")
        let reader = try #require(unpackers(sandbox).last)
        kill(reader, SIGSTOP)
        defer { kill(reader, SIGCONT) }
        let status = try Files.text("/proc/\(reader)/status")
        func value(_ name: String) -> Substring? {
            status.lines.first { $0.hasPrefix("\(name):") }?.dropFirst(name.utf8.count + 1).drop { $0 == "\t" }
        }
        #expect(value("NoNewPrivs") == "1" && value("Seccomp") == "2" && value("CapBnd") == "0000000000000000")
        // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SYS_ADMIN, MKNOD, SETFCAP
        #expect(value("CapEff") == "000000008820001b")
        var root = stat()
        var tree = stat()
        stat("/proc/\(reader)/root", &root)
        let place = try #require(Files.names(in: sandbox.store.folder).first { $0.hasPrefix(".staging") })
        stat("\(sandbox.store.folder)/\(place)/tree", &tree)
        #expect(root.st_ino == tree.st_ino && root.st_dev == tree.st_dev)
        #expect(try Files.text("/proc/\(reader)/mountinfo").lines.count == 1)
        #expect(try Files.text("/proc/\(reader)/net/dev").lines.count == 3, "two lines of titles, and lo")
        let limits = try Files.text("/proc/\(reader)/limits")
        #expect(limits.contains("Max core file size        0"))
        kill(reader, SIGCONT)
        guard case .done = unpacking.wait() else {
            Issue.record("\(unpacking.state)")
            return
        }
    }
}
