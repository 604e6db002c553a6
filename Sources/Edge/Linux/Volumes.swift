import CSyscalls
import Diagnostics
import Glibc
import Processes
package import Stack
import Syscalls

/// The volumes of this machine, whosever they are: folders, each with a record beside it.
package struct Volumes {
    let roots: Roots

    package init(_ roots: Roots) { self.roots = roots }

    /// By name. A volume of before there were records has an empty one.
    package func records() -> [String: VolumeRecord] {
        let names = Files.names(in: roots.volumes).filter { !$0.hasPrefix(".") }
        return Dictionary(uniqueKeysWithValues: names.map { ($0, record($0) ?? VolumeRecord()) })
    }

    package func record(_ name: String) -> VolumeRecord? {
        guard let bytes = try? Files.bytes(roots.volumeRecord(name)) else { return nil }
        return try? JSON.decode(VolumeRecord.self, from: bytes)
    }

    package func write(_ record: VolumeRecord, of name: String) throws {
        try Files.makeFolders(roots.volumes)
        try Files.replace(roots.volumeRecord(name), try JSON.encode(record))
    }

    package func exists(_ name: String) -> Bool { Files.exists(roots.volume(name)) }

    /// What a goal is made with.
    package func survey(directory: String) -> VolumeSurvey {
        VolumeSurvey(records: records(), folder: Self.folder(directory))
    }

    static func folder(_ path: String) -> VolumeRecord.Folder? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return VolumeRecord.Folder(path: path, device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// Writes down whose a volume is and where it was used from.
    func note(_ volume: VolumeSpec, of project: String, in directory: String?) throws {
        let before = record(volume.name)
        var record = before ?? VolumeRecord(created: MachineClock.realtime / 1_000_000_000)
        // What there was before there were records can only have been the project's.
        if before == nil { record.project = project }
        record.note(volume, of: project, in: directory.flatMap(Self.folder))
        if record != before { try write(record, of: volume.name) }
    }

    /// The projects that have it now.
    package func users(of name: String) -> [String] {
        Files.names(in: roots.projects).filter { project in
            guard let ledger = try? Store(roots.paths(of: project)).read() else { return false }
            return ledger.goal.volumes.contains { $0.name == name }
        }
    }

    /// Its folder goes first, by a name that is no volume's: a removal that is cut short leaves no half volume.
    package func remove(_ name: String) throws {
        try removeTree(VolumeCopy.place(beside: roots.volume(name)))
        let grave = "\(roots.volumes)/.gone.\(name)"
        try removeTree(grave)
        if exists(name) { try check("rename", on: roots.volume(name)) { Glibc.rename(roots.volume(name), grave) } }
        unlink(roots.volumeRecord(name))
        try removeTree(grave)
        rmdir(roots.volumes)
    }

    /// - Throws: where there is one of the new name.
    package func rename(_ name: String, to new: String) throws {
        var record = record(name) ?? VolumeRecord()
        // Whoever gives that name to a volume of its own gets it.
        record.project = nil
        record.key = nil
        try write(record, of: new)
        try check("renameat2", on: roots.volume(new)) { settle_rename_new(roots.volume(name), roots.volume(new)) }
        unlink(roots.volumeRecord(name))
    }
}
