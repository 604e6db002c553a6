import OCI

// What a service runs before itself is a job of its own, which the service waits for: nothing further on tells the two
// apart but where a step is due again.
extension Project {
    /// With a service for each step of a `pre_start`.
    func unfolded() -> Project {
        var project = self
        project.services = services.flatMap { service -> [Service] in
            var service = service
            let steps = service.preStart.indices.map { step($0, of: service) }
            if let last = steps.last {
                service.dependencies.append(Dependency(service: last.name, condition: .completed))
                service.dependencies.sort { $0.service < $1.service }
            }
            return [service] + steps
        }
        project.services.sort { $0.name < $1.name }
        return project
    }

    private func step(_ index: Int, of owner: Service) -> Service {
        let hook = owner.preStart[index]
        var step = Service(name: owner.stepName(index))
        step.precedes = Step(of: owner.name, key: hook.key)
        // An image that the file gives to the service counts for its steps, too, so only another one is a step's own.
        let hasOwnImage = hook.image != nil && hook.image != owner.image?.reference
        step.root = hasOwnImage ? .image : owner.root
        step.image = hasOwnImage ? ImageSource(hook.image) : image(ofStepsOf: owner)
        step.image?.platform = owner.image?.platform
        step.command = hook.command.isEmpty ? nil : hook.command
        step.environment = owner.environment.merging(hook.environment) { _, own in own }
        step.user = hook.user ?? (hasOwnImage ? nil : owner.user)
        step.groups = hook.user == nil && !hasOwnImage ? owner.groups : []
        step.workingDirectory = hook.workingDirectory ?? (hasOwnImage ? nil : owner.workingDirectory)
        step.addedCapabilities = hook.isPrivileged ? ["ALL"] : owner.addedCapabilities
        step.droppedCapabilities = hook.isPrivileged ? [] : owner.droppedCapabilities
        // Names and addresses are the service's own.
        step.namespaces.net = owner.namespaces.net
        step.networks = owner.networks.map { Attachment(network: $0.network) }
        step.volumesFrom = [VolumesFrom(service: owner.name)]
        step.files = owner.files
        step.logging = owner.logging
        step.stopGracePeriod = owner.stopGracePeriod
        step.replicas = hook.isPerReplica ? owner.replicas : min(owner.replicas, 1)
        step.dependencies =
            index == 0
            ? owner.dependencies : [Dependency(service: owner.stepName(index - 1), condition: .completed)]
        var unchecked = HealthSettings()
        unchecked.test = .disabled
        step.healthCheck = unchecked
        step.places = owner.places.below(hook.key)
        return step
    }

    /// What the service builds, its steps find built.
    private func image(ofStepsOf owner: Service) -> ImageSource? {
        guard let source = owner.image else { return nil }
        var image = ImageSource(image(of: owner))
        image.pullPolicy = source.build == nil ? source.pullPolicy : .never
        return image
    }
}

extension Service {
    /// The service that step `index` of its `pre_start` is.
    package func stepName(_ index: Int) -> String { "\(name)-pre_start-\(index)" }
}
