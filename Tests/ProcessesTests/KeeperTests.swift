import CSyscalls
import Glibc
import Processes
import Syscalls
import Testing

@Suite(.serialized) struct KeeperTests {
    let folder = TemporaryFolder()
    var exits: String { "\(folder.path)/exits" }
    var start: RoleStart {
        var start = RoleStart(project: "demo")
        start.environment = ["PATH=/usr/bin:/bin", "SETTLE_TEST=\(folder.path)"]
        start.log = "\(folder.path)/log"
        return start
    }

    /// A supervisor that notes its pid, has a container made once (left to the keeper), and waits.
    func supervisor(container: String = "exec sleep 1000") throws -> String {
        let path = folder.path
        let body = try folder.script("container", "echo $$ > \(path)/containers\n\(container)")
        return try folder.script(
            "supervisor",
            """
            test -e \(path)/containers || ( \(body) & )
            echo $$ >> \(path)/supervisors
            exec sleep 1000
            """)
    }

    func keeper(_ supervisor: String) throws -> Int32 {
        try start.keeper(exits: exits, supervisor: supervisor) { _ in }
    }

    @Test func supervisorIsStartedAgainAndContainersLiveOn() throws {
        let keeper = try keeper(try supervisor())
        defer { try? endAll(with: folder.path) }
        for round in 1...4 {
            try eventually("supervisor \(round)") { folder.numbers("supervisors").count == round }
            try eventually("the container") { folder.numbers("containers").count == 1 }
            let supervisor = folder.numbers("supervisors")[round - 1]
            #expect(ProcessStatus(pid: supervisor)?.parent == keeper)
            let container = folder.numbers("containers")[0]
            try eventually("adoption") { ProcessStatus(pid: container)?.parent == keeper }
            kill(supervisor, SIGKILL)
        }
        #expect(getsid(keeper) == keeper)
    }

    @Test func childrenBeginWithoutBlockedSignals() throws {
        var blocked = sigset_t()
        var before = sigset_t()
        sigfillset(&blocked)
        sigprocmask(SIG_SETMASK, &blocked, &before)
        defer { sigprocmask(SIG_SETMASK, &before, nil) }
        _ = try keeper(try supervisor())
        defer { try? endAll(with: folder.path) }
        try eventually("the supervisor") { folder.numbers("supervisors").count == 1 }
        let status = try Files.text("/proc/\(folder.numbers("supervisors")[0])/status")
        #expect(status.contains("SigBlk:\t0000000000000000"))
        #expect(status.contains("SigIgn:\t0000000000000000"))
    }

    @Test(arguments: [
        ("exec sleep 1000", Processes.ExitStatus.killed(signal: SIGTERM)),
        ("trap 'exit 7' TERM; while :; do sleep 0.01; done", .exited(7)),
        ("trap 'exit 0' TERM; while :; do sleep 0.01; done", .exited(0)),
    ]) func endsAreWrittenDown(container: String, expected: Processes.ExitStatus) throws {
        _ = try keeper(try supervisor(container: container))
        defer { try? endAll(with: folder.path) }
        try eventually("the container") { folder.numbers("containers").count == 1 }
        let pid = folder.numbers("containers")[0]
        let identity = try #require(ProcessStatus(pid: pid)).identity
        #expect(ProcessEnd.of(identity, exits: exits) == nil)
        if container.hasPrefix("trap") {
            try eventually("the trap") { caughtTerm(pid) }
        }
        kill(pid, SIGTERM)
        try eventually("the record") { ProcessEnd.of(identity, exits: exits)?.time != nil }
        let end = try #require(ProcessEnd.of(identity, exits: exits))
        #expect(end.status == expected)
        #expect(try #require(end.time) <= MachineClock.realtime)
        let later = ProcessIdentity(pid: pid, startTime: identity.startTime + 1)
        #expect(ProcessEnd.of(later, exits: exits)?.status == .unknown)
    }

