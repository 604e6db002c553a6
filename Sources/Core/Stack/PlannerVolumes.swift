import Compose

extension Goal {
    /// The volumes that some container mounts.
    package var usedVolumes: [VolumeSpec] {
        let used = Set(containers.flatMap(\.mounts).map(\.source))
        return volumes.filter { used.contains(.volume($0.key)) }
    }
}

// What is to be done about volumes.
extension Planner {
    mutating func decideVolumes() {
        if !goal.isEmpty {
            let known = Set((goal.usedVolumes + old.usedVolumes).compactMap(\.mountName))
            let strays = observed.mountedVolumes.subtracting(known).sorted()
            if !strays.isEmpty {
                changes.append(
                    Change(
                        .project, .update, isDrift: true, reason: "left over from an interrupted change",
                        fields: strays.map { FieldChange("mounts", observed: $0, desired: nil) }))
            }
        }
        for volume in goal.usedVolumes {
            let before = old.volumes.first { $0.key == volume.key }
            if !observed.volumes.contains(volume.name) && !volume.isExternal {
                let isKnown = old.volumes.contains { $0.name == volume.name }
                changes.append(
                    Change(
                        .volume(volume.key), .create, isDrift: isKnown,
                        reason: isKnown ? "deleted behind Settle's back" : "new"))
            } else if let name = volume.mountName, !observed.mountedVolumes.contains(name) {
                let isKnown = before?.mountName == name
                changes.append(
                    Change(
                        .volume(volume.key), .update, isDrift: isKnown,
                        reason: isKnown
                            ? "changed behind Settle's back"
                            : before == nil ? "it is not mounted" : "changed in the file",
                        fields: [
                            FieldChange(
                                "driver_opts", observed: isKnown ? "not mounted" : before?.mount?.text,
                                desired: volume.mount?.text)
                        ]))
            }
        }
    }
}
