import Cgroups
import Diagnostics
package import Engine
import Glibc
package import Processes
package import Stack
package import Syscalls

/// The files of a project that hold what the kernel cannot know.
package final class Store: LedgerStore {
    package let paths: ProjectPaths
    package let events: EventLog
    /// The journal entry at which this process kills itself; the crash tests' way to reach every moment.
    package var faultPoint: Int?
    private var entries = 0
    /// Open from one entry to the next: a change has some hundred of them.
    private var journalFile: Descriptor?

    package init(_ paths: ProjectPaths) {
        self.paths = paths
        events = EventLog(paths)
    }

    /// What is known of the project; an empty ledger where there is none. An open transaction that no supervisor works
    /// on is taken as a crash left it.
    package func read(isOpen: Bool = false) throws -> Ledger {
        guard Files.exists(paths.ledger) else { return Ledger(project: paths.project) }
        let bytes = try Files.bytes(paths.ledger)
        let ledger = try JSON.decode(Ledger.self, from: bytes)
        guard ledger.version <= Ledger.currentVersion else { throw LedgerTooNew(path: paths.ledger) }
        if isOpen || ledger.transaction == nil { return ledger }
        return ledger.recovered(started: Set(try runs().map(\.instance)))
    }

    package struct LedgerTooNew: Error, CustomStringConvertible {
        let path: String
        package var description: String { "\(path) was written by a newer settle; use that one" }
    }

    package func write(_ ledger: Ledger) throws(Event.Failure) {
        do {
            try Files.makeFolders(paths.state, mode: 0o700)
            try Files.replace(paths.ledger, try JSON.encode(ledger))
        } catch {
            throw Event.Failure(resource: "project", key: "", message: "cannot write the project's state: \(error)")
        }
    }

    package func journal(_ words: String) throws(Event.Failure) {
        entries += 1
        do {
            if journalFile == nil { journalFile = try Descriptor(paths.journal, O_WRONLY | O_CREAT | O_APPEND) }
            try journalFile!.write("\(entries) \(words)\n", named: paths.journal)
        } catch {
            throw Event.Failure(resource: "project", key: "", message: "cannot write the journal: \(error)")
        }
        if entries == faultPoint { Glibc.kill(getpid(), SIGKILL) }
    }

    /// Begins a journal anew.
    package func beginJournal() {
        entries = 0
        journalFile = nil
        unlink(paths.journal)
    }

    /// Removes all of it, at the end of the project. The keeper may note an end while its file goes: until the folder is
    /// gone as well, there may be something new in it.
    func removeFiles(keepingLogs: Bool) throws(SystemError) {
        for _ in 0..<1000 {
            for name in Files.names(in: paths.state) where !(keepingLogs && "\(paths.state)/\(name)" == paths.logs) {
                try removeTree("\(paths.state)/\(name)")
            }
            rmdir(paths.logs)
            if rmdir(paths.state) == 0 || errno != ENOTEMPTY || Files.names(in: paths.state) == ["logs"] { break }
        }
        rmdir(paths.roots.projects)
    }

    // MARK: Runs

    /// Every start of a container with its end, the oldest first. A last line cut off by a crash is left out.
    package func runs() throws -> [Run] {
        guard Files.exists(paths.runs) else { return [] }
        var runs: [Run] = []
        for line in try Files.text(paths.runs).lines {
            let fields = line.words
            if let run = Run(fields) {
                runs.append(run)
            } else if let process = Run.void(fields) {
                runs.removeAll { $0.process == process && $0.boot == String(fields[4]) }
            } else if let process = Run.ready(fields) {
                for index in runs.indices where runs[index].process == process { runs[index].isReady = true }
            } else if let (process, status) = Run.end(fields),
                let index = runs.lastIndex(where: { $0.process == process && $0.boot == String(fields[4]) })
            {
                runs[index].end = status
            }
        }
        return runs
    }

    /// When those start again that wait for it, by what was last said.
    func nextStarts() -> [Instance: Int64] {
        guard let text = try? Files.text(paths.runs) else { return [:] }
        let starts = text.lines.compactMap { $0.hasPrefix("next ") ? NextStart($0.words) : nil }
        return Dictionary(starts.map { ($0.instance, $0.time) }, uniquingKeysWith: { _, last in last })
    }

    package func append(_ line: String) throws(SystemError) {
        let file = try Descriptor(paths.runs, O_WRONLY | O_CREAT | O_APPEND)
        try Files.write("\(line)\n".utf8, to: file.raw, named: paths.runs)
    }

    /// Keeps each instance's starts since somebody last asked for it, so that the file does not grow for ever.
    package func compact(keeping instances: Set<Instance>) throws {
        let runs = try runs()
        var kept: [Run] = []
        for run in runs where instances.contains(run.instance) {
            if !run.isByPolicy { kept.removeAll { $0.instance == run.instance } }
            kept.append(run)
        }
        if kept.count != runs.count { try replace(kept) }
    }

    /// One that is about to be made has not run: what is known was another of the same name, that went.
    func forgetRuns(of instance: Instance) throws {
        let runs = try runs()
        if runs.contains(where: { $0.instance == instance }) { try replace(runs.filter { $0.instance != instance }) }
    }

    private func replace(_ runs: [Run]) throws(SystemError) {
        try Files.replace(paths.runs, runs.flatMap(\.lines).map { "\($0)\n" }.joined().utf8)
    }
}

/// When a restart policy will start a container that has ended: `next INSTANCE TIME .`, nanoseconds since 1970.
struct NextStart: Hashable, Sendable {
    let instance: Instance
    let time: Int64

