import Compose

/// One entry of `ports:` of one container.
struct PortSlot: Hashable {
    var id: ContainerID
    var index: Int

    init(_ id: ContainerID, _ index: Int) {
        self.id = id
        self.index = index
    }
}

extension GoalMaker {
    /// The host's port of each entry. A range gives each container the port it had, else the lowest that no other
    /// container of the stack uses.
    func hostPorts() -> [PortSlot: UInt16] {
        var table: [PortSlot: UInt16] = [:]
        var used = kept.flatMap(\.ports)
        var ranges: [(slot: PortSlot, port: PublishedPort, range: ClosedRange<UInt16>)] = []
        for service in chosen {
            for id in ids(of: service) {
                for (index, entry) in service.ports.enumerated() {
                    guard let range = entry.published else { continue }
                    var port = ContainerSpec(service, id: id, in: project).ports[index]
                    if range.count > 1 {
                        ranges.append((PortSlot(id, index), port, range))
                        continue
                    }
                    port.hostPort = range.lowerBound
                    used.append(port)
                    table[PortSlot(id, index)] = range.lowerBound
                }
            }
        }
        for (slot, port, range) in ranges {
            let before = ledger.entry(slot.id)?.spec.ports.first { $0.isSameApartFromHostPort(as: port) }?.hostPort
            let candidates = (before.map { range.contains($0) ? [$0] : [] } ?? []) + Array(range)
            var port = port
            let free = candidates.first { candidate in
                port.hostPort = candidate
                return !used.contains { $0.clashes(with: port) }
            }
            // Where all are taken the check of ports says so.
            port.hostPort = free ?? range.lowerBound
            used.append(port)
            table[slot] = port.hostPort
        }
        return table
    }

    /// Two containers of the stack cannot listen at one place of the host.
    mutating func checkPorts(_ goal: Goal) {
        var seen: [(id: ContainerID, port: PublishedPort)] = []
        for container in goal.containers {
            for (index, port) in container.ports.enumerated() {
                if let other = seen.first(where: { $0.port.clashes(with: port) }) {
                    let service = project.service(container.id.service)
                    report(
                        Problem(
                            "services.\(container.id.service).ports[\(index)]", at: service?.places["ports[\(index)]"],
                            "port \(port.hostPort ?? 0)/\(port.transport.rawValue) of the host is published by "
                                + "\(other.id) already",
                            hint: "publish another port, or a range"))
                }
                seen.append((container.id, port))
            }
        }
    }
}

extension PublishedPort {
    fileprivate func isSameApartFromHostPort(as other: PublishedPort) -> Bool {
        transport == other.transport && hostAddress == other.hostAddress && containerPort == other.containerPort
    }

    /// Whether both cannot be listened on at once.
    fileprivate func clashes(with other: PublishedPort) -> Bool {
        guard transport == other.transport, let hostPort, hostPort == other.hostPort else { return false }
        return hostAddress == nil || other.hostAddress == nil || hostAddress == other.hostAddress
    }
}
