import Glibc
import Processes
import Syscalls
import Testing

@Suite(.serialized) struct ProjectLockTests {
    let folder = TemporaryFolder()
    var path: String { "\(folder.path)/lock" }

    @Test func secondWriterIsToldWhoHoldsIt() throws {
        do {
            let lock = try ProjectLock(path, command: "settle up")
            let failure = #expect(throws: ProjectLock.Failure.self) {
                _ = try ProjectLock(path, command: "settle down")
            }
            #expect(failure == .held(by: "`settle up` (pid \(getpid()))"))
            #expect("\(try #require(failure))" == "held by `settle up` (pid \(getpid()))")
            _ = consume lock
        }
        _ = try ProjectLock(path, command: "settle down")
        #expect(try Files.text(path) == "")
    }

    @Test func lockOfADeadProcessIsFree() throws {
        let path = path
        let ready = "\(folder.path)/ready"
        let holder = child {
            let lock = try ProjectLock(path, command: "settle up")
            try Files.replace(ready, [])
            usleep(60_000_000)
            _ = consume lock
        }
        try eventually("the other's lock") { Files.exists(ready) }
        #expect(throws: ProjectLock.Failure.held(by: "`settle up` (pid \(holder))")) {
            _ = try ProjectLock(path, command: "settle down", wait: .milliseconds(30))
        }
        kill(holder, SIGKILL)
        reap(holder)
        _ = try ProjectLock(path, command: "settle down")
    }

    @Test func waitersGetItWhenItIsReleased() throws {
        let path = path
        let ready = "\(folder.path)/ready"
        let holder = child {
            let lock = try ProjectLock(path, command: "settle up")
            try Files.replace(ready, [])
            usleep(100_000)
            _ = consume lock
        }
        try eventually("the other's lock") { Files.exists(ready) }
        _ = try ProjectLock(path, command: "settle down", wait: .seconds(30))
        #expect(reap(holder) == 0)
    }

    @Test func fileThatWasReplacedGuardsNothing() throws {
        let lock = try ProjectLock(path, command: "settle up")
        unlink(path)
        let other = try ProjectLock(path, command: "settle down")
        #expect(throws: ProjectLock.Failure.self) { _ = try ProjectLock(path, command: "settle stop") }
        _ = consume lock
        _ = consume other
    }
}