    init(_ instance: Instance, time: Int64) {
        self.instance = instance
        self.time = time
    }

    init?(_ fields: [Substring]) {
        guard fields.count == 4, fields[0] == "next", fields[3] == ".", let instance = Instance(fields[1]),
            let time = Int64(fields[2])
        else { return nil }
        self.init(instance, time: time)
    }

    var line: String { "next \(instance) \(time) ." }
}

/// One start of a container: enough to tell its first process from every other, on any boot.
package struct Run: Hashable, Sendable {
    package let instance: Instance
    package let process: ProcessIdentity
    /// /proc/sys/kernel/random/boot_id.
    package let boot: String
    /// Nanoseconds since 1970.
    package let time: Int64
    /// Whether a restart policy started it, rather than a command.
    package let isByPolicy: Bool
    /// Whether something was to run inside before the start was whole.
    let hasHooks: Bool
    /// Whether that has come to an end.
    var isReady = false
    /// How it ended, once the supervisor has seen it.
    package var end: Stack.ExitStatus?

    package init(
        instance: Instance, process: ProcessIdentity, boot: String, time: Int64, isByPolicy: Bool,
        hasHooks: Bool = false
    ) {
        self.instance = instance
        self.process = process
        self.boot = boot
        self.time = time
        self.isByPolicy = isByPolicy
        // A policy starts the program alone, as in Docker.
        self.hasHooks = hasHooks && !isByPolicy
    }

    /// `start INSTANCE PID STARTTIME BOOT TIME asked|hooks|policy .`: the last field says that the line is whole.
    init?(_ fields: [Substring]) {
        guard fields.count == 8, fields[0] == "start", fields[7] == ".", let instance = Instance(fields[1]),
            let process = Self.process(fields), let time = Int64(fields[5])
        else { return nil }
        self.init(
            instance: instance, process: process, boot: String(fields[4]), time: time,
            isByPolicy: fields[6] == "policy",
            hasHooks: fields[6] == "hooks")
    }

    /// `end INSTANCE PID STARTTIME BOOT code|signal|memory|unknown NUMBER .`
    static func end(_ fields: [Substring]) -> (ProcessIdentity, Stack.ExitStatus)? {
        guard fields.count == 8, fields[0] == "end", fields[7] == ".", let process = process(fields),
            let number = Int32(fields[6])
        else { return nil }
        switch fields[5] {
        case "code": return (process, .code(number))
        case "signal": return (process, .signal(number))
        case "memory": return (process, .outOfMemory)
        default: return (process, .unknown)
        }
    }

    /// `void INSTANCE PID STARTTIME BOOT . . .`: it never came to run its program.
    static func void(_ fields: [Substring]) -> ProcessIdentity? {
        fields.count == 8 && fields[0] == "void" && fields[7] == "." ? process(fields) : nil
    }

    /// `ready INSTANCE PID STARTTIME BOOT . . .`: what was to run inside after the start has run.
    static func ready(_ fields: [Substring]) -> ProcessIdentity? {
        fields.count == 8 && fields[0] == "ready" && fields[4] == currentBoot && fields[7] == "."
            ? process(fields) : nil
    }

    static func readyLine(_ instance: Instance, _ process: ProcessIdentity) -> String {
        "ready \(instance) \(process.pid) \(process.startTime) \(currentBoot) . . ."
    }

    static func voidLine(_ instance: Instance, _ process: ProcessIdentity) -> String {
        "void \(instance) \(process.pid) \(process.startTime) \(currentBoot) . . ."
    }

    private static func process(_ fields: [Substring]) -> ProcessIdentity? {
        guard let pid = Int32(fields[2]), let startTime = UInt64(fields[3]) else { return nil }
        return ProcessIdentity(pid: pid, startTime: startTime)
    }

    private var who: String { "\(instance) \(process.pid) \(process.startTime) \(boot)" }

    package var startLine: String {
        "start \(who) \(time) \(isByPolicy ? "policy" : hasHooks ? "hooks" : "asked") ."
    }

    package func endLine(_ status: Stack.ExitStatus) -> String {
        switch status {
        case .code(let code): "end \(who) code \(code) ."
        case .signal(let number): "end \(who) signal \(number) ."
        case .outOfMemory: "end \(who) memory 0 ."
        case .unknown: "end \(who) unknown 0 ."
        }
    }

    var lines: [String] {
        [startLine] + (isReady ? ["ready \(who) . . ."] : []) + (end.map { [endLine($0)] } ?? [])
    }

    /// Milliseconds since 1970.
    var milliseconds: Int64 { time / 1_000_000 }

    package static let currentBoot: String = {
        let text = (try? Files.text("/proc/sys/kernel/random/boot_id")) ?? ""
        return String(text.prefix { $0 != "\n" })
    }()
}

extension [Run] {
    /// Of one container's runs: when its policy has started it since somebody last asked for it.
    var policyTimes: [Int64] {
        suffix(from: lastIndex { !$0.isByPolicy } ?? startIndex).filter(\.isByPolicy).map(\.milliseconds)
    }
}

extension Cgroup {
    /// What lies behind an end: the kernel sends the signal, and only the control group says why.
    func reason(for status: Stack.ExitStatus) -> Stack.ExitStatus {
        switch status {
        case .signal(SIGKILL), .code(128 + SIGKILL): oomKills > 0 ? .outOfMemory : status
        case .code, .signal, .outOfMemory, .unknown: status
        }
    }
}
