import Diagnostics
import Glibc
import Processes
package import Stack
import Syscalls

/// What happened to a project's containers, one JSON object per line: written by the supervisor and by those who execute
/// commands in containers, read by whoever asks. It is bounded: a full file becomes `events.1`, in place of the one before.
package final class EventLog {
    private let paths: ProjectPaths
    /// What is known of those that it may be told of when nobody else knows them any more.
    private var specs: [Instance: ContainerSpec] = [:]

    /// Of each of the two files.
    private static let longest: Int64 = 1 << 20

    package init(_ paths: ProjectPaths) { self.paths = paths }

    func remember(_ entries: [Ledger.Entry]) { for entry in entries { specs[entry.instance] = entry.spec } }

    /// What cannot be noted, on a full disk for example, is in nobody's way.
    package func note(
        _ action: ContainerEvent.Action, _ instance: Instance, _ spec: ContainerSpec? = nil,
        _ details: [String: String] = [:]
    ) {
        if let spec { specs[instance] = spec }
        let spec = specs[instance]
        if action == .destroy { specs[instance] = nil }
        // As in Docker Compose: who runs a command knows of it.
        if spec?.oneOff != nil { return }
        let event = ContainerEvent(
            time: MachineClock.realtime, action, instance, of: spec, in: paths.project, details)
        guard let line = try? JSON.encode(event) else { return }
        try? append(line + [10])
    }

    /// Opened for each line: another writer may have renamed it.
    private func append(_ line: [UInt8]) throws(SystemError) {
        let file = try Descriptor(paths.events, O_RDWR | O_CREAT | O_APPEND)
        var status = stat()
        try check("fstat", on: paths.events) { fstat(file.raw, &status) }
        if status.st_size > Self.longest, try giveWay(file.raw) { return try append(line) }
        var last: UInt8 = 10
        if status.st_size > 0 { pread(file.raw, &last, 1, off_t(status.st_size - 1)) }
        // A line that was cut off, by a kill or a full disk, shall not spoil the next one.
        try Files.write(last == 10 ? line : [10] + line, to: file.raw, named: paths.events)
    }

    /// Whether the full file has another name now. Of several writers one renames it, and nobody waits for that one: the
    /// others may be frozen or stopped.
    private func giveWay(_ file: Int32) throws(SystemError) -> Bool {
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else { return false }
        var own = stat()
        var named = stat()
        let isNamed =
            fstat(file, &own) == 0 && lstat(paths.events, &named) == 0 && own.st_ino == named.st_ino
        if isNamed { try check("rename", on: paths.events) { rename(paths.events, paths.olderEvents) } }
        return true
    }
}

/// Reads the events of a project, and goes on as they come, while it is up and when it comes up again.
package final class EventReader {
    private let paths: ProjectPaths
    private var file: Descriptor?
    private var rest: [UInt8] = []

    /// - Parameter isWhole: begins with the oldest event that is kept rather than with the next one.
    package init(_ paths: ProjectPaths, isWhole: Bool) {
        self.paths = paths
        if isWhole {
            open(paths.olderEvents)
            if file == nil { open(paths.events) }
        } else {
            open(paths.events)
            lseek(file?.raw ?? -1, 0, Int32(SEEK_END))
        }
    }

    /// What has come since the last time.
    package func next() -> [ContainerEvent] {
        var events = read()
        // A file that has another name now, or none, gets no more lines, but for those until this look.
        while isLeft {
            events += read()
            rest = []
            file = nil
            open(paths.events)
            events += read()
            if file == nil { break }
        }
        return events
    }

    private func open(_ path: String) { file = try? Descriptor(path, O_RDONLY) }

    private var isLeft: Bool {
        if file == nil { return Files.exists(paths.events) }
        var own = stat()
        var named = stat()
        guard fstat(file?.raw ?? -1, &own) == 0 else { return true }
        return lstat(paths.events, &named) != 0 || own.st_ino != named.st_ino
    }

    private func read() -> [ContainerEvent] {
        let raw = file?.raw ?? -1
        guard raw >= 0, let bytes = try? Files.bytes(from: raw, named: paths.events) else { return [] }
        rest += bytes
        guard let end = rest.lastIndex(of: 10) else { return [] }
        let lines = rest[..<end].split(separator: 10)
        let events = lines.compactMap { try? JSON.decode(ContainerEvent.self, from: Array($0)) }
        rest = Array(rest[(end + 1)...])
        return events
    }
}
