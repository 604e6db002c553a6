package import Compose

package struct VolumeSpec: Hashable, Codable, Sendable {
    package var key: String
    package var name: String
    package var labels: [String: String]
    /// Made by somebody else: never made, never removed.
    package var isExternal: Bool
    /// What is mounted as its content; nil: a folder of Settle's own.
    package var mount: VolumeMount?

    package init(
        key: String, name: String, labels: [String: String] = [:], isExternal: Bool = false, mount: VolumeMount? = nil
    ) {
        self.key = key
        self.name = name
        self.labels = labels
        self.isExternal = isExternal
        self.mount = mount
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        key = try container.decode(String.self, forKey: .key)
        name = try container.decode(String.self, forKey: .name)
        labels = try container.decode([String: String].self, forKey: .labels)
        // Ledgers of stacks that were up before there was such a thing do not speak of it.
        isExternal = try container.decodeIfPresent(Bool.self, forKey: .isExternal) ?? false
        mount = try container.decodeIfPresent(VolumeMount.self, forKey: .mount)
    }

    /// The folder that its content is mounted on, among those of the project: another content is another folder, so that
    /// the old one and the new one can be there side by side. nil where nothing is mounted.
    package var mountName: String? {
        mount.map { "\(name).\(String(fnv1a($0.text), radix: 16))" }
    }

    /// What of it makes a container another one: the same words that `diff` shows.
    package var identity: String { mount.map { "\(name), \($0.text)" } ?? name }
}

/// What is known of a volume beside its content.
package struct VolumeRecord: Hashable, Codable, Sendable {
    /// Whose it is; nil: made by hand.
    package var project: String?
    /// Its key in that project.
    package var key: String?
    /// The project's folder when it was last used.
    package var folder: Folder?
    package var labels: [String: String]
    package var mount: VolumeMount?
    /// Seconds since 1970.
    package var created: Int64?

    package init(labels: [String: String] = [:], mount: VolumeMount? = nil, created: Int64? = nil) {
        self.labels = labels
        self.mount = mount
        self.created = created
    }

    /// A folder by its path and by its number: either finds it again, also where it was renamed.
    package struct Folder: Hashable, Codable, Sendable {
        package var path: String
        package var device: UInt64
        package var inode: UInt64

        package init(path: String, device: UInt64, inode: UInt64) {
            self.path = path
            self.device = device
            self.inode = inode
        }

        package func isSame(as other: Folder) -> Bool {
            path == other.path || (device, inode) == (other.device, other.inode)
        }
    }

    /// Of the specification, used from this folder.
    package mutating func note(_ volume: VolumeSpec, of project: String, in folder: Folder?) {
        // What somebody has made by hand under the name that the project would give it is the project's.
        if self.project == nil && volume.name == "\(project)_\(volume.key)" { self.project = project }
        guard self.project == project else { return }
        key = volume.key
        self.folder = folder ?? self.folder
        labels = volume.labels
        mount = volume.mount
    }
}

/// The volumes of the machine, as the maker of a goal sees them.
package struct VolumeSurvey: Hashable, Sendable {
    /// By name.
    package var records: [String: VolumeRecord]
    /// The project's folder.
    package var folder: VolumeRecord.Folder?

    package init(records: [String: VolumeRecord], folder: VolumeRecord.Folder? = nil) {
        self.records = records
        self.folder = folder
    }
}

/// A volume that is about to be made empty, while one with the same key has been filled from the same folder under
/// another project's name.
package struct FormerVolume: Hashable, Sendable {
    package var key: String
    /// What would be made.
    package var name: String
    package var former: String
    package var project: String
}

extension VolumeSurvey {
    /// Of volumes that are not there yet: those that the project may have had under another name.
    func former(of volumes: [VolumeSpec], in project: String) -> [FormerVolume] {
        guard let folder else { return [] }
        return volumes.filter { !$0.isExternal && records[$0.name] == nil }.flatMap { volume in
            records.sorted { $0.key < $1.key }.compactMap { name, record -> FormerVolume? in
                guard let owner = record.project, owner != project, record.key == volume.key,
                    record.folder?.isSame(as: folder) == true
                else { return nil }
                return FormerVolume(key: volume.key, name: volume.name, former: name, project: owner)
            }
        }
    }
}
