/// What the machine says, gathered once: facts from the kernel beside the specifications from the ledger.
package struct Observation: Hashable, Sendable {
    package var ledger: Ledger
    /// Whether the project's own processes live; nil where the project needs none.
    package var supervisor: Presence
    package var hasProjectNode: Bool
    /// Whether the whole project was frozen, or its own processes were, and not by `settle pause`: then nobody answers.
    package var isFrozen = false
    /// Budget keys whose kernel value is another than the ledger's, with that value.
    package var budgetDrift: [String: String] = [:]
    package var containers: [ContainerID: ObservedContainer] = [:]
    package var networks: [String: ObservedNetwork] = [:]
    /// Kinds that are missing or unpinned, for each declared namespace of the ledger.
    package var brokenNamespaces: [String: [NamespaceKind]] = [:]
    /// Links of declared namespaces that are missing or wrong, by namespace: network keys.
    package var brokenLinks: [String: [String]] = [:]
    /// Links of endpoints to networks they are in no more, by endpoint: network keys.
    package var strayLinks: [String: [String]] = [:]
    package var volumes: Set<String> = []
    /// What is mounted as a volume, by `VolumeSpec.mountName`.
    package var mountedVolumes: Set<String> = []
    /// Whether the stack namespace stands and is pinned.
    package var stackNamespace: Health = .absent
    package var firewall: Health = .absent
    package var egress: Health = .absent
    /// What an interrupted change left: instances no ledger entry speaks of.
    package var strayInstances: [Instance] = []
    package var strayNetworks: [String] = []
    package var strayEndpoints: [String] = []

    package init(ledger: Ledger, supervisor: Presence, hasProjectNode: Bool) {
        self.ledger = ledger
        self.supervisor = supervisor
        self.hasProjectNode = hasProjectNode
    }

    package enum Health: Hashable, Sendable { case sound, broken, absent }

    /// Whether lines may yet come to the log of a container, be it that it has ended: a supervisor, the one that the
    /// keeper starts next included, has not emptied its pipe yet.
    package func logGrows(of container: ObservedContainer) -> Bool {
        !container.hasWholeLog && supervisor.keeper != nil
    }

    package struct Presence: Hashable, Sendable {
        package var keeper: Int32?
        package var supervisor: Int32?
        package var holder: Int32?
        package var proxy: Int32?

        package init(keeper: Int32? = nil, supervisor: Int32? = nil, holder: Int32? = nil, proxy: Int32? = nil) {
            self.keeper = keeper
            self.supervisor = supervisor
            self.holder = holder
            self.proxy = proxy
        }
    }
}

package struct ObservedNetwork: Hashable, Sendable {
    /// Fields of the bridge that are not as recorded: `bridge`, `address`, `state`.
    package var drift: [FieldChange]

    package init(drift: [FieldChange] = []) { self.drift = drift }
}

package struct ObservedContainer: Hashable, Sendable {
    package var entry: Ledger.Entry
    package var state: State
    /// Limit keys whose kernel value is another than the recorded specification's, with that value.
    package var limitDrift: [String: String] = [:]
    package var isFrozen = false
    /// Everything else that is not as recorded: pins, links, addresses, ports, `/etc/hosts`.
    package var drift: [FieldChange] = []
    package var startedAt: Int64?
    package var pid: Int32?
    package var cgroup = ""
    /// Kind → inode number.
    package var namespaces: [NamespaceKind: UInt64] = [:]
    package var policyRestarts = 0
    /// Whether it runs, and what was to run inside after its start has not come to an end.
    package var isHalfStarted = false
    /// Whether it runs, and a change that goes back has asked it to end. Nobody can take that back.
    package var isEnding = false
    /// When the policy starts it again, in nanoseconds since 1970; nil where nobody has looked, or nobody knows.
    package var restartsAt: Int64?
    /// Of its last life; nil where it has no health check, or has not run.
    package var health: Health?
    /// Whether its log has all that its last life wrote: the supervisor empties the pipe and then notes the end.
    package var hasWholeLog = true

    package init(entry: Ledger.Entry, state: State) {
        self.entry = entry
        self.state = state
    }

    package enum State: Hashable, Sendable {
        case created
        case running
        /// Ended; the supervisor, or its successor, will start it again.
        case restarting(ExitStatus)
        case exited(ExitStatus)

        /// Whether it writes, or will again by itself.
        package var isLive: Bool {
            switch self {
            case .running, .restarting: true
            case .created, .exited: false
            }
        }
    }

    package var isRunning: Bool { state == .running }

    /// It has done its work, and nobody wants it again.
    package var isDone: Bool { entry.isWanted && state == .exited(.code(0)) }

    /// Frozen, as somebody wanted it.
    package var isPaused: Bool { isRunning && isFrozen && entry.isPaused }
}

/// How a process ended.
package enum ExitStatus: Hashable, Codable, Sendable, CustomStringConvertible {
    case code(Int32)
    case signal(Int32)
    /// The kernel killed it, or one of its processes, for want of memory.
    case outOfMemory
    /// Nobody was there to see it: never taken for success.
    case unknown

    package var isSuccess: Bool { self == .code(0) }

    /// The number a shell shows: 128 + N for signal N, 255 where unknown.
    package var shellCode: Int32 {
        switch self {
        case .code(let code): code
        case .signal(let number): 128 + number
        case .outOfMemory: 128 + 9
        case .unknown: 255
        }
    }

    package var description: String {
        switch self {
        case .code(let code): "exited with \(code)"
        case .signal(let number): "was killed by signal \(number)"
        case .outOfMemory: "was killed by the kernel: out of memory"
        case .unknown: "ended, nobody saw how"
        }
    }
}
