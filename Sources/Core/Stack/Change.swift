/// One line of `diff`: a resource, what happens to it, and why.
package struct Change: Hashable, Sendable {
    package enum Verb: String, Codable, CaseIterable, Sendable {
        case create, update, restart, replace, remove
    }

    package var resource: ResourceID
    package var verb: Verb
    /// Whether it was changed behind our back, rather than in the file.
    package var isDrift: Bool
    package var reason: String
    package var fields: [FieldChange]

    package init(
        _ resource: ResourceID, _ verb: Verb, isDrift: Bool = false, reason: String, fields: [FieldChange] = []
    ) {
        self.resource = resource
        self.verb = verb
        self.isDrift = isDrift
        self.reason = reason
        self.fields = fields
    }
}

/// One thing done to the machine. Every action may be repeated: it makes sure of something rather than making it.
package enum Action: Hashable, Sendable {
    case project(budget: ResourceLimits)
    case stackNamespace
    case namespace(endpoint: String, NamespaceKind)
    case bridge(NetworkSpec)
    case removeBridge(String)
    case link(endpoint: String, Attachment)
    case unlink(endpoint: String, network: String)
    case egress(EgressSpec?)
    case firewall
    case volume(VolumeSpec)
    case removeVolume(VolumeSpec)
    /// What is mounted as a volume's content, by `VolumeSpec.mountName`.
    case unmount(String)
    /// The proxy's whole table.
    case ports
    /// `/etc/hosts` of every container, in place.
    case hosts
    case limits(Instance, ResourceLimits)
    /// The size of `/dev/shm`, in place.
    case sharedMemory(Instance, ContainerSpec)
    case thaw(Instance)
    /// Content, owner and mode of a container's secrets and configurations, in place.
    case files(Instance, [GrantedFile])
    case prepare(Instance, ContainerSpec)
    case start(Instance)
    case discard(Instance)
    case removeEndpoint(String)
    /// What a container that is gone has written.
    case removeOutput(ContainerID)
}

/// A container's way from one life to the next.
package struct Turnover: Hashable, Sendable {
    package var id: ContainerID
    /// Runs now and has to end first.
    package var stop: Instance?
    package var start: Instance?
    /// Thrown away once the change is final.
    package var discard: Instance?
    /// What has to have started, or ended well, before.
    package var after: [Dependency]

    package init(
        id: ContainerID, stop: Instance? = nil, start: Instance? = nil, discard: Instance? = nil,
        after: [Dependency] = []
    ) {
        self.id = id
        self.stop = stop
        self.start = start
        self.discard = discard
        self.after = after
    }
}

/// The difference between what is and what shall be, and the way across. A value: `diff` prints it, `up` performs it.
package struct Plan: Hashable, Sendable {
    package var changes: [Change]
    /// Done one after the other before anything stops.
    package var preparation: [Action] = []
    /// What stops and starts, dependencies first.
    package var turnovers: [Turnover] = []
    /// Containers that end and do not start again, once the change is final; dependents first, by level.
    package var removals: [[Instance]] = []
    /// Done at the very end.
    package var cleaning: [Action] = []
    /// The ledger as it will be.
    package var ledger: Ledger
    /// What of it goes back in steps.
    package var wayBack: WayBack?

    package init(changes: [Change], ledger: Ledger) {
        self.changes = changes
        self.ledger = ledger
    }

    package var isEmpty: Bool { changes.isEmpty }

    package func count(_ verb: Change.Verb) -> Int { changes.count { $0.verb == verb } }
}
