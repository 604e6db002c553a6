/// Somebody for whom `up --wait` waits, or need not wait any longer.
package struct Unready: Hashable, Sendable {
    package var id: ContainerID
    package var message: String
    /// It will not become ready.
    package var isFinal: Bool
    /// What its health check said last.
    package var probe: Health.Result?
}

extension Observation {
    /// Who of them is not ready. Ready is who is healthy, who runs without a health check, and who has done its work.
    package func unready(_ ids: Set<ContainerID>) -> [Unready] {
        containers.filter { ids.contains($0.key) }.sorted { $0.key < $1.key }.compactMap { id, container in
            container.unreadiness.map { message, isFinal in
                Unready(id: id, message: message, isFinal: isFinal, probe: container.health?.results.last)
            }
        }
    }
}

extension ObservedContainer {
    fileprivate var unreadiness: (message: String, isFinal: Bool)? {
        switch state {
        case .created: return ("it was never started", true)
        case .restarting(let status): return ("it \(status), and is to be started again", false)
        case .exited where !entry.isWanted: return ("it was stopped", true)
        case .exited(let status): return status.isSuccess ? nil : ("it \(status)", true)
        case .running:
            if entry.spec.healthCheck == nil { return nil }
            switch health?.status {
            case .healthy: return nil
            case .unhealthy: return ("it is unhealthy", true)
            case .starting, nil: return ("it has not become healthy", false)
            }
        }
    }
}