    func caughtTerm(_ pid: Int32) -> Bool {
        let status = (try? Files.text("/proc/\(pid)/status")) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }
        guard let mask = line.flatMap({ UInt64($0.dropFirst(7).drop { $0 == "\t" }, radix: 16) }) else { return false }
        return mask & (1 << UInt64(SIGTERM - 1)) != 0
    }

    @Test func supervisorThatEndsWellEndsTheKeeper() throws {
        let keeper = try keeper(try folder.script("supervisor", "echo $1 $2 > \(folder.path)/arguments"))
        try eventually("the keeper's end") { !runs(keeper) }
        #expect(try Files.text("\(folder.path)/arguments") == "supervise demo\n")
    }

    @Test func terminationIsPassedOnToTheSupervisor() throws {
        let path = folder.path
        let keeper = try keeper(
            try folder.script(
                "supervisor", "trap 'exit 0' TERM; echo $$ >> \(path)/supervisors; while :; do sleep 0.01; done"))
        defer { try? endAll(with: folder.path) }
        try eventually("the supervisor") { folder.numbers("supervisors").count == 1 }
        kill(keeper, SIGTERM)
        try eventually("the keeper's end") { !runs(keeper) }
    }

    @Test func supervisorThatDiesAtOnceIsStartedLessAndLessOften() throws {
        _ = try keeper(try folder.script("supervisor", "echo $$ >> \(folder.path)/supervisors; exit 1"))
        defer { try? endAll(with: folder.path) }
        try eventually("five starts") { folder.numbers("supervisors").count >= 5 }
        usleep(500_000)
        #expect(folder.numbers("supervisors").count <= 6)
    }

    @Test func whatCannotBeAttachedIsNeverBorn() throws {
        struct Refused: Error {}
        var seen: Int32 = 0
        #expect(throws: Refused.self) {
            _ = try start.keeper(exits: exits, supervisor: "/bin/false") { pid in
                seen = pid
                throw Refused()
            }
        }
        try eventually("the end of what was forked") { !runs(seen) }
    }

    @Test func pauseRunsUntilItIsTerminated() throws {
        let pid = try start.start(.pause) { _ in }
        defer { try? endAll(with: folder.path) }
        try eventually("its name") { (try? Files.text("/proc/\(pid)/comm")) == "settle\n" }
        #expect(runs(pid))
        kill(pid, SIGTERM)
        try eventually("its end") { !runs(pid) }
    }

    @Test func executableThatIsMissingIsNamed() throws {
        var start = start
        start.executable = "/nonexistent/settle"
        #expect(throws: SystemError("execve", on: "/nonexistent/settle", errno: ENOENT)) {
            _ = try start.keeper(exits: exits) { _ in }
        }
    }

    @Test func supervisorOutlivesItsKeeper() throws {
        let path = folder.path
        let keeper = try keeper(try supervisor())
        defer { try? endAll(with: folder.path) }
        let procs = "\(path)/cgroup.procs"
        try Files.replace(procs, Array("\(keeper)\n".utf8))
        try eventually("the supervisor") { folder.numbers("supervisors").count == 1 }
        let supervisor = folder.numbers("supervisors")[0]
        kill(keeper, SIGKILL)
        try eventually("the orphan") { ProcessStatus(pid: supervisor)?.parent != keeper }
        #expect(ProjectProcesses.find(cgroupProcs: [procs], project: "demo").keeper == nil)
        #expect(runs(supervisor))
    }

    @Test func processesOfAProjectAreFound() throws {
        let keeper = try keeper(try supervisor())
        let holder = try start.holder { _ in }
        defer { try? endAll(with: folder.path) }
        try eventually("the supervisor") { folder.numbers("supervisors").count == 1 }
        let procs = "\(folder.path)/cgroup.procs"
        let pids = [keeper, holder, getpid()] + folder.numbers("supervisors") + folder.numbers("containers")
        try Files.replace(procs, Array(pids.map { "\($0)\n" }.joined().utf8))
        let found = ProjectProcesses.find(cgroupProcs: [procs, "/nonexistent/cgroup.procs"], project: "demo")
        #expect(found.keeper == ProcessStatus(pid: keeper)?.identity)
        #expect(found.holder == ProcessStatus(pid: holder)?.identity)
        #expect(found.supervisor == nil)  // a shell script
        #expect(found.proxy == nil)
        #expect(ProjectProcesses.find(cgroupProcs: [procs], project: "other") == ProjectProcesses())
    }

    @Test func endWithoutAKeeperIsKnownToTheKernel() throws {
        // A container that ends while no keeper lives: the kernel still tells, by a pidfd from before.
        let pid = child { usleep(20_000_000) }
        let identity = try #require(ProcessStatus(pid: pid)).identity
        let pidfd = Descriptor(try check("pidfd_open") { settle_pidfd_open(pid, 0) })
        #expect(ProcessEnd.of(identity, exits: exits, pidfd: pidfd.raw) == nil)
        kill(pid, SIGKILL)
        try eventually("the zombie") { ProcessStatus(pid: pid)?.isZombie == true }
        #expect(ProcessEnd.of(identity, exits: exits)?.status == .killed(signal: SIGKILL))
        reap(pid)
        #expect(ProcessEnd.of(identity, exits: exits, pidfd: pidfd.raw)?.status == .killed(signal: SIGKILL))
        #expect(ProcessEnd.of(identity, exits: exits)?.status == .unknown)
    }
}
