import Compose
import Diagnostics

// Which volumes there are, and who has which mounts of whom.
extension GoalMaker {
    func volumes(of containers: [ContainerSpec]) -> [VolumeSpec] {
        let keys = Set(
            containers.flatMap(\.mounts).compactMap { mount in
                if case .volume(let key) = mount.source { key } else { nil }
            })
        // What nobody uses any more is the project's all the same, until `down -v`.
        let unused = ledger.goal.volumes.filter { !keys.contains($0.key) && !$0.isExternal }
        let used = keys.map { key in
            if let volume = project.volume(key) { return spec(volume) }
            if let recorded = ledger.goal.volumes.first(where: { $0.key == key }) { return recorded }
            // What is left has no key in the file: a volume of one container, found again by its target.
            return VolumeSpec(key: key, name: anonymousVolumeName(key, project: project.name))
        }
        return (used + unused).sorted { $0.key < $1.key }
    }

    private func spec(_ volume: Volume) -> VolumeSpec {
        VolumeSpec(
            key: volume.key, name: volume.name, labels: volume.labels, isExternal: volume.isExternal,
            mount: volume.isExternal ? survey?.records[volume.name]?.mount : volume.mount)
    }

    mutating func checkVolumes(_ goal: Goal) {
        guard let survey else { return }
        for volume in goal.volumes where volume.isExternal && survey.records[volume.name] == nil {
            let near = nearest(to: volume.name, in: survey.records.keys.sorted())
            report(
                Problem(
                    "volumes.\(volume.key)", at: project.volume(volume.key)?.places["external"],
                    "there is no volume \(volume.name), which is to be there already",
                    hint: near.map { "did you mean name: \($0)?" } ?? "make it: settle volume create \(volume.name)"))
        }
    }

    /// A container as the file and its image describe it, with the mounts that it has from others.
    func described(_ id: ContainerID, _ service: Service) -> ContainerSpec {
        var spec = ContainerSpec(service, id: id, in: project, roots[service.name], contents: contents)
        // A step that is run for each container has the mounts of that one.
        spec.inherit(inheritedMounts(service, of: service.precedes == nil ? 1 : id.index))
        spec.nameVolumes(volumes(of: [spec]))
        return spec
    }

    /// What `volumes_from` says: the mounts of other services' first containers, and what these have got in this way.
    /// Folders in memory are everybody's own.
    func inheritedMounts(_ service: Service, of index: Int = 1) -> [Mount] {
        service.volumesFrom.enumerated().flatMap { position, source -> [Mount] in
            guard let owner = project.service(source.service) else { return [] }
            var spec = ContainerSpec(owner, id: ContainerID(owner.name, index), in: project, roots[owner.name])
            spec.inherit(inheritedMounts(owner))
            return spec.mounts.compactMap { mount in
                if case .tmpfs = mount.source { return nil }
                var mount = mount
                mount.key = "volumes_from[\(position)]"
                mount.readOnly = mount.readOnly || source.readOnly
                // Its first content comes from the image of who owns it.
                mount.copiesImage = false
                return mount
            }
        }
    }
}

extension ContainerSpec {
    /// The mounts that the file gives to the container itself come first, the places that only its image names last.
    mutating func inherit(_ others: [Mount]) {
        var targets = Set(mounts.filter { $0.key != "image" }.map(\.target))
        let inherited = others.filter { targets.insert($0.target).inserted }
        let taken = Set(inherited.map(\.target))
        mounts = mounts.filter { $0.key != "image" || !taken.contains($0.target) } + inherited
    }

    /// Notes which volume each key stands for.
    mutating func nameVolumes(_ volumes: [VolumeSpec]) {
        for index in mounts.indices {
            guard case .volume(let key) = mounts[index].source else { continue }
            mounts[index].volume = volumes.first { $0.key == key }?.identity
        }
    }
}
